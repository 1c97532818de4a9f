"""Proposals, merge tree and candidates on the toy scene and on graphs made by hand."""

import numpy as np
import pytest

from liftlab.components.masks.clicks.candidates import (
    CandidateConfig,
    _groups,
    _joined,
    _split,
    find_candidates,
    likelihood,
)
from liftlab.components.masks.graph.borders import LeafBorders, leaf_borders
from liftlab.components.masks.graph.scene_graph import (
    SceneGraph,
    SceneGraphConfig,
    build_scene_graph,
    view_depths,
)
from liftlab.components.masks.protocols import ProposalInput, Proposer, Tracker
from liftlab.components.masks.regions.agreement import AgreementConfig
from liftlab.components.masks.regions.following import GeometryTracker
from liftlab.components.masks.regions.outline import OutlineConfig
from liftlab.components.masks.regions.proposals import RegionConfig, RegionProposer, masks_of_levels
from liftlab.components.masks.regions.tracking import (
    Hierarchy,
    MergeTreeBuilder,
    MergeTreeConfig,
    _merge,
    _narrowness,
)
from liftlab.components.progress import CancelToken
from liftlab.components.types import MaskSet, focal_of
from tests.toy import Toy, make_toy


@pytest.fixture(scope="module")
def case():
    toy = make_toy(width=160, height=120)
    graph = build_scene_graph(toy.scene, SceneGraphConfig())
    truth = [
        MaskSet(np.stack([image == i for i in (1, 2, 3, 201)]), np.ones(4, np.float32))
        for image in toy.instance
    ]
    return toy, graph, MergeTreeBuilder(MergeTreeConfig()).build(graph, truth, borders_of(toy, graph))


def borders_of(toy: Toy, graph: SceneGraph) -> LeafBorders:
    leaves = np.where(graph.voxel_of_pixel >= 0, graph.leaf[graph.voxel_of_pixel], -1).astype(np.int32)
    focals = [focal_of(view.camera) for view in toy.scene.views]
    return leaf_borders(list(leaves), view_depths(toy.scene), focals)


def test_protocols_are_satisfied() -> None:
    assert isinstance(RegionProposer(RegionConfig()), Proposer)
    assert isinstance(GeometryTracker(CandidateConfig(), OutlineConfig(), AgreementConfig()), Tracker)


def test_regions_follow_colour_and_depth() -> None:
    toy = make_toy(width=160, height=120)
    view = toy.scene.views[0]
    proposer, depth, normals = (
        RegionProposer(RegionConfig()), view_depths(toy.scene)[0], np.zeros((120, 160, 3), np.float32)
    )  # fmt: skip
    levels = proposer.levels(view.image, depth, normals)
    found = proposer.propose(ProposalInput(view.image, depth, normals, levels), cancel=CancelToken())
    box = toy.instance[0] == 1
    best = max((m & box).sum() / (m | box).sum() for m in found.masks)
    assert best > 0.3 and found.masks.shape[1:] == (120, 160)
    areas = found.masks.sum(axis=(1, 2))
    assert (np.diff(areas) <= 0).all() and (found.scores > 0).all() and (found.scores <= 1).all()


def test_depth_alone_separates_what_has_one_colour() -> None:
    image = np.full((40, 60, 3), 120, np.uint8)
    depth = np.full((40, 60), 2.0, np.float32)
    depth[10:30, 20:40] = 1.5
    levels = RegionProposer(RegionConfig()).levels(image, depth, np.zeros((40, 60, 3), np.float32))
    assert len(np.unique(levels[0][12:28, 22:38])) == 1
    assert levels[0][20, 30] != levels[0][5, 5]


def test_a_region_that_survives_coarser_scales_is_kept_once_with_a_higher_score() -> None:
    fine = np.zeros((6, 6), np.int32)
    fine[:3, :3], fine[3:, 3:] = 1, 2
    coarse = np.where(fine == 2, 0, fine)
    found = masks_of_levels(np.stack([fine, coarse]), 10)
    scores = {
        int(m[0, 0]) + 2 * int(m[5, 5]): float(s) for m, s in zip(found.masks, found.scores, strict=True)
    }
    assert len(found.masks) == 4 and scores[1] == 1.0  # the corner region 1 is in both levels


def test_the_merge_tree_is_a_tree_with_costs_that_never_fall(case) -> None:
    _, graph, tree = case
    for node in range(tree.num_leaves, len(tree.parent)):
        children = tree.children[node - tree.num_leaves]
        assert (tree.parent[children] == node).all()
        assert tree.cost[node] >= tree.cost[children].max()
        assert tree.voxels[node] == tree.voxels[children].sum()
    roots = np.flatnonzero(tree.parent < 0)
    members = np.concatenate([tree.leaves_of(int(root)) for root in roots])
    assert sorted(members.tolist()) == list(range(graph.num_leaves))


def test_a_level_of_the_tree_only_joins_below_its_threshold(case) -> None:
    _, _, tree = case
    assert tree.level(-1.0).tolist() == list(range(tree.num_leaves))
    top = tree.level(0.4)
    assert (tree.cost[top] <= 0.4).all()
    for leaf in range(0, tree.num_leaves, 5):
        above = tree.parent[top[leaf]]
        assert above < 0 or tree.cost[above] > 0.4
        assert top[leaf] in tree.path(leaf)


def test_proposals_that_hold_a_box_make_it_one_object_in_all_views(case) -> None:
    toy, graph, tree = case
    objects = [t for t in find_candidates(graph, tree, CandidateConfig()) if t.kind == "object"]
    leaf_of_pixel = np.where(graph.voxel_of_pixel >= 0, graph.leaf[graph.voxel_of_pixel], -1)
    for box in (1, 2, 3):
        truth = (toy.instance == box) & (leaf_of_pixel >= 0)
        best = max(
            (np.isin(leaf_of_pixel, t.leaves) & truth).sum()
            / (np.isin(leaf_of_pixel, t.leaves) | truth).sum()
            for t in objects
        )
        assert best > 0.75


def test_candidates_name_the_floor_and_do_not_repeat_themselves(case) -> None:
    _, graph, tree = case
    tracks = find_candidates(graph, tree, CandidateConfig())
    kinds = [track.kind for track in tracks]
    assert kinds.count("plane") == 1 and kinds.count("object") >= 3
    assert all(not t.foreground for t in tracks if t.kind == "plane")
    assert len({tuple(t.leaves.tolist()) for t in tracks}) == len(tracks)
    assert all(0 <= t.score <= 1 for t in tracks)


@pytest.fixture
def chain() -> Hierarchy:
    """Leaves 0 and 1 join cheaply; 2 is as large but costs more; 3 is a crumb that costs most."""
    return Hierarchy(
        children=np.array([[0, 1], [4, 2], [5, 3]], np.int32),
        cost=np.array([0, 0, 0, 0, 0.1, 0.8, 0.9]),
        parent=np.array([4, 4, 5, 6, 5, 6, -1], np.int32),
        voxels=np.array([100, 100, 180, 5, 200, 380, 385]),
        pairs=np.array([[0, 1], [1, 2], [0, 3], [2, 3]]),
        bond=np.array([9.0, 1.0, 2.0, 1.0]),
    )


def test_an_expensive_join_splits_and_a_fragment_stays_with_its_object(chain: Hierarchy) -> None:
    config = CandidateConfig(object_cost=0.5)
    pieces = _split(chain, 6, config)
    assert sorted(members.tolist() for members, _ in pieces) == [[0, 1], [2], [3]]
    wholes = _joined(chain, pieces, np.zeros(4, int), config)
    assert sorted(members.tolist() for members, _ in wholes) == [[0, 1, 3], [2]]


def test_what_is_small_beside_a_crowd_but_not_beside_its_neighbour_is_a_thing() -> None:
    """Leaf 3 is 4 % of all the rest, but hangs on leaf 0, of which it is 15 %."""
    tree = Hierarchy(
        children=np.array([[1, 2], [4, 0], [5, 3]], np.int32),
        cost=np.array([0, 0, 0, 0, 0.1, 0.8, 0.9]),
        parent=np.array([5, 4, 4, 6, 5, 6, -1], np.int32),
        voxels=np.array([1000, 1500, 1500, 150, 3000, 4000, 4150]),
        pairs=np.array([[1, 2], [0, 1], [0, 3]]),
        bond=np.array([9.0, 1.0, 2.0]),
    )
    config = CandidateConfig(object_cost=0.5)
    wholes = _joined(tree, _split(tree, 6, config), np.array([50, 50, 50, 50]), config)
    assert sorted(members.tolist() for members, _ in wholes) == [[0], [1, 2], [3]]


def test_what_is_made_cheaply_and_left_dearly_is_likeliest_a_thing(chain: Hierarchy) -> None:
    config = CandidateConfig(object_cost=0.5, doubt=1.0)
    assert likelihood(chain, 4, config) == 1  # made at .1, left at .8
    assert likelihood(chain, 0, config) == pytest.approx(1 - (0.5 - 0.1))
    assert likelihood(chain, 5, config) == pytest.approx(1 - (0.8 - 0.5))
    assert likelihood(chain, 6, config) == pytest.approx(1 - (0.9 - 0.5))


def test_groups_are_the_whole_tree_and_joins_just_too_dear_for_one_object(chain: Hierarchy) -> None:
    def groups(group_cost: float) -> list[list[int]]:
        config = CandidateConfig(object_cost=0.5, group_cost=group_cost)
        return sorted(t.leaves.tolist() for t in _groups(chain, 6, config))

    assert groups(0.35) == [[0, 1, 2], [0, 1, 2, 3]]
    assert groups(0.2) == [[0, 1, 2, 3]]


def test_a_long_border_joins_more_cheaply_than_a_neck() -> None:
    shares = [_narrowness(length, 400) for length in (1.0, 6.0, 60.0, 600.0, 9000.0)]
    assert shares == pytest.approx([1, 1, 0.5, 0, 0])
    assert _narrowness(60.0, 400) < _narrowness(60.0, 1600)


def test_pieces_of_one_surface_join_before_pieces_that_meet_in_a_corner() -> None:
    def order(one_surface: tuple[float, float]) -> list[int]:
        """Children of the first join of leaves 0-1-2 in a row, equal but for what the photos say of their borders."""
        sums = np.array([[20.0, 8.0, 200.0, share * 200] for share in one_surface])
        tree = _merge(np.array([[0, 1], [1, 2]]), sums, np.ones((3, 384)), np.full(3, 400), MergeTreeConfig())
        assert (np.diff(tree.cost[3:]) >= 0).all()
        return sorted(tree.children[0].tolist())

    assert order((0.9, 0.1)) == [0, 1]
    assert order((0.1, 0.9)) == [1, 2]


@pytest.mark.parametrize(
    ("contacts", "sizes", "expected"),
    [
        ([50, 0, 0], [900, 100, 20], [[0, 1, 2]]),  # a bell, and a screw on it
        ([50, 0, 0], [900, 400, 20], [[0], [1, 2]]),  # too large for a detail
        ([50, 30, 0], [900, 100, 20], [[0], [1, 2]]),  # stands by itself
        ([0, 0, 0], [900, 100, 20], [[0], [1, 2]]),  # nothing is known to stand: no bell, but a crumb
    ],
)
def test_a_small_piece_that_stands_on_nothing_is_a_detail_of_its_neighbour(
    contacts: list[int], sizes: list[int], expected: list[list[int]]
) -> None:
    tree = Hierarchy(
        children=np.array([[0, 1], [3, 2]], np.int32),
        cost=np.array([0, 0, 0, 2.0, 2.1]),
        parent=np.array([3, 3, 4, 4, -1], np.int32),
        voxels=np.array([*sizes, sum(sizes[:2]), sum(sizes)]),
        pairs=np.array([[0, 1], [1, 2]]),
        bond=np.array([5.0, 4.0]),
    )
    wholes = [(np.array([i]), i) for i in range(3)]
    found = _joined(tree, wholes, np.array(contacts), CandidateConfig())
    assert [leaves.tolist() for leaves, _ in found] == expected
