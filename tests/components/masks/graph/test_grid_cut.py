"""The cut: least energy of all labellings, ties go inside, and the same as another solver finds."""

from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from liftlab.components.masks.graph.grid_cut import MAX_WEIGHT, NEIGHBOURS, UNITS_PER_NAT, grid_cut


def pairs_of(height: int, width: int) -> list[tuple[int, tuple[int, int], tuple[int, int]]]:
    """(k, pixel, neighbour) of every pair within the grid."""
    return [
        (k, (i, j), (i + dy, j + dx))
        for k, (dy, dx) in enumerate(NEIGHBOURS)
        for i in range(height)
        for j in range(width)
        if i + dy < height and 0 <= j + dx < width
    ]


def reference(unary: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Union of all labellings of least energy, by trying every one."""
    height, width = unary.shape
    labels = np.array(list(product([False, True], repeat=unary.size))).reshape(-1, height, width)
    energy = -(labels * unary).sum(axis=(1, 2))
    for k, p, q in pairs_of(height, width):
        energy = energy + weights[k][p] * (labels[:, *p] != labels[:, *q])
    return np.any(labels[energy == energy.min()], axis=0)


def by_scipy(unary: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """All but the pixels that still reach the sink of scipy's maximum flow."""
    height, width = unary.shape
    source, sink = unary.size, unary.size + 1
    ids = np.arange(unary.size).reshape(height, width)
    units = np.rint(unary.ravel() * UNITS_PER_NAT).astype(np.int32)
    edges = [(source, i, u) for i, u in enumerate(units) if u > 0]
    edges += [(i, sink, -u) for i, u in enumerate(units) if u < 0]
    for k, p, q in pairs_of(height, width):
        units_of_pair = int(np.rint(weights[k][p] * UNITS_PER_NAT))
        edges += [(ids[p], ids[q], units_of_pair), (ids[q], ids[p], units_of_pair)]
    start, end, capacity = np.array(edges, np.int32).T
    graph = csr_array((capacity, (start, end)), shape=(unary.size + 2,) * 2)
    residual = graph - maximum_flow(graph, source, sink).flow
    residual.eliminate_zeros()
    reach = breadth_first_order(residual.T.tocsr(), sink, return_predecessors=False)
    out = np.ones(unary.size + 2, bool)
    out[reach] = False
    return out[: unary.size].reshape(height, width)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (3, 4), (4, 3)])
def test_least_energy_of_all_labellings_and_ties_go_inside(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):  # small whole numbers, so that many labellings tie
        unary = rng.integers(-4, 5, shape).astype(float)
        weights = rng.integers(0, 3, (4, *shape)).astype(float)
        assert np.array_equal(grid_cut(unary, weights), reference(unary, weights))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("steps", [2, 1000])
def test_the_cut_that_scipy_finds(seed: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(5, 50)), int(rng.integers(5, 50)))
    unary = np.rint(rng.normal(scale=2, size=shape) * steps) / steps
    unary += 2 * np.sin(np.arange(shape[1]) / 5)
    weights = np.rint(rng.gamma(0.7, 1.5, (4, *shape)) * steps) / steps
    assert np.array_equal(grid_cut(unary, weights), by_scipy(unary, weights))


def test_one_answer_worked_by_hand() -> None:
    """A pixel of 1 nat against a row that is inside: two prices of 0.75 outweigh it, two of 0.25 do not."""
    unary = np.array([[3.0, -1.0, 3.0]])
    assert grid_cut(unary, np.full((4, 1, 3), 0.75)).all()
    assert grid_cut(unary, np.full((4, 1, 3), 0.25)).tolist() == [[True, False, True]]
    assert grid_cut(unary, np.full((4, 1, 3), 0.5)).all()  # a tie


def test_without_odds_or_prices() -> None:
    assert grid_cut(np.zeros((4, 5)), np.ones((4, 4, 5))).all()
    unary = np.random.default_rng(0).normal(size=(6, 7))
    assert np.array_equal(grid_cut(unary, np.zeros((4, 6, 7))), unary >= 0)
    assert grid_cut(np.zeros((0, 3)), np.zeros((4, 0, 3))).shape == (0, 3)


def test_prices_beyond_the_grid_have_no_effect() -> None:
    rng = np.random.default_rng(3)
    unary, weights = rng.normal(size=(6, 7)), rng.random((4, 6, 7))
    changed = weights.copy()
    changed[0, :, -1] = changed[1, -1] = changed[2, -1] = changed[2, :, -1] = MAX_WEIGHT
    changed[3, -1] = changed[3, :, 0] = MAX_WEIGHT
    assert np.array_equal(grid_cut(unary, weights), grid_cut(unary, changed))


def test_the_largest_terms_do_not_overflow() -> None:
    unary = np.full((5, 5), -1e300)
    unary[2, 2] = 1e300
    alone = np.zeros((5, 5), bool)
    alone[2, 2] = True
    assert np.array_equal(grid_cut(unary, np.full((4, 5, 5), MAX_WEIGHT)), alone)


@pytest.mark.parametrize("flip", [np.fliplr, np.flipud, np.transpose])
def test_a_turned_grid_gives_the_turned_answer(flip) -> None:
    """With even prices, so that they turn along."""
    unary = np.random.default_rng(1).integers(-3, 4, (30, 40)).astype(float)
    turned = flip(unary)
    expected = flip(grid_cut(unary, np.ones((4, *unary.shape))))
    assert np.array_equal(grid_cut(turned, np.ones((4, *turned.shape))), expected)


def test_inputs_stay_and_refusals_say_why() -> None:
    unary, weights = np.ones((2, 2)), np.ones((4, 2, 2))
    grid_cut(unary, weights)
    assert (unary == 1).all() and (weights == 1).all()
    with pytest.raises(ValueError, match=r"unary must be finite\."):
        grid_cut(np.full((2, 2), np.nan), weights)
    for wrong in (-1.0, np.nan, MAX_WEIGHT + 1):
        with pytest.raises(ValueError, match=r"weights must lie in 0\.\.1000; got"):
            grid_cut(unary, np.full((4, 2, 2), wrong))
