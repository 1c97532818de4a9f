"""Between the natural form of `Gaussians` and the logs and logits that files store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from liftlab.components.errors import listed
from liftlab.components.types import Array, Gaussians

SCALE_MIN = 1e-12
"""A scale below this is stored as this: its logarithm must be finite."""
FINEST_STEP = 1e-5
"""Coordinates are as fine as this share of the scene's extent, or they are moved to the origin."""
COARSEST_STEP = 1e-3
"""Share of the scene's extent from which steps of coordinates that are floats in the file are seen, and are said."""
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


@dataclass(frozen=True)
class SplatFile:
    """What a splat file holds."""

    gaussians: Gaussians
    notes: tuple[str, ...] = ()
    """Sentences: what was left out or understood otherwise than written."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What to add to the means for the coordinates of the file, when these are too large for float32."""


def gaussians_from_stored(
    means: Float[Array, "N 3"],
    quats: Float[Array, "N 4"],
    scales: Float[Array, "N 3"],
    opacities: Float[Array, "N"],
    sh: Float[Array, "N S 3"],
) -> Gaussians:
    """Gaussians from log-scales, logits and quaternions of any length, as `splat_file` has them."""
    return splat_file(means, quats, scales, opacities, sh).gaussians


def splat_file(
    means: Float[Array, "N 3"],
    quats: Float[Array, "N 4"],
    scales: Float[Array, "N 3"],
    opacities: Float[Array, "N"],
    sh: Float[Array, "N S 3"],
    notes: Sequence[str] = (),
) -> SplatFile:
    """Splats from log-scales, logits and quaternions of any length.

    An opacity of +inf is 1 and of -inf 0; a scale of -inf makes a splat flat. Splats with another value that is not
    finite, or with a zero quaternion, are left out and counted by cause: nothing can draw them.
    """
    coarse = means.dtype != np.float64
    means, offset = _centred(means)
    if any(offset):
        place = ", ".join(f"{value:.0f}" for value in offset)
        notes = [*notes, f"It lies far from the origin, so it was moved there; its own origin is at {place}."]
    if any(offset) and coarse:
        step = float(np.spacing(np.float32(np.abs(offset).max())))
        notes = [
            *notes,
            f"The file has too few digits for that place: its splats stand in steps of {step:.2g}; export it again "
            "near the origin, or with double coordinates.",
        ]
    lengths = np.linalg.norm(quats, axis=1)
    with np.errstate(over="ignore"):
        linear = np.maximum(np.exp(scales), SCALE_MIN)
    unusable = {
        "a position": ~np.isfinite(means).all(axis=1),
        "a size": ~np.isfinite(linear).all(axis=1),
        "an opacity": np.isnan(opacities),
        "a rotation": ~(np.isfinite(lengths) & (lengths > 0)),
        "a colour": ~np.isfinite(sh.sum(axis=(1, 2))),  # one pass: whatever is not finite makes its sum so
    }
    keep = ~np.any(list(unusable.values()), axis=0)
    parts = [means, quats / np.where(lengths > 0, lengths, 1)[:, None], linear, sigmoid(opacities), sh]
    if not keep.all():
        causes = [f"{int(bad.sum()):,} without {what}" for what, bad in unusable.items() if bad.any()]
        notes = [
            *notes,
            f"{int((~keep).sum()):,} splats that cannot be drawn were left out: {listed(causes)}.",
        ]
        parts = [part[keep] for part in parts]
    means, quats, linear, natural, sh = (np.ascontiguousarray(part, dtype=np.float32) for part in parts)
    gaussians = Gaussians(means=means, quats=quats, scales=linear, opacities=natural, sh=sh)
    return SplatFile(gaussians, tuple(notes), offset)


def _centred(means: Float[Array, "N 3"]) -> tuple[Float[Array, "N 3"], tuple[float, float, float]]:
    """Means moved to the origin when float32 has too few digits for them, and by how much; those that are float32 only
    when that is seen.
    """
    usable = np.isfinite(means).all(axis=1)
    if not usable.any():
        return means, (0.0, 0.0, 0.0)
    finest = FINEST_STEP if means.dtype == np.float64 else COARSEST_STEP
    middle = np.round(np.median(means[usable], axis=0).astype(np.float64)) + 0.0  # no -0
    reach = float(np.percentile(np.abs(means[usable] - middle).max(axis=1), 90))
    if np.abs(middle).max() * np.finfo(np.float32).eps <= finest * reach:
        return means, (0.0, 0.0, 0.0)
    return means.astype(np.float64) - middle, (float(middle[0]), float(middle[1]), float(middle[2]))
