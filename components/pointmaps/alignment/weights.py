"""Weights of the dynamic global alignment: from confidence, soft mask and matches to W of eq. (5).

Source: WildSeg3D, ICCV 2025 (arXiv:2503.08407), eq. (1), (3) to (5), and the closed forms for eps = 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, assert_never

import cv2
import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.softening import SOFT_SIGMA_PX, cut_soft, soft_by_distance
from liftlab.components.types import Array

Adjustment = Literal["paper", "arctan", "logistic", "log"]
ConfTransform = Literal["raw", "minus_one", "log"]
MaskScope = Literal["all_objects", "target", "none"]
Softening = Literal["kept", "distance", "blur"]


@dataclass(frozen=True)
class WeightHistogram:
    """How the weights of an alignment are distributed, for the lab to show."""

    edges: Float[Array, "B_plus_1"]
    """Bin borders; the last bin takes everything above."""
    matched: Int[Array, "B"]
    unmatched: Int[Array, "B"]
    clamped: int
    """Pixels whose weight was negative and became 0."""

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "edges": self.edges.tolist(),
            "matched": self.matched.tolist(),
            "unmatched": self.unmatched.tolist(),
            "clamped": self.clamped,
        }


def transformed_confidence(conf: Float[Array, "*N"], kind: ConfTransform) -> Float[Array, "*N"]:
    """C as printed in the paper, C - 1, or ln C (what DUSt3R's optimiser runs on)."""
    if kind == "raw":
        return conf
    if kind == "minus_one":
        return conf - 1
    if kind == "log":
        return np.log(conf)
    assert_never(kind)


def dynamic_weights(
    x: Float[Array, "*N"],
    matched: Bool[Array, "*N"],
    *,
    alpha_p: float = 0.5,
    alpha_n: float = 0.9,
    epsilon: float = 0.0,
    clamp: bool = True,
) -> Float[Array, "*N"]:
    """W of eq. (5) by the closed forms (6) and (7), which never overflow.

    Args:
        x: Soft mask times confidence, at least 0.
        matched: Phi, True where the pixel has a match in the other image.
        alpha_p: alpha of matched pixels, in (-1, 1): what they gain.
        alpha_n: Minus the alpha of unmatched pixels, in (-1, 1): what they lose.
        epsilon: Of eq. (4), at least 0: it keeps every weight below ln(1 / epsilon). With 0 large ones tend to x.
        clamp: Negative weights become 0, else the loss (8) is unbounded below.

    Raises:
        ValueError: An alpha is not in (-1, 1), or epsilon is negative.

    Source: with F = sigmoid(x) and a = |alpha|, eq. (4) and (5) are W = ln(F + alpha F (1 - F)) - ln(1 - F + r), where
    r = epsilon for alpha >= 0 and r = 2 a F (1 - F) + epsilon below. The sign of alpha chooses the
    form, whether a pixel is matched or not: the paper's sweeps go below 0.
    """
    if not (abs(alpha_p) < 1 and abs(alpha_n) < 1 and epsilon >= 0):
        raise ValueError(
            f"alpha_p and alpha_n must lie in (-1, 1) and epsilon be at least 0; got {alpha_p}, {alpha_n}, {epsilon}."
        )
    W = np.where(matched, _weight(x, alpha_p, epsilon), _weight(x, -alpha_n, epsilon))
    return np.maximum(W, 0) if clamp else W


def _weight(x: Float[Array, "*N"], alpha: float, epsilon: float) -> Float[Array, "*N"]:
    """W for one alpha of eq. (3); without epsilon the part that would cancel, ln F - ln(1 - F), is x itself."""
    F, rest = _sigmoid(x), _sigmoid(-x)
    shrunk = max(-alpha, 0.0)
    gain = np.log1p(alpha * rest)
    if epsilon == 0:
        return x + gain - np.log1p(2 * shrunk * F)
    return scipy.special.log_expit(x) + gain - np.log(rest * (1 + 2 * shrunk * F) + epsilon)


def ablated_weights(
    x: Float[Array, "*N"],
    kind: Literal["arctan", "logistic", "log"],
    *,
    steepness: float,
    clamp: bool = True,
) -> Float[Array, "*N"]:
    """W = logit(A(F)) for the other adjustment functions of the paper's ablation; matches play no part.

    Args:
        x: Soft mask times confidence, at least 0.
        kind: A(F) = arctan(theta (F - 0.5)) / pi + 0.5, or 1 / (1 + exp(-delta (F - 0.5))), or
            ln(1 + beta F) / ln(1 + beta).
        steepness: theta, delta or beta, above 0.
        clamp: Negative weights become 0.
    """
    F, rest = _sigmoid(x), _sigmoid(-x)
    if kind == "arctan":
        A = np.arctan(steepness * (F - 0.5)) / np.pi + 0.5
        W = np.log(A) - np.log1p(-A)
    elif kind == "logistic":
        W = steepness * (F - 0.5)
    elif kind == "log":
        # 1 - A = -ln(1 - beta (1 - F) / (1 + beta)) / ln(1 + beta), which keeps its digits where F is close to 1.
        remaining = -np.log1p(-steepness * np.maximum(rest, 1e-30) / (1 + steepness))
        W = np.log(np.log1p(steepness * F)) - np.log(remaining)
    else:
        assert_never(kind)
    return np.maximum(W, 0) if clamp else W


def weight_histogram(
    W: Float[Array, "N"], matched: Bool[Array, "N"], *, bins: int = 40, top: float = 10.0
) -> WeightHistogram:
    """Histogram of weights before the clamp."""
    borders = np.linspace(0, top, bins + 1)
    clipped = np.clip(W, 0, top)
    return WeightHistogram(
        edges=borders,
        matched=np.histogram(clipped[matched], borders)[0],
        unmatched=np.histogram(clipped[~matched], borders)[0],
        clamped=int((W < 0).sum()),
    )


def soft_masks(
    masks: MaskCache,
    sizes: Sequence[tuple[int, int]],
    scope: MaskScope,
    *,
    target: int | None = None,
    softening: Softening = "kept",
) -> list[Float[Array, "_ _"]]:
    """S of eq. (1), one map per view: the union of the scope's objects with a soft edge, cut to 0 where it is faint.

    Args:
        masks: Cached objects.
        sizes: (height, width) of every view in the alignment; masks are resized to it.
        scope: All foreground objects, one object, or "none": S = 1 everywhere.
        target: Id of the object of scope "target".
        softening: The maps that were kept with the masks (of all objects; where there are none, or of one object, by
            distance). Or by distance to the outline, as the sigmoid of a network's logits falls: one half on the
            outline and above it inside, however thin a thing is. Or a blur, in which thin things fade.
    """
    if scope == "none":
        return [np.ones(size, np.float32) for size in sizes]
    if scope == "target":
        if target is None:
            raise ValueError("target must name an object when scope is 'target'; got None.")
        ids = [target]
    elif scope == "all_objects":
        ids = masks.object_ids[masks.foreground].tolist()
    else:
        assert_never(scope)
    if softening == "kept" and scope == "all_objects" and masks.soft is not None:
        kept = zip(masks.soft, sizes, strict=True)
        return [cut_soft(_resized(soft.astype(np.float32), size)) for soft, size in kept]
    out = []
    for view, (height, width) in enumerate(sizes):
        union = np.zeros(masks.sizes[view], np.float32)
        for object_id in ids:
            union[masks.mask(view, object_id)] = 1.0
        union = _resized(union, (height, width))
        blurred = softening == "blur"
        soft = cv2.GaussianBlur(union, (0, 0), SOFT_SIGMA_PX) if blurred else soft_by_distance(union > 0.5)
        out.append(cut_soft(soft).astype(np.float32))
    return out


def _resized(values: Float[Array, "_ _"], size: tuple[int, int]) -> Float[Array, "_ _"]:
    if values.shape == size:
        return values
    return cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _sigmoid(x: Float[Array, "*N"]) -> Float[Array, "*N"]:
    return scipy.special.expit(x)
