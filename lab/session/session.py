"""One person's work on a scene: the public face of its objects, their answers, and where they stand.

A session ties together a book of objects (`liftlab.session.book`), what answers them (`liftlab.session.answerer`), the
history of edits, the arrangement and the ruler; `liftlab.session.opened` has what it says of its scene and method. No
browser here: the page and the command line both drive this class. All methods may be called from any thread.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken
from liftlab.engine.lab import Lab
from liftlab.files.config_records import to_plain
from liftlab.pictures.jupyter import EmbeddedPage, view_of
from liftlab.session.arrangement import Arrangement, Stage
from liftlab.session.book import ChangeObject
from liftlab.session.markers import ClickMarker, marker_of
from liftlab.session.objects import MethodChoice, ObjectRequest, ObjectState
from liftlab.session.opened import OpenScene
from liftlab.session.parts import photo_mask, point_on_ray, preview_mask
from liftlab.session.prompts import (
    ObjectPrompts,
    PhotoBox,
    PhotoClick,
    PhotoStroke,
    PromptClick,
    WorldClick,
    check_click,
    check_stroke,
)  # fmt: skip
from liftlab.session.ruler import Ruler
from liftlab.session.saving.notebook import Notebook, notebook_of
from liftlab.session.saving.put_away import PutAway, fitting, put_away, take_up
from liftlab.session.saving.saved import saved_from, saved_of

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache

P = ParamSpec("P")
T = TypeVar("T")


def locked(method: "Callable[Concatenate[Session, P], T]") -> "Callable[Concatenate[Session, P], T]":
    """Decorator: the method runs while its session's lock is held, and with its scene in memory."""

    @functools.wraps(method)
    def run(self: "Session", *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            if self.answerer.asleep:
                self._wake()
            return method(self, *args, **kwargs)

    return run


class Session(OpenScene):
    """The state of one browser, notebook or command."""

    def __init__(self, lab: Lab, *, cancel: CancelToken | None = None) -> None:
        super().__init__(lab, cancel=cancel)
        self.stage = Stage(self)
        """How the objects stand in the scene: taken out, moved, doubled, cropped."""
        self.ruler = Ruler(self)
        """Distances in the scene, and its scale."""
        self._away: dict[str, PutAway] = {}
        """By name of a scene that is not open: its objects."""

    @property
    def version(self) -> int:
        """Grows with every change of what `to_json` gives."""
        return self.book.version + self.answerer.version + self.stage.version

    def rest(self) -> None:
        with self._lock:
            super().rest()
            self.ruler.forget_sizes()

    def _change_scene(self, left: str | None, left_key: str | None) -> None:
        """Put the objects of the scene that is left away, and take up those of the scene that is open now."""
        if left is not None and left_key is not None:
            self._away[left] = put_away(self, left_key)
        self.forget_objects()
        scene, name = self.answerer.scene, self.answerer.scene_name
        if scene is not None and name in self._away:
            self.note = take_up(self, self._away[name], scene)

    def forget_objects(self) -> None:
        """Have no object, no answer, no history, and the scene as it was reconstructed. Call with the lock held."""
        super().forget_objects()
        self.stage.put(Arrangement())
        self.ruler.clear()
        self.history.clear()

    # Objects

    @property
    @locked
    def objects(self) -> list[ObjectState]:
        """All objects in order of creation."""
        return [self._state(entry) for entry in self.book.entries]

    @property
    @locked
    def current(self) -> ObjectState | None:
        """The object that clicks go to; None before the first."""
        return None if self.book.current_id is None else self._state(self.book.current)

    @locked
    def object(self, object_id: int) -> ObjectState:
        """One object. InputError when it is gone."""
        return self._state(self.book.entry(object_id))

    @locked
    def new_object(self, name: str | None = None, *, named: bool = True) -> ObjectState:
        """Start another object and make it current. `named`: a person gave it its name, by which words find it."""
        return self._do(self.book.change(None, self.book.fresh(name, named=named)))

    @locked
    def select_object(self, object_id: int) -> ObjectState:
        """Make an object current."""
        self.book.select(object_id)
        return self._state(self.book.current)

    @locked
    def rename_object(self, object_id: int, name: str) -> ObjectState:
        """Give an object another name. InputError when the name is taken or cannot be a file name."""
        return self._do(self.book.renamed(object_id, name))

    @locked
    def delete_object(self, object_id: int) -> ObjectState | None:
        """Remove an object; returns the one that is current then."""
        self.history.do(self.book.change(self.book.entry(object_id), None))
        return self.current

    @locked
    def keep(self, object_id: int | None = None) -> ObjectState:
        """Save an object (the current one by default) for the scene: from then on a click finds it, for everybody.

        It cannot be undone. Methods that look nothing up in the scene's objects do not see it.

        Raises:
            InputError: Nothing is selected yet.
        """
        state = self._state(self.book.entry(self.book.current_id if object_id is None else object_id))
        self.keep_masks(state.masks)
        return self.object(state.id)

    @locked
    def keep_masks(self, masks_of_views: "Sequence[np.ndarray]") -> "MaskCache":
        """Save masks (bool [H, W] per view, view pixels) for the scene as an object that a click finds from then on.

        Returns:
            The objects of the scene; the new one is last.
        """
        return self.answerer.keep(masks_of_views, self.book.entries)

    # Prompts

    def click(self, photo: str, x: float, y: float, positive: bool = True) -> ObjectState:
        """Click in a photo, photo pixels. InputError when it lies outside or the photo is not in the
        scene.
        """
        return self.add(PhotoClick(photo, x, y, positive))

    def box(self, photo: str, x0: float, y0: float, x1: float, y1: float) -> ObjectState:
        """Drag a box in a photo, photo pixels."""
        return self.add(PhotoBox(photo, (x0, y0, x1, y1)))

    @locked
    def click_ray(self, origin: Any, direction: Any, positive: bool = True) -> ObjectState:
        """Click in the 3D view: `origin` and `direction` [3] of the ray in the world frame.

        Raises:
            InputError: The ray passes everything that was reconstructed.
        """
        return self.add(WorldClick(point_on_ray(self.answerer.need_scene(), origin, direction), positive))

    @locked
    def add(self, click: PromptClick) -> ObjectState:
        """Add a click or box to the current object (a first one is made) and answer it."""
        click = check_click(self.answerer.need_scene(), click)
        self.answerer.need_method(self.book.choice)
        return self._do(self.book.marked(click))

    @locked
    def add_object(
        self,
        prompts: ObjectPrompts,
        *,
        colour: str | None = None,
        named: bool = False,
        answered_by: MethodChoice | None = None,
    ) -> ObjectState:
        """A new object with all its prompts, clicked one after the other; one undo each.

        Args:
            named: A person gave it its name: words find it by that from then on.
            answered_by: What answers it; None takes the method of the current object.
        """
        choice = answered_by or self.book.choice
        scene, _ = self.answerer.need_scene(), self.answerer.need_method(choice)
        fresh = self.book.fresh(prompts.object, named=named)
        settings = replace(fresh.prompts, granularity=prompts.granularity)
        fresh = replace(fresh, colour=colour or fresh.colour, prompts=settings, method=choice)
        self.history.do(self.book.change(None, fresh))
        for click in prompts.clicks:
            self.add(click)
        strokes = tuple(check_stroke(scene, stroke) for stroke in prompts.strokes)
        rest = replace(self.book.current.prompts, adjust=prompts.adjust, strokes=strokes)
        return self._do(self.book.asked(rest))

    @locked
    def set_granularity(self, granularity: float | None) -> ObjectState:
        """0 = smallest part, 1 = largest whole; None lets the method choose."""
        if granularity is not None and not 0 <= granularity <= 1:
            raise InputError(f"granularity must be between 0 and 1; got {granularity:g}.")
        value = None if granularity is None else float(granularity)
        return self._do(self.book.asked(replace(self.book.current.prompts, granularity=value)))

    @locked
    def grow(self) -> ObjectState:
        """Move the outline of the current object outwards by one step."""
        return self._do(self.book.adjusted(+1))

    @locked
    def shrink(self) -> ObjectState:
        """Move the outline of the current object inwards by one step."""
        return self._do(self.book.adjusted(-1))

    @locked
    def paint(
        self, photo: str, points: Sequence[tuple[float, float]], radius: float, positive: bool = True
    ) -> ObjectState:
        """Brush over a photo: x, y along the stroke and the brush's radius in photo pixels; negative rubs out.

        Only the mask of that photo changes, and the points that it shows. Without an object one is started, so that
        a mask can be painted from nothing.
        """
        stroke = PhotoStroke(photo, tuple((x, y) for x, y in points), radius, positive)
        stroke = check_stroke(self.answerer.need_scene(), stroke)
        self.answerer.need_method(self.book.choice)
        return self._do(self.book.marked(stroke))

    @locked
    def clear(self) -> ObjectState:
        """Remove all prompts of the current object (can be undone)."""
        return self._do(self.book.asked(ObjectPrompts(self.book.current.prompts.object)))

    @property
    def granularity(self) -> float | None:
        """Of the current object; None lets the method choose."""
        return None if self.current is None else self.current.granularity

    @property
    def can_undo(self) -> bool:
        return self.history.can_undo

    @property
    def can_redo(self) -> bool:
        return self.history.can_redo

    @locked
    def undo(self) -> ObjectState | None:
        """Take back the last edit; nothing happens when there is none."""
        self.history.undo()
        return self.current

    @locked
    def redo(self) -> ObjectState | None:
        """Make the edit taken back last again; nothing happens when there is none."""
        self.history.redo()
        return self.current

    @locked
    def take_answer(
        self, object_id: int, answered_by: MethodChoice, granularity: float | None
    ) -> ObjectState:
        """Have an object answered by another method at another granularity (one undo), and make it current."""
        self.answerer.need_method(answered_by)
        entry = self.book.entry(object_id)
        after = replace(entry, method=answered_by, prompts=replace(entry.prompts, granularity=granularity))
        return self._do(None if after == entry else self.book.change(entry, after))

    # What is shown

    @locked
    def hover(self, photo: str, x: float, y: float) -> np.ndarray | None:
        """Mask bool [H, W] (view pixels) of what a click at photo pixel (x, y) would likely take; None when nothing.

        A lookup in the cached masks only, so it is fast enough to follow the pointer.
        """
        scene, masks = self.answerer.scene, self.answerer.masks
        if scene is None or masks is None:
            return None
        granularity = None if self.book.current_id is None else self.book.current.prompts.granularity
        return preview_mask(scene, masks, photo, x, y, granularity)

    @locked
    def photo_mask(self, object_id: int, photo: str) -> np.ndarray:
        """Mask bool [h, w] of an object in photo pixels; all False for a photo that is not in the scene's
        views.
        """
        scene = self.answerer.need_scene()
        return photo_mask(scene, self.answerer.answer_of(self.book.entry(object_id).id), photo)

    @locked
    def markers(self, object_id: int | None = None) -> list[ClickMarker]:
        """Where the person clicked for an object (the current one by default), in 3D and in a photo."""
        object_id = self.book.current_id if object_id is None else object_id
        if object_id is None:
            return []
        scene = self.answerer.need_scene()
        return [marker_of(scene, click) for click in self.book.entry(object_id).prompts.clicks]

    @locked
    def server_ms(self, object_id: int) -> tuple[float | None, ...]:
        """Per prompt of an object: milliseconds of the answer when it was the last one; None where not measured."""
        return self.answerer.ms_of(self.book.entry(object_id))

    def view(self, *, height: int = 480) -> EmbeddedPage:
        """The scene in 3D with its objects lit, for the end of a notebook cell (`liftlab.pictures.jupyter`)."""
        return view_of(self, height=height)

    # Saving and restoring

    def export(
        self, kind: str, folder: Path, object_ids: Sequence[int] | None = None, *, metres: bool = False,
        mended: bool = False,
    ) -> list[Path]:  # fmt: skip
        """Write one kind of export (see `liftlab.export.formats`, or "all") and return the files.

        Args:
            metres: Coordinates in metres; the scene's scale must be known.
            mended: Splats of the scene have filled in what objects leave behind.

        Raises:
            InputError: Unknown kind, nothing selected, or the folder cannot be written.
        """
        from liftlab.export.outputs import every_kind, export

        kinds = every_kind(self) if kind == "all" else [kind]
        return export(self, kinds, folder, object_ids, metres=metres, mended=mended)

    @locked
    def notebook(self) -> Notebook:
        """This run, to be saved and replayed."""
        return notebook_of(self)

    @locked
    def to_json(self) -> dict[str, Any]:
        """Everything a reload needs, as JSON-ready values; docs/formats.md describes it."""
        return to_plain(saved_of(self))

    @locked
    def from_json(self, value: dict[str, Any]) -> None:
        """Restore what `to_json` gave. Undo starts afresh.

        Where the scene was made again since, what does not fit any more is left out and named in `note`.

        Raises:
            InputError: It was saved by a newer version, is damaged, or its scene is gone; the session is
                unchanged.
        """
        saved = saved_from(value)
        saved.check_methods()
        objects, arrangement, note = saved.objects, saved.arrangement, ""
        if saved.scene is not None:
            scene = self.lab.scene(saved.scene)
            if saved.scene_key in (None, scene.key):
                saved.check_prompts(scene)
            else:
                objects, arrangement, note = fitting(objects, arrangement, scene)
            self.open(saved.scene)
        self.start_over()
        self.note = note
        self.book.fill(objects, saved.current, saved.choice)
        self.stage.put(arrangement)
        self.answerer.refill(self.book.entries)

    # Inside

    def _do(self, edit: ChangeObject | None) -> ObjectState:
        """Make an edit, if there is one, and give the current object."""
        if edit is not None:
            self.history.do(edit)
        return self._state(self.book.current)

    def _state(self, entry: ObjectRequest) -> ObjectState:
        prompts, answerer = entry.prompts, self.answerer
        answer = answerer.answer_of(entry.id)
        return ObjectState(
            entry.id, prompts.object, entry.colour, prompts, answer, answerer.scene, entry.named, entry.choice
        )
