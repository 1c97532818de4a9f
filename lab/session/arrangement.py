"""How objects stand in the scene after a person rearranged it: taken out, moved, doubled, cropped.

Nothing is computed again and nothing is lost: an arrangement is applied when the scene is drawn or written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import numpy as np

from liftlab.components.bounds import Count, Place, few
from liftlab.components.errors import InputError

if TYPE_CHECKING:
    from liftlab.session.session import Session

Offset = tuple[Place, Place, Place]
"""World frame, scene units."""
NOWHERE: Offset = (0.0, 0.0, 0.0)
COPIES_MAX = 1000
"""Of one object."""
WAYS = ("left", "right", "up", "down", "front", "back")
NUDGE = 0.2
"""Share of the object's longest side."""


@dataclass(frozen=True)
class Placement:
    """What was done with one object."""

    object_id: Count
    removed: bool = False
    offset: Offset = NOWHERE
    """Moved by this much from where it was reconstructed."""
    copies: Annotated[tuple[Offset, ...], few(0, COPIES_MAX)] = ()
    """Further ones of it, each this far from the (moved) object."""

    @property
    def untouched(self) -> bool:
        return not self.removed and self.offset == NOWHERE and not self.copies

    @property
    def displaced(self) -> bool:
        """It no longer stands where it was reconstructed."""
        return self.removed or self.offset != NOWHERE


@dataclass(frozen=True)
class Arrangement:
    """All of a session's changes to the scene."""

    placements: Annotated[tuple[Placement, ...], few(0, 10_000)] = ()
    """Of the objects that were touched, each once."""
    crop: tuple[Offset, Offset] | None = None
    """Lowest and highest corner of what is kept, world frame; None keeps everything."""
    mended: bool = False
    """Splats: the surface is filled in where objects were taken out or moved away, and their shadow there goes."""

    def of(self, object_id: int) -> Placement:
        """What was done with an object."""
        found = (place for place in self.placements if place.object_id == object_id)
        return next(found, Placement(object_id))

    def with_placement(self, placement: Placement) -> "Arrangement":
        others = tuple(p for p in self.placements if p.object_id != placement.object_id)
        return replace(self, placements=others if placement.untouched else (*others, placement))

    def renumbered(self, ids: Mapping[int, int]) -> "Arrangement":
        """The same of objects that go by other ids; what is done with those that have none is left out."""
        places = (replace(p, object_id=ids[p.object_id]) for p in self.placements if p.object_id in ids)
        return replace(self, placements=tuple(places))

    @property
    def untouched(self) -> bool:
        return not self.placements and self.crop is None and not self.mended


@dataclass(frozen=True)
class Rearrange:
    """An edit: the arrangement before and after it."""

    before: Arrangement
    after: Arrangement

    def do(self, state: "Session") -> None:
        state.stage.put(self.after)

    def undo(self, state: "Session") -> None:
        state.stage.put(self.before)


class Stage:
    """A session's objects as they stand in the scene. Every change can be undone through the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self._arrangement = Arrangement()
        self.version = 0
        """Grows with every change."""

    @property
    def arrangement(self) -> Arrangement:
        """How everything stands now."""
        return self._arrangement

    def put(self, arrangement: Arrangement) -> None:
        """Have everything stand like this; for edits, and for sessions that are taken up."""
        if arrangement != self._arrangement:
            self._arrangement = arrangement
            self.version += 1

    def remove(self, object_id: int, removed: bool = True) -> None:
        """Take an object out of the scene, or put it back; it stays in the list."""
        self._place(replace(self._of(object_id), removed=removed))

    def move(self, object_id: int, by: Offset) -> None:
        """Move an object by a vector of the world frame."""
        place = self._of(object_id)
        self._place(replace(place, removed=False, offset=_sum(place.offset, by)))

    def nudge(self, object_id: int, way: str) -> None:
        """Move an object by a fifth of its size to one of `WAYS`, as the first photo sees it."""
        if way not in WAYS:
            raise InputError(f"An object can be moved {', '.join(WAYS)}; got '{way}'.")
        low, high = self.extent(object_id)
        scene = self._session.scene
        assert scene is not None
        right, forward = scene.views[0].camera.world_to_camera[[0, 2], :3]
        axes = {"right": level(right, scene.up), "back": level(forward, scene.up), "up": scene.up}
        axes |= {"left": -axes["right"], "front": -axes["back"], "down": -axes["up"]}
        self.move(object_id, _sum(NOWHERE, NUDGE * float(np.max(high - low)) * axes[way]))

    def duplicate(self, object_id: int, by: Offset | None = None) -> None:
        """Put another one of an object beside it.

        Args:
            by: Vector of the world frame from the object to its double; None takes a place to its right, as the
                first photo sees it.
        """
        place = self._of(object_id)
        if len(place.copies) >= COPIES_MAX:
            raise InputError(f"There are {COPIES_MAX} doubles of this object already.")
        step = self.beside(object_id) * (len(place.copies) + 1) if by is None else np.array(by)
        self._place(replace(place, copies=(*place.copies, _sum(NOWHERE, step))))

    def put_back(self, object_id: int) -> None:
        """Undo everything that was done with an object in the scene."""
        self._place(Placement(object_id))

    def crop_around(self, object_id: int, margin: float = 0.6) -> None:
        """Keep only what lies near an object: its box, widened on each side by `margin` of its size."""
        low, high = self.extent(object_id)
        wide = margin * float(np.max(high - low))
        self.crop(_sum(NOWHERE, low - wide), _sum(NOWHERE, high + wide))

    def crop(self, low: Offset, high: Offset) -> None:
        """Keep only what lies between two corners, world frame."""
        if not all(a < b for a, b in zip(low, high, strict=True)):
            raise InputError(f"A crop needs a lowest and a highest corner; got {low} and {high}.")
        self._change(replace(self.arrangement, crop=(low, high)))

    def arrange(self, arrangement: Arrangement) -> None:
        """Make the scene stand as in an arrangement, in one step. InputError when one of its objects is gone."""
        for place in arrangement.placements:
            self._session.object(place.object_id)
        self._change(arrangement)

    def uncrop(self) -> None:
        """Keep the whole scene again."""
        self._change(replace(self.arrangement, crop=None))

    def mend(self, mended: bool = True) -> None:
        """Fill in what objects leave behind where they are taken out or moved away, or show the scene as it was
        trained. Of splats only.
        """
        self._change(replace(self.arrangement, mended=mended))

    def extent(self, object_id: int) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner [3] of the box that holds an object but for stray points, world frame.

        Where it was reconstructed, not where it was moved to.

        Raises:
            InputError: Nothing is selected.
        """
        state, scene = self._session.object(object_id), self._session.scene
        if state.answer is None or state.answer.result.empty or scene is None:
            raise InputError(f"'{state.name}' selects nothing yet; click on it first.")
        points = scene.pointmap.points[state.answer.selected("points")]
        if len(points) == 0 and scene.gaussians is not None:
            points = scene.gaussians.means[state.answer.selected("splats")]
        if len(points) == 0:
            raise InputError(f"'{state.name}' has no place in 3D; click on another part of it.")
        low, high = np.quantile(points, [0.02, 0.98], axis=0)
        return low.astype(np.float64), high.astype(np.float64)

    def beside(self, object_id: int) -> np.ndarray:
        """Vector [3] that leads from an object to a free place to its right, as the first photo sees it."""
        low, high = self.extent(object_id)
        scene = self._session.scene
        assert scene is not None
        right = level(scene.views[0].camera.world_to_camera[0, :3], scene.up)
        return right * 1.15 * float(np.abs(right) @ (high - low))

    def _of(self, object_id: int) -> Placement:
        self.extent(object_id)
        return self.arrangement.of(object_id)

    def _place(self, placement: Placement) -> None:
        self._change(self.arrangement.with_placement(placement))

    def _change(self, after: Arrangement) -> None:
        if after != self.arrangement:
            self._session.history.do(Rearrange(self.arrangement, after))


def level(direction: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Unit vector [3] along `direction` but horizontal: on the table, not up in the air."""
    flat = direction - (direction @ up) * up
    return flat / max(float(np.linalg.norm(flat)), 1e-9)


def _sum(first: "Offset | np.ndarray", second: "Offset | np.ndarray") -> Offset:
    x, y, z = (float(a + b) for a, b in zip(first, second, strict=True))
    return x, y, z
