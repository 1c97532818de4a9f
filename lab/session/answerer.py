"""What answers a session's prompts: the open scene, its masks, the prepared methods, and the answers they gave.

The session holds its lock around every call, and wakes the answerer first.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from liftlab.components.errors import InputError
from liftlab.components.geometry.splat_links import nearest_points
from liftlab.components.progress import CancelToken
from liftlab.components.types import Array, Scene, Segmentation
from liftlab.engine.lab import Lab
from liftlab.engine.recent import Recent
from liftlab.session.given_names import update_names
from liftlab.session.keeping import keep_object, masks_with_kept, with_kept
from liftlab.session.objects import Answer, MethodChoice, ObjectRequest, PackedBits, PackedMasks, Result
from liftlab.session.parts import refined
from liftlab.session.prompts import ObjectPrompts, WorldClick, photo_name, to_prompts

if TYPE_CHECKING:
    from liftlab.components.masks.cache import MaskCache
    from liftlab.pipelines.base import Prepared, Segmenter

ANSWERS_KEPT = 4
"""Further ones than the objects' own, so that undo and redo compute nothing."""
KNOWN_SHARE = 0.5
"""An answer has a place in 3D when the depth of at least this share of its pixels is known in a photo that was clicked:
below it most of what would be shown in other photos and in 3D is a guess."""
IN_PHOTO_ONLY = (
    "There is no reliable depth here (sky, glass, a plain or moving surface), so this is the outline in this photo "
    "only. To have it in another photo, click there too; Brush paints it by hand."
)

log = logging.getLogger("liftlab.session")

_nearest: Recent[np.ndarray] = Recent(4)
"""Shared by all sessions: scene and Gaussians key to `nearest_points`."""


@dataclass(frozen=True, eq=False)
class ReadyMethod:
    """A method as it stands for the open scene."""

    segmenter: "Segmenter"
    prepared: "Prepared | None"
    """None while it is not prepared."""


class Answerer:
    """A scene and its methods, and what they answered to each object. Only its own methods write what it holds."""

    def __init__(self, lab: Lab, cancel: CancelToken) -> None:
        self.lab = lab
        self.cancel = cancel
        """Once set, answers that are being computed end with `Cancelled`."""
        self.scene_name: str | None = None
        self.scene: Scene | None = None
        """None before the first is open, and while it rests."""
        self.masks: MaskCache | None = None
        """The objects of the open scene; None while they are not found."""
        self.version = 0
        """Grows when another scene is opened."""
        self._methods: dict[str, ReadyMethod] = {}
        """Of the open scene, by key of the choice; those that were asked for."""
        self._answers: dict[int, Answer] = {}
        self._recent: dict[object, Answer] = {}
        """What was asked to its answer, the one asked last at the end."""
        self._ms: dict[int, dict[int, float]] = {}
        """Per object: number of prompts to the milliseconds of that answer."""
        self._slept_with: str | None = None
        """Key of the scene while it rests; None while it is awake."""

    # Scene and methods

    def open(self, scene_name: str) -> bool:
        """Open a reconstructed scene, with its masks; `refresh` next. Returns whether it was open already.

        Raises:
            InputError: There is no such scene, or it is not reconstructed yet.
        """
        scene = self.lab.scene(scene_name)
        same = self.scene is not None and (self.scene_name, self.scene.key) == (scene_name, scene.key)
        if not same or (self.scene is not None and self.scene.gaussians_key != scene.gaussians_key):
            self._methods = {}  # so that the objects are answered: they may be lit as splats
        if scene_name != self.scene_name:
            self.version += 1
        self.scene, self.scene_name = scene, scene_name
        self.masks = self._masks_of(scene_name)
        return same

    def refresh(self, entries: Iterable[ObjectRequest]) -> None:
        """Take the methods as they are prepared by now, and answer those of `entries` again for which that changes
        anything.
        """
        before, self._methods = self._methods, {}
        changed = []
        for entry in entries:
            was, now = before.get(entry.choice.key), self.method(entry.choice)
            if was is None or was.prepared is not now.prepared:
                changed.append(entry)
        if changed:
            self._recent = {}
        for entry in changed:
            self._ms.pop(entry.id, None)
            asked = self.method(entry.choice).prepared is not None and not entry.prompts.empty
            self._keep(entry, self._answer(entry) if asked else None)

    def method(self, choice: MethodChoice) -> ReadyMethod:
        """A method as it is prepared for the open scene.

        Raises:
            InputError: There is no such method.
        """
        found = self._methods.get(choice.key)
        if found is None:
            found = self._methods[choice.key] = self._method(choice)
        return found

    def _method(self, choice: MethodChoice) -> ReadyMethod:
        name, config = choice.name, choice.settings
        segmenter = self.lab.segmenter(name, config)
        prepared = self.lab.prepared(self.scene_name, name, config) if self.scene_name else None
        if prepared is not None and self.masks is not None:
            prepared = with_kept(segmenter, prepared, self.masks, method=name, config=config)
        return ReadyMethod(segmenter, prepared)

    def refill(self, entries: Sequence[ObjectRequest]) -> None:
        """Answer the objects of a saved session, whatever was answered before; names that people gave are kept with
        the scene.
        """
        self._methods = {}  # so that they are answered
        self.refresh(entries)
        for entry in entries:
            self._names_follow(None, entry, self._answers.get(entry.id))

    def keep(self, masks_of_views: Sequence[np.ndarray], entries: Iterable[ObjectRequest]) -> "MaskCache":
        """Save masks (bool [H, W] per view, view pixels) as an object of the scene, and answer `entries` again where
        that changes anything.

        Returns:
            The objects of the scene; the new one is last.
        """
        assert self.scene_name is not None
        self.masks = keep_object(self.lab, self.scene_name, masks_of_views)
        self.refresh(entries)
        return self.masks

    def need_scene(self) -> Scene:
        """The open scene. InputError when none is."""
        if self.scene is None:
            raise InputError("No scene is open; choose one first.")
        return self.scene

    def need_method(self, choice: MethodChoice) -> "tuple[Segmenter, Prepared]":
        """A prepared method. InputError when it is not prepared."""
        scene, ready = self.need_scene(), self.method(choice)
        if ready.prepared is None:
            raise InputError(
                f"The method '{choice.name}' is not prepared for this scene of {len(scene.views)} photos; "
                "prepare it first."
            )
        return ready.segmenter, ready.prepared

    # Rest

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        return self.scene is None

    @property
    def asleep(self) -> bool:
        """Whether `wake` has something to bring back."""
        return self._slept_with is not None

    @property
    def slept_with(self) -> str | None:
        """Key of the scene while it rests; None while it is awake."""
        return self._slept_with

    def rest(self) -> None:
        """Let go of the scene, its masks, the method's state and all answers, until `wake`."""
        if self.scene is None:
            return
        self._slept_with = self.scene.key
        self._let_go()
        self._answers, self._recent = {}, {}

    def wake(self, entries: Sequence[ObjectRequest]) -> bool:
        """Undo `rest`, and answer the objects again.

        Returns:
            Whether the objects still stand: False where the scene was made again, or is gone by now (then it is
            closed).
        """
        slept_with, name = self._slept_with, self.scene_name
        if slept_with is None or name is None:
            self._slept_with = None
            return True
        measured, self._ms = self._ms, {}
        try:
            self.scene, self.masks = self.lab.scene(name), self._masks_of(name)
            same = self.scene.key == slept_with
            self.refresh(entries if same else ())
        except InputError as error:
            log.warning("the scene '%s' could not be opened again: %s", name, error)
            self._let_go()
            self.scene_name, same = None, False
            self.version += 1
        except BaseException:
            self._let_go()
            raise
        self._slept_with, self._ms = None, measured if same else {}
        return same

    def _let_go(self) -> None:
        self.scene = self.masks = None
        self._methods = {}

    def _masks_of(self, scene_name: str) -> "MaskCache | None":
        return masks_with_kept(self.lab, scene_name) if self.lab.status(scene_name).masks else None

    # Answers

    def follow(self, old: ObjectRequest | None, new: ObjectRequest | None) -> None:
        """Answer an object as `new` asks for it, which `old` asked for until now; None where it is added or deleted.

        When the answer fails, everything stays as it was.
        """
        wanted = new is not None and not new.prompts.empty and self.scene is not None
        answer = None
        if wanted and new is not None and self.method(new.choice).prepared is not None:
            answer = self._answer(new)
        self._names_follow(old, new, answer)
        self._keep((new or old), answer)  # type: ignore[arg-type]

    def answer_of(self, object_id: int) -> Answer | None:
        """The answer for an object; None while nothing is asked, or the method is not prepared."""
        return self._answers.get(object_id)

    def ms_of(self, entry: ObjectRequest) -> tuple[float | None, ...]:
        """Per click of an object: milliseconds of the answer when it was the last one; None where not measured."""
        measured = self._ms.get(entry.id, {})
        return tuple(measured.get(count) for count in range(1, len(entry.prompts.clicks) + 1))

    def forget_answers(self) -> None:
        """Have answered nothing."""
        self._answers, self._ms, self._recent = {}, {}, {}

    def nearest_points(self) -> np.ndarray:
        """Per Gaussian of the open scene the index of the point it takes after, -1 for none."""
        return nearest_points_of(self.need_scene())

    def _keep(self, entry: ObjectRequest, answer: Answer | None) -> None:
        if answer is None:
            self._answers.pop(entry.id, None)
            return
        self._answers[entry.id] = answer
        self._ms.setdefault(entry.id, {})[len(entry.prompts.clicks)] = round(answer.ms, 3)

    def _names_follow(
        self, old: ObjectRequest | None, new: ObjectRequest | None, answer: Answer | None
    ) -> None:
        if self.scene is not None and any(entry is not None and entry.named for entry in (old, new)):
            update_names(self.lab.workspace, self.scene.key, old, new, answer)

    def _answer(self, entry: ObjectRequest) -> Answer:
        prompts = entry.prompts
        asked = (
            entry.choice.key, prompts.clicks, prompts.granularity, prompts.adjust, prompts.strokes,
        )  # fmt: skip
        answer = self._recent.pop(asked, None) or self._compute(entry)
        self._recent[asked] = answer
        if len(self._recent) > ANSWERS_KEPT:
            del self._recent[next(iter(self._recent))]
        return answer

    def _compute(self, entry: ObjectRequest) -> Answer:
        segmenter, prepared = self.need_method(entry.choice)
        asked = entry.prompts
        self.cancel.check()
        scene, started = self.need_scene(), time.perf_counter()
        nearest = partial(nearest_points_of, scene)
        prompts = to_prompts(scene, asked.clicks, granularity=asked.granularity, object_id=asked.object)
        found = segmenter.segment(prepared, prompts)
        masks = tuple(found.mask_of_view(view) for view in range(len(scene.views)))
        if asked.adjust or asked.strokes:
            found, masks = refined(scene, found, masks, asked, nearest, self.cancel)
        found, masks, photo_only = kept_to_photos(scene, found, masks, asked)
        result = Result(
            found.geometry, PackedBits(found.selected), found.object_ids, found.provenance, found.candidates,
            found.message, photo_only,
        )  # fmt: skip
        packed = PackedMasks(masks)
        return Answer(result, packed, (time.perf_counter() - started) * 1000, scene, nearest)


def nearest_points_of(scene: Scene) -> np.ndarray:
    """Per Gaussian of a scene the index of the point it takes after, -1 for none; found once."""
    return _nearest.get((scene.key, scene.gaussians_key), lambda: nearest_points(scene))


def known_share(scene: Scene, view: int, mask: Bool[Array, "H W"]) -> float:
    """Share of a mask's pixels (view pixels) whose depth is known; 1 for an empty mask."""
    height, width = mask.shape
    known = scene.pointmap.valid[view, :height, :width]
    return float(known[mask].mean()) if mask.any() else 1.0


def kept_to_photos(
    scene: Scene, found: Segmentation, masks: Sequence[Bool[Array, "_ _"]], asked: ObjectPrompts
) -> tuple[Segmentation, tuple[Bool[Array, "_ _"], ...], bool]:
    """An answer without what is a guess: where it has no place in 3D, only its masks in the photos that a person
    pointed at, and nothing in 3D.

    Args:
        masks: Of every view, view pixels.

    Returns:
        The answer, its masks, and whether it was kept to photos. An answer that a click in 3D is part of has a place.
    """
    if any(isinstance(click, WorldClick) and click.positive for click in asked.clicks):
        return found, tuple(masks), False
    names = {click.image for click in asked.clicks if click.positive and not isinstance(click, WorldClick)}
    pointed = {scene.view_index(photo_name(scene, name)) for name in names}
    pointed = {view for view in pointed if masks[view].any()}
    if not pointed or any(known_share(scene, view, masks[view]) >= KNOWN_SHARE for view in pointed):
        return found, tuple(masks), False
    brushed = {scene.view_index(photo_name(scene, stroke.image)) for stroke in asked.strokes}
    shown = tuple(
        mask if view in pointed | brushed else np.zeros_like(mask) for view, mask in enumerate(masks)
    )
    nothing = np.zeros_like(found.selected)
    return replace(found, selected=nothing, message=IN_PHOTO_ONLY), shown, True
