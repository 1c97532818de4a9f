"""Splats that are taken away: those of an object, the scene without it, the scene with objects lit, a turn around one.

Objects and scene stand as they do after the person moved, doubled, removed or cropped them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.gaussians.selection import subset, under_masks
from liftlab.components.types import Gaussians, Scene
from liftlab.export.arranged_splats import add_objects, arranged, rearranged_object, within
from liftlab.pictures.palette import rgb
from liftlab.session.arrangement import Placement

if TYPE_CHECKING:
    from liftlab.components.gaussians.boundary import Boundary, SplitScene
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session

Lit = tuple[tuple[int, int, int], np.ndarray]
LEAST = 4
"""Fewer splats of an object than this are nothing that could be taken away."""


def splat_scene(session: "Session") -> Scene:
    """The session's scene with its splats. Raises InputError when they are not trained."""
    name = session.scene_name
    if name is None:
        raise InputError("No scene is open; choose one first.")
    scene = session.lab.scene(name)
    if scene.gaussians is None:
        raise InputError(
            f"The scene '{name}' has no splats yet; train them first (liftlab gaussians {name})."
        )
    return scene


class ObjectSplats:
    """The splats of one export; what several of its formats need is computed once.

    Args:
        session: Whose objects are asked for.
        boundary: What happens to splats across an object's outline: "keep", "trim" or "split".
        mended: What objects leave behind is filled in, also where the session does not show it so.
    """

    def __init__(self, session: "Session", boundary: "Boundary", *, mended: bool = False) -> None:
        self.session = session
        self.mended = mended or session.stage.arrangement.mended
        self.boundary: Boundary = boundary
        self.scene = splat_scene(session)
        self._parted: dict[tuple[int, ...], SplitScene] = {}
        self._turns: dict[int, list[np.ndarray]] = {}

    def lit(self, objects: "Sequence[ObjectState]") -> tuple[Scene, list[Lit]]:
        """The scene as it stands, and colour (RGB, 0 to 255) and Gaussians (bool [N]) of each of `objects` in it."""
        gaussians, crop = self.scene.gaussians, self.session.stage.arrangement.crop
        assert gaussians is not None
        ids = {state.id for state in objects}
        every = [*objects, *(state for state in self._placed() if state.id not in ids)]
        whole, theirs = arranged(
            gaussians, [(self._chosen(state), self._place(state)) for state in every], crop,
            mend_on=self.scene.planes if self.mended else None,
        )  # fmt: skip
        lit = [(rgb(state.colour), rows) for state, rows in zip(objects, theirs, strict=False)]
        return replace(self.scene, gaussians=whole), lit

    def _chosen(self, state: "ObjectState") -> np.ndarray:
        """Which of the scene's Gaussians are an object's, bool [N]."""
        gaussians, result = self.scene.gaussians, state.result
        assert gaussians is not None and result is not None
        if result.geometry == "gaussians":
            return result.selected
        cameras = [view.camera for view in self.scene.views]
        return under_masks(gaussians, cameras, state.masks, device=self.session.lab.device)

    def _place(self, state: "ObjectState") -> Placement:
        return self.session.stage.arrangement.of(state.id)

    def _placed(self) -> "list[ObjectState]":
        """Every object that was rearranged, exported or not."""
        answered = [state for state in self.session.objects if state.result and not state.result.empty]
        return [state for state in answered if not self._place(state).untouched]

    def part(self, *states: "ObjectState") -> "SplitScene":
        """The scene's splats in two: those of one object, or of several together, and the rest."""
        from liftlab.components.gaussians.boundary import part

        key = tuple(state.id for state in states)
        if key not in self._parted:
            gaussians = self.scene.gaussians
            assert gaussians is not None
            picked = [s.result for s in states if s.result is not None and s.result.geometry == "gaussians"]
            own = np.any([result.selected for result in picked], axis=0) if picked else None
            masks = [np.any(of_view, axis=0) for of_view in zip(*(s.masks for s in states), strict=True)]
            self._parted[key] = part(
                gaussians, [view.camera for view in self.scene.views], masks, selected=own,
                boundary=self.boundary, device=self.session.lab.device,
            )  # fmt: skip
        return self._parted[key]

    def standing(self, state: "ObjectState") -> Gaussians:
        """The object's splats where it was moved to, and those of its doubles."""
        return rearranged_object(self.thing(state), self._place(state))

    def without(self, *states: "ObjectState") -> Gaussians:
        """The scene as it stands, without these objects and their doubles."""
        gone = {state.id for state in states}
        others = [other for other in self._placed() if other.id not in gone]
        left = [*states, *(other for other in others if self._place(other).displaced)]
        rest = self.part(*left).rest
        if self.mended:
            from liftlab.components.gaussians.mending import mend

            rest = mend(rest, [self.part(state).thing for state in left], self.scene.planes).applied(rest)
        whole = add_objects(rest, [(self.part(other).thing, self._place(other)) for other in others])
        return subset(whole, within(whole, self.session.stage.arrangement.crop))

    def thing(self, state: "ObjectState") -> Gaussians:
        """The object's splats, without those that are few and far from the rest."""
        from liftlab.components.geometry.strays import stray_points

        thing = self.part(state).thing
        thing = subset(thing, ~stray_points(thing.means))
        if len(thing.means) < LEAST:
            raise InputError(
                f"No splats lie inside '{state.name}'; choose a larger object, or train them longer."
            )
        return thing

    def turn(self, state: "ObjectState") -> list[np.ndarray]:
        """Frames of the turn around the object."""
        from liftlab.components.export import turntable_cameras, turntable_frames

        if state.id not in self._turns:
            thing = self.thing(state)
            cameras = turntable_cameras(thing, self.scene.up, [view.camera for view in self.scene.views])
            self._turns[state.id] = list(turntable_frames(thing, cameras, device=self.session.lab.device))
        return self._turns[state.id]
