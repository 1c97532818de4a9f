"""The judge: a small network that says how well a candidate fits what a person means."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from liftlab.components.types import Array

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Of both judges; `python -m assets.train_judge` makes them, docs/judge.md says on what."""


@dataclass(frozen=True)
class Judge:
    """An ensemble of E perceptrons of three layers; the mean of their answers counts."""

    center: Float32[Array, "D"]
    """Mean of each input over the training captures; stands in where an input is NaN."""
    spread: Float32[Array, "D"]
    """Standard deviation of each input."""
    weights: tuple[Float32[Array, "E _ _"], ...]
    biases: tuple[Float32[Array, "E _"], ...]

    def __call__(self, inputs: Float[Array, "K D"]) -> Float32[Array, "K"]:
        """Expected intersection over union with what is meant, in (0, 1), of K candidates."""
        scaled = np.clip((inputs - self.center) / self.spread, -5, 5)
        layer = np.broadcast_to(np.nan_to_num(scaled, nan=0.0), (len(self.weights[0]), *scaled.shape))
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            layer = layer @ weight + bias[:, None]
            layer = np.maximum(layer, 0) if index < len(self.weights) - 1 else layer
        return (1 / (1 + np.exp(-layer[..., 0]))).mean(axis=0).astype(np.float32)


@cache
def judge(name: str) -> Judge:
    """The trained judge of clicks ("click") or of things ("thing")."""
    from safetensors.numpy import load_file

    stored = {key: value.astype(np.float32) for key, value in load_file(WEIGHTS).items()}
    layers = range(sum(key.startswith(f"{name}.weight") for key in stored))
    return Judge(
        stored[f"{name}.center"],
        stored[f"{name}.spread"],
        tuple(stored[f"{name}.weight{layer}"] for layer in layers),
        tuple(stored[f"{name}.bias{layer}"] for layer in layers),
    )
