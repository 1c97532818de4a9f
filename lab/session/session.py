"""One person's work on a scene: prompts per object with undo and redo, answers of the chosen method, masks,
markers.

No browser here: the page and the command line both drive this class. All methods may be called from any thread.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import mask_in_photo
from liftlab.components.geometry.splat_links import nearest_points
from liftlab.components.progress import CancelToken
from liftlab.components.refine import adjusted_masks
from liftlab.components.types import Prompt, Scene
from liftlab.engine.lab import Lab
from liftlab.engine.recent import Recent
from liftlab.pictures.jupyter import EmbeddedPage, view_of
from liftlab.pictures.palette import next_colour
from liftlab.session.arrangement import Arrangement, Stage
from liftlab.session.given_names import names_follow
from liftlab.session.history import History
from liftlab.session.keeping import keep_object, masks_with_kept, with_kept
from liftlab.session.markers import Marker, marker_of
from liftlab.session.objects import Answer, ChangeObject, ObjectAsk, ObjectState
from liftlab.session.parts import adjusted_selection, brushed, locked, point_on_ray, preview_mask
from liftlab.session.prompts import (
    ADJUST_MAX,
    Click,
    ObjectPrompts,
    PhotoBox,
    PhotoClick,
    PhotoStroke,
    WorldClick,
    check_click,
    check_stroke,
    checked_object_name,
    photo_name,
    to_prompts,
)
from liftlab.session.ruler import Ruler

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache
    from liftlab.pipelines.base import Prepared, Segmenter
    from liftlab.session.saving.notebook import Notebook

DEFAULT_METHOD = "wildseg3d"

log = logging.getLogger("liftlab.session")

_nearest: Recent[np.ndarray] = Recent(4)
"""Shared by all sessions: scene and Gaussians key to `nearest_points`."""


class Session:
    """The state of one browser, notebook or command."""

    def __init__(self, lab: Lab, *, cancel: CancelToken | None = None) -> None:
        self.lab = lab
        self.cancel = cancel or CancelToken()
        """Once set, answers that are being computed end with `Cancelled`."""
        self._lock = threading.RLock()
        self._asks: list[ObjectAsk] = []
        self._answers: dict[int, Answer] = {}
        self._current: int | None = None
        self._next_id = 1
        self._scene_name: str | None = None
        self._scene: Scene | None = None
        self._masks: MaskCache | None = None
        self._method = DEFAULT_METHOD
        self._config: Any = None
        self._segmenter: Segmenter | None = None
        self._prepared: Prepared | None = None
        self._recent: Recent[Answer] = Recent(4)
        self._slept_with: str | None = None
        """Key of the scene while the session rests; None while it is awake."""
        self._click_ms: dict[int, dict[int, float]] = {}
        """Per object: number of prompts to the milliseconds of that answer."""
        self.history: History[Session] = History(self)
        self.stage = Stage(self)
        """How the objects stand in the scene: taken out, moved, doubled, cropped."""
        self.ruler = Ruler(self)
        """Distances in the scene, and its scale."""

    # Scene and method

    @property
    def scene_name(self) -> str | None:
        return self._scene_name

    @property
    def scene(self) -> Scene | None:
        """The open scene; None before the first."""
        self._wake()
        return self._scene

    @property
    def masks(self) -> "MaskCache | None":
        """The objects of the open scene; None while they are not found."""
        self._wake()
        return self._masks

    @property
    def method(self) -> str:
        return self._method

    @property
    def config(self) -> Any:
        """Of the method; None for its defaults."""
        return self._config

    @property
    def prepared(self) -> "Prepared | None":
        """State of the method for the open scene; None while not prepared."""
        self._wake()
        return self._prepared

    @property
    def ready(self) -> bool:
        """Whether clicks are answered: a scene is open and the method prepared for it."""
        return self.prepared is not None

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        return self._scene is None

    def rest(self) -> None:
        """Let go of the scene, its masks, the method's state and all answers.

        Objects and history stay; whatever is asked next finds everything as it was: the scene is opened again, and the
        objects are answered again from their prompts.
        """
        with self._lock:
            if self._scene is None:
                return
            self._slept_with = self._scene.key
            self._scene = self._masks = self._segmenter = self._prepared = None
            self._answers, self._recent = {}, Recent(4)
            self.ruler.forget_sizes()

    def _wake(self) -> None:
        """Undo `rest`. A scene that is gone by now is closed; one that was made again starts empty, as in `open`."""
        if self._slept_with is None:
            return
        with self._lock:
            slept_with, self._slept_with = self._slept_with, None
            if slept_with is None or self._scene_name is None:
                return
            measured = self._click_ms
            try:
                self._scene = self.lab.scene(self._scene_name)
                done = self.lab.status(self._scene_name).masks
                self._masks = masks_with_kept(self.lab, self._scene_name) if done else None
                if self._scene.key != slept_with:
                    self._forget_objects()
                self._use_method(self._method, self._config)
            except InputError as error:
                log.warning("the scene '%s' could not be opened again: %s", self._scene_name, error)
                self._scene = self._masks = self._scene_name = None
                self._forget_objects()
            except BaseException:
                self._scene, self._slept_with = None, slept_with
                raise
            self._click_ms = measured if self._asks else {}

    @locked
    def open(self, scene_name: str) -> Scene:
        """Open a reconstructed scene, with its masks and the method as far as they are there.

        Opening the open scene again picks up what was built in between; the objects stay. Another scene
        starts empty.

        Raises:
            InputError: There is no such scene, or it is not reconstructed yet.
        """
        scene = self.lab.scene(scene_name)
        same = self._scene is not None and (self._scene_name, self._scene.key) == (scene_name, scene.key)
        if self._scene is not None and self._scene.gaussians_key != scene.gaussians_key:
            self._prepared = None  # so that the objects are answered: they may be lit as splats
        self._scene, self._scene_name = scene, scene_name
        self._masks = masks_with_kept(self.lab, scene_name) if self.lab.status(scene_name).masks else None
        if not same:
            self._forget_objects()
        self._use_method(self._method, self._config)
        return scene

    @locked
    def set_method(self, name: str, config: Any = None) -> None:
        """Answer with another method; all objects are answered again. InputError for an unknown name."""
        self._use_method(name, config)

    @locked
    def use_prepared(self, name: str) -> None:
        """Answer with another method, as it was prepared last for the scene."""
        scene = self._scene_name
        ready = scene is not None and name in self.lab.status(scene).methods
        self._use_method(name, self.lab.config_of(scene, name) if ready and scene is not None else None)

    def _use_method(self, name: str, config: Any) -> None:
        segmenter = self.lab.segmenter(name, config)
        prepared = self.lab.prepared(self._scene_name, name, config) if self._scene_name else None
        if prepared is not None and self._masks is not None:
            prepared = with_kept(segmenter, prepared, self._masks, method=name, config=config)
        changed = prepared is not self._prepared or (name, config) != (self._method, self._config)
        self._method, self._config = name, config
        self._segmenter, self._prepared = segmenter, prepared
        if changed:
            self._recent = Recent(4)
            self._answers, self._click_ms = {}, {}
            for ask in self._asks if prepared is not None else []:
                self._keep_answer(ask, None if ask.prompts.empty else self._answer(ask))

    @locked
    def decompose(self, granularity: float | None = None) -> "tuple[np.ndarray, ...] | None":
        """Everything segmented by the method: per view a label map [H, W], 0 = none; None while not prepared."""
        if self._segmenter is None or self._prepared is None:
            return None
        return self._segmenter.decompose(self._prepared, granularity)

    def nearest_points(self) -> np.ndarray:
        """Per Gaussian of the open scene the index of the point it takes after, -1 for none."""
        scene = self._need_scene()
        return _nearest.get((scene.key, scene.gaussians_key), lambda: nearest_points(scene))

    # Objects

    @property
    @locked
    def objects(self) -> list[ObjectState]:
        """All objects in order of creation."""
        return [self._state(ask) for ask in self._asks]

    @property
    @locked
    def current(self) -> ObjectState | None:
        """The object that clicks go to; None before the first."""
        return None if self._current is None else self._state(self._ask(self._current))

    @locked
    def object(self, object_id: int) -> ObjectState:
        """One object. InputError when it is gone."""
        return self._state(self._ask(object_id))

    @locked
    def new_object(self, name: str | None = None) -> ObjectState:
        """Start another object and make it current."""
        return self._edit(None, self._fresh_ask(name))

    @locked
    def select_object(self, object_id: int) -> ObjectState:
        """Make an object current."""
        ask = self._ask(object_id)
        self._current = object_id
        return self._state(ask)

    @locked
    def rename_object(self, object_id: int, name: str) -> ObjectState:
        """Give an object another name. InputError when the name is taken or cannot be a file name."""
        ask = self._ask(object_id)
        prompts = replace(ask.prompts, object=self._free_name(name, object_id))
        return self._edit(ask, replace(ask, prompts=prompts, named=True))

    @locked
    def delete_object(self, object_id: int) -> ObjectState | None:
        """Remove an object; returns the one that is current then."""
        self._edit(self._ask(object_id), None)
        return self.current

    @locked
    def keep(self, object_id: int | None = None) -> ObjectState:
        """Save an object (the current one by default) for the scene: from then on a click finds it, for everybody.

        It cannot be undone. Methods that look nothing up in the scene's objects do not see it.

        Raises:
            InputError: Nothing is selected yet.
        """
        state = self._state(self._ask(self._current if object_id is None else object_id))
        assert self._scene_name is not None
        self._masks = keep_object(self.lab, self._scene_name, state.masks)
        self._use_method(self._method, self._config)
        return self.object(state.id)

    @locked
    def keep_masks(self, masks_of_views: "Sequence[np.ndarray]") -> "MaskCache":
        """Save masks (bool [H, W] per view, view pixels) for the scene as an object that a click finds from then on.

        Returns:
            The objects of the scene; the new one is last.
        """
        assert self._scene_name is not None
        self._masks = keep_object(self.lab, self._scene_name, masks_of_views)
        self._use_method(self._method, self._config)
        return self._masks

    # Prompts

    @locked
    def click(self, photo: str, x: float, y: float, positive: bool = True) -> ObjectState:
        """Click in a photo, photo pixels. InputError when it lies outside or the photo is not in the
        scene.
        """
        return self.add(PhotoClick(photo, x, y, positive))

    @locked
    def box(self, photo: str, x0: float, y0: float, x1: float, y1: float) -> ObjectState:
        """Drag a box in a photo, photo pixels."""
        return self.add(PhotoBox(photo, (x0, y0, x1, y1)))

    @locked
    def click_ray(self, origin: Any, direction: Any, positive: bool = True) -> ObjectState:
        """Click in the 3D view: `origin` and `direction` [3] of the ray in the world frame.

        Raises:
            InputError: The ray passes everything that was reconstructed.
        """
        return self.add(WorldClick(point_on_ray(self._need_scene(), origin, direction), positive))

    @locked
    def add(self, click: Click) -> ObjectState:
        """Add a click or box to the current object (a first one is made) and answer it."""
        click = check_click(self._need_scene(), click)
        self._need_method()
        if self._current is None:  # one edit, so that one undo takes the click back whole
            first = self._fresh_ask(None)
            return self._edit(None, replace(first, prompts=replace(first.prompts, clicks=(click,))))
        prompts = self._current_ask().prompts
        return self._edit_prompts(replace(prompts, clicks=(*prompts.clicks, click)))

    @locked
    def add_object(
        self, prompts: ObjectPrompts, *, colour: str | None = None, named: bool = False
    ) -> ObjectState:
        """A new object with all its prompts, clicked one after the other; one undo each.

        Args:
            named: A person gave it its name: words find it by that from then on.
        """
        self._need_method()
        fresh = self._fresh_ask(prompts.object)
        settings = replace(fresh.prompts, granularity=prompts.granularity)
        self._edit(None, replace(fresh, colour=colour or fresh.colour, prompts=settings, named=named))
        for click in prompts.clicks:
            self.add(click)
        strokes = tuple(check_stroke(self._need_scene(), stroke) for stroke in prompts.strokes)
        rest = replace(self._current_ask().prompts, adjust=prompts.adjust, strokes=strokes)
        return self._edit_prompts(rest)

    @locked
    def set_granularity(self, granularity: float | None) -> ObjectState:
        """0 = smallest part, 1 = largest whole; None lets the method choose."""
        if granularity is not None and not 0 <= granularity <= 1:
            raise InputError(f"granularity must be between 0 and 1; got {granularity:g}.")
        value = None if granularity is None else float(granularity)
        return self._edit_prompts(replace(self._current_ask().prompts, granularity=value))

    @locked
    def grow(self) -> ObjectState:
        """Move the outline of the current object outwards by one step."""
        return self._adjust(+1)

    @locked
    def shrink(self) -> ObjectState:
        """Move the outline of the current object inwards by one step."""
        return self._adjust(-1)

    @locked
    def paint(
        self, photo: str, points: Sequence[tuple[float, float]], radius: float, positive: bool = True
    ) -> ObjectState:
        """Brush over a photo: x, y along the stroke and the brush's radius in photo pixels; negative rubs out.

        Only the mask of that photo changes, and the points that it shows. Without an object one is started, so that
        a mask can be painted from nothing.
        """
        stroke = PhotoStroke(photo, tuple((x, y) for x, y in points), radius, positive)
        stroke = check_stroke(self._need_scene(), stroke)
        self._need_method()
        if self._current is None:
            first = self._fresh_ask(None)
            return self._edit(None, replace(first, prompts=replace(first.prompts, strokes=(stroke,))))
        prompts = self._current_ask().prompts
        return self._edit_prompts(replace(prompts, strokes=(*prompts.strokes, stroke)))

    @locked
    def clear(self) -> ObjectState:
        """Remove all prompts of the current object (can be undone)."""
        return self._edit_prompts(ObjectPrompts(self._current_ask().prompts.object))

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

    # What is shown

    @locked
    def hover(self, photo: str, x: float, y: float) -> np.ndarray | None:
        """Mask bool [H, W] (view pixels) of what a click at photo pixel (x, y) would likely take; None when nothing.

        A lookup in the cached masks only, so it is fast enough to follow the pointer.
        """
        if self._scene is None or self._masks is None:
            return None
        granularity = self._ask(self._current).prompts.granularity if self._current is not None else None
        return preview_mask(self._scene, self._masks, photo, x, y, granularity)

    @locked
    def photo_mask(self, object_id: int, photo: str) -> np.ndarray:
        """Mask bool [h, w] of an object in photo pixels; all False for a photo that is not in the scene's
        views.
        """
        scene, state = self._need_scene(), self._state(self._ask(object_id))
        if photo in scene.missing:
            width, height = scene.photo_sizes[photo]
            return np.zeros((height, width), bool)
        index = scene.view_index(photo_name(scene, photo))
        view = scene.views[index]
        if state.answer is None:
            return np.zeros((view.lens.height, view.lens.width), bool)
        return mask_in_photo(view, state.masks[index])

    @locked
    def markers(self, object_id: int | None = None) -> list[Marker]:
        """Where the person clicked for an object (the current one by default), in 3D and in a photo."""
        object_id = self._current if object_id is None else object_id
        if object_id is None:
            return []
        return [marker_of(self._need_scene(), click) for click in self._ask(object_id).prompts.clicks]

    @locked
    def server_ms(self, object_id: int) -> tuple[float | None, ...]:
        """Per prompt of an object: milliseconds of the answer when it was the last one; None where not
        measured.
        """
        measured = self._click_ms.get(object_id, {})
        return tuple(measured.get(count) for count in range(1, len(self._ask(object_id).prompts.clicks) + 1))

    def view(self, *, height: int = 480) -> EmbeddedPage:
        """The scene in 3D with its objects lit, for the end of a notebook cell (`liftlab.pictures.jupyter`)."""
        return view_of(self, height=height)

    # Saving and restoring

    def export(
        self, kind: str, folder: Path, object_ids: Sequence[int] | None = None, *, metres: bool = False
    ) -> list[Path]:
        """Write one kind of export (see `liftlab.export.outputs.EXPORTS`, or "all") and return the files.

        Args:
            metres: Coordinates in metres; the scene's scale must be known.

        Raises:
            InputError: Unknown kind, nothing selected, or the folder cannot be written.
        """
        from liftlab.export.outputs import every_kind, export

        kinds = every_kind(self) if kind == "all" else [kind]
        return export(self, kinds, folder, object_ids, metres=metres)

    @locked
    def notebook(self) -> "Notebook":
        """This run, to be saved and replayed."""
        from liftlab.session.saving.notebook import notebook_of

        return notebook_of(self)

    @locked
    def to_json(self) -> dict[str, Any]:
        """Everything a reload needs, as JSON-ready values; docs/formats.md describes it."""
        from liftlab.session.saving.saved import record_of

        return record_of(self)

    @locked
    def from_json(self, value: dict[str, Any]) -> None:
        """Restore what `to_json` gave. Undo starts afresh.

        Raises:
            InputError: It was saved by a newer version, is damaged, or its scene is gone; the session is
                unchanged.
        """
        from liftlab.session.saving.saved import restore

        restore(self, value)

    # Inside

    def _edit(self, before: ObjectAsk | None, after: ObjectAsk | None) -> ObjectState:
        place = self._asks.index(before) if before else len(self._asks)
        current = self._current
        if after is not None:
            current = after.id
        elif before is not None and before.id == self._current:
            rest = [ask for ask in self._asks if ask is not before]
            current = rest[min(place, len(rest) - 1)].id if rest else None
        self.history.do(ChangeObject(before, after, self._current, current, place))
        return self._state(after) if after is not None else None  # type: ignore[return-value]

    def _edit_prompts(self, prompts: ObjectPrompts) -> ObjectState:
        ask = self._current_ask()
        if prompts == ask.prompts:
            return self._state(ask)
        return self._edit(ask, replace(ask, prompts=prompts))

    def _adjust(self, step: int) -> ObjectState:
        prompts = self._current_ask().prompts
        if not prompts.clicks:
            raise InputError("There is nothing to grow or shrink yet; click on an object first.")
        steps = max(-ADJUST_MAX, min(ADJUST_MAX, prompts.adjust + step))
        return self._edit_prompts(replace(prompts, adjust=steps))

    def _replace_ask(self, old: ObjectAsk | None, new: ObjectAsk | None, place: int) -> None:
        """Put `new` where `old` is; the answer comes first, so that a failure changes nothing."""
        answer = self._answer(new) if new is not None and not new.prompts.empty and self.ready else None
        names_follow(self, old, new, answer)
        if old is None:
            assert new is not None
            self._asks.insert(place, new)
        elif new is None:
            del self._asks[place]
        else:
            self._asks[place] = new
        self._keep_answer((new or old), answer)  # type: ignore[arg-type]

    def _keep_answer(self, ask: ObjectAsk, answer: Answer | None) -> None:
        if answer is None:
            self._answers.pop(ask.id, None)
            return
        self._answers[ask.id] = answer
        self._click_ms.setdefault(ask.id, {})[len(ask.prompts.clicks)] = round(answer.ms, 3)

    def _answer(self, ask: ObjectAsk) -> Answer:
        prompts = ask.prompts
        asked = (prompts.clicks, prompts.granularity, prompts.adjust, prompts.strokes)
        return self._recent.get(asked, lambda: self._compute(prompts))

    def _compute(self, asked: ObjectPrompts) -> Answer:
        segmenter, prepared = self._need_method()
        self.cancel.check()
        started = time.perf_counter()
        prompts: list[Prompt] = to_prompts(
            self._need_scene(), asked.clicks, granularity=asked.granularity, object_id=asked.object
        )
        result = segmenter.segment(prepared, prompts)
        masks = tuple(result.mask_of_view(view) for view in range(len(self._need_scene().views)))
        refined = brushed(
            self._need_scene(),
            adjusted_masks(self._need_scene(), masks, asked.adjust, cancel=self.cancel),
            asked.strokes,
            self.cancel,
        )
        if refined is not masks:
            selected = adjusted_selection(self._need_scene(), result, masks, refined, self.nearest_points)
            masks = refined
            result = replace(
                result, selected=selected, score=selected.astype(np.float32), threshold=0.5,
                mask_of_view=lambda view: refined[view],
            )  # fmt: skip
        return Answer.of(result, masks, started, self._need_scene(), self.nearest_points)

    def _need_scene(self) -> Scene:
        self._wake()
        if self._scene is None:
            raise InputError("No scene is open; choose one first.")
        return self._scene

    def _need_method(self) -> "tuple[Segmenter, Prepared]":
        scene = self._need_scene()
        if self._segmenter is None or self._prepared is None:
            raise InputError(
                f"The method '{self._method}' is not prepared for this scene of {len(scene.views)} photos; "
                "prepare it first."
            )
        return self._segmenter, self._prepared

    def _state(self, ask: ObjectAsk) -> ObjectState:
        prompts = ask.prompts
        shown: list[Prompt] = []
        if self._scene is not None:
            shown = to_prompts(
                self._scene, prompts.clicks, granularity=prompts.granularity, object_id=prompts.object
            )
        answer = self._answers.get(ask.id)
        return ObjectState(ask.id, prompts.object, ask.colour, tuple(shown), prompts, answer, ask.named)

    def _ask(self, object_id: int | None) -> ObjectAsk:
        for ask in self._asks:
            if ask.id == object_id:
                return ask
        raise InputError("This object is gone; choose another one.")

    def _current_ask(self) -> ObjectAsk:
        if self._current is None:
            raise InputError("There is no object yet; click on one first.")
        return self._ask(self._current)

    def _fresh_ask(self, name: str | None) -> ObjectAsk:
        named = name is not None
        if name is None:
            taken = {ask.prompts.object.casefold() for ask in self._asks}
            name = next(n for i in range(1, len(taken) + 2) if (n := f"object {i}") not in taken)
        ask = ObjectAsk(
            self._next_id,
            next_colour([a.colour for a in self._asks]),
            ObjectPrompts(self._free_name(name, None)),
            named,
        )
        self._next_id += 1
        return ask

    def _free_name(self, name: str, own_id: int | None) -> str:
        name = checked_object_name(name)
        for ask in self._asks:
            if ask.id != own_id and ask.prompts.object.casefold() == name.casefold():
                raise InputError(f"Another object is called '{ask.prompts.object}'; choose another name.")
        return name

    def _forget_objects(self) -> None:
        self._asks, self._answers, self._current, self._click_ms = [], {}, None, {}
        self.stage.arrangement = Arrangement()
        self.ruler.clear()
        self._recent = Recent(4)
        self.history.clear()


__all__ = ["Answer", "Marker", "ObjectState", "Session"]
