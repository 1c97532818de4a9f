"""From a record to what one training step needs: inputs, queries, targets and names.

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float16, Int, Int32
from torch import Tensor

from liftlab.components.openvocab import superpoints as sp
from liftlab.components.openvocab.augmentation import (
    GeometryNoise,
    MaskNoise,
    moved,
    spoilt_map,
)
from liftlab.components.openvocab.lifting import superpoint_visibility
from liftlab.components.openvocab.losses import LossConfig, ViewTargets
from liftlab.components.openvocab.network import SceneInputs
from liftlab.components.openvocab.records import SceneRecord
from liftlab.components.openvocab.scene_inputs import normalised
from liftlab.components.openvocab.segmenting import (
    edges_of,
    inputs_of,
    relations_of_cloud,
    superpoints_of,
)
from liftlab.components.openvocab.supervision import partial_targets, scene_targets, view_targets
from liftlab.components.openvocab.weights import SuperpointConfig
from liftlab.components.types import Array


@dataclass(frozen=True)
class SupervisionConfig:
    """What is taught, and how; every departure from the paper is a choice."""

    ibsp: bool = True
    """Superpoints of lifted scenes respect the masks' instances (section 4.1, step 2)."""
    cut: sp.CutRule = "majority"
    """Eq. 2: by majority of the common views [ours], or by any view (paper)."""
    vip: bool = True
    """Views teach only what they see (section 4.4). False takes a view's partial labels for the whole scene's."""
    views: int = 8
    """Views of a scene that are taught from in one step [ours]."""
    query_share: float = 0.5
    """Share of the superpoints that are queries in training."""
    negatives: int = 40
    """Names beside the scene's own that classes are told from [ours]."""
    mask_noise: MaskNoise = field(default_factory=MaskNoise)
    """Of lifted scenes."""
    geometry_noise: GeometryNoise = field(default_factory=GeometryNoise)
    """Of all scenes."""


@dataclass(frozen=True)
class Example:
    """One scene as one training step sees it."""

    inputs: SceneInputs
    queries: Int[Tensor, "Q"]
    targets: list[ViewTargets]
    names: tuple[str, ...]
    """Of the columns of the class logits, "no object" aside."""


@dataclass(frozen=True)
class TaughtScene:
    """What of a scene stays the same from step to step: its superpoints, what its masks or labels say of them."""

    record: SceneRecord
    superpoint: Int32[Array, "N"]
    count: int
    """Number of superpoints."""
    edges: Int32[Array, "E 2"]
    relations: Float16[Array, "S S R"]
    targets: tuple[ViewTargets, ...]
    """With every superpoint as a query; labels are places in the vocabulary."""
    present: frozenset[str]
    """Names of the scene."""


def taught_scene(
    record: SceneRecord,
    supervision: SupervisionConfig,
    loss: LossConfig,
    superpoint_config: SuperpointConfig,
    *,
    labelled: bool,
    novel: frozenset[str],
    vocabulary: Sequence[str],
    rng: np.random.Generator,
) -> TaughtScene | None:
    """Superpoints and targets of a scene; None where nothing of it can be taught.

    Masks of photos are spoilt once, as a 2D model would give one answer for each photo.

    Args:
        record: The scene.
        supervision: How it is taught.
        loss: Whom queries belong to.
        superpoint_config: How it is cut.
        labelled: Teach from 3D labels (base names only) instead of lifted masks of views.
        novel: Names that 3D labels leave out.
        vocabulary: All names, for swapped labels.
        rng: Of the masks' noise.
    """
    edges = edges_of(record)
    cut = None
    ids = visible = None
    names: dict[int, str] = {}
    if not labelled:
        maps, names = _spoilt(record, supervision, vocabulary, rng)
        visible = record.links.visible(record.num_views, len(record.points))
        ids = record.links.ids(maps, len(record.points))
        if supervision.ibsp:
            cut = sp.cut_between_instances(edges, visible, ids, supervision.cut)
    superpoint = superpoints_of(record, superpoint_config, cut, edges)
    count = int(superpoint.max()) + 1
    every = np.arange(count)
    place = {name: number for number, name in enumerate(vocabulary)}
    if labelled:
        kept = {i: name for i, name in record.truth_names.items() if name not in novel}
        unsure = np.isin(record.truth, [i for i in record.truth_names if i not in kept])
        truth = np.where(unsure, 0, record.truth)
        targets = scene_targets(superpoint, every, truth, kept, place, count, known=~unsure)
        present = set(kept.values())
    else:
        assert visible is not None and ids is not None
        present, views = set(names.values()), range(record.num_views)
        if supervision.vip:
            sees = superpoint_visibility(superpoint, visible, count)
            targets = view_targets(
                superpoint, every, visible, ids, sees, names, place, views, assign=loss.assign
            )
        else:
            targets = partial_targets(superpoint, every, visible, ids, names, place, views, count)
    if not targets:
        return None
    relations = relations_of_cloud(record, superpoint, edges).astype(np.float16)
    return TaughtScene(record, superpoint, count, edges, relations, tuple(targets), frozenset(present))


def training_example(
    scene: TaughtScene, supervision: SupervisionConfig, vocabulary: Sequence[str], rng: np.random.Generator
) -> Example:
    """A scene for one step: some of its superpoints as queries, some views, moved points, other names beside its own.

    Args:
        scene: What stays.
        supervision: How it is taught.
        vocabulary: As the scene's targets count it.
        rng: Of this step.
    """
    queries = np.sort(rng.permutation(scene.count)[: max(int(supervision.query_share * scene.count), 1)])
    columns = _columns(set(scene.present), vocabulary, supervision.negatives, rng)
    place = {name: number for number, name in enumerate(columns)}
    column = torch.tensor([place.get(name, -1) for name in vocabulary])
    taken = rng.permutation(len(scene.targets))[: supervision.views]
    row = torch.full((scene.count,), -1)
    row[torch.from_numpy(queries)] = torch.arange(len(queries))
    targets = []
    for view in taken.tolist():
        whole = scene.targets[view]
        rows = row[whole.rows]
        there = rows >= 0
        targets.append(
            replace(
                whole, rows=rows[there], labels=column[whole.labels], allowed=whole.allowed[there],
                ignored=whole.ignored[there],
            )
        )  # fmt: skip
    noise = supervision.geometry_noise
    places, normals = moved(normalised(scene.record.points), scene.record.normals, noise, rng)
    brightness = 1 + rng.uniform(-noise.brightness, noise.brightness, 3)
    inputs = inputs_of(
        scene.record, scene.superpoint, scene.edges, places=places, normals=normals, brightness=brightness,
        relations=scene.relations,
    )  # fmt: skip
    return Example(inputs, torch.from_numpy(queries), targets, columns)


def _spoilt(
    record: SceneRecord, supervision: SupervisionConfig, vocabulary: Sequence[str], rng: np.random.Generator
) -> tuple[Array, dict[int, str]]:
    """Id maps of all views with mask noise, and names of ids; ids of different views never share a number there."""
    maps = np.zeros(record.maps.shape, np.int32)
    names: dict[int, str] = {}
    for view in range(record.num_views):
        own, called = spoilt_map(
            record.maps[view], record.names[view], supervision.mask_noise, vocabulary, rng
        )
        stuff = own == 255
        maps[view] = np.where(
            stuff, 1_000_000 + view, np.where(own > 0, own.astype(np.int32) + 1000 * view, 0)
        )
        names |= {i + 1000 * view: name for i, name in called.items()}
    return maps, names


def _columns(
    present: set[str], vocabulary: Sequence[str], negatives: int, rng: np.random.Generator
) -> tuple[str, ...]:
    """Names of the scene, then so many others; none twice (a scene's name is no negative)."""
    others = [name for name in vocabulary if name not in present]
    drawn = rng.permutation(len(others))[:negatives]
    return (*sorted(present), *(others[i] for i in sorted(drawn.tolist())))


def text_rows(names: Sequence[str], table: Mapping[str, Float[Array, "T"]]) -> Float[Tensor, "K T"]:
    """Unit vectors of names."""
    return torch.from_numpy(np.stack([table[name] for name in names]).astype(np.float32))
