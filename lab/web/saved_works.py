"""The works of one browser's person: saved as they change, and taken up when their scene is opened again."""

import logging
from typing import TYPE_CHECKING

from liftlab.components.errors import InputError
from liftlab.session.saving.saved import SavedView, saved_from
from liftlab.session.saving.works import Work, Works, new_id

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace
    from liftlab.session.session import Session

UNSAVED = "Your prompts cannot be saved ({reason}): they stay while the lab runs, and are lost when it ends."
FORKED = "This work was changed somewhere else meanwhile: yours goes on as a copy, and both are in the list."

log = logging.getLogger("liftlab.page")


class SavedWorks:
    """Which work a session has open, per scene, and the files of all of them."""

    def __init__(self, workspace: "Workspace", person: str) -> None:
        self.works = Works(workspace, person)
        self._workspace = workspace
        self._ids: dict[str, str] = {}
        """By scene: the work that the session has of it, also while another scene is open."""
        self._names: dict[str, str] = {}
        """By work: what a person called it."""
        self._views: dict[str, SavedView] = {}
        """By work: what was on the screen when its scene was left."""
        self._saved: tuple[str, int, SavedView | None] | None = None
        """Scene, version of the session and view as the file has them."""
        self._changed: dict[str, int] = {}
        """By work: time of the file's last change that we know of."""
        self._failed = False
        """The last try to write."""

    def id_of(self, scene: str | None) -> str | None:
        """The work that is open, or was last, of a scene."""
        return None if scene is None else self._ids.get(scene)

    def of_scene(self, session: "Session") -> list[Work]:
        """The works of the open scene that have something in them, or a name; the open one among them."""
        name, scene = session.scene_name, session.scene
        if name is None or scene is None:
            return []
        found = self.works.of_scene(name, scene.key, self._workspace.scene_names())
        return [work for work in found if work.objects or work.name or work.id == self._ids.get(name)]

    def save(self, session: "Session", view: SavedView, *, also_view: bool = False) -> str:
        """Write the open work when the session changed, whole or not at all.

        Args:
            also_view: What is on the screen is worth writing, too.

        Returns:
            A sentence for the person where it cannot be written, once until it works again, or was changed by
            somebody else; else nothing.
        """
        name, version = session.scene_name, session.version  # what changes meanwhile is written the next time
        if name is None:
            return ""
        same = self._saved is not None and self._saved[:2] == (name, version)
        if same and (not also_view or self._saved == (name, version, view)):
            return ""
        said = ""
        work = self._ids.setdefault(name, new_id())
        if (there := self.works.changed(work)) and there != self._changed.get(work):
            work = self._ids[name] = new_id()
            said = FORKED
        try:
            record = {**session.to_json(), "name": self._names.get(work, ""), "view": view.plain}
            self.works.write(work, record)
        except (InputError, OSError) as error:
            told, self._failed = self._failed, True
            if told:
                return ""
            log.warning("the work %s cannot be saved: %s", work, error)
            why = error.__cause__ if isinstance(error, InputError) else error
            reason = why.strerror if isinstance(why, OSError) and why.strerror else "the disk is full"
            return UNSAVED.format(reason=reason.lower())
        self._saved, self._failed = (name, version, view), False
        self._changed[work] = self.works.changed(work)
        return said

    def leave(self, session: "Session", view: SavedView) -> None:
        """Another scene will be opened, or the page was closed: keep what is on the screen."""
        if work := self.id_of(session.scene_name):
            self._views[work] = view
            if session.scene is not None:
                self.save(session, view, also_view=True)

    def open_scene(self, session: "Session", name: str) -> SavedView | None:
        """Open a scene in the session, with the work that the person had of it last.

        Returns:
            What was on the screen then; None when there is no such work, or the scene was open already.
        """
        same = session.scene_name == name
        scene = session.open(name)
        if same:
            return None
        if work := self._ids.get(name):  # the session has it still
            self.works.touch(work)
            self._changed[work] = self.works.changed(work)
            self._saved = (name, session.version, None)
            return self._views.get(work)
        for work in self.works.of_scene(name, scene.key, self._workspace.scene_names()):
            try:
                return self.take_up(session, work.id, scene_name=name)
            except InputError as error:
                log.warning("the work %s was not taken up: %s", work.id, error)
        return None

    def take_up(self, session: "Session", work_id: str, *, scene_name: str | None = None) -> SavedView | None:
        """Have the session go on with a work.

        Args:
            scene_name: Of its scene, where that has another name by now.

        Raises:
            InputError: It is gone, damaged, or its scene is; the session is unchanged.
        """
        record = self.works.read(work_id)
        saved = saved_from(record)
        session.from_json(record if scene_name is None else {**record, "scene": scene_name})
        assert session.scene_name is not None
        self._ids[session.scene_name] = work_id
        self._names[work_id] = saved.name
        self.works.touch(work_id)
        self._changed[work_id] = self.works.changed(work_id)
        self._saved = (session.scene_name, session.version, saved.view)
        return saved.view

    def restore(self, session: "Session", held: frozenset[str]) -> SavedView | None:
        """Have the session take up the work touched last that fits; None when there is none.

        Args:
            held: Works that other browsers of the person have open.
        """
        for work in self.works.all():
            if work.id in held:
                continue
            try:
                return self.take_up(session, work.id) or SavedView()
            except InputError as error:
                log.warning("the work %s was not taken up: %s", work.id, error)
        return None

    def start_new(self, scene: str, name: str = "") -> None:
        """What the session has of a scene from now on is another work; the one before stays as it is."""
        work = self._ids[scene] = new_id()
        self._names[work] = name
        self._saved = None

    def rename(self, work_id: str, name: str) -> None:
        """Give a work another name."""
        self._names[work_id] = name
        if self.works.changed(work_id):
            self.works.rename(work_id, name)

    def delete(self, work_id: str) -> None:
        """Remove a work for good."""
        self.works.delete(work_id)
        for scene in [scene for scene, own in self._ids.items() if own == work_id]:
            del self._ids[scene]
        self._saved = None
