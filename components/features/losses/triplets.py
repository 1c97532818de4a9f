"""UniC-Lift's triplets: an anchor, and a pixel of its own and of another segment mined at the borders.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Int32, Int64
from torch import Tensor

from liftlab.components.features.label_maps import boundary_band
from liftlab.components.rasterize.frozen import FrozenView, PixelRows
from liftlab.components.types import Array


@dataclass(frozen=True)
class TripletPixels:
    """The labelled pixels of one view, sorted by segment, and those of them at the borders."""

    inside: Int64[Tensor, "P"]
    """Flat pixel indices, segment after segment."""
    inside_start: Int64[Tensor, "K_plus_1"]
    """Segment k owns inside[inside_start[k]:inside_start[k + 1]]."""
    border: Int64[Tensor, "B"]
    """The same of the border band; a segment without border pixels puts all of its own here."""
    border_start: Int64[Tensor, "K_plus_1"]

    @property
    def count(self) -> int:
        """Segments K."""
        return len(self.inside_start) - 1


@dataclass(frozen=True)
class TripletSample:
    """Triplets of one view."""

    pixels: PixelRows
    """T anchors, then pixels for the cluster loss alone."""
    others: PixelRows
    """T positives, then T negatives; none in a view of one segment."""
    labels: Int64[Tensor, "P"]
    """Segment of `pixels`."""


def triplet_pixels(
    labels: Int32[Array, "H W"], *, band_px: int = 2, min_pixels: int = 20, at_borders: bool = True
) -> TripletPixels:
    """Sort the pixels of a label map for `sample_triplets`; segments under `min_pixels` are left out.

    Args:
        at_borders: Off, positives and negatives come from anywhere in their segments, as the random triplets that
            UniC-Lift compares with.
    """
    flat, band = labels.ravel(), boundary_band(labels, width_px=band_px).ravel()
    inside: list[Array] = []
    border: list[Array] = []
    order = np.argsort(flat, kind="stable")
    values, starts = np.unique(flat[order], return_index=True)
    for value, own in zip(values, np.split(order, starts[1:]), strict=True):
        if value > 0 and len(own) >= min_pixels:
            at_border = own[band[own]] if at_borders else own
            inside.append(own)
            border.append(at_border if len(at_border) else own)
    return TripletPixels(*_joined(inside), *_joined(border))


def sample_triplets(pixels: TripletPixels, count: int, generator: torch.Generator) -> Int64[Tensor, "T 3"]:
    """Draw (anchor, positive, negative) as flat pixel indices.

    Anchors are uniform over a segment's pixels, with equal numbers per segment; the positive is a border pixel of the
    same segment, the negative a border pixel of any other.

    Returns:
        At most `count` rows, a multiple of the number of segments; none when there are fewer than two segments.

    Source: UniC-Lift, sampling of eq. 5.
    """
    K = pixels.count
    if K < 2:
        return torch.zeros((0, 3), dtype=torch.int64)
    each = max(count // K, 1)
    segment = torch.arange(K).repeat_interleave(each)[:count]
    anchor = pixels.inside[_draw(pixels.inside_start, segment, generator)]
    positive = pixels.border[_draw(pixels.border_start, segment, generator)]
    low, high = pixels.border_start[segment], pixels.border_start[segment + 1]
    others = len(pixels.border) - (high - low)
    drawn = (torch.rand(len(segment), generator=generator, dtype=torch.float64) * others).long()
    negative = pixels.border[torch.where(drawn >= low, drawn + (high - low), drawn)]
    return torch.stack([anchor, positive, negative], dim=1)


def triplet_samples(
    view: FrozenView,
    labels: Int32[Array, "H W"],
    *,
    samples: int,
    triplets: int,
    pixels: int,
    at_borders: bool = True,
    generator: torch.Generator,
) -> list[TripletSample]:
    """Samples of one view with the Gaussians that their pixels see, on the view's device; none where no segment is
    large enough.

    Args:
        view: Of the size of `labels`.
        labels: Segments, 0 = none.
        samples: How many.
        triplets: Per sample.
        pixels: Labelled pixels per sample beside the anchors.
        at_borders: See `triplet_pixels`.
        generator: Randomness.
    """
    device = view.gaussians.means.device
    sorted_pixels = triplet_pixels(labels, at_borders=at_borders)
    flat = torch.from_numpy(labels.ravel()).long()
    out = []
    for _ in range(samples if sorted_pixels.count else 0):
        drawn = sample_triplets(sorted_pixels, triplets, generator)
        chosen = torch.randint(len(sorted_pixels.inside), (pixels,), generator=generator)
        own = torch.cat([drawn[:, 0], sorted_pixels.inside[chosen]])
        others = drawn[:, 1:].T.flatten()
        out.append(
            TripletSample(view.rows(own.to(device)), view.rows(others.to(device)), flat[own].to(device))
        )
    return out


def triplet_loss(
    anchor: Float[Tensor, "T D"],
    positive: Float[Tensor, "T D"],
    negative: Float[Tensor, "T D"],
    *,
    margin: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean of max(0, |a - p|^2 - |a - n|^2 + margin); 0 without triplets.

    Args:
        anchor: z = Wm Y of the anchors (`components.features.losses.cluster_loss.bounded`, then the linear layer).

    Source: UniC-Lift, eq. 5 with z of eq. 4.
    """
    near, far = ((anchor - positive) ** 2).sum(dim=1), ((anchor - negative) ** 2).sum(dim=1)
    return torch.relu(near - far + margin).sum() / max(len(anchor), 1)


def near_identity(D: int, generator: torch.Generator, *, noise: float = 0.01) -> Float[Tensor, "D D"]:
    """The linear layer Wm at the start: identity plus normal noise (docs/methods/unic_lift.md section 2, ours)."""
    return torch.eye(D) + noise * torch.randn((D, D), generator=generator)


def _draw(
    starts: Int[Tensor, "K_plus_1"], segment: Int[Tensor, "T"], generator: torch.Generator
) -> Int64[Tensor, "T"]:
    """A random position in the slice of each segment."""
    low, high = starts[segment], starts[segment + 1]
    share = torch.rand(len(segment), generator=generator, dtype=torch.float64)
    return low + (share * (high - low)).long()


def _joined(pieces: list[Array]) -> tuple[Int64[Tensor, "_"], Int64[Tensor, "_"]]:
    lengths = [len(piece) for piece in pieces]
    flat = np.concatenate([*pieces, np.zeros(0, np.int64)]).astype(np.int64)
    return torch.from_numpy(flat), torch.from_numpy(np.cumsum([0, *lengths]).astype(np.int64))
