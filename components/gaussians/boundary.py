"""Cut an object out of a scene of Gaussians along its outline, with care for those that lie across it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from liftlab.components.gaussians.selection import SHARE_MIN, joined, mask_votes, subset, without_specks
from liftlab.components.types import Array, Camera, Gaussians

Boundary = Literal["keep", "trim", "split"]
"""What happens to Gaussians across the outline: left whole on their side, left out, or cut into smaller ones."""
STRADDLE_MIN = 0.05
"""A Gaussian with at least this share of its weight on either side lies across the outline."""
WEIGHT_MIN = 0.1
"""Pixels of blending weight over all views below which a Gaussian is not looked at: nobody sees it."""
ROUNDS = 3
"""Times that what lies across the outline is halved, each time along its longest axis."""
PIECE_SHARE_MIN = 0.85
"""A piece is the object's with this share of its weight under the masks: cut pieces pile up along the outline, and
each that hangs over it by half would show. What lies between is neither's."""
PIECE_SHIFT, PIECE_WIDTH = 0.5, 0.65
"""Halves lie this far from the middle and are this wide, both in standard deviations of the whole. Among pairs narrow
enough to be worth it, this one's alpha is nearest to that of the whole (under 0.05 off at opacity 0.95)."""


@dataclass(frozen=True)
class SplitScene:
    """A scene of Gaussians in two."""

    thing: Gaussians
    """The object."""
    rest: Gaussians
    """The scene without it."""
    straddling: Bool[Array, "N"]
    """Which of the scene's Gaussians lay across the outline."""


def part(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    masks: Sequence[Bool[Array, "_ _"]],
    *,
    selected: Bool[Array, "N"] | None = None,
    boundary: Boundary = "split",
    device: torch.device | str = "cpu",
) -> SplitScene:
    """Separate the object under `masks` from the rest.

    Args:
        gaussians: All of the scene, world frame.
        cameras: One per mask, of any size.
        masks: The object in every view; all False where it is not seen.
        selected: The object's Gaussians where a method has chosen them; None takes those under the masks.
        boundary: "keep" leaves every Gaussian whole, "trim" leaves those across the outline out of both parts,
            "split" cuts them until their pieces lie on one side, and deals the pieces out by the masks.

    Raises:
        ValueError: A mask is not of its camera's size.
    """
    shares, weights = _shares(gaussians, cameras, masks, device)
    side = without_specks(gaussians, shares >= SHARE_MIN, weights) if selected is None else selected
    across = _lies_across(shares, weights)
    if boundary == "keep":
        return SplitScene(subset(gaussians, side), subset(gaussians, ~side), across)
    if boundary == "trim":
        return SplitScene(subset(gaussians, side & ~across), subset(gaussians, ~side & ~across), across)
    if boundary == "split":
        pieces, inner, outer, weights = _split(gaussians, side, across, weights, cameras, masks, device)
        if selected is None:  # pieces of what lies behind the object, cut out by its masks
            kept = without_specks(pieces, inner, weights)
            inner, outer = kept, outer | (inner & ~kept)
        return SplitScene(subset(pieces, inner), subset(pieces, outer), across)
    assert_never(boundary)


def halved(gaussians: Gaussians) -> Gaussians:
    """Two narrower Gaussians in place of each, side by side along its longest axis: all first halves, then all
    second ones.

    Together they take as much light as the whole: the integral of -log(1 - alpha) across them is the same.
    """
    rows = np.arange(len(gaussians.means))
    longest = gaussians.scales.argmax(axis=1)
    width = gaussians.scales[rows, longest]
    axes = (
        Rotation.from_quat(gaussians.quats[:, [1, 2, 3, 0]]).as_matrix() if len(rows) else np.zeros((0, 3, 3))
    )
    shift = (PIECE_SHIFT * width[:, None] * axes[rows, :, longest]).astype(np.float32)
    scales = gaussians.scales.copy()
    scales[rows, longest] = PIECE_WIDTH * width
    opacities = _piece_opacities(gaussians.opacities)
    first, second = (
        replace(gaussians, means=gaussians.means + sign * shift, scales=scales, opacities=opacities)
        for sign in (np.float32(1), np.float32(-1))
    )
    return joined(first, second)


def _piece_opacities(opacities: Float[Array, "N"]) -> Float[Array, "N"]:
    """Opacity of each half, such that both take the light that the whole takes."""
    table = np.linspace(0, 0.999, 200)
    across = np.linspace(-4, 4, 161)
    taken = -np.log1p(-table[:, None] * np.exp(-(across**2) / 2)).sum(axis=1)
    whole = np.interp(opacities, table, taken)
    return np.interp(whole / (2 * PIECE_WIDTH), taken, table).astype(np.float32)


def _split(
    gaussians: Gaussians,
    side: Bool[Array, "N"],
    across: Bool[Array, "N"],
    weights: Float[Array, "N"],
    cameras: Sequence[Camera],
    masks: Sequence[Bool[Array, "_ _"]],
    device: torch.device | str,
) -> tuple[Gaussians, Bool[Array, "P"], Bool[Array, "P"], Float[Array, "P"]]:
    """The scene with its Gaussians across the outline in pieces; which rows are the object's, and which the rest's;
    and the weight of each.
    """
    inner, outer, is_piece = side, ~side, np.zeros(len(side), bool)
    for _ in range(ROUNDS):
        if not across.any():
            break
        pieces = halved(subset(gaussians, across))
        count = len(pieces.means)
        gaussians = joined(subset(gaussians, ~across), pieces)
        is_piece = np.concatenate([is_piece[~across], np.ones(count, bool)])
        shares, weights = _shares(gaussians, cameras, masks, device)
        seen, new = weights[-count:] > 0, shares[-count:]
        parents = np.tile(inner[across], 2)  # what nobody sees goes where its whole was
        inner = np.concatenate([inner[~across], np.where(seen, new >= PIECE_SHARE_MIN, parents)])
        outer = np.concatenate([outer[~across], np.where(seen, new < SHARE_MIN, ~parents)])
        across = is_piece & _lies_across(shares, weights)
    return gaussians, inner, outer, weights


def _lies_across(shares: Float[Array, "N"], weights: Float[Array, "N"]) -> Bool[Array, "N"]:
    return (weights >= WEIGHT_MIN) & (shares >= STRADDLE_MIN) & (shares <= 1 - STRADDLE_MIN)


def _shares(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    masks: Sequence[Bool[Array, "_ _"]],
    device: torch.device | str,
) -> tuple[Float[Array, "N"], Float[Array, "N"]]:
    """Share of each Gaussian's weight under the masks (0 where nobody sees it), and that weight in all, pixels."""
    votes = mask_votes(gaussians, cameras, masks, device=device)
    return votes.shares()[:, 0].nan_to_num(nan=0.0).numpy(), votes.seen.numpy()
