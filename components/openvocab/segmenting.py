"""A cloud of points to objects: superpoints, one pass of the network, objects (section 6).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int, Int32, UInt8

from liftlab.components.openvocab import superpoints as sp
from liftlab.components.openvocab.answers import Answers, answers_of
from liftlab.components.openvocab.inference import (
    MAX_QUERIES,
    InferenceConfig,
    Objects,
    farthest_first,
    objects_of,
    touching,
)
from liftlab.components.openvocab.lifting import Links
from liftlab.components.openvocab.network import SceneInputs
from liftlab.components.openvocab.scene_inputs import first_links, normalised, scene_inputs
from liftlab.components.openvocab.weights import SuperpointConfig, Trained
from liftlab.components.types import Array

POOLED = 6
"""Nearest neighbours that the network pools over [ours]."""


@runtime_checkable
class CloudLike(Protocol):
    """What `SceneRecord` and `Cloud` share."""

    @property
    def points(self) -> Float32[Array, "N 3"]: ...
    @property
    def rgb(self) -> UInt8[Array, "N 3"]: ...
    @property
    def normals(self) -> Float32[Array, "N 3"]: ...
    @property
    def spacing(self) -> Float32[Array, "N"]: ...
    @property
    def neighbours(self) -> Int32[Array, "N C"]: ...
    @property
    def links(self) -> Links: ...
    @property
    def images(self) -> UInt8[Array, "V h w 3"]: ...
    @property
    def sizes(self) -> tuple[tuple[int, int], ...]: ...


@dataclass(frozen=True)
class SegmentedCloud:
    """A cloud as the network segmented it."""

    superpoint: Int32[Array, "N"]
    sizes: Int[Array, "S"]
    """Points of each superpoint."""
    pairs: Int[Array, "A 2"]
    """Superpoints that touch."""
    objects: Objects
    answers: Answers | None
    """What clicks may mean, where it was asked for."""


def edges_of(cloud: CloudLike) -> Int32[Array, "E 2"]:
    """The graph of a cloud."""
    return sp.graph_edges(cloud.points, cloud.neighbours, spacing=cloud.spacing)


def superpoints_of(
    cloud: CloudLike,
    config: SuperpointConfig,
    cut: Bool[Array, "_"] | None = None,
    edges: Int32[Array, "E 2"] | None = None,
) -> Int32[Array, "N"]:
    """Superpoints by geometry and colour, not across `cut` edges."""
    edges = edges_of(cloud) if edges is None else edges
    weights = sp.edge_weights(cloud.normals, cloud.rgb / np.float32(255), edges)
    return sp.superpoints(
        edges, weights, len(cloud.points), kappa=config.kappa, min_size=config.min_size, cut=cut
    )


def inputs_of(
    cloud: CloudLike,
    superpoint: Int[Array, "N"],
    edges: Int[Array, "E 2"],
    *,
    places: Float[Array, "N 3"] | None = None,
    normals: Float[Array, "N 3"] | None = None,
    brightness: Float[Array, "3"] | None = None,
    relations: Float[Array, "S S R"] | None = None,
) -> SceneInputs:
    """The network's inputs; augmented where places, normals or factors of brightness are given.

    `relations`: as computed before; they stay what they are however a scene is turned.
    """
    factor = np.ones(3, np.float32) if brightness is None else brightness.astype(np.float32)
    if relations is None:
        relations = relations_of_cloud(cloud, superpoint, edges)
    view, at = first_links(cloud.links, cloud.sizes, len(cloud.points))
    return scene_inputs(
        normalised(cloud.points) if places is None else places,
        np.clip(cloud.rgb / np.float32(255) * factor, 0, 1),
        cloud.normals if normals is None else normals,
        cloud.neighbours[:, :POOLED],
        superpoint,
        int(superpoint.max(initial=-1)) + 1,
        np.clip(cloud.images * factor, 0, 255).astype(np.uint8),
        view,
        at,
        relations,
    )


def relations_of_cloud(
    cloud: CloudLike, superpoint: Int[Array, "N"], edges: Int[Array, "E 2"]
) -> Float32[Array, "S S R"]:
    """How a cloud's superpoints stand to each other."""
    rgb = cloud.rgb / np.float32(255)
    weights = sp.edge_weights(cloud.normals, rgb, edges)
    count = int(superpoint.max(initial=-1)) + 1
    return sp.relations_of(edges, weights, superpoint, count, rgb, cloud.normals)


def segment_cloud(
    trained: Trained,
    cloud: CloudLike,
    text: Float[Array, "K T"],
    config: InferenceConfig,
    *,
    clicks: bool = False,
    check: Callable[[], None] = lambda: None,
) -> SegmentedCloud:
    """Superpoints, one pass, objects.

    Args:
        trained: The network.
        cloud: Points with links and photos.
        text: Unit vectors of the names that objects may have.
        config: How predictions become objects.
        clicks: Whether clicks are to be answered, too.
        check: Called between units of work; may raise.
    """
    edges = edges_of(cloud)
    superpoint = superpoints_of(cloud, trained.superpoints, edges=edges)
    pairs = touching(edges, superpoint)
    check()
    count = int(superpoint.max(initial=-1)) + 1
    sizes = np.bincount(superpoint, minlength=count)
    inputs = inputs_of(cloud, superpoint, edges)
    device = next(trained.network.parameters()).device
    if device.type != "cpu":
        inputs = SceneInputs(**{name: value.to(device) for name, value in vars(inputs).items()})
    with torch.no_grad():
        tokens = trained.network.tokens(inputs)
        check()
        queries = farthest_first(inputs.centres.cpu().numpy(), MAX_QUERIES)
        start = torch.from_numpy(np.asarray(queries, np.int64)).to(device)
        rows = torch.from_numpy(np.asarray(text, np.float32)).to(device)
        last = trained.network.decode(tokens, start, rows, inputs)[-1]
        check()
        objects = objects_of(last, queries, sizes, config, pairs)
        answers = answers_of(trained.network, last, queries, tokens, inputs, pairs) if clicks else None
    return SegmentedCloud(superpoint, sizes, pairs, objects, answers)


def named(trained: Trained, embedding: Float[Array, "T"], text: Float[Array, "K T"]) -> Float[Array, "K"]:
    """How likely each name is right, by the calibrated class logits; 1 in all: it is taken to be one of them."""
    with torch.no_grad():
        gamma = float(trained.network.gamma)
    logits = text @ embedding * gamma / trained.calibration
    p = np.exp(logits - logits.max())
    return p / p.sum()


def top_names(
    probabilities: Float[Array, "K"], names: Sequence[str], most: int = 3
) -> tuple[tuple[str, float], ...]:
    """The likeliest names with their probabilities, best first."""
    order = np.argsort(-probabilities, kind="stable")[:most]
    return tuple((str(names[int(i)]), round(float(probabilities[i]), 4)) for i in order)
