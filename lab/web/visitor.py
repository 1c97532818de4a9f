"""One browser: its session, its 3D view, the work it asked for, and the lines over which states are pushed
to it.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from liftlab.compare.panes import Panes
from liftlab.components.errors import InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.export.downloads import forget_exports
from liftlab.files.identifiers import checked_visitor_id
from liftlab.files.reading import Misfit, from_plain
from liftlab.page.cells.work import CellWork, new_memories
from liftlab.search.panel import WordPanel
from liftlab.session.saving.saved import SavedView
from liftlab.view3d.drawing import Look
from liftlab.view3d.viewer import Viewer
from liftlab.web.public_text import AS_THEY_ARE, message_without_paths
from liftlab.web.saved_works import SavedWorks
from liftlab.web.scene_view import SceneView
from liftlab.web.uploads import forget_uploads
from liftlab.web.wire.messages import Cells, Message, plain_of

if TYPE_CHECKING:
    from liftlab.components.types import Gaussians, Scene
    from liftlab.engine.lab import Lab
    from liftlab.engine.scene_status import SceneStatus
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session


log = logging.getLogger("liftlab.page")


class Visitor(CellWork):
    """Everything that belongs to one browser. What touches its session runs under `lock`."""

    def __init__(
        self, visitor_id: str, lab: "Lab", *, viewer_points: int | None = None, person: str | None = None
    ) -> None:
        """Nothing is open yet.

        Args:
            viewer_points: Points, or splats, that are drawn at most; None for the usual numbers.
            person: Whose works it takes up: who signed in; None for whoever uses this browser.
        """
        from liftlab.session.session import Session

        self.id = checked_visitor_id(visitor_id)
        self.lab = lab
        self.is_local = True
        """Whether it may be told where files lie on this machine."""
        self.lock = threading.RLock()
        self.session: Session = Session(lab)
        self.words = WordPanel(lab, self.session)
        """What it searches for."""
        self.panes = Panes(lab, self.session, most=viewer_points)
        self.scene_name: str | None = None
        """Scene the cells are about; open, or being built."""
        self.cells = new_memories()
        self.settings: dict[str, dict[str, str]] = {}
        """By method: settings for its next preparation, as JSON values by name."""
        self.positive = True
        """What a plain click in 3D means."""
        self.photo: str | None = None
        """Photo on the screen."""
        self.hidden: set[int] = set()
        """Objects whose colours are switched off."""
        self.look = Look()
        """How the 3D view draws the scene."""
        self.measuring = False
        """Whether clicks go to the ruler."""
        self.moving = False
        """Whether the current object has handles to be dragged by."""
        self.note = ""
        """Sentence that replaces the hint until the next change, for example an error."""
        self.opening = ""
        """Name of the scene being opened; empty when none is."""
        self.version = 0
        self.seen_at = time.monotonic()
        self.view = SceneView(self, most=viewer_points)
        """Its 3D view."""
        self.panes.first_stand = self.view.framed_stand
        self._lines: dict[asyncio.Queue, asyncio.AbstractEventLoop] = {}
        self.works = SavedWorks(lab.workspace, self.id if person is None else person)
        """What it has of every scene, on disk."""

    # Lines to open pages

    def join(self, line: asyncio.Queue) -> None:
        """Push states to this queue from now on; call from its event loop."""
        self._lines[line] = asyncio.get_running_loop()
        self.seen_at = time.monotonic()

    def leave(self, line: asyncio.Queue) -> None:
        self._lines.pop(line, None)
        self.seen_at = time.monotonic()
        if not self.present and not self.session.resting:
            with self.lock:
                self.works.leave(self.session, self.on_screen)

    @property
    def present(self) -> bool:
        """Whether a page is open."""
        return bool(self._lines)

    def push(self) -> None:
        """Send the present state to every open page of this browser. From any thread."""
        from liftlab.page.state import state_of

        if not self.present:  # nobody to tell, and it may rest
            return
        with self.lock:
            state = state_of(self)
        self._send(state)

    def push_cells(self) -> None:
        """Send how the cells stand."""
        from liftlab.page.cells import statuses

        if not self.present:
            return
        with self.lock:
            cells = statuses(self)
        self._send(Cells(cells))

    def push_scenes(self) -> None:
        """Send what can be opened."""
        from liftlab.page.cells.scenes import scenes_of

        if self.present:
            self._send(scenes_of(self))

    def push_compare(self) -> None:
        """Send what the Compare cell shows."""
        if not self.present:
            return
        with self.lock:
            message = self.panes.message()
        self._send(message)

    def compare(self, methods: list[str]) -> None:
        """Compare methods on the open scene; none closes the comparison."""
        self.change_panes(lambda panes: panes.choose(methods))

    def change_panes(self, change: Callable[[Panes], None]) -> None:
        """Change what the comparison shows; a sentence meant for people becomes its note."""
        with self.lock:
            try:
                change(self.panes)
            except InputError as error:
                self.panes.note = str(error)
        self.push_compare()

    def viewer_of(self, pane: int | None) -> Viewer | None:
        """The 3D view of the workspace, or of a pane of the comparison; None when there is no such pane."""
        if pane is None:
            return self.viewer
        with self.lock:
            return self.panes.viewer(pane)

    def _send(self, message: Message) -> None:
        told = message_without_paths(plain_of(message), (self.lab.workspace.root,), kept=AS_THEY_ARE)
        for line, loop in list(self._lines.items()):
            if loop.is_closed():  # the server is going down
                self.leave(line)
                continue
            loop.call_soon_threadsafe(line.put_nowait, told)

    # Session

    @property
    def scene(self) -> "Scene | None":
        """The open scene."""
        return self.session.scene if self.session.scene_name is not None else None

    @property
    def status(self) -> "SceneStatus | None":
        """Which steps of the scene are done; None without a scene in the workspace."""
        if self.scene_name is None or self.scene_name not in self.lab.scenes():
            return None
        return self.lab.status(self.scene_name)

    @property
    def method(self) -> str:
        return self.session.method

    def act(self, change: Callable[["Session"], Any]) -> None:
        """Change the session, draw the result, save the prompts, tell the pages."""
        with self.lock:
            self._change(change)
        self.push()
        with self.lock:  # after the page has its answer: other methods may be slower
            changed = self.panes.follow(self.session)
        if changed:
            self.push_compare()

    def _change(self, change: Callable[["Session"], Any]) -> None:
        """A sentence meant for people (InputError) becomes the note; any other error is logged and said to
        be ours.
        """
        self.note = self.session.note = ""
        try:
            change(self.session)
            self.note = self.session.note
        except InputError as error:
            self.note = str(error)
        except Exception:
            log.exception("a change of the session failed")
            self.note = DEFECT_SENTENCE
        self.version += 1
        self.view.draw()
        self.note = f"{self.note} {self.works.save(self.session, self.on_screen)}".strip()

    def say(self, sentence: str) -> None:
        self.note = sentence
        self.push()

    def open(self, scene_name: str) -> None:
        """Open a scene, or open it again after a step has changed it; pages see what is going on."""
        self.opening = scene_name
        self.push()
        try:
            with self.lock:
                self._change(lambda session: self._open(session, scene_name))
                self.scene_name = scene_name
                if self.panes.comparison is not None:
                    self.panes.choose(self.panes.methods)
        finally:
            self.opening = ""
            self.push()
            self.push_cells()
            self.push_compare()
            self.push_scenes()

    def _open(self, session: "Session", scene_name: str) -> None:
        if session.scene_name != scene_name:
            self.works.leave(session, self.on_screen)
        before = session.scene_name
        view = self.works.open_scene(session, scene_name)
        if before != scene_name:
            self.show(view or SavedView())

    @property
    def on_screen(self) -> SavedView:
        """What is on the screen, to come back to."""
        look = self.look
        return SavedView(self.photo, look.surface, look.tone, look.rest, tuple(sorted(self.hidden)))

    def show(self, view: SavedView) -> None:
        """Have on the screen what was there."""
        self.photo, self.hidden, self.moving = view.photo, set(view.hidden), False
        with contextlib.suppress(Misfit):  # a look of another version
            self.look = from_plain({"surface": view.surface, "tone": view.tone, "rest": view.rest}, Look)

    def adopt(self, session: "Session", name: str) -> None:
        """Take over scene, objects and clicks of another session, as a work of its own with this name."""
        record = session.to_json()

        def take(own: "Session") -> None:
            self.works.leave(own, self.on_screen)
            own.from_json(record)
            self.works.start_new(record["scene"], name)
            self.show(SavedView())

        self.change_work(take)

    def change_work(self, change: Callable[["Session"], Any]) -> None:
        """Have the session go on with another work, perhaps of another scene; all pages are told."""
        with self.lock:
            self._change(change)
            self.scene_name = self.session.scene_name or self.scene_name
        self.push()
        self.push_cells()
        self.push_scenes()
        self.change_panes(lambda panes: panes.choose(panes.methods))

    # 3D

    @property
    def viewer(self) -> Viewer:
        """Its 3D view, started when first asked for."""
        with self.lock:
            return self.view.viewer

    def preview(self, gaussians: "Gaussians | None") -> None:
        """Show splats in the making in place of the scene; None goes back to the scene."""
        with self.lock:
            self.view.preview(gaussians)

    def look_at(self, look: Look) -> None:
        """Draw the scene in another way; pages are told."""
        with self.lock:
            self.look = look
            self.act(lambda session: None)

    def set_moving(self, on: bool) -> None:
        """Give the current object handles, or take them away."""
        with self.lock:
            self.moving = on
            self.act(lambda session: None)

    def set_measuring(self, on: bool) -> None:
        """Send clicks to the ruler, or to the current object again."""
        with self.lock:
            self.measuring = on
            if not on:
                self.session.ruler.clear()
            self.act(lambda session: None)

    def photos_of(self, entry: "ObjectState") -> list[str]:
        """Names of the photos in which an object is seen."""
        if self.scene is None or entry.answer is None:
            return []
        counts = entry.answer.masks.counts
        return [view.name for view, count in zip(self.scene.views, counts, strict=True) if count]

    # Keeping

    def restore(self, held: frozenset[str] = frozenset()) -> bool:
        """Take up the work of an earlier visit; False when there is none that fits.

        Args:
            held: Works that other browsers of the person have open.
        """
        with self.lock:
            view = self.works.restore(self.session, held)
            if view is None:
                return False
            self.scene_name, self.note = self.session.scene_name, self.session.note
            self.show(view)
            self.view.draw()
        return self.scene is not None

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        return not self.view.started and self.session.resting and self.panes.resting

    def rest(self) -> None:
        """Let go of everything heavy, unless a page is open: 3D views with their threads, masks and answers.

        Objects, history, what is compared, downloads and running work stay. The first thing that is asked of it brings
        the rest back.
        """
        with self.lock:
            if self.present:
                return
            self.panes.rest()
            self.view.close()
            self.session.rest()

    def close(self) -> None:
        """For good: downloads go too."""
        with self.lock:
            self.panes.close()
            self.view.close()
        forget_exports(self)
        forget_uploads(self.lab.workspace, self.id)
