"""A splat file in place of photos: pictures of it from views chosen around it, with their exact cameras."""

from pathlib import Path

import numpy as np

from components.captures.known_cameras import KnownCamera, KnownCameras
from components.captures.photos import encode_photo
from components.errors import InputError
from components.gaussians.files import read_gaussians
from components.gaussians.virtual_views import choose_cameras, see
from components.progress import CancelToken, Progress, part_of
from components.rasterize import tensors_from_gaussians, warm_up
from components.types import Gaussians, Lens

VIEWS = 12
WIDTH, HEIGHT = 640, 480


def photograph(
    path: Path, folder: Path, *, progress: Progress, cancel: CancelToken
) -> tuple[Gaussians, list[Path], KnownCameras]:
    """Write pictures of a splat file into the existing `folder`.

    Returns:
        The splats, the pictures in order, and their cameras by file name.

    Raises:
        InputError: The file holds no splats, is damaged, or shows nothing.
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
        raise InputError(f"{path.name} holds no splat that can be seen; export it again.") from error
    if len(cameras) < 2:
        raise InputError(f"{path.name} shows too little from all around to be segmented.")
    tensors = tensors_from_gaussians(gaussians)
    written, frames = [], {}
    for number, camera in enumerate(cameras):
        cancel.check()
        progress(0.6 + 0.4 * number / len(cameras), f"Drawing view {number + 1} of {len(cameras)}")
        data, suffix = encode_photo(see(tensors, camera).image, lossless=True)
        target = folder / f"view_{number:02d}{suffix}"
        target.write_bytes(data)
        written.append(target)
        lens = Lens(camera.width, camera.height, np.asarray(camera.K, np.float64))
        frames[target.name] = KnownCamera(lens, camera.world_to_camera)
    return gaussians, written, KnownCameras(frames)
