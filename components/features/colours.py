"""Features of Gaussians as colours: what a person looks at to see what a method has learnt."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from liftlab.components.types import Array

_PCA_SAMPLE = 20_000
_SPREAD = (0.02, 0.98)
"""Quantiles of each component that become black and full colour."""
_LOW, _MIDDLE, _HIGH = np.array([48, 18, 59]), np.array([41, 187, 168]), np.array([253, 231, 76])
"""From unlike to like: dark violet, green-blue, yellow; rising in lightness, so also told apart without hue."""
_GOLDEN = 0.618034
NO_CLUSTER = np.array([110, 110, 110], np.uint8)
"""Of Gaussians without a cluster."""


def pca_colours(
    features: Float[Array, "N D"], *, counted: Bool[Array, "N"] | None = None
) -> UInt8[Array, "N 3"]:
    """The three strongest directions of the features as red, green and blue.

    Deterministic: each direction points where its largest entry is positive. Features with fewer than three channels
    leave the other colours at the middle.

    Args:
        features: One row per Gaussian, of any scale.
        counted: Gaussians that decide on directions and range, opaque ones for example; None takes all.
    """
    rows = features if counted is None or not counted.any() else features[counted]
    if len(rows) == 0:
        return np.zeros((len(features), 3), np.uint8)
    sample = rows[:: max(len(rows) // _PCA_SAMPLE, 1)].astype(np.float64)
    mean = sample.mean(axis=0)
    _, vectors = np.linalg.eigh((sample - mean).T @ (sample - mean))
    directions = vectors.T[::-1][:3]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    values = (features.astype(np.float64) - mean) @ directions.T
    low, high = np.quantile((sample - mean) @ directions.T, _SPREAD, axis=0)
    width = high - low
    share = np.where(width > 1e-12, (values - low) / np.where(width > 1e-12, width, 1), 0.5)
    out = np.full((len(features), 3), 128, np.uint8)
    out[:, : share.shape[1]] = (np.clip(share, 0, 1) * 255).round().astype(np.uint8)
    return out


def likeness(features: Float[Array, "N D"], clicked: Float[Array, "D"]) -> Float32[Array, "N"]:
    """Cosine of every feature to the feature at a click, in [-1, 1]; 0 for empty features."""
    length = np.linalg.norm(features, axis=1) * np.linalg.norm(clicked)
    product = features @ clicked
    return np.where(length > 1e-12, product / np.maximum(length, 1e-12), 0).astype(np.float32)


def likeness_colours(like: Float[Array, "N"], *, low: float = 0.0) -> UInt8[Array, "N 3"]:
    """Dark violet for a likeness of `low` and below, through green-blue to yellow for 1."""
    share = np.clip((like - low) / max(1 - low, 1e-9), 0, 1)[:, None]
    lower, upper = _LOW + (_MIDDLE - _LOW) * 2 * share, _MIDDLE + (_HIGH - _MIDDLE) * (2 * share - 1)
    return np.where(share < 0.5, lower, upper).round().astype(np.uint8)


def cluster_colours(labels: Int[Array, "N"]) -> UInt8[Array, "N 3"]:
    """A colour per cluster, the same for the same number everywhere, far apart for following numbers; grey for 0."""
    number = np.maximum(labels.astype(np.int64), 0)
    hue = (number * _GOLDEN) % 1.0
    light = 0.55 + 0.35 * ((number * 0.38) % 1.0)
    phase = (hue[:, None] + np.array([0.0, 1 / 3, 2 / 3])) % 1.0
    channel = np.clip(np.abs(phase * 6 - 3) - 1, 0, 1)
    colours = (255 * light[:, None] * (0.35 + 0.65 * channel)).round().astype(np.uint8)
    return np.where((number > 0)[:, None], colours, NO_CLUSTER)
