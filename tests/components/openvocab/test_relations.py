"""How superpoints stand to each other, by hand."""

import numpy as np

from liftlab.components.openvocab.superpoints import APART, RELATIONS, borders, clearest_border, relations_of

EDGES = np.array([[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [1, 3]])
WEIGHTS = np.array([0.01, 0.4, 0.02, 0.1, 0.01, 0.2])
SUPERPOINT = np.array([0, 0, 1, 1, 2, 2])
RGB = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0.9, 0], [0, 0.9, 0]])
UP = np.tile([0.0, 0, 1], (6, 1))


def test_borders_are_means_over_the_edges_across() -> None:
    pairs, border, contrast = borders(EDGES, WEIGHTS, SUPERPOINT, 3, RGB)
    assert pairs.tolist() == [[0, 1], [1, 2]]
    assert np.allclose(border, [0.3, 0.1]) and np.allclose(contrast, [2 / 3, 0.1 / 3])


def test_the_clearest_border_is_that_of_the_easiest_path() -> None:
    pairs = np.array([[0, 1], [1, 2], [0, 2], [3, 4]])
    clear = clearest_border(pairs, np.array([0.3, 0.1, 0.9, 5.0]), 5)
    assert np.allclose(clear, clear.T) and np.allclose(np.diag(clear), 0)
    assert np.isclose(clear[0, 2], 0.3)  # round by 1, not straight
    assert clear[0, 3] == clear[3, 4] == APART  # no path; no border counts for more
    assert clearest_border(np.zeros((0, 2), int), np.zeros(0), 1).tolist() == [[0.0]]


def test_like_superpoints_stand_close_and_the_order_of_points_does_not_matter() -> None:
    found = relations_of(EDGES, WEIGHTS, SUPERPOINT, 3, RGB, UP)
    assert found.shape == (3, 3, RELATIONS) and np.allclose(found, found.transpose(1, 0, 2))
    assert (found[1, 2, [0, 1, 3, 4, 5]] < found[0, 1, [0, 1, 3, 4, 5]]).all()
    assert np.allclose(found[..., 2], 1) and found[..., 6].tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    order = np.array([3, 0, 5, 1, 4, 2])
    back = np.argsort(order)
    moved = relations_of(back[EDGES], WEIGHTS, SUPERPOINT[order], 3, RGB[order], -UP[order])
    assert np.allclose(found, moved, atol=1e-6)
    assert relations_of(EDGES[:0], WEIGHTS[:0], SUPERPOINT[:0], 0, RGB[:0], UP[:0]).shape == (0, 0, RELATIONS)
