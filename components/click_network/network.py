"""The network that sees, from colour and depth, the thing under any click in a photo."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from liftlab.components.boundaries.network import SURROUNDINGS

WIDTHS = (24, 32, 48, 72, 96)
"""Channels at half the photo's size, at a quarter, and so on."""
STRIDE = 2
"""Pixels of the photo, both ways, that one place of `SeenPhoto.places` stands for."""
PLACE_CHANNELS = 8
"""Numbers of each place that masks are made from."""
WAY_SCALE = 32.0
"""Places by which the way from the click is divided."""
MASK_LAYERS = ((PLACE_CHANNELS + 2, 8), (8, 8), (8, 1))
"""Inputs and outputs of the layers that make a mask, whose weights each click brings itself."""
NUM_WEIGHTS = sum((inputs + 1) * outputs for inputs, outputs in MASK_LAYERS)
QUERY_LEVELS = (0, 2)
"""Levels of the decoder that are read at a click, besides the smallest size of the encoder."""


class SeenPhotos(NamedTuple):
    """What the network has seen in B photos, before anyone clicks."""

    places: Float[Tensor, "B 8 H/2 W/2"]
    """Numbers from which masks are made."""
    levels: tuple[Tensor, ...]
    """What is read at a click, from coarse to fine or not: maps [B, C, h, w] of several sizes."""
    boundary: Float[Tensor, "B H/2 W/2"]
    """Log odds that a boundary passes there; only teaches."""


class ClickNetwork(nn.Module):
    """A U-Net over the photo, and a small network per click whose weights are read off at the click.

    Source: Ronneberger et al., U-Net, MICCAI 2015; Tian et al., Conditional Convolutions for Instance Segmentation
    (CondInst), ECCV 2020. We differ: clicks, not detections, say where.
    """

    def __init__(self, inputs: int = 4 + len(SURROUNDINGS), widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        before = (widths[0], *widths[:-1])
        self.stem = nn.Sequential(
            nn.Conv2d(inputs, widths[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
        )
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(a, b), _convolution(b, b)) for a, b in zip(before, widths, strict=True)
        )
        self.up = nn.ModuleList(
            _convolution(widths[level] + widths[level + 1], widths[level])
            for level in reversed(range(len(widths) - 1))
        )
        self.to_places = nn.Conv2d(widths[0], PLACE_CHANNELS, 1)
        self.to_boundary = nn.Conv2d(widths[0], 1, 1)
        read = sum(widths[level] for level in QUERY_LEVELS) + widths[-1]
        self.ask = nn.Sequential(nn.Linear(read, 96), nn.ReLU(inplace=True))
        self.to_weights = nn.Linear(96, NUM_WEIGHTS)
        self.to_quality = nn.Linear(96, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> SeenPhotos:
        """Look at photos. Sides are multiples of 32."""
        skips: list[Tensor] = []
        x = self.stem(x)
        for level, down in enumerate(self.down):
            x = down(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        decoded = {}
        for level, up in zip(reversed(range(len(self.up))), self.up, strict=True):
            grown = F.interpolate(x, size=skips[level].shape[-2:], mode="bilinear", align_corners=False)
            x = up(torch.cat([skips[level], grown], dim=1))
            decoded[level] = x
        levels = (*(decoded[level] for level in QUERY_LEVELS), skips[-1])
        return SeenPhotos(self.to_places(x), levels, self.to_boundary(x)[:, 0])

    def answer(
        self, seen: SeenPhotos, photo: Int[Tensor, "Q"], at: Float[Tensor, "Q 2"], *, every: int = 1
    ) -> tuple[Float[Tensor, "Q h w"], Float[Tensor, "Q"]]:
        """Log odds that a place belongs to the thing under each click, and of how well that mask is expected to fit.

        Args:
            seen: Of the photos.
            photo: In which of them each click lies.
            at: The clicks (x, y) in pixels of the photo; the centre of the first pixel is (0.5, 0.5).
            every: Only every so manieth place is answered, both ways.
        """
        height, width = seen.places.shape[-2:]
        size = at.new_tensor([width * STRIDE, height * STRIDE])
        grid = (2 * at / size - 1)[:, None, None, :]
        read = [
            F.grid_sample(one[photo], grid, mode="bilinear", padding_mode="border", align_corners=False)[
                ..., 0, 0
            ]
            for one in seen.levels
        ]
        code = self.ask(torch.cat(read, dim=1))
        weights = self.to_weights(code)
        places = seen.places[..., ::every, ::every]
        columns = (torch.arange(0, width, every).to(at) + 0.5)[None, :] - at[:, :1] / STRIDE
        rows = (torch.arange(0, height, every).to(at) + 0.5)[None, :] - at[:, 1:] / STRIDE
        height, width = places.shape[-2:]
        ways = torch.stack(
            [
                (columns / WAY_SCALE)[:, None, :].expand(-1, height, -1),
                (rows / WAY_SCALE)[:, :, None].expand(-1, -1, width),
            ],
            dim=1,
        )
        x = torch.cat([places[photo], ways], dim=1).flatten(2)
        start = 0
        for number, (inputs, outputs) in enumerate(MASK_LAYERS):
            matrix = weights[:, start : start + inputs * outputs].view(-1, outputs, inputs) / math.sqrt(
                inputs
            )
            start += inputs * outputs
            bias = weights[:, start : start + outputs, None]
            start += outputs
            x = torch.baddbmm(bias, matrix, x)
            if number < len(MASK_LAYERS) - 1:
                x = F.relu(x)
        return x[:, 0].unflatten(1, (height, width)), self.to_quality(code)[:, 0]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
