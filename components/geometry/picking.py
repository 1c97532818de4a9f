"""What a ray from the 3D view hits in a cloud of points, which have no surface of their own."""

import numpy as np
from jaxtyping import Float, Int

from liftlab.components.types import Array

SAME_SURFACE = 0.02
"""Points of one surface differ by at most this share of their distance along the ray."""
MIN_SUPPORT = 3
"""Fewer points than this at one distance are noise in front of a surface, not a surface."""


def pick_point(
    points: Float[Array, "N 3"],
    origin: Float[Array, "3"],
    direction: Float[Array, "3"],
    *,
    angle_rad: float = 0.003,
    max_angle_rad: float = 0.03,
) -> int | None:
    """Index of the point that a person means who clicks along a ray; None when nothing is near the ray.

    Looks in a cone about the ray, widened until it holds a surface, takes the nearest surface in it, and of
    that the point closest to the ray.

    Args:
        points: World frame.
        origin: Where the ray starts, world frame.
        direction: Need not be a unit vector.
        angle_rad: Half angle of the first cone; about two pixels.
        max_angle_rad: Half angle of the widest cone.

    Raises:
        ValueError: The ray is not finite, or has no direction.
    """
    length = float(np.linalg.norm(direction))
    if not (np.isfinite(origin).all() and np.isfinite(length) and length > 0):
        raise ValueError(f"direction must be finite and not zero; got {np.asarray(direction).tolist()}.")
    origin, unit = np.asarray(origin, np.float64), np.asarray(direction, np.float64) / length
    near, distance, slope = _within_cone(points, origin, unit, max_angle_rad)
    angle = angle_rad
    while angle < max_angle_rad * 2:
        inside = np.flatnonzero(slope <= min(angle, max_angle_rad))
        surface = _nearest_surface(distance[inside])
        if surface is not None:
            members = inside[surface]
            return int(near[members[np.argmin(slope[members])]])
        angle *= 2
    if len(near) == 0:
        return None
    return int(near[np.argmin(slope)])


def _within_cone(
    points: Float[Array, "N 3"], origin: Float[Array, "3"], unit: Float[Array, "3"], angle_rad: float
) -> tuple[Int[Array, "M"], Float[Array, "M"], Float[Array, "M"]]:
    """Indices of the points in a cone, their distance along the ray, and their offset over that distance."""
    from liftlab.components.geometry.kernels import indices_in_cone

    near = indices_in_cone(
        np.ascontiguousarray(points, np.float32),
        origin.astype(np.float32),
        unit.astype(np.float32),
        np.float32(angle_rad),
    )
    offsets = points[near].astype(np.float64) - origin
    distance = offsets @ unit
    return near, distance, np.linalg.norm(offsets - distance[:, None] * unit, axis=1) / distance


def _nearest_surface(distance: Float[Array, "M"]) -> Int[Array, "_"] | None:
    """Indices of the nearest run of points that lie at one distance; None when no run has enough of them."""
    order = np.argsort(distance)
    ordered = distance[order]
    last = np.searchsorted(ordered, ordered * (1 + SAME_SURFACE), side="right")
    enough = np.flatnonzero(last - np.arange(len(ordered)) >= MIN_SUPPORT)
    if len(enough) == 0:
        return None
    return order[enough[0] : last[enough[0]]]
