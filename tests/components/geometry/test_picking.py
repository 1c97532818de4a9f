"""A ray hits what a person sees along it."""

import numpy as np
import pytest

from liftlab.components.geometry.picking import pick_point


def sheet(depth: float, seed: int, *, count: int = 20_000, half: float = 0.5) -> np.ndarray:
    """Points scattered on a square sheet across the Z axis."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-half, half, (count, 2))
    return np.column_stack([xy, np.full(count, depth)]).astype(np.float32)


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_the_nearest_surface_is_hit_close_to_the_ray_at_any_scale(scale: float) -> None:
    points = np.concatenate([sheet(3.0, 0), sheet(2.0, 1), sheet(-1.0, 2)]) * np.float32(scale)
    origin, target = np.array([0.1, -0.2, 0.0]) * scale, np.array([0.2, 0.1, 2.0]) * scale
    for length in (1.0, 1e-3, 50.0):
        hit = pick_point(points, origin, (target - origin) * length)
        assert np.abs(points[hit] - target).max() < 0.02 * scale


def test_past_the_rim_of_the_front_surface_the_one_behind_is_hit() -> None:
    points = np.concatenate([sheet(2.0, 1), sheet(4.0, 0, half=3.0)])
    hit = pick_point(points, np.zeros(3), np.array([0.4, 0.0, 1.0]))
    assert points[hit][2] == 4.0


def test_single_stray_points_in_front_are_no_surface() -> None:
    stray = np.array([[0.0, 0.0, 0.5], [0.0005, 0.0, 0.9]], np.float32)
    hit = pick_point(np.concatenate([stray, sheet(2.0, 0)]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
    assert hit is not None and hit >= 2
    assert pick_point(stray, np.zeros(3), np.array([0.0, 0.0, 1.0])) is not None, (
        "unless there is nothing else"
    )


@pytest.mark.parametrize("direction", [[0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
def test_a_ray_past_everything_hits_nothing(direction: list[float]) -> None:
    assert pick_point(sheet(2.0, 0), np.zeros(3), np.array(direction)) is None
    assert pick_point(np.zeros((0, 3), np.float32), np.zeros(3), np.array(direction)) is None


@pytest.mark.parametrize("direction", [[0.0, 0.0, 0.0], [np.nan, 0.0, 1.0]])
def test_a_ray_without_direction_is_refused(direction: list[float]) -> None:
    with pytest.raises(ValueError, match="direction must be finite and not zero"):
        pick_point(sheet(2.0, 0), np.zeros(3), np.array(direction))
