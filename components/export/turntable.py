"""A turn around an object's splats as moving pictures: GIF and MP4, rendered here and not in a browser."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image

from liftlab.components.files import atomic_write
from liftlab.components.geometry.projection import looking_at
from liftlab.components.rasterize import rasterize, tensors_from_gaussians
from liftlab.components.types import Array, Camera, Gaussians

FIELD_OF_VIEW = math.radians(35)
MARGIN = 1.15
"""The circle that the object turns in is this much larger than the object."""
SEEN_ALL_AROUND = math.radians(120)
"""Cameras that leave no wider gap than this around the object have seen all of it, and the turn is whole."""
BEYOND = math.radians(12)
"""Else the turn swings this far beyond what they saw, and back."""
ELEVATIONS = (math.radians(8), math.radians(50))
FRAMES_PER_SECOND = 20


def turntable_cameras(
    gaussians: Gaussians,
    up: Float[Array, "3"],
    seen_from: Sequence[Camera],
    *,
    count: int = 60,
    side: int = 400,
) -> list[Camera]:
    """Cameras around an object, at the height from which it was photographed.

    A whole turn where photos were taken all around it; else to and fro over the side that they show: nobody knows
    the back.

    Args:
        gaussians: The object, world frame.
        up: Unit vector, world frame.
        seen_from: Cameras of the photos.
        count: Frames.
        side: Width and height, pixels; even.

    Raises:
        ValueError: There is no Gaussian or no camera.
    """
    if len(gaussians.means) == 0 or not seen_from:
        raise ValueError("gaussians and seen_from must not be empty. Select something first.")
    low, high = np.quantile(gaussians.means, [0.01, 0.99], axis=0).astype(np.float64)
    center = (low + high) / 2
    radius = max(float(np.linalg.norm(high - low)) / 2, 1e-6)
    radius += float(np.median(gaussians.scales.max(axis=1)))
    towards = np.stack([camera.center for camera in seen_from]) - center
    towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    elevation = float(np.clip(np.median(np.arcsin(np.clip(towards @ up, -1, 1))), *ELEVATIONS))
    across, along = _ground_axes(towards.mean(axis=0), up)
    azimuths = np.arctan2(towards @ across, towards @ along)
    distance = MARGIN * radius / math.sin(FIELD_OF_VIEW / 2)
    focal = side / (2 * math.tan(FIELD_OF_VIEW / 2))
    K = np.array([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1.0]])
    cameras = []
    for azimuth in _azimuths(azimuths, count):
        outward = math.cos(azimuth) * along + math.sin(azimuth) * across
        eye = center + distance * (math.cos(elevation) * outward + math.sin(elevation) * up)
        cameras.append(Camera(K, looking_at(eye, center, up), side, side))
    return cameras


def turntable_frames(
    gaussians: Gaussians,
    cameras: Sequence[Camera],
    *,
    background: tuple[float, float, float] = (1.0, 1.0, 1.0),
    device: torch.device | str = "cpu",
) -> Iterator[UInt8[Array, "H W 3"]]:
    """Render one camera after the other; RGB over `background` (0 to 1)."""
    tensors = tensors_from_gaussians(gaussians, device=device)
    behind = torch.tensor(background, dtype=torch.float32, device=device)
    for camera in cameras:
        with torch.no_grad():
            colour = rasterize(tensors, [camera], background=behind).colour
        assert colour is not None
        yield (colour[0].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def write_gif(path: Path, frames: Sequence[UInt8[Array, "H W 3"]]) -> None:
    """An endless GIF, 256 colours per frame. Raises ValueError without frames."""
    if not frames:
        raise ValueError("frames must hold at least one picture; got none.")
    pictures = [Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames]
    with atomic_write(path) as file:
        pictures[0].save(
            file, "GIF", save_all=True, append_images=pictures[1:], loop=0, duration=1000 // FRAMES_PER_SECOND
        )


def write_mp4(path: Path, frames: Sequence[UInt8[Array, "H W 3"]]) -> None:
    """An H.264 film that every browser plays; width and height are even. Raises ValueError without frames."""
    if not frames:
        raise ValueError("frames must hold at least one picture; got none.")
    height, width = frames[0].shape[:2]
    with atomic_write(path) as file, av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("h264", rate=FRAMES_PER_SECOND, options={"crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def _azimuths(seen: Float[Array, "V"], count: int) -> Float[Array, "C"]:
    """Where the cameras of the turn stand, radians; 0 is the middle of where the photos were taken from."""
    ordered = np.sort(seen)
    gaps = np.append(np.diff(ordered), ordered[0] + 2 * math.pi - ordered[-1])
    phase = np.arange(count) / count * 2 * math.pi
    if gaps.max() <= SEEN_ALL_AROUND:
        return phase
    widest = int(gaps.argmax())
    first = ordered[(widest + 1) % len(ordered)]
    covered = 2 * math.pi - gaps.max()
    middle = first + covered / 2
    return middle + (covered / 2 + BEYOND) * np.sin(phase)


def _ground_axes(
    towards: Float[Array, "3"], up: Float[Array, "3"]
) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    """Unit axes of the ground: across, and along the direction from which the photos were taken."""
    along = towards - (towards @ up) * up
    if np.linalg.norm(along) < 1e-6:  # seen straight from above: any direction will do
        along = np.cross(up, np.eye(3)[int(np.abs(up).argmin())])
    along = along / np.linalg.norm(along)
    return np.cross(up, along), along
