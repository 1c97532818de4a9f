"""Superpoints and lifted labels: worked examples of docs/methods/ovseg3r.md section 9, and what they must never do."""

import numpy as np
import pytest

from liftlab.components.openvocab import superpoints as sp
from liftlab.components.openvocab.lifting import (
    Links,
    links_by_projection,
    superpoint_visibility,
    unlabelled_share,
    view_labels,
)
from liftlab.components.openvocab.records import upright
from tests.toy import make_toy

CHAIN = np.stack([np.arange(5), np.arange(1, 6)], axis=1).astype(np.int32)
EVEN = np.array([0.01, 0.01, 0.02, 0.01, 0.01], np.float32)
ALL_SEEN = np.ones((1, 6), bool)
TWO_THINGS = np.array([[1, 1, 1, 2, 2, 2]])


def cut_chain(weights: np.ndarray, *, min_size: int = 1, cut: np.ndarray | None = None) -> list[int]:
    return sp.superpoints(CHAIN, weights, 6, kappa=0.1, min_size=min_size, cut=cut).tolist()


def test_a_chain_of_like_points_is_one_superpoint() -> None:
    assert cut_chain(EVEN) == [0] * 6


@pytest.mark.parametrize("min_size", [1, 4])
@pytest.mark.parametrize("rule", ["majority", "any"])
def test_instances_cut_the_chain_and_small_pieces_do_not_cross(min_size: int, rule: sp.CutRule) -> None:
    cut = sp.cut_between_instances(CHAIN, ALL_SEEN, TWO_THINGS, rule)
    assert cut.tolist() == [False, False, True, False, False]
    assert cut_chain(EVEN, min_size=min_size, cut=cut) == [0, 0, 0, 1, 1, 1]


def test_a_strong_edge_separates_without_ids() -> None:
    assert cut_chain(np.array([0.01, 0.01, 0.5, 0.01, 0.01], np.float32)) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("rule", ["majority", "any"])
def test_ids_of_different_views_are_not_compared(rule: sp.CutRule) -> None:
    edge = np.array([[0, 1]])
    seen = np.array([[True, False], [False, True]])
    for ids in ([[7, 0], [0, 7]], [[7, 0], [0, 8]]):
        assert not sp.cut_between_instances(edge, seen, np.array(ids), rule).any()


def test_one_flickering_view_of_three_cuts_by_the_papers_rule_alone() -> None:
    edge, seen = np.array([[0, 1]]), np.ones((3, 2), bool)
    ids = np.array([[4, 4], [9, 9], [2, 3]])
    assert not sp.cut_between_instances(edge, seen, ids, "majority").any()
    assert sp.cut_between_instances(edge, seen, ids, "any").all()


def test_views_that_know_nothing_of_both_do_not_vote() -> None:
    edge, seen = np.array([[0, 1]]), np.ones((3, 2), bool)
    assert sp.cut_between_instances(edge, seen, np.array([[0, 0], [0, 0], [1, 2]]), "majority").all()


def test_neighbours_normals_and_edges_of_a_plane() -> None:
    y, x = np.mgrid[:8, :8]
    points = np.stack([x.ravel(), y.ravel(), np.zeros(64)], axis=1).astype(np.float64)
    near = sp.neighbours_of(points, 6)
    assert near.shape == (64, 6) and not (near == np.arange(64)[:, None]).any()
    assert np.allclose(np.abs(sp.normals_of_points(points, near)[:, 2]), 1)
    edges = sp.graph_edges(points, near)
    assert (edges[:, 0] < edges[:, 1]).all() and len(np.unique(edges, axis=0)) == len(edges)
    weights = sp.edge_weights(np.tile([0, 0, 1.0], (64, 1)), np.zeros((64, 3)), edges)
    assert not weights.any()


def test_points_at_one_place_have_others_as_neighbours() -> None:
    near = sp.neighbours_of(np.zeros((5, 3)), 3)
    assert not (near == np.arange(5)[:, None]).any()
    assert sp.neighbours_of(np.zeros((1, 3)), 3).tolist() == [[0, 0, 0]]
    assert sp.neighbours_of(np.zeros((0, 3)), 3).shape == (0, 3)


def test_far_edges_are_dropped_in_units_of_the_points_own_spacing() -> None:
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [10, 0, 0], [20, 0, 0.0]])
    near = np.array([[1], [2], [1], [4], [3]])
    assert len(sp.graph_edges(points, near)) == 2
    assert len(sp.graph_edges(points, near, spacing=np.array([1, 1, 1, 10, 10.0]))) == 3


@pytest.mark.parametrize(("ids", "covered"), [([3, 3, 3, 0], True), ([3, 3, 0, 0], False)])
def test_more_than_half_of_what_is_visible_makes_a_label(ids: list[int], covered: bool) -> None:
    seen = np.array([True] * 4 + [False])
    labels = view_labels(np.zeros(5, int), seen, np.array([*ids, 3]), 1)
    assert (labels.ids.tolist() == [3]) == covered and labels.dropped == (not covered)


def test_occluded_points_do_not_dilute_a_label() -> None:
    seen = np.array([True, False, False, False])
    assert view_labels(np.zeros(4, int), seen, np.array([5, 0, 0, 0]), 1).covers.tolist() == [[True]]


def test_visible_superpoints_and_their_unlabelled_share() -> None:
    own = np.array([0] * 10 + [1] * 100)
    seen = np.zeros((2, 110), bool)
    seen[0, :3] = True
    seen[0, 10:30] = True
    seen[1, :2] = True
    assert superpoint_visibility(own, seen, 3).tolist() == [[True, True, False], [False, False, False]]
    ids = np.zeros(110, int)
    ids[:2] = 1
    assert np.allclose(unlabelled_share(own, seen[0], ids, 3), [1 / 3, 1, 1])


def test_links_follow_the_depth_of_each_view() -> None:
    toy = make_toy()
    scene = toy.scene
    points = scene.pointmap.points[::97].astype(np.float64)
    source = scene.pointmap.point_index[::97]
    depths = np.where(scene.pointmap.valid, toy.depth, 0).astype(np.float32)
    links = links_by_projection(points, [view.camera for view in scene.views], depths)
    assert (np.diff(links.point) >= 0).all()
    visible = links.visible(4, len(points))
    assert visible[source[:, 0], np.arange(len(points))].all()
    assert 0 < visible.mean() < 1  # some are occluded in some view
    ids = links.ids(toy.instance, len(points))
    truth = toy.instance[tuple(source.T)]
    agree = (ids == truth)[visible]
    assert agree.mean() > 0.97  # borders aside


def test_upright_turns_up_into_z() -> None:
    for up in ([0, -1.0, 0], [1.0, 0.2, 0], [0, 0, 1.0]):
        turn = upright(np.array(up))
        assert np.allclose(turn @ turn.T, np.eye(3)) and np.isclose(np.linalg.det(turn), 1)
        assert np.allclose(turn @ (np.array(up) / np.linalg.norm(up)), [0, 0, 1])


def test_links_of_nothing() -> None:
    none = Links(np.zeros(0, np.int32), *(np.zeros(0, np.uint16) for _ in range(3)))
    assert not none.visible(2, 3).any()
