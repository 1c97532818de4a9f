"""OVSeg3R: its choices, and what it holds for a scene."""

from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32

from liftlab.components.bounds import Share, within
from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY
from liftlab.components.openvocab.answers import Answers
from liftlab.components.openvocab.inference import Objects
from liftlab.components.openvocab.weights import Trained
from liftlab.components.types import Array, Scene


@dataclass(frozen=True)
class OvSeg3RConfig:
    """Choices of OVSeg3R."""

    weights: str = ""
    """File of trained weights (`liftlab openvocab train`); empty takes those that ship with LiftLab, which were
    trained on generated rooms."""
    text: str = field(default="", metadata=OMIT_DEFAULT_FROM_KEY)
    """Who reads names: empty takes the word vectors that ship, "open_clip" its text tower, else the folder of a
    sentence encoder (MiniLM); it must be the one that the weights were trained with."""
    threshold: Share = 0.3
    """A superpoint belongs to an object above this probability."""
    min_points: Annotated[int, within(1, 1_000_000)] = 30
    """Sampled points of the smallest object."""
    min_score: Share = 0.05
    """Objects below this score are not shown; a click may still find them."""
    top: Annotated[int, within(1, 10_000)] = 100
    """Objects that are kept at most; the original keeps 600."""


@dataclass(frozen=True)
class OvSeg3RPrepared:
    """Read-only state of OVSeg3R for one scene."""

    scene_key: str
    scene: Scene
    trained: Trained
    point_superpoint: Int32[Array, "N"]
    """Superpoint of every point of the scene (`Pointmap.points`)."""
    pixel_superpoint: Int32[Array, "V H W"]
    """Superpoint of every pixel; one without a point has that of the nearest pixel with one."""
    sizes: Int[Array, "S"]
    """Sampled points of each superpoint."""
    pairs: Int[Array, "A 2"]
    """Superpoints that touch."""
    objects: Objects
    answers: Answers
    """What clicks may mean."""
    text: Float32[Array, "K T"] = field(repr=False)
    """Unit vectors of the names that the network was taught."""

    def superpoint_at(self, view: int, x: float, y: float) -> int:
        """Superpoint of the view pixel (x, y); -1 when the scene has none."""
        return int(self.pixel_superpoint[view, int(y), int(x)])


def in_view(prepared: OvSeg3RPrepared, chosen: Bool[Array, "S"], view: int) -> Bool[Array, "H W"]:
    """Pixels of a view whose superpoint is chosen."""
    camera = prepared.scene.views[view].camera
    own = prepared.pixel_superpoint[view, : camera.height, : camera.width]
    if len(chosen) == 0:
        return np.zeros(own.shape, bool)
    return chosen[own] & (own >= 0)


def boxes_of_superpoints(prepared: OvSeg3RPrepared, view: int) -> Float[Array, "S 4"]:
    """x0, y0, x1, y1 of each superpoint's pixels in a view; NaN where it is not seen."""
    from scipy.ndimage import find_objects

    out = np.full((len(prepared.sizes), 4), np.nan)
    found = find_objects(prepared.pixel_superpoint[view] + 1)
    for number, place in enumerate(found):
        if place is not None:
            rows, columns = place
            out[number] = columns.start, rows.start, columns.stop, rows.stop
    return out
