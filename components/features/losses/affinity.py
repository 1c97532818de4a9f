"""SAGA's supervision: masks of all sizes in one view become pairs of pixels that belong together at a scale, or not.

Source: "Segment Any 3D Gaussians", AAAI 2025 (arXiv:2312.00860); equation numbers are those of docs/methods/saga.md.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from liftlab.components.types import Array

HARD_NEGATIVE, HARD_POSITIVE = 0.5, 0.75
"""Pairs that never belong together but are more similar than this, or always do but are less, are always kept."""
FALLBACK_PAIRS = 1000
"""Pairs per set where no pair changes with the scale, as when a photo's masks do not overlap."""
HEAVIEST = 10.0
"""Weight of the pair of pixels in the smallest masks; that of the largest is 1."""


def mask_scale(points: Float[Array, "n 3"]) -> float:
    """Size in 3D of a mask's points: twice the length of their standard deviations (eq. 1; population)."""
    return float(2 * np.sqrt(points.astype(np.float64).var(axis=0).sum()))


@dataclass(frozen=True)
class ScaleQuantiles:
    """Q: scene units to [0, 1], the share of the scene's masks that are smaller; ties go to the middle of their jump.

    Outside the range of the masks it is 0 and 1.
    """

    knots: Float[Array, "K"]
    """Quantiles of the masks' scales at even shares from 0 to 1, ascending."""

    @staticmethod
    def of(scales: Float[Array, "M"], *, at_most: int = 1000) -> "ScaleQuantiles":
        """From the scales of all masks of all views. Raises ValueError without any."""
        if len(scales) == 0:
            raise ValueError("scales must hold at least one mask's scale; got none.")
        return ScaleQuantiles(np.quantile(scales, np.linspace(0, 1, min(at_most, max(len(scales), 2)))))

    def __call__(self, scales: Float[Array, "*S"]) -> Float[Array, "*S"]:
        shares = np.linspace(0, 1, len(self.knots))
        upper = np.interp(scales, self.knots, shares)
        lower = 1 - np.interp(-np.asarray(scales), -self.knots[::-1], shares)
        return np.asarray((upper + lower) / 2)


def ascending_scales(scales: Float[Array, "M"]) -> Int[Array, "M"]:
    """Order of masks from small to large; of equal ones the earlier counts as larger."""
    return np.argsort(-scales, kind="stable")[::-1]


def draw_scales(
    scales: Float[Array, "M"], largest_two: tuple[float, float], *, count: int, generator: torch.Generator
) -> Float[Array, "S"]:
    """Scales to supervise a view at: near `count` of its masks, near the smallest, and between the scene's largest two.

    Each is uniform between a mask's scale and that of the next smaller mask (0 for the smallest).

    Args:
        scales: Of the view's masks, ascending.
        largest_two: The two largest scales of the scene, descending.

    Returns:
        count + 2 scales, or fewer where the view has fewer than `count` masks.

    Source: docs/methods/saga.md section 6, as the authors' code does it.
    """
    chosen = torch.randperm(len(scales), generator=generator)[:count].numpy()
    chosen = np.concatenate([chosen, [0]])
    below = np.concatenate([[0.0], scales])[chosen]
    share = torch.rand(len(chosen) + 1, generator=generator, dtype=torch.float64).numpy()
    near = scales[chosen] - share[:-1] * (scales[chosen] - below)
    top, second = largest_two
    return np.append(near, top - share[-1] * (top - second))


def identity_vectors(
    member: Bool[Array, "P M"], scales: Float[Array, "M"], at: Float[Array, "S"]
) -> Bool[Array, "S P M"]:
    """Which masks identify each pixel at a scale s (eq. 6): all below s, and the smallest that is not.

    Args:
        member: Whether a pixel lies in a mask; masks in ascending order (`ascending_scales`).
        scales: Ascending, scene units.
        at: The scales s.
    """
    M = len(scales)
    smaller = np.searchsorted(scales, at, side="left")  # masks strictly below s
    not_below = np.arange(M)[None, :] >= smaller[:, None]
    candidates = member[None] & not_below[:, None, :]
    first = np.where(candidates.any(axis=2), candidates.argmax(axis=2), M)
    kept = (np.arange(M) < smaller[:, None])[:, None, :] | (np.arange(M) == first[..., None])
    return member[None] & kept


def correspondences(identities: Bool[Tensor, "S P M"]) -> Bool[Tensor, "S P P"]:
    """Whether two pixels share an identifying mask at each scale (eq. 7)."""
    values = identities.to(torch.float32)
    return torch.bmm(values, values.transpose(1, 2)) > 0


def correspondences_at(
    member: Bool[Array, "P M"], scales: Float[Array, "M"], at: Float[Array, "S"], device: torch.device
) -> Bool[Tensor, "S P P"]:
    """`correspondences` of `identity_vectors` for all scales at the cost of one product of masks instead of S.

    Two pixels share an identifying mask at s when both lie in one smaller than s, or when the smallest that is not
    smaller is the same for both: pairs of the first kind only grow with s.

    Args:
        member: Whether a pixel lies in a mask; masks in ascending order (`ascending_scales`).
        scales: Ascending, scene units.
        at: The scales s.
    """
    P, smaller = len(member), np.searchsorted(scales, at, side="left")
    values = torch.from_numpy(member).to(device, torch.float32)
    shared, known = torch.zeros((P, P), device=device), 0
    out = torch.empty((len(at), P, P), dtype=torch.bool, device=device)
    for s in np.argsort(smaller, kind="stable").tolist():
        below = int(smaller[s])
        if below > known:
            shared.addmm_(values[:, known:below], values[:, known:below].T)
            known = below
        rest = member[:, below:]
        has = rest.any(axis=1)
        # pixels without such a mask get numbers of their own, which no other pixel has
        first = np.where(has, rest.argmax(axis=1) if rest.shape[1] else 0, -1 - np.arange(P))
        number = torch.from_numpy(first.astype(np.int64)).to(device)
        out[s] = (shared > 0) | ((number[:, None] == number[None]) & torch.from_numpy(has).to(device))
    return out


def mean_areas(member: Bool[Array, "P M"], areas: Int[Array, "M"]) -> Float[Array, "P"]:
    """Mean area of the masks that contain each pixel, pixels of the view; every pixel lies in one at least."""
    return member @ areas.astype(np.float64) / np.maximum(member.sum(axis=1), 1)


def pair_weights(areas: Float[Tensor, "P"]) -> Float[Tensor, "P P"]:
    """More for pairs in small masks: 1 / (m_p m_q), spread over [1, 10]; all 1 where all areas are equal."""
    inverse = 1 / areas
    weights = inverse[:, None] * inverse[None, :]
    low, high = weights.min(), weights.max()
    if high - low <= 1e-9 * high:
        return torch.ones_like(weights)
    return 1 + (HEAVIEST - 1) * (weights - low) / (high - low)


def gate(
    scales: Float[Tensor, "S"], weight: Float[Tensor, "D"], bias: Float[Tensor, "D"]
) -> Float[Tensor, "S D"]:
    """How much each channel counts at normalised scales in [0, 1]: sigmoid(w s + b)."""
    return torch.sigmoid(scales[:, None] * weight + bias)


def gated_cosines(rendered: Float[Tensor, "P D"], gates: Float[Tensor, "S D"]) -> Float[Tensor, "S P P"]:
    """Similarity of all pairs of pixels at every scale (eq. 5 and 8); 0 for a pixel that sees nothing."""
    gated = rendered[None] * gates[:, None, :]
    unit = gated / gated.norm(dim=-1, keepdim=True).clamp_min(1e-9)
    return torch.bmm(unit, unit.transpose(1, 2))


@dataclass(frozen=True)
class KeptPairs:
    """Pairs p < q of the two means of eq. 11."""

    attract: Bool[Tensor, "P P"]
    repel: Bool[Tensor, "P P"]


def resample(
    same: Bool[Tensor, "S P P"],
    cosines: Float[Tensor, "S P P"],
    generator: torch.Generator,
    *,
    hard: bool = True,
) -> KeptPairs:
    """Keep all pairs that change with the scale, half as many of each kind that do not, and the hard ones.

    Source: docs/methods/saga.md section 5; without any changing pair up to 1,000 of each kind (section 10).
    """
    upper = torch.ones(same.shape[1:], dtype=torch.bool, device=same.device).triu(1)
    numbers = same.view(
        torch.uint8
    )  # least and most of bytes; all() and any() over scales take 300 times as long
    always, never = numbers.amin(dim=0).bool() & upper, ~numbers.amax(dim=0).bool() & upper
    changing = upper & ~always & ~never
    count = int(changing.sum())
    wanted = count // 2 if count else FALLBACK_PAIRS
    drawn = torch.rand(upper.shape, generator=generator).to(same.device)
    attract, repel = _some(always, wanted, drawn), _some(never, wanted, drawn)
    if hard:
        attract = attract | (always & (cosines.amin(dim=0) < HARD_POSITIVE))
        repel = repel | (never & (cosines.amax(dim=0) > HARD_NEGATIVE))
    return KeptPairs(changing | attract, changing | repel)


def all_pairs(same: Bool[Tensor, "S P P"]) -> KeptPairs:
    """Every pair, for training without resampling."""
    upper = torch.ones(same.shape[1:], dtype=torch.bool, device=same.device).triu(1)
    return KeptPairs(upper, upper)


def correspondence_loss(
    cosines: Float[Tensor, "S P P"],
    same: Bool[Tensor, "S P P"],
    kept: KeptPairs,
    weights: Float[Tensor, "P P"],
) -> Float[Tensor, ""]:
    """The two means of eq. 11 in the recommended reading: pull pairs that belong together, push similar others apart.

    Positive pairs count with their plain cosine, so that opposite ones are pulled as well; 0 for an empty mean.
    """
    S = same.shape[0]
    pull = weights * kept.attract / (kept.attract.sum() * S).clamp_min(1)
    push = weights * kept.repel / (kept.repel.sum() * S).clamp_min(1)
    # max(cosine, 0) is the cosine times a factor without gradient: one product instead of a branch for autograd
    factors = torch.where(same, -pull, push * (cosines.detach() > 0))
    return torch.dot(cosines.flatten(), factors.flatten())


def printed_correspondence_loss(
    cosines: Float[Tensor, "S P P"],
    same: Bool[Tensor, "S P P"],
    kept: KeptPairs,
    weights: Float[Tensor, "P P"],
) -> Float[Tensor, ""]:
    """The two means of eq. 11 as they are printed: eq. 9 of both signs in both, so changing pairs count twice, and
    every cosine cut at 0, so opposite pairs that belong together are not pulled; 0 for an empty mean.
    """
    S = same.shape[0]
    first, second = (weights * pairs / (pairs.sum() * S).clamp_min(1) for pairs in (kept.attract, kept.repel))
    factors = (first + second) * (1 - 2 * same.to(weights.dtype)) * (cosines.detach() > 0)
    return torch.dot(cosines.flatten(), factors.flatten())


def printed_norm_loss(rendered: Float[Tensor, "P D"]) -> Float[Tensor, ""]:
    """The mean of eq. 10, 1 - length, as it is printed: over all pixels that are given, transparent ones too."""
    return (1 - rendered.norm(dim=-1)).mean()


def norm_loss(rendered: Float[Tensor, "P D"], opaque: Bool[Tensor, "P"]) -> Float[Tensor, ""]:
    """(1 - mean length)^2 over opaque pixels, as the authors' code has eq. 10; 0 without any.

    Features along a ray that agree blend to length alpha, others to less: it aligns them in depth.
    """
    if not bool(opaque.any()):
        return rendered.sum() * 0
    return (1 - rendered[opaque].norm(dim=-1).mean()).square()


def _some(pairs: Bool[Tensor, "P P"], count: int, drawn: Float[Tensor, "P P"]) -> Bool[Tensor, "P P"]:
    """About `count` of the pairs, by numbers drawn uniformly from [0, 1); all when there are fewer."""
    total = int(pairs.sum())
    return pairs if total <= count else pairs & (drawn < count / total)
