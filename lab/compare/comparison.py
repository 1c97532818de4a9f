"""Several methods on one scene, given the same prompts, with their numbers side by side.

Each pane is a session of its own with its own method; scenes and prepared methods are shared through the lab, so a
pane costs little. In a notebook:

    comparison = Comparison(lab, "desk", [PaneMethod("wildseg3d"), PaneMethod("saga")])
    comparison.ask(session.current.asked)
    for row in comparison.rows():
        print(row.method, row.ms, row.iou)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from liftlab.components.agreement import agreement, disagreement, pairwise_iou, who_selects
from liftlab.components.errors import InputError
from liftlab.components.metrics import boundary_iou, mean_view_iou, pooled_iou
from liftlab.engine.lab import Lab
from liftlab.session.objects import MethodChoice, ObjectState
from liftlab.session.prompts import ObjectPrompts, photo_name
from liftlab.session.session import Session
from liftlab.view3d.surfaces import SurfaceName

PANES_MAX = 4

PhotoMasks = Mapping[str, np.ndarray]
"""Photo name to mask bool [h, w], photo pixels; only these photos are scored."""


@dataclass(frozen=True)
class PaneMethod:
    """What one pane answers with."""

    method: str
    config: Any = None
    """Of the method; None for its defaults."""
    granularity: float | None = None
    """0 = smallest part, 1 = largest whole; None takes what the prompts ask for."""


@dataclass(frozen=True)
class PaneScores:
    """One pane in the table."""

    method: str
    ready: bool
    """Whether the method is prepared for the scene; the numbers are None until it is."""
    ms: float | None
    """Server milliseconds from the prompts to masks in memory, all prompts of the object together."""
    primitives: int | None
    """Points or Gaussians selected."""
    pixels: int | None
    """View pixels selected, all views together."""
    iou: float | None
    """With the reference, pooled over its photos; None without a reference."""
    view_iou: float | None
    """Mean over the reference's photos."""
    boundary_iou: float | None
    """Mean over the reference's photos."""
    message: str
    """What the method said, or what to do when it is not ready."""


class Comparison:
    """The panes of one scene."""

    def __init__(self, lab: Lab, scene_name: str, choices: Sequence[PaneMethod]) -> None:
        """Open the scene once per choice.

        Raises:
            InputError: None or more than four choices, an unknown method, or the scene is not reconstructed.
        """
        if not 1 <= len(choices) <= PANES_MAX:
            raise InputError(
                f"A comparison has one to {PANES_MAX} panes; {len(choices)} methods were chosen. Choose fewer or one."
            )
        self.scene_name = scene_name
        self.choices = tuple(choices)
        self.sessions = tuple(Session(lab) for _ in choices)
        for session, choice in zip(self.sessions, choices, strict=True):
            session.open(scene_name)
            session.set_method(choice.method, choice.config)
        self._asked: ObjectPrompts | None = None

    @property
    def asked(self) -> ObjectPrompts | None:
        """The prompts all panes were given last."""
        return self._asked

    def ask(self, prompts: ObjectPrompts) -> tuple[ObjectState | None, ...]:
        """Give the same prompts of one object to every pane; a pane whose method is not prepared stays empty."""
        self._asked = prompts
        for pane in range(len(self.sessions)):
            self._ask_pane(pane, prompts)
        return self.states

    def set_granularity(self, pane: int, granularity: float | None) -> None:
        """Give one pane a granularity of its own; None follows the prompts again.

        Raises:
            InputError: It is not between 0 and 1.
        """
        if granularity is not None and not 0 <= granularity <= 1:
            raise InputError(f"granularity must be between 0 and 1; got {granularity:g}.")
        choices = list(self.choices)
        choices[pane] = replace(choices[pane], granularity=granularity)
        self.choices = tuple(choices)
        if self._asked is not None:
            self._ask_pane(pane, self._asked)

    @property
    def states(self) -> tuple[ObjectState | None, ...]:
        """Per pane its object; None where nothing was answered."""
        return tuple(session.current for session in self.sessions)

    def rows(self, reference: PhotoMasks | None = None) -> list[PaneScores]:
        """The table, one row per pane in their order.

        Args:
            reference: What counts as right: truth, a mask painted by hand, or `masks_of_pane`.

        Raises:
            InputError: The reference names a photo the scene does not have, or a mask has another size than its photo.
        """
        checked = None if reference is None else self._checked(reference)
        return [self._row(pane, checked) for pane in range(len(self.sessions))]

    def masks_of_pane(self, pane: int) -> dict[str, np.ndarray]:
        """A pane's answer in every photo of the scene, as a reference for the others.

        Raises:
            InputError: It has not answered anything yet.
        """
        session, state = self.sessions[pane], self.states[pane]
        if state is None or state.answer is None:
            raise InputError(f"'{self.choices[pane].method}' has no answer yet; click on an object first.")
        assert session.scene is not None
        return {view.name: session.photo_mask(state.id, view.name) for view in session.scene.views}

    def agreement_table(self) -> np.ndarray:
        """IoU [M, M] of every two panes; NaN where one has no answer."""
        states = self.states
        table = np.full((len(states), len(states)), np.nan)
        answered = [i for i, state in enumerate(states) if state is not None and state.answer is not None]
        masks = [tuple(states[i].masks) for i in answered]  # type: ignore[union-attr]
        table[np.ix_(answered, answered)] = pairwise_iou(masks)
        return table

    def agreement(self) -> float | None:
        """Mean IoU of every two answers, all photos together; None with fewer than two."""
        answers = self._answers()
        return agreement(answers) if len(answers) > 1 else None

    def disagreement_in_photo(self, photo: str) -> np.ndarray | None:
        """How split the answers are [H, W] in [0, 1], view pixels; None with fewer than two answers."""
        answers = self._answers()
        scene = self.sessions[0].scene
        assert scene is not None
        if len(answers) < 2:
            return None
        view = scene.view_index(photo_name(scene, photo))
        return disagreement([masks[view] for masks in answers])

    def standing_in_3d(self, pane: int, surface: SurfaceName) -> np.ndarray | None:
        """Who selects each primitive [N] of a surface, seen from one pane (`liftlab.components.agreement.who_selects`).

        Answers over points and answers over Gaussians are brought to the surface in the way in which they are lit on
        it (`Answer.selected`): on points, a method of Gaussians selects those whose own pixel is in its mask of their
        photo; on splats, a method of points selects those whose nearest point in reach it selects.

        Returns:
            None when the pane has no answer, or no other pane has one.
        """
        own = self.states[pane]
        answers = [state.answer for state in self.states if state is not None and state.answer is not None]
        if own is None or own.answer is None or len(answers) < 2:
            return None
        return who_selects([answer.selected(surface) for answer in answers], answers.index(own.answer))

    def take(self, pane: int, session: Session) -> ObjectState:
        """Make a pane's answer the result: this object of `session` is answered by the pane's method from then on (one
        undo), and the other objects stay as they are.

        Raises:
            InputError: The pane has not answered anything yet.
        """
        state, choice = self.states[pane], self.choices[pane]
        if state is None or state.answer is None:
            raise InputError(f"'{choice.method}' has no answer yet; click on an object first.")
        answered_by = MethodChoice.of(choice.method, choice.config)
        same = [s for s in session.objects if s.name.casefold() == state.name.casefold()]
        if same:
            return session.take_answer(same[0].id, answered_by, state.granularity)
        return session.add_object(state.asked, answered_by=answered_by)

    def _ask_pane(self, pane: int, prompts: ObjectPrompts) -> None:
        session, own = self.sessions[pane], self.choices[pane].granularity
        for state in session.objects:
            session.delete_object(state.id)
        session.history.clear()
        if session.ready and not prompts.empty:
            session.add_object(replace(prompts, granularity=prompts.granularity if own is None else own))

    def _answers(self) -> list[tuple[np.ndarray, ...]]:
        return [tuple(state.masks) for state in self.states if state is not None and state.answer is not None]

    def _checked(self, reference: PhotoMasks) -> dict[str, np.ndarray]:
        scene = self.sessions[0].scene
        assert scene is not None
        out = {}
        for name, mask in reference.items():
            view = scene.views[scene.view_index(photo_name(scene, name))]
            if mask.shape != (view.lens.height, view.lens.width):
                raise InputError(
                    f"The reference mask of {view.name} must have the photo's size, {view.lens.width} x "
                    f"{view.lens.height}; it has {mask.shape[1]} x {mask.shape[0]}. Make it from the original photo."
                )
            out[view.name] = mask.astype(bool)
        return out

    def _row(self, pane: int, reference: PhotoMasks | None) -> PaneScores:
        session, state, method = self.sessions[pane], self.states[pane], self.choices[pane].method
        if not session.ready:
            sentence = f"'{method}' is not prepared for this scene; prepare it in the cell Methods."
            return PaneScores(method, False, None, None, None, None, None, None, sentence)
        if state is None or state.result is None:
            return PaneScores(method, True, None, None, None, None, None, None, "")
        scores: tuple[float | None, ...] = (None, None, None)
        if reference:
            truths = list(reference.values())
            own = [session.photo_mask(state.id, name) for name in reference]
            edges = [boundary_iou(t, m) for t, m in zip(truths, own, strict=True)]
            scores = (pooled_iou(truths, own), mean_view_iou(truths, own), float(np.mean(edges)))
        pixels = int(sum(int(mask.sum()) for mask in state.masks))
        return PaneScores(method, True, state.ms, state.result.count, pixels, *scores, state.message)
