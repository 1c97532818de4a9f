"""Between the natural form of `Gaussians` and the logs and logits that files store."""

import numpy as np
from jaxtyping import Float

from liftlab.components.types import Array, Gaussians

SCALE_MIN = 1e-12
"""A scale below this is stored as this: its logarithm must be finite."""
OPACITY_MARGIN = 1e-6
"""Opacities are stored at least this far from 0 and 1: their logit must be finite."""


def logit(opacities: Float[Array, "N"]) -> Float[Array, "N"]:
    """Opacity in [0, 1] as files store it."""
    o = np.clip(np.asarray(opacities, dtype=np.float64), OPACITY_MARGIN, 1 - OPACITY_MARGIN)
    return np.log(o / (1 - o)).astype(np.float32)


def sigmoid(logits: Float[Array, "N"]) -> Float[Array, "N"]:
    """Inverse of `logit`."""
    return (1 / (1 + np.exp(-np.clip(logits, -80, 80)))).astype(np.float32)


def log_scales(scales: Float[Array, "N 3"]) -> Float[Array, "N 3"]:
    """Linear standard deviations as files store them."""
    return np.log(np.maximum(scales, SCALE_MIN)).astype(np.float32)


def gaussians_from_stored(
    means: Float[Array, "N 3"],
    quats: Float[Array, "N 4"],
    scales: Float[Array, "N 3"],
    opacities: Float[Array, "N"],
    sh: Float[Array, "N S 3"],
) -> Gaussians:
    """Gaussians from log-scales, logits and quaternions of any length.

    Splats with a value that is not finite, or with a zero quaternion, are left out: nothing can draw them.
    """
    lengths = np.linalg.norm(quats, axis=1)
    with np.errstate(over="ignore"):
        linear = np.exp(scales)
    keep = np.isfinite(means).all(axis=1) & np.isfinite(linear).all(axis=1) & np.isfinite(opacities)
    keep &= np.isfinite(lengths) & (lengths > 0)
    keep &= np.isfinite(sh.sum(axis=(1, 2)))  # one pass: whatever is not finite makes its sum so
    parts = [means, quats / np.where(lengths > 0, lengths, 1)[:, None], linear, sigmoid(opacities), sh]
    if not keep.all():
        parts = [part[keep] for part in parts]
    means, quats, linear, natural, sh = (np.ascontiguousarray(part, dtype=np.float32) for part in parts)
    return Gaussians(means=means, quats=quats, scales=linear, opacities=natural, sh=sh)
