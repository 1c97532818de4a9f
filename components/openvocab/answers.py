"""What a click may mean: masks of every query, cut at several probabilities, each with how good it likely is [ours].

The original picks among the objects that are left after non-maximum suppression, which is ranked over the whole scene:
where two things touch, the mask of one of them may be lost there. A click asks only the queries under and beside it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int
from torch import Tensor

from liftlab.components.openvocab.inference import connected_pieces
from liftlab.components.openvocab.losses import Prediction
from liftlab.components.openvocab.network import CUTS, OpenVocabNetwork, SceneInputs, cut_at
from liftlab.components.types import Array


@dataclass(frozen=True)
class Answers:
    """Masks that a click may mean, of all queries."""

    masks: Bool[Array, "A S"]
    """Superpoints of each; one piece."""
    scores: Float32[Array, "A"]
    """How likely each is a thing, times its predicted IoU with it; 0 for empty ones."""
    starts: Int[Array, "A"]
    """The superpoint that each one's query started from."""


def answers_of(
    network: OpenVocabNetwork,
    prediction: Prediction,
    queries: Int[Array, "Q"],
    tokens: Tensor,
    scene: SceneInputs,
    pairs: Int[Array, "T 2"],
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
