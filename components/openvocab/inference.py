"""From predictions to objects: scores and matrix NMS (section 6).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from liftlab.components.openvocab.losses import Prediction
from liftlab.components.types import Array

MAX_QUERIES = 400
"""At inference; more superpoints are thinned, farthest first."""


@dataclass(frozen=True)
class InferenceConfig:
    """How predictions become objects."""

    top: int = 100
    """Masks that are kept; the original keeps 600."""
    min_points: int = 30
    """Smaller masks are dropped [ours]; the original drops those below 100."""
    threshold: float = 0.3
    """A superpoint belongs to a mask above this probability [ours]; the original's
    is 0.4. Chosen on validation scenes."""
    min_score: float = 0.05
    """Masks below this score, after NMS, are dropped [ours]."""
    vote: float = 0.5
    """All queries whose masks overlap a kept one by at least this IoU say together what it holds and what it is, each
    by its score [ours]: they were all taught the same thing. Above 1 each mask speaks for itself, as the original's."""


@dataclass(frozen=True)
class Objects:
    """Objects of one scene, best first; they may overlap."""

    masks: Bool[Array, "M S"]
    """Superpoints of each."""
    soft: Float32[Array, "M S"]
    """Probability of each superpoint."""
    scores: Float32[Array, "M"]
    """In [0, 1]: how likely it is an object, times its predicted IoU and the mean probability of its mask."""
    names: Float32[Array, "M K"]
    """Probability of each name, given that it is an object of one of them."""
    embeddings: Float32[Array, "M T"]
    """Unit text-space vector of each."""
    queries: Int[Array, "M"]
    """The superpoint each came from."""


def farthest_first(centres: Float[Array, "S 3"], most: int) -> Int[Array, "Q"]:
    """At most `most` superpoints, each as far as possible from those before; all, in order, when there are few."""
    if len(centres) <= most:
        return np.arange(len(centres))
    chosen = [0]
    distance = np.linalg.norm(centres - centres[0], axis=1)
    while len(chosen) < most:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(centres - centres[chosen[-1]], axis=1))
    return np.sort(np.array(chosen))


def objects_of(
    prediction: Prediction,
    queries: Int[Array, "Q"],
    sizes: Int[Array, "S"],
    config: InferenceConfig,
    pairs: Int[Array, "A 2"],
) -> Objects:
    """Objects of a scene from the last layer's prediction.

    Args:
        prediction: Of all queries.
        queries: The superpoints that they started from.
        sizes: Points of each superpoint.
        config: How.
        pairs: Superpoints that touch. Of each mask only the piece that its query started in is kept [ours]: things hang
            together, and what a weak network adds far away is wrong.
    """
    soft = prediction.masks.sigmoid().cpu().numpy()
    classes = prediction.classes.softmax(dim=1).cpu().numpy()
    masks = connected_pieces(soft > config.threshold, queries, pairs)
    points = masks @ sizes.astype(np.float64)
    inside = (soft * masks * sizes).sum(axis=1) / np.maximum(points, 1)
    # Class-agnostic [ours]: any name at all; the best name's probability punishes a pair of names that mean alike.
    scores = (1 - classes[:, -1]) * prediction.objectness.cpu().numpy() * inside
    order = np.argsort(-scores, kind="stable")
    order = order[points[order] >= config.min_points][: config.top]
    decayed = scores[order] * matrix_nms_decay(masks[order], scores[order], sizes)
    kept = np.argsort(-decayed, kind="stable")
    kept = kept[decayed[kept] >= config.min_score]
    rows = order[kept]
    voters = _voters(masks, scores, rows, sizes, config.vote)
    soft = voters @ soft
    said = voters @ classes[:, :-1]
    embeddings = voters @ prediction.embedding.cpu().numpy()
    return Objects(
        connected_pieces(soft > config.threshold, np.asarray(queries)[rows], pairs),
        soft.astype(np.float32),
        decayed[kept].astype(np.float32),
        (said / np.maximum(said.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32),
        (embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-9)).astype(np.float32),
        np.asarray(queries)[rows],
    )


def _voters(
    masks: Bool[Array, "Q S"],
    scores: Float[Array, "Q"],
    rows: Int[Array, "M"],
    sizes: Int[Array, "S"],
    least: float,
) -> Float[Array, "M Q"]:
    """By how much each query speaks for each kept mask; every row sums to 1."""
    votes = np.where(mask_ious(masks[rows], masks, sizes) >= least, scores, 0.0)
    votes[np.arange(len(rows)), rows] = np.maximum(scores[rows], 1e-9)  # itself always
    return votes / votes.sum(axis=1, keepdims=True)


def connected_pieces(
    masks: Bool[Array, "Q S"], queries: Int[Array, "Q"], pairs: Int[Array, "A 2"]
) -> Bool[Array, "Q S"]:
    """Of each mask the piece that holds its query's superpoint; where none does, the largest, in superpoints.

    Args:
        masks: Over superpoints.
        queries: Superpoint of each.
        pairs: Superpoints that touch.
    """
    count = masks.shape[1]
    touch = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count)).tocsr()
    out = np.zeros_like(masks)
    for row, (mask, query) in enumerate(zip(masks, queries, strict=True)):
        own = np.flatnonzero(mask)
        if len(own) == 0:
            continue
        piece = connected_components(touch[own][:, own], directed=False)[1]
        at = np.flatnonzero(own == query)
        kept = piece[at[0]] if len(at) else np.bincount(piece).argmax()
        out[row, own[piece == kept]] = True
    return out


def touching(edges: Int[Array, "E 2"], superpoint: Int[Array, "N"]) -> Int[Array, "A 2"]:
    """Pairs of superpoints that an edge between their points joins, each once."""
    pairs = np.sort(superpoint[edges].astype(np.int64), axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).reshape(-1, 2)


def matrix_nms_decay(
    masks: Bool[Array, "M S"], scores: Float[Array, "M"], sizes: Int[Array, "S"]
) -> Float[Array, "M"]:
    """Factor by which each score falls because of better masks that overlap it, linear kernel.

    Args:
        masks: In the order of falling scores.
        scores: Falling.
        sizes: Points of each superpoint.

    Source: Wang et al., SOLOv2, NeurIPS 2020, section 3.2.
    """
    if len(masks) == 0:
        return np.zeros(0)
    ious = np.triu(mask_ious(masks, masks, sizes), k=1)
    compensate = ious.max(axis=0)
    decay = (1 - ious) / np.maximum(1 - compensate[:, None], 1e-9)
    return np.where(np.triu(np.ones_like(ious), k=1) > 0, decay, 1.0).min(axis=0)


def mask_ious(
    first: Bool[Array, "M S"], second: Bool[Array, "K S"], sizes: Int[Array, "S"]
) -> Float[Array, "M K"]:
    """Intersection over union in points of masks over superpoints."""
    weighted = first * sizes.astype(np.float64)
    shared = weighted @ second.T
    union = weighted.sum(axis=1)[:, None] + (second * sizes).sum(axis=1)[None] - shared
    return shared / np.maximum(union, 1)


def best_of_each(masks: Bool[Array, "M S"], rank: Float[Array, "M"]) -> Int[Array, "S"]:
    """Segment everything: of each superpoint the mask of highest rank that holds it, -1 = none."""
    if len(masks) == 0:
        return np.full(masks.shape[1], -1)
    value = np.where(masks, rank[:, None], -np.inf)
    return np.where(masks.any(axis=0), value.argmax(axis=0), -1)
