"""What a click may mean: masks of every query, cut at several probabilities, each with how good it likely is [ours].

The original picks among the objects that are left after non-maximum suppression, which is ranked over the whole scene:
where two things touch, the mask of one of them may be lost there. A click asks only the queries under and beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int
from torch import Tensor

from liftlab.components.openvocab.inference import connected_pieces, mask_ious
from liftlab.components.openvocab.losses import Prediction
from liftlab.components.openvocab.network import CUTS, OpenVocabNetwork, SceneInputs, cut_at
from liftlab.components.types import Array


@dataclass(frozen=True)
class Answers:
    """Masks that a click may mean, of all queries."""

    masks: Bool[Array, "M S"]
    """Superpoints of each; one piece."""
    scores: Float32[Array, "M"]
    """How likely each is a thing, times its predicted IoU with it; 0 for empty ones."""
    starts: Int[Array, "M"]
    """The superpoint that each one's query started from."""


def answers_of(
    network: OpenVocabNetwork,
    prediction: Prediction,
    queries: Int[Array, "Q"],
    tokens: Tensor,
    scene: SceneInputs,
    pairs: Int[Array, "_ 2"],
) -> Answers:
    """Of every query the piece that it started in, at each of `CUTS`.

    Args:
        network: Judges them.
        prediction: Of the last layer.
        queries: The superpoints that the queries started from.
        tokens: [S, D] of the scene.
        scene: What the tokens were made of.
        pairs: Superpoints that touch.
    """
    thing = 1 - prediction.classes.softmax(dim=1)[:, -1]
    masks, scores = [], []
    for cut in CUTS:
        held = connected_pieces((cut_at(prediction.masks, cut) > 0).cpu().numpy(), queries, pairs)
        good = prediction.objectness
        if network.config.looks and prediction.state is not None:
            own = torch.from_numpy(held).to(tokens.device).float()
            good = network.judged(prediction.state, cut_at(torch.logit(own), 0.5), tokens, scene)
        masks.append(held)
        scores.append((thing * good).cpu().numpy() * held.any(axis=1))
    return Answers(
        np.concatenate(masks),
        np.concatenate(scores).astype(np.float32),
        np.tile(np.asarray(queries), len(CUTS)),
    )


def answer_at(
    answers: Answers,
    superpoint: int,
    sizes: Int[Array, "S"],
    near: Int[Array, "_"],
    without: Sequence[int] = (),
) -> int | None:
    """The answer that a click on a superpoint most likely means: among those that hold it, of its own query, or of one
    beside it, or of any, the first that there are.

    A good score is not enough: of masks that are about as good, the one that the others agree with.

    Args:
        answers: Of the scene.
        superpoint: What was clicked.
        sizes: Points of each superpoint.
        near: Superpoints that touch it.
        without: Superpoints that the answer must not hold.

    Returns:
        Its number; None where no answer holds the superpoint and none of the others.
    """
    held = answers.masks[:, superpoint] & (answers.scores > 0)
    held &= ~answers.masks[:, list(without)].any(axis=1)
    for beside in (answers.starts == superpoint, np.isin(answers.starts, near), np.True_):
        found = np.flatnonzero(held & beside)
        if len(found):
            agreed = mask_ious(answers.masks[found], answers.masks[found], sizes).mean(axis=1)
            return int(found[(answers.scores[found] * agreed).argmax()])
    return None
