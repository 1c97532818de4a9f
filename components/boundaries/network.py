"""The network that sees boundaries of things in one photo, from colour and depth."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, UInt8
from torch import Tensor, nn

from liftlab.components.types import Array

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Made by `python -m assets.train_boundaries`; docs/boundaries.md says on what."""
WIDTHS = (12, 24, 40, 56, 72)
"""Channels at full size, at half of it, and so on."""
SURROUNDINGS = ((3.0, 50.0), (16.0, 15.0))
"""Depth is told as what it is beyond its surroundings: their width in pixels, and what makes its numbers about one."""
LARGEST = 3.0
"""Of those numbers."""
LAB_CENTER, LAB_SPREAD = (50.0, 0.0, 0.0), (30.0, 20.0, 20.0)
"""Colours of photos, roughly, in CIE Lab."""


def boundary_inputs(image: UInt8[Array, "H W 3"], depth: Float32[Array, "H W"]) -> Float32[Array, "C H W"]:
    """What the network is told of each pixel: colour, relative depth beyond its surroundings, and whether it is known.

    Args:
        image: RGB.
        depth: Along +Z, 0 where unknown.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = (lab - np.array(LAB_CENTER, np.float32)) / np.array(LAB_SPREAD, np.float32)
    known = (depth > 0).astype(np.float32)
    log_depth = np.log(np.maximum(depth, 1e-6)) * known
    beyond = []
    for width, gain in SURROUNDINGS:
        weight = cv2.GaussianBlur(known, (0, 0), width)
        mean = cv2.GaussianBlur(log_depth, (0, 0), width) / np.maximum(weight, 1e-3)
        beyond.append(np.clip((log_depth - mean) * known * gain, -LARGEST, LARGEST))
    return np.stack([*np.moveaxis(lab, 2, 0), *beyond, known])


class BoundaryNetwork(nn.Module):
    """An encoder and a decoder with skip connections. Source: Ronneberger et al., U-Net, MICCAI 2015."""

    def __init__(self, inputs: int = 4 + len(SURROUNDINGS), widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        before = (inputs, *widths[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(a, b), _convolution(b, b)) for a, b in zip(before, widths, strict=True)
        )
        self.up = nn.ModuleList(
            _convolution(widths[level] + widths[level + 1], widths[level])
            for level in reversed(range(len(widths) - 1))
        )
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B H W"]:
        """Log odds that a boundary passes within a pixel. Sides are multiples of 2 to the number of levels less one."""
        skips: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for level, up in enumerate(self.up):
            skip = skips[-2 - level]
            grown = F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            x = up(torch.cat([skip, grown], dim=1))
        return self.head(x)[:, 0]


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


@cache
def boundary_network() -> BoundaryNetwork:
    """The trained network that ships, on the CPU."""
    from safetensors.torch import load_file

    network = BoundaryNetwork()
    network.load_state_dict({name: value.float() for name, value in load_file(WEIGHTS).items()}, strict=False)
    return network.eval()


@torch.no_grad()
def boundaries(
    network: BoundaryNetwork, image: UInt8[Array, "H W 3"], depth: Float32[Array, "H W"]
) -> Float32[Array, "H W"]:
    """Chance that a boundary of a thing passes within a pixel, in steps of 1/255: small differences between
    machines stay without consequence.

    Args:
        network: On any device.
        image: RGB.
        depth: Along +Z, 0 where unknown.
    """
    told = boundary_inputs(image, depth)
    multiple = 2 ** (len(network.down) - 1)
    padding = [(0, 0), *((0, -side % multiple) for side in told.shape[1:])]
    device = next(network.parameters()).device
    given = torch.from_numpy(np.pad(told, padding, mode="edge"))[None].to(device)
    chance = torch.sigmoid(network(given))[0, : told.shape[1], : told.shape[2]]
    return (np.round(chance.cpu().numpy() * 255) / 255).astype(np.float32)
