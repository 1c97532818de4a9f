"""The judge: a small network that says which of the candidates under a click a person means."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from liftlab.components.types import Array

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Made by `python -m assets.train_judge`; docs/judge.md says on what."""
NEAR_TIE = 0.02
"""Candidates that are expected to fit less well than the best by at most this are as good; docs/judge.md says why."""


@dataclass(frozen=True)
class Judge:
    """An ensemble of E networks over sets; the mean of their answers counts.

    Each candidate is encoded by itself, then judged beside the mean and the largest code of all candidates of the
    question. Source: Zaheer et al., Deep Sets, NeurIPS 2017.
    """

    center: Float32[Array, "D"]
    """Mean of each input over the training captures; stands in where an input is NaN."""
    spread: Float32[Array, "D"]
    """Standard deviation of each input."""
    encode: Float32[Array, "E D H"]
    encode_bias: Float32[Array, "E H"]
    mix: Float32[Array, "E W H"]
    mix_bias: Float32[Array, "E H"]
    out: Float32[Array, "E H 1"]
    out_bias: Float32[Array, "E 1"]

    def __call__(self, inputs: Float[Array, "K D"]) -> Float32[Array, "K"]:
        """Expected intersection over union with what is meant, in (0, 1), of the K candidates of one question."""
        scaled = np.nan_to_num(np.clip((inputs - self.center) / self.spread, -5, 5), nan=0.0)
        code = np.maximum(scaled @ self.encode + self.encode_bias[:, None], 0)
        around = [
            np.broadcast_to(pool, code.shape)
            for pool in (code.mean(1, keepdims=True), code.max(1, keepdims=True))
        ]
        mixed = np.maximum(np.concatenate([code, *around], axis=2) @ self.mix + self.mix_bias[:, None], 0)
        answers = (mixed @ self.out + self.out_bias[:, None])[..., 0]
        return (1 / (1 + np.exp(-answers))).mean(axis=0).astype(np.float32)

    def choice(self, inputs: Float[Array, "K D"]) -> int:
        """Which of the K candidates of one question, in ascending area, is meant: the smallest of those that are
        expected to fit as well as the best. What is too small takes one click more, what is too large takes others
        along."""
        expected = self(inputs)
        return int(np.flatnonzero(expected >= expected.max() - NEAR_TIE)[0])


@cache
def judge() -> Judge:
    """The trained judge that ships."""
    return read_judge(WEIGHTS)


def read_judge(file: Path) -> Judge:
    """A judge from its file of weights."""
    from safetensors.numpy import load_file

    return Judge(**{name: value.astype(np.float32) for name, value in load_file(file).items()})
