"""What a click may mean: parts, whole objects, groups and surfaces, read off the merge tree."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from jaxtyping import Int

from liftlab.components.bounds import Amount, Share, within
from liftlab.components.masks.graph.scene_graph import SceneGraph, surface_of_leaves
from liftlab.components.masks.graph.segmentation import connected
from liftlab.components.masks.regions.tracking import Hierarchy, Track
from liftlab.components.types import Array


@dataclass(frozen=True)
class CandidateConfig:
    """How the merge tree is cut."""

    object_cost: Amount = 1.15
    """Joins cheaper than this stay inside one object."""
    group_cost: Amount = 0.35
    """Joins dearer than that by up to this much make groups: what may be one thing after all."""
    doubt: Amount = 1.7
    """Likelihood lost per unit of cost by which a join is dearer than those within one object."""
    min_object: Annotated[int, within(0, 1_000_000)] = 60
    """Voxels of the smallest object."""
    fragment_share: Share = 0.06
    """A piece below this share of its closest neighbour is no object of its own but belongs to it."""
    detail_share: Share = 0.25
    """A piece below this share of its closest neighbour that stands on no surface is a detail of it: the bell of a
    clock, a knob."""
    standing: Amount = 1.0
    """Voxel contacts with surfaces, over the square root of the piece's voxels, from which it stands on one."""
    parts_per_object: Annotated[int, within(0, 1000)] = 8
    """Most persistent parts kept per object."""
    part_share: Share = 0.08
    """Smallest part, share of its object."""
    part_gap: Amount = 0.03
    """Smallest difference between the cost of leaving a part and the cost of making it."""
    max_objects: Annotated[int, within(1, 5000)] = 150
    """Largest objects kept."""
    max_parts: Annotated[int, within(0, 5000)] = 150
    """Largest parts kept."""
    max_groups: Annotated[int, within(0, 5000)] = 60
    """Likeliest groups kept."""
    duplicate: Share = 0.9
    """Candidates that share this much (intersection over union in voxels) are one."""


def find_candidates(graph: SceneGraph, tree: Hierarchy, config: CandidateConfig) -> tuple[Track, ...]:
    """Objects first (largest first), then groups, parts and planes; near-duplicates are left out."""
    sizes = tree.voxels[: tree.num_leaves]
    on_plane = surface_of_leaves(graph)
    contacts = _surface_contacts(graph)
    roots = [int(node) for node in np.flatnonzero(tree.parent < 0)]
    objects: list[Track] = []
    parts: list[Track] = []
    groups: list[Track] = []
    for root in roots:
        leaves = tree.leaves_of(root)
        if on_plane[leaves[0]] >= 0:
            parts.extend(_patches(tree, root, config))
            continue
        if tree.voxels[root] < config.min_object:
            continue
        wholes = _joined(tree, _split(tree, root, config), contacts, config)
        for members, node in wholes:
            objects.append(Track(members, "object", likelihood(tree, node, config), True))
            parts.extend(_parts(tree, node, config))
        if len(wholes) > 1:
            groups.extend(_groups(tree, root, config))
    objects.sort(key=lambda track: (-int(sizes[track.leaves].sum()), int(track.leaves[0])))
    groups.sort(key=lambda track: (-track.score, -int(sizes[track.leaves].sum()), int(track.leaves[0])))
    groups = [*groups[: config.max_groups], *_things_with_support(graph, on_plane)]
    planes = [
        Track(np.flatnonzero(on_plane == index), "plane", float(plane.support), False)
        for index, plane in enumerate(graph.planes)
        if (on_plane == index).any()
    ]
    parts.sort(key=lambda track: (-int(sizes[track.leaves].sum()), int(track.leaves[0])))
    tracks = [*objects[: config.max_objects], *planes, *groups, *parts[: config.max_parts]]
    return _distinct(tracks, sizes, config.duplicate)


def likelihood(tree: Hierarchy, node: int, config: CandidateConfig) -> float:
    """How likely a node is one whole thing, in [0, 1].

    1 where it came to be cheaply and its next join is dear; less by how much dearer than `object_cost` its own joins
    were, or cheaper its next one is, times `doubt`.
    """
    made = float(tree.cost[node])
    left = float(tree.cost[tree.parent[node]]) if tree.parent[node] >= 0 else np.inf
    doubt = max(0.0, made - config.object_cost) + max(0.0, config.object_cost - left)
    return float(np.clip(1 - config.doubt * doubt, 0, 1))


def _split(tree: Hierarchy, node: int, config: CandidateConfig) -> list[tuple[Int[Array, "K"], int]]:
    """Cut a tree into pieces: (leaves, node that names its cost) each."""
    if node < tree.num_leaves or tree.cost[node] <= config.object_cost:
        return [(tree.leaves_of(node), node)]
    left, right = (int(child) for child in tree.children[node - tree.num_leaves])
    return _split(tree, left, config) + _split(tree, right, config)


def _surface_contacts(graph: SceneGraph) -> Int[Array, "L"]:
    """How often voxels of each leaf touch voxels of surfaces."""
    a, b = graph.edges[:, 0], graph.edges[:, 1]
    touching = np.concatenate(
        [
            graph.leaf[one][(graph.leaf[one] >= 0) & (graph.surface[one] < 0) & (graph.surface[other] >= 0)]
            for one, other in ((a, b), (b, a))
        ]
    )
    return np.bincount(touching, minlength=graph.num_leaves)


def _joined(
    tree: Hierarchy,
    pieces: list[tuple[Int[Array, "_"], int]],
    contacts: Int[Array, "L"],
    config: CandidateConfig,
) -> list[tuple[Int[Array, "_"], int]]:
    """The pieces of one root with fragments and details joined, smallest first, to the one they hold together with
    most.

    Where a scene has no surfaces nothing is known to stand, and there are no details.
    """
    sizes = tree.voxels[: tree.num_leaves]
    owner = np.full(tree.num_leaves, -1)
    for index, (leaves, _) in enumerate(pieces):
        owner[leaves] = index
    ends = owner[tree.pairs]
    across = (ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])
    bonds = np.zeros((len(pieces), len(pieces)))
    np.add.at(bonds, (ends[across, 0], ends[across, 1]), tree.bond[across])
    bonds += bonds.T
    touching = np.bincount(owner[owner >= 0], contacts[owner >= 0], len(pieces))
    volume = np.array([sizes[leaves].sum() for leaves, _ in pieces], float)
    home = np.arange(len(pieces))
    for index in np.argsort(volume, kind="stable").tolist():
        nearest = int(bonds[index].argmax())
        if bonds[index, nearest] <= 0:
            continue
        stands = not contacts.any() or touching[index] >= config.standing * np.sqrt(volume[index])
        share = config.fragment_share if stands else config.detail_share
        if (
            volume[index] < max(config.min_object, share * volume[nearest])
            and volume[index] <= volume[nearest]
        ):
            home[index] = nearest
            volume[nearest] += volume[index]
            touching[nearest] += touching[index]
            bonds[nearest] += bonds[index]
            bonds[:, nearest] += bonds[:, index]
            bonds[index], bonds[:, index], bonds[nearest, nearest] = 0, 0, 0
    for index in range(len(pieces)):
        while home[home[index]] != home[index]:
            home[index] = home[home[index]]
    return [
        (np.flatnonzero(np.isin(owner, np.flatnonzero(home == index))), pieces[index][1])
        for index in range(len(pieces))
        if home[index] == index
    ]


def _groups(tree: Hierarchy, root: int, config: CandidateConfig) -> list[Track]:
    """The whole tree, and those of its nodes that hold two objects or more and were not joined at too high a cost."""
    found = [root]
    stack = [int(child) for child in tree.children[root - tree.num_leaves]]
    while stack:
        node = stack.pop()
        if node < tree.num_leaves or tree.cost[node] <= config.object_cost:
            continue
        if tree.cost[node] <= config.object_cost + config.group_cost:
            found.append(node)
        stack.extend(int(child) for child in tree.children[node - tree.num_leaves])
    return [Track(tree.leaves_of(node), "group", likelihood(tree, node, config), True) for node in found]


def _parts(tree: Hierarchy, node: int, config: CandidateConfig) -> list[Track]:
    """The most persistent nodes below an object, large ones first among equals."""
    found: list[tuple[float, int]] = []
    stack = [node]
    while stack:
        top = stack.pop()
        if top < tree.num_leaves:
            continue
        for child in tree.children[top - tree.num_leaves].tolist():
            if tree.voxels[child] >= max(config.min_object / 2, config.part_share * tree.voxels[node]):
                gap = float(tree.cost[top] - tree.cost[child])
                if gap >= config.part_gap:
                    share = tree.voxels[child] / tree.voxels[node]
                    found.append((gap * float(np.sqrt(share)), child))
                stack.append(child)
    found.sort(key=lambda item: (-item[0], item[1]))
    return [
        Track(tree.leaves_of(child), "part", likelihood(tree, child, config), True)
        for _, child in found[: config.parts_per_object]
    ]


def _patches(tree: Hierarchy, root: int, config: CandidateConfig) -> list[Track]:
    """Pieces of a surface that look different from the rest of it: a sheet on the table, a picture on the
    wall."""
    return [
        Track(track.leaves, "part", track.score, False)
        for track in _parts(tree, root, config)
        if tree.voxels[root] > 2 * tree.voxels[track.leaves].sum()
    ]


def _things_with_support(graph: SceneGraph, on_plane: Int[Array, "L"]) -> list[Track]:
    """Connected wholes when only the largest surface is taken away: buildings of several facades, things on a
    slab."""
    if len(graph.planes) < 2:
        return []
    ground = int(
        np.argmax([(on_plane == index).sum() and plane.support for index, plane in enumerate(graph.planes)])
    )
    a, b = graph.leaf[graph.edges[:, 0]], graph.leaf[graph.edges[:, 1]]
    kept = (a >= 0) & (b >= 0)
    kept &= (on_plane[a] != ground) & (on_plane[b] != ground)
    labels = connected(np.stack([a, b], axis=1)[kept], np.ones(int(kept.sum()), bool), graph.num_leaves)
    wholes = []
    for label in np.unique(labels):
        leaves = np.flatnonzero((labels == label) & (on_plane != ground))
        if len(leaves) and (on_plane[leaves] >= 0).any() and (on_plane[leaves] < 0).any():
            wholes.append(Track(leaves, "group", 0.3, False))
    return wholes


def _distinct(tracks: list[Track], sizes: Int[Array, "L"], duplicate: float) -> tuple[Track, ...]:
    """Leave out tracks that nearly equal an earlier one."""
    kept: list[Track] = []
    by_leaf: dict[int, list[int]] = {}
    for track in tracks:
        volume = int(sizes[track.leaves].sum())
        rivals = sorted({i for leaf in track.leaves.tolist() for i in by_leaf.get(leaf, [])})
        same = False
        for rival in rivals:
            other = kept[rival].leaves
            common = int(sizes[np.intersect1d(track.leaves, other)].sum())
            same |= common > duplicate * (volume + int(sizes[other].sum()) - common)
        if not same:
            for leaf in track.leaves.tolist():
                by_leaf.setdefault(leaf, []).append(len(kept))
            kept.append(track)
    return tuple(kept)
