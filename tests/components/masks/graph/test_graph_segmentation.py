"""The one kernel of graph segmentation, on graphs whose answer is known."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.masks.graph.segmentation import compact_labels, connected, grid_edges, segment_graph


def test_a_strong_edge_separates_two_even_halves() -> None:
    image = np.zeros((20, 30))
    image[:, 15:] = 10.0
    edges = grid_edges(20, 30)
    weights = np.abs(image.ravel()[edges[:, 0]] - image.ravel()[edges[:, 1]])
    labels = segment_graph(edges, weights, 600, scale=5.0, min_size=1).reshape(20, 30)
    assert (labels == (image > 0)).all()


def test_a_larger_scale_never_gives_more_segments() -> None:
    rng = np.random.default_rng(0)
    edges = grid_edges(24, 24)
    image = rng.random(576)
    weights = np.abs(image[edges[:, 0]] - image[edges[:, 1]])
    counts = [segment_graph(edges, weights, 576, scale=k, min_size=1).max() for k in (0.1, 1.0, 10.0, 1e3)]
    assert counts == sorted(counts, reverse=True) and counts[-1] == 0 < counts[0]


def test_segments_below_the_smallest_size_join_a_neighbour() -> None:
    edges = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])
    weights = np.array([0.0, 5.0, 1.0, 0.0])
    assert segment_graph(edges, weights, 5, scale=0.5, min_size=1).tolist() == [0, 0, 1, 2, 2]
    assert segment_graph(edges, weights, 5, scale=0.5, min_size=2).tolist() == [0, 0, 1, 1, 1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19), st.booleans()), max_size=60))
def test_connected_agrees_with_a_walk_over_the_graph(links: list[tuple[int, int, bool]]) -> None:
    edges = np.array([(a, b) for a, b, _ in links], np.int64).reshape(-1, 2)
    keep = np.array([k for _, _, k in links], bool)
    labels = connected(edges, keep, 20)
    reach = np.eye(20, dtype=bool)
    for (a, b), kept in zip(edges, keep, strict=True):
        if kept:
            reach[a, b] = reach[b, a] = True
    for _ in range(5):
        reach = reach @ reach
    assert (reach == (labels[:, None] == labels[None])).all()


def test_labels_are_numbered_by_first_appearance() -> None:
    assert compact_labels(np.array([7, 7, 2, 9, 2])).tolist() == [0, 0, 1, 2, 1]


def test_every_pair_of_touching_pixels_is_met_once() -> None:
    edges = grid_edges(5, 7)
    rows, columns = np.divmod(edges, 7)
    assert (np.abs(np.diff(rows)) <= 1).all() and (np.abs(np.diff(columns)) <= 1).all()
    assert len({tuple(sorted(e)) for e in edges.tolist()}) == len(edges) == 5 * 6 + 4 * 7 + 2 * 4 * 6
