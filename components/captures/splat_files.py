"""Splats in place of photos: pictures of them from views chosen around them, with their exact cameras."""

from pathlib import Path

import numpy as np

from components.captures.known_cameras import KnownCamera, KnownCameras
from components.captures.photos import encode_photo
from components.captures.sources import Source
from components.errors import InputError
from components.gaussians.files import read_gaussians
from components.gaussians.virtual_views import choose_cameras, see
from components.progress import CancelToken, Progress, part_of
from components.rasterize import tensors_from_gaussians, warm_up
from components.types import Lens

VIEWS = 12
WIDTH, HEIGHT = 640, 480


def photograph(path: Path, name: str, folder: Path, *, progress: Progress, cancel: CancelToken) -> Source:
    """Write pictures of splats into the existing `folder`.

    Args:
        path: The splats in our own form.
        name: Of the file that was brought, for sentences.

    Returns:
        The pictures in order, and their cameras by file name.

    Raises:
        InputError: The splats show nothing.
        Cancelled: The token was set.
    """
    gaussians = read_gaussians(path)
    warm_up()
    try:
        cameras = choose_cameras(
            gaussians,
            count=VIEWS,
            width=WIDTH,
            height=HEIGHT,
            progress=part_of(progress, 0.0, 0.6),
            cancel=cancel,
        )
    except ValueError as error:
        raise InputError(f"{name} holds no splat that can be seen; export it again.") from error
    if len(cameras) < 2:
        raise InputError(f"{name} shows too little from all around to be segmented.")
    tensors = tensors_from_gaussians(gaussians)
    pictures, frames = [], {}
    for number, camera in enumerate(cameras):
        cancel.check()
        progress(0.6 + 0.4 * number / len(cameras), f"Drawing view {number + 1} of {len(cameras)}")
        data, suffix = encode_photo(see(tensors, camera).image, lossless=True)
        picture = folder / f"view_{number:02d}{suffix}"
        picture.write_bytes(data)
        pictures.append((picture.name, picture))
        lens = Lens(camera.width, camera.height, np.asarray(camera.K, np.float64))
        frames[picture.name] = KnownCamera(lens, camera.world_to_camera)
    note = f"{len(gaussians.means):,} splats; {len(pictures)} views of them were chosen."
    return Source(tuple(pictures), KnownCameras(frames), (note,), drawn=True)
