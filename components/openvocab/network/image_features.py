"""Features of photos at points."""

from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

CONTEXT = 96
"""Channels of the coarsest map, a sixteenth of the photos' size, whose values see some 80 pixels across."""


class ImageFeatures(nn.Module):
    """A small convolutional network over the photos, read at each point's first link.

    In place of the original's frozen 2D network, whose weights are a download: trained with the rest [ours].
    """

    def __init__(self, channels: int, context: bool = True) -> None:
        super().__init__()
        sizes = (3, 16, 32, 48)
        self.steps = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(sizes)])
        self.norms = nn.ModuleList([nn.GroupNorm(4, b) for b in sizes[1:]])
        self.out = nn.Linear(sum(sizes[2:]), channels)
        self.context = _Context(sizes[1:], channels) if context else None

    def forward(
        self, images: Float[Tensor, "V 3 h w"], view: Int[Tensor, "N"], at: Float[Tensor, "N 2"]
    ) -> Float[Tensor, "N C"]:
        x, kept = images, []
        for number, (step, norm) in enumerate(zip(self.steps, self.norms, strict=True)):
            x = F.relu(norm(step(x)))
            if self.context is not None:
                x = self.context.refine[number](x)
            kept.append(x)
        features = self.out(torch.cat([_read(level, view, at) for level in kept[1:]], dim=1))
        return features if self.context is None else features + self.context(x, view, at)


class _Context(nn.Module):
    """What a deeper network adds to the three convolutions [ours]; it begins by adding nothing, so that weights without
    it can be gone on from."""

    def __init__(self, sizes: tuple[int, ...], channels: int) -> None:
        super().__init__()
        self.refine = nn.ModuleList([_Refine(size) for size in sizes])
        self.step = nn.Conv2d(sizes[-1], CONTEXT, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(4, CONTEXT)
        self.last = _Refine(CONTEXT)
        self.out = nn.Linear(CONTEXT, channels)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(
        self, x: Float[Tensor, "V C h w"], view: Int[Tensor, "N"], at: Float[Tensor, "N 2"]
    ) -> Float[Tensor, "N D"]:
        return self.out(_read(self.last(F.relu(self.norm(self.step(x)))), view, at))


class _Refine(nn.Module):
    """A convolution that adds to what is there; it begins by adding nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(4, channels)
        self.last = nn.Conv2d(channels, channels, 1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "V C h w"]) -> Float[Tensor, "V C h w"]:
        return x + self.last(F.relu(self.norm(self.first(x))))


def _read(level: Float[Tensor, "V C h w"], view: Int[Tensor, "N"], at: Float[Tensor, "N 2"]) -> Tensor:
    """Bilinear values [N, C] of the views' maps; zero beyond the rim.

    Four looked-up corners: `grid_sample` would read every point in every view.
    """
    views, channels, height, width = level.shape
    x = (at[:, 0] + 1) * width / 2 - 0.5
    y = (at[:, 1] + 1) * height / 2 - 0.5
    inside = (at.abs() <= 1).all(dim=1)
    x, y = x.clamp(0, width - 1), y.clamp(0, height - 1)
    x0, y0 = x.floor().long().clamp(max=max(width - 2, 0)), y.floor().long().clamp(max=max(height - 2, 0))
    x1, y1 = (x0 + 1).clamp(max=width - 1), (y0 + 1).clamp(max=height - 1)
    u, v = (x - x0)[:, None], (y - y0)[:, None]
    flat = level.permute(0, 2, 3, 1).reshape(views * height * width, channels)
    base = view * height * width
    top = flat[base + y0 * width + x0] * (1 - u) + flat[base + y0 * width + x1] * u
    bottom = flat[base + y1 * width + x0] * (1 - u) + flat[base + y1 * width + x1] * u
    return (top * (1 - v) + bottom * v) * inside[:, None]
