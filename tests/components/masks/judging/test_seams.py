"""What parts a candidate from its surroundings and what is parted inside of it."""

import numpy as np
import pytest
import scipy

from liftlab.components.masks.judging.measures import measured_photo
from liftlab.components.masks.judging.relations import shared_voxels
from liftlab.components.masks.judging.seams import SEAM, next_to, rest_known, seam

HEIGHT, WIDTH = 80, 120


def box(top: int, left: int, height: int, width: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def photo(*, lighter: np.ndarray | None = None, nearer: np.ndarray | None = None):
    """A plain sheet at depth 2, a part of it lighter, a part of it nearer."""
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    lighter, nearer = (nothing if mask is None else mask for mask in (lighter, nearer))
    lab = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    lab[..., 0] = 30 + 40 * lighter
    depth = np.where(nearer, 1.8, 2).astype(np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    points = np.stack([columns * 0.01, rows * 0.01, depth], axis=-1).astype(np.float32)
    normals = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    normals[..., 2] = -1
    return measured_photo(lab, depth, points, normals, np.zeros((HEIGHT, WIDTH)), nothing)


def named(values: np.ndarray) -> dict[str, float]:
    return dict(zip(SEAM, values.tolist(), strict=True))


def test_a_seam_is_what_lies_between_two_and_not_around_them() -> None:
    left, right = box(20, 20, 40, 30), box(20, 50, 40, 30)
    both = left | right
    found = named(seam(photo(lighter=both, nearer=both), left, both))
    assert found["contrast"] == 0 and found["continues"] == 1 and found["in_front"] == 0
    assert found["share"] == pytest.approx(0.5) and found["outline"] == pytest.approx(40 / 140)
    assert found["color_distance"] == 0 and found["rest_pieces"] == 1
    found = named(seam(photo(lighter=left, nearer=left), left, both))
    assert found["contrast"] == pytest.approx(40, abs=1) and found["in_front"] == 1
    assert found["color_distance"] == 1


def test_a_dent_is_what_two_leave_of_their_common_hull() -> None:
    tall, low = box(10, 20, 60, 20), box(50, 40, 20, 40)
    straight = named(seam(photo(), box(20, 20, 40, 30), box(20, 20, 40, 60)))
    bent = named(seam(photo(), tall, tall | low))
    assert straight["dent"] == pytest.approx(0, abs=0.01)
    assert bent["dent"] > 0.2


def test_what_holds_nothing_else_has_no_seam() -> None:
    mask = box(20, 20, 40, 30)
    assert np.isnan(seam(photo(), mask, mask)).all()
    apart = named(seam(photo(), mask, mask | box(20, 80, 40, 30)))
    assert apart["outline"] == 0 and np.isnan(apart["contrast"]) and apart["rest_pieces"] == 1


def test_neighbours_in_size_are_those_that_hold_each_other() -> None:
    sets = [range(0, 40), range(40, 80), range(0, 80), range(0, 79), range(0, 200)]
    rows = np.zeros((5, 200), np.float32)
    for row, held in zip(rows, sets, strict=True):
        row[list(held)] = 1
    shared = shared_voxels(scipy.sparse.csr_array(rows))
    inner, outer = next_to(shared)
    assert inner.tolist() == [-1, -1, 0, 0, 2]  # the two that are nearly the same do not hold each other
    assert outer.tolist() == [3, 3, 4, 4, -1]
    pairs = np.array([[0, 2], [2, 4]], np.int32)
    assert rest_known(shared, pairs) == pytest.approx([1, 0], abs=1e-6)
