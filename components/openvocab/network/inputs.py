"""One scene as the network sees it."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

SHAPE_CHANNELS = 14
"""Of a superpoint: log extents along its three axes, height range, steepness, number of points, height, distance, mean
colour and its spread."""


@dataclass(frozen=True)
class SceneInputs:
    """One scene as tensors."""

    points: Float[Tensor, "N 9"]
    """Position centred and divided by the scene's radius, colour in 0..1, normal."""
    neighbours: Int[Tensor, "N k"]
    superpoint: Int[Tensor, "N"]
    """0..S-1."""
    centres: Float[Tensor, "S 3"]
    """Mean position of each superpoint."""
    shapes: Float[Tensor, "S 14"]
    """See `SHAPE_CHANNELS`."""
    images: Float[Tensor, "V 3 h w"]
    """The photos, small, -0.5 to 0.5."""
    view: Int[Tensor, "N"]
    """Of each point's first link."""
    at: Float[Tensor, "N 2"]
    """Where in that view: x and y from -1 to 1."""
    relations: Float[Tensor, "S S R"]
    """See `superpoints.RELATIONS`."""
    sizes: Float[Tensor, "S"]
    """Points of each superpoint."""
    moments: Float[Tensor, "S 4"]
    """Second moments of each superpoint's points about its centre: xx, xy, yy, zz."""
