"""Cameras in the form that rendering reads."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from liftlab.components.types import Camera


@dataclass(frozen=True)
class PinholeTensors:
    """`liftlab.components.types.Camera` with its transform as a tensor and its intrinsics as plain numbers, in
    pixels."""

    world_to_camera: Float[Tensor, "4 4"]
    center: Float[Tensor, "3"]
    """Camera centre, world frame."""
    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int


def pinhole_tensors(camera: Camera, like: Tensor) -> PinholeTensors:
    """`camera` on the device and in the type of `like`."""
    return PinholeTensors(
        world_to_camera=torch.as_tensor(camera.world_to_camera, dtype=like.dtype, device=like.device),
        center=torch.as_tensor(camera.center, dtype=like.dtype, device=like.device),
        fx=float(camera.K[0, 0]),
        fy=float(camera.K[1, 1]),
        cx=float(camera.K[0, 2]),
        cy=float(camera.K[1, 2]),
        width=camera.width,
        height=camera.height,
    )


def common_size(cameras: Sequence[Camera]) -> tuple[int, int]:
    """(width, height) that all `cameras` share. Raises ValueError when there is none or they differ."""
    sizes = {(camera.width, camera.height) for camera in cameras}
    if len(sizes) != 1:
        given = "no camera" if not sizes else ", ".join(f"{w}x{h}" for w, h in sorted(sizes))
        raise ValueError(
            f"cameras must be one or more of one size; got {given}. Render each size in its own call."
        )
    width, height = sizes.pop()
    if width < 1 or height < 1:
        raise ValueError(f"cameras must be at least 1x1 pixel; got {width}x{height}.")
    return width, height
