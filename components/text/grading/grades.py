"""Grades in [0, 1]: soft steps and bells that the terms of a query are measured with."""

import numpy as np
from jaxtyping import Float

from liftlab.components.types import Array

Scores = Float[Array, "O"]

SOFT_FLOOR = 0.25
"""What is left of a score when a size, shape or place does not fit at all."""


def soft(grade: Scores) -> Scores:
    return SOFT_FLOOR + (1 - SOFT_FLOOR) * np.nan_to_num(grade)


def rising(value: np.ndarray, middle: float, softness: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip((value - middle) / softness, -30, 30)))


def near(value: Scores, target: float, tolerance: float) -> Scores:
    """1 at the target, falling off in the ratio to it."""
    return np.exp(-((np.log(np.maximum(value, 1e-6) / target) / tolerance) ** 2))
