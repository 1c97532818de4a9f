"""Which known camera belongs to which photo, in the size of that photo."""

from dataclasses import replace

from liftlab.components.captures.intake import KeptPhoto
from liftlab.components.captures.known_cameras import KnownCamera, KnownCameras
from liftlab.components.errors import InputError, listed, shown
from liftlab.components.geometry.projection import scaled_intrinsics


def match_cameras(
    cameras: KnownCameras | None, kept: list[KeptPhoto]
) -> tuple[KnownCameras | None, list[str]]:
    """Cameras under the names of the kept photos, in their sizes, and sentences about what does not match."""
    if cameras is None:
        return None, []
    frames = {}
    for photo in kept:
        camera = _camera_named(cameras, photo.original_name)
        if camera is not None:
            frames[photo.name] = fitted_to_photo(camera, photo.name, photo.width, photo.height)
    if len(frames) < 2:
        named, present = next(iter(cameras.frames)), kept[0].original_name
        raise InputError(
            f"The cameras do not belong to these photos: they name photos such as '{shown(named)}', "
            f"the photos are called like '{shown(present)}'; bring the photos the cameras were made for."
        )
    without = [photo.name for photo in kept if photo.name not in frames]
    if without:
        return replace(cameras, frames=frames), [f"No camera came with {listed(without)}."]
    return replace(cameras, frames=frames), []


def _camera_named(cameras: KnownCameras, name: str) -> KnownCamera | None:
    """By full name, else by file name, else by stem if just one fits: tools change folders and endings."""
    if name in cameras.frames:
        return cameras.frames[name]
    file_name = _file_name(name)
    stem = file_name.rsplit(".", 1)[0]
    same_file = [camera for key, camera in cameras.frames.items() if _file_name(key) == file_name]
    same_stem = [
        camera for key, camera in cameras.frames.items() if _file_name(key).rsplit(".", 1)[0] == stem
    ]
    fitting = same_file or same_stem
    return fitting[0] if len(fitting) == 1 else None


def _file_name(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def fitted_to_photo(camera: KnownCamera, name: str, width: int, height: int) -> KnownCamera:
    """The camera for a photo of `width` x `height` pixels, rescaled when the photo is a resized copy.

    Raises:
        InputError: The shapes differ, so the camera belongs to another (or a rotated or cropped) picture.
    """
    lens = camera.lens
    if (lens.width, lens.height) == (width, height):
        return camera
    scale_x, scale_y = width / lens.width, height / lens.height
    # Rounding to whole pixels when a photo is shrunk moves each side by at most one pixel.
    if abs(lens.width * scale_y - width) > 1 + scale_y and abs(lens.height * scale_x - height) > 1 + scale_x:
        if abs(lens.height * height - lens.width * width) <= 0.01 * lens.width * width:
            raise InputError(
                f"The camera of '{name}' is {lens.width}x{lens.height} but the photo {width}x{height}: it "
                "was made for the unrotated photo; remove the EXIF rotation from the photos."
            )
        raise InputError(
            f"The camera of '{name}' is for {lens.width}x{lens.height} pixels but the photo has "
            f"{width}x{height}; use the photos that the cameras were made for."
        )
    K = scaled_intrinsics(lens.K, scale_x, scale_y)
    return replace(camera, lens=replace(lens, width=width, height=height, K=K))
