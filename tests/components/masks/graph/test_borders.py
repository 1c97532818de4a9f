"""Borders between pieces: laws on made-up depth."""

import numpy as np
import pytest

from liftlab.components.masks.graph.borders import FAR_PX, border_pixels, leaf_borders

FOCAL = 640.0


def halves(height: int = 60, width: int = 60) -> np.ndarray:
    """Leaf 0 on the left, leaf 1 on the right."""
    leaf = np.zeros((height, width), np.int32)
    leaf[:, width // 2 :] = 1
    return leaf


def bent(slope_left: float, slope_right: float, width: int = 60) -> np.ndarray:
    """Depth that changes by `slope` metres per metre on each side of the middle, 2 m away there."""
    x = (np.arange(width) + 0.5 - width / 2) * 2.0 / FOCAL
    depth = 2.0 + np.where(x < 0, slope_left, slope_right) * x
    return np.tile(depth.astype(np.float32), (60, 1))


def joined_share(depth: np.ndarray, leaf: np.ndarray) -> float:
    found = leaf_borders([leaf], depth[None], [FOCAL])
    meeting, joined = found.of(np.array([[1, 0]]))
    assert meeting[0] > 0
    return float(joined[0] / meeting[0])


@pytest.mark.parametrize("slope", [-0.8, 0.0, 0.8])
def test_a_plane_is_one_surface_however_it_is_turned(slope: float) -> None:
    assert joined_share(bent(slope, slope), halves()) == 1


def test_an_inner_corner_parts_and_an_outer_edge_does_not() -> None:
    assert joined_share(bent(1.0, -1.0), halves()) == 0  # deepest in the middle
    assert joined_share(bent(-1.0, 1.0), halves()) == 1


def test_a_step_parts() -> None:
    depth = bent(0, 0)
    depth[:, 30:] = 2.2
    assert joined_share(depth, halves()) == 0


def test_turning_the_photo_and_swapping_leaves_change_nothing() -> None:
    depth = bent(0.3, 0.3)
    depth[20:40, 30:] = 2.3
    first = leaf_borders([halves()], depth[None], [FOCAL])
    turned = leaf_borders([np.ascontiguousarray(halves().T)], np.ascontiguousarray(depth.T)[None], [FOCAL])
    swapped = leaf_borders([1 - halves()], depth[None], [FOCAL])
    for other in (turned, swapped):
        assert np.array_equal(first.meeting, other.meeting) and np.array_equal(first.joined, other.joined)
    assert 0 < first.joined[0] < first.meeting[0] == 60


def test_views_add_up_and_pairs_that_never_meet_have_nothing() -> None:
    depth = bent(0, 0)
    found = leaf_borders([halves(), halves()], np.stack([depth, depth]), [FOCAL, FOCAL])
    meeting, joined = found.of(np.array([[0, 1], [0, 2], [5, 7]]))
    assert meeting.tolist() == [120, 0, 0] and joined.tolist() == [120, 0, 0]


def test_pixels_without_a_leaf_take_the_near_ones_and_unknown_depth_parts() -> None:
    leaf = halves()
    leaf[:, 28:32] = -1
    assert joined_share(bent(0, 0), leaf) == 1
    assert joined_share(np.zeros((60, 60), np.float32), halves()) == 0
    nothing = leaf_borders([np.full((60, 60), -1, np.int32)], bent(0, 0)[None], [FOCAL])
    assert len(nothing.pairs) == 0 and nothing.of(np.array([[0, 1]]))[0].tolist() == [0]


def test_borders_near_the_rim_of_the_photo_are_marked() -> None:
    label = np.zeros((30, 10), np.int32)
    label[3:], label[15:] = 1, 2
    found = border_pixels(label, np.full((30, 10), 2.0, np.float32), FOCAL)
    assert found.complete.sum() == 10 and (found.below[found.complete] == 2).all()
    assert not found.level[~found.complete].any()
    assert FAR_PX > 3
