"""Splats in place of photos: pictures of them from views chosen around them, with their exact cameras."""

from pathlib import Path

from liftlab.components.captures.lenses import BroughtCamera
from liftlab.components.captures.readers.found import BroughtCameras, Source
from liftlab.components.captures.readers.photos import encode_photo
from liftlab.components.errors import InputError
from liftlab.components.gaussians.virtual_views import choose_cameras, render_view
from liftlab.components.progress import Progress, part_of, repeated
from liftlab.components.rasterize import tensors_from_gaussians, warm_up
from liftlab.components.types import Gaussians

VIEWS = 12
WIDTH, HEIGHT = 640, 480


def photograph(gaussians: Gaussians, name: str, folder: Path, *, progress: Progress) -> Source:
    """Write pictures of the splats of the file called `name` into the existing `folder`.

    Returns:
        The pictures in order, and their cameras by file name.

    Raises:
        InputError: The splats show nothing.
    """
    with repeated(progress, "Preparing the renderer"):
        warm_up()
    try:
        cameras = choose_cameras(
            gaussians,
            count=VIEWS,
            width=WIDTH,
            height=HEIGHT,
            progress=part_of(progress, 0.0, 0.6),
        )
    except ValueError as error:
        raise InputError(f"{name} holds no splat that can be seen; export it again.") from error
    if len(cameras) < 2:
        raise InputError(f"{name} shows too little from all around to be segmented.")
    tensors = tensors_from_gaussians(gaussians)
    pictures, frames = [], {}
    for number, camera in enumerate(cameras):
        progress(0.6 + 0.4 * number / len(cameras), f"Drawing view {number + 1} of {len(cameras)}")
        data, suffix = encode_photo(render_view(tensors, camera).image, lossless=True)
        picture = folder / f"view_{number:02d}{suffix}"
        picture.write_bytes(data)
        pictures.append((picture.name, picture))
        params = tuple(float(camera.K[place]) for place in ((0, 0), (1, 1), (0, 2), (1, 2)))
        frames[picture.name] = BroughtCamera(
            "PINHOLE", params, camera.width, camera.height, camera.world_to_camera
        )
    note = f"{len(gaussians.means):,} splats; {len(pictures)} views of them were chosen."
    return Source(
        tuple(pictures), BroughtCameras(frames, dict.fromkeys(frames, 1)), notes=(note,), drawn=True
    )
