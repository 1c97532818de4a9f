"""A `Scene` on disk: `scene.json` (views, lenses, planes), `images/`, `pointmap_*.npy`, `gaussians.npz`; and
`photo_masks/` where masks helped to make it.

Every format is open and lossless. Pointmaps are memory-mapped on loading, so a scene opens at once however
large it is. The caller decides about sealing the folder (`liftlab.components.files.sealed_folder`).
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.files import write_json
from liftlab.components.geometry.photo_masks import MASKS_FOLDER, load_mask, write_mask
from liftlab.components.png import png_bytes
from liftlab.components.types import Camera, Gaussians, Lens, PhotoMasks, Plane, Pointmap, Scene, View

SCHEMA_VERSION = 1
SCENE_FILE = "scene.json"
GAUSSIANS_FILE = "gaussians.npz"
PHOTO_MASKS_FOLDER = "photo_masks"
_POINTMAP_FILES = {
    "pts3d": "pointmap_points.npy",
    "conf": "pointmap_confidence.npy",
    "valid": "pointmap_valid.npy",
}
_FILLED_FILE = "pointmap_filled.npy"
_GAUSSIAN_FIELDS = ("means", "quats", "scales", "opacities", "sh")


def save_scene(scene: Scene, folder: Path) -> None:
    """Write `scene` into the existing folder `folder`.

    Points and confidences are stored as float32: float16 would round a point at depth 10 by up to 4 mm.
    """
    (folder / "images").mkdir(exist_ok=True)
    for view in scene.views:
        # write_bytes raises OSError when the disk is full; cv2.imwrite would only return False
        (folder / _image_path(view.name)).write_bytes(png_bytes(view.image))
        if view.used is not None:
            write_mask(folder / _mask_path(view.name), view.used)
    pointmap = scene.pointmap
    np.save(folder / _POINTMAP_FILES["pts3d"], np.asarray(pointmap.pts3d, dtype=np.float32))
    np.save(folder / _POINTMAP_FILES["conf"], np.asarray(pointmap.conf, dtype=np.float32))
    np.save(folder / _POINTMAP_FILES["valid"], np.asarray(pointmap.valid, dtype=np.bool_))
    if pointmap.filled is not None:
        np.save(folder / _FILLED_FILE, np.asarray(pointmap.filled, dtype=np.bool_))
    if scene.gaussians is not None:
        arrays = {name: getattr(scene.gaussians, name) for name in _GAUSSIAN_FIELDS}
        np.savez(folder / GAUSSIANS_FILE, **arrays)
    if scene.photo_masks is not None:
        (folder / PHOTO_MASKS_FOLDER).mkdir(exist_ok=True)
        scene.photo_masks.save(folder / PHOTO_MASKS_FOLDER)
    write_json(folder / SCENE_FILE, _scene_to_json(scene))


def load_scene(folder: Path) -> Scene:
    """Read what `save_scene` wrote; the pointmap is memory-mapped read-only.

    Raises:
        InputError: The folder holds no scene, one of a newer version, or a file of it is missing or damaged.
    """
    path = folder / SCENE_FILE
    if not path.is_file():
        raise InputError(f"There is no scene in this folder ({SCENE_FILE} is missing): {folder}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["schema_version"]
        if version != SCHEMA_VERSION:
            raise InputError(
                f"The scene has format version {version}, but this program reads version {SCHEMA_VERSION}; "
                f"reconstruct it again: {folder}"
            )
        return _scene_from_json(record, folder)
    except (KeyError, TypeError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"The scene is damaged ({error}); reconstruct it again: {folder}") from error


def _image_path(name: str) -> Path:
    stem = name.rsplit(".", 1)[0]
    if not stem or Path(stem).name != stem:
        raise ValueError(f"view names must be plain file names; got '{name}'.")
    return Path("images") / f"{stem}.png"


def _mask_path(name: str) -> Path:
    return Path(MASKS_FOLDER) / _image_path(name).name


def _scene_to_json(scene: Scene) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "key": scene.key,
        "units": scene.units,
        "up": np.asarray(scene.up, dtype=np.float64).tolist(),
        "views": [_view_to_json(view) for view in scene.views],
        "planes": [{**asdict(plane), "normal": np.asarray(plane.normal).tolist()} for plane in scene.planes],
        "missing": list(scene.missing),
        "doubtful": list(scene.doubtful),
        "photo_sizes": {name: list(size) for name, size in scene.photo_sizes.items()},
        "has_gaussians": scene.gaussians is not None,
        **({} if scene.pointmap.filled is None else {"has_filled": True}),
    }


def _view_to_json(view: View) -> dict[str, Any]:
    camera, lens = view.camera, view.lens
    return {
        "name": view.name,
        "image": _image_path(view.name).as_posix(),
        **({} if view.used is None else {"mask": _mask_path(view.name).as_posix()}),
        "width": camera.width,
        "height": camera.height,
        "K": np.asarray(camera.K, dtype=np.float64).tolist(),
        "world_to_camera": np.asarray(camera.world_to_camera, dtype=np.float64).tolist(),
        "lens": {
            "width": lens.width,
            "height": lens.height,
            "K": np.asarray(lens.K, dtype=np.float64).tolist(),
            "distortion": np.asarray(lens.distortion, dtype=np.float64).tolist(),
        },
    }


def _scene_from_json(record: dict[str, Any], folder: Path) -> Scene:
    pointmap = Pointmap(
        **{field: np.load(folder / name, mmap_mode="r") for field, name in _POINTMAP_FILES.items()},
        filled=np.load(folder / _FILLED_FILE, mmap_mode="r") if record.get("has_filled") else None,
    )
    gaussians = None
    if record["has_gaussians"]:
        with np.load(folder / GAUSSIANS_FILE) as arrays:
            gaussians = Gaussians(**{name: arrays[name] for name in _GAUSSIAN_FIELDS})
    return Scene(
        views=tuple(_view_from_json(entry, folder) for entry in record["views"]),
        pointmap=pointmap,
        key=record["key"],
        gaussians=gaussians,
        planes=tuple(
            Plane(np.array(entry["normal"]), float(entry["offset"]), float(entry["support"]))
            for entry in record["planes"]
        ),
        units=record["units"],
        up=np.array(record["up"]),
        missing=tuple(record["missing"]),
        doubtful=tuple(record.get("doubtful", ())),  # scenes of before have no such entry
        photo_sizes={name: (int(size[0]), int(size[1])) for name, size in record["photo_sizes"].items()},
        photo_masks=_read_photo_masks(folder / PHOTO_MASKS_FOLDER, record["key"]),
    )


def _read_photo_masks(folder: Path, key: str) -> PhotoMasks | None:
    if not folder.is_dir():
        return None
    from liftlab.components.masks.cache import MaskCache  # only such scenes need it

    return MaskCache.load(folder, scene_key=key)


def _view_from_json(entry: dict[str, Any], folder: Path) -> View:
    lens = entry["lens"]
    return View(
        name=entry["name"],
        camera=Camera(
            np.array(entry["K"]),
            np.array(entry["world_to_camera"]),
            int(entry["width"]),
            int(entry["height"]),
        ),
        image=_read_png(folder / _image_path(entry["name"])),
        lens=Lens(int(lens["width"]), int(lens["height"]), np.array(lens["K"]), np.array(lens["distortion"])),
        used=load_mask(folder / _mask_path(entry["name"])) if "mask" in entry else None,
    )


def _read_png(path: Path) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path.name} is not a readable PNG")
    return np.ascontiguousarray(image[..., ::-1])
