"""A made capture on disk: images/ and truth/ as docs and benchmarks read them."""

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from assets.training_maker import photo, render
from assets.training_maker.scenes import SceneToPhotograph
from assets.training_maker.stage import STRUCTURE_IDS

DEPTH_BITS = 15
"""Kept bits of a depth's mantissa: 1.5e-5 of it, far below any error measured; files shrink by a third."""
EXPOSURE_PHOTOS = 3
"""The sensor exposes for the mean of so many first photos."""


def write_capture(scene: SceneToPhotograph, out: Path, *, grid: int = render.GRID) -> None:
    """Render all photos with truth into `out`, which is written anew; `grid` x `grid` rays a pixel."""
    for folder in ("images", "truth"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for folder in ("images", "truth/depth", "truth/instance"):
        (out / folder).mkdir(parents=True)
    pixels = {p.object_id: [] for p in scene.placed}
    rng = np.random.default_rng([scene.seed, 11])
    waiting: list[np.ndarray] = []
    sensor = None
    for index, camera in enumerate(scene.cameras):
        depth, ids = render.measure(scene.world, camera)
        np.savez_compressed(out / "truth" / "depth" / f"{index:03d}.npz", depth=_fewer_bits(depth))
        Image.fromarray(ids).save(out / "truth" / "instance" / f"{index:03d}.png")
        counts = np.bincount(ids.ravel(), minlength=256)
        for object_id, seen in pixels.items():
            seen.append(int(counts[object_id]))
        shot = np.random.default_rng([scene.seed, 13, index])
        waiting.append(render.render(scene.world, camera, shot, grid=grid))
        if sensor is None and len(waiting) < min(EXPOSURE_PHOTOS, len(scene.cameras)):
            continue
        if sensor is None:
            sensor = photo.random_sensor(rng, np.concatenate([light.reshape(-1, 3) for light in waiting]))
        for light in waiting:
            number = index + 1 - len(waiting)
            noise = np.random.default_rng([scene.seed, 17, number])
            path = out / "images" / f"{number:03d}.jpg"
            path.write_bytes(photo.take_photo(light, sensor, noise))
            waiting = waiting[1:]
    _write_json(out / "truth" / "cameras.json", _described_cameras(scene))
    _write_json(out / "truth" / "objects.json", _described_objects(scene, pixels))


def _fewer_bits(depth: np.ndarray) -> np.ndarray:
    drop = 23 - DEPTH_BITS
    bits = depth.astype(np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << (drop - 1))) & ~np.uint32((1 << drop) - 1)).view(np.float32)


def _described_cameras(scene: SceneToPhotograph) -> dict:
    frames = [
        {
            "image": f"{index:03d}.jpg",
            "width": camera.width,
            "height": camera.height,
            "K": camera.K.tolist(),
            "world_to_camera": camera.world_to_camera.tolist(),
        }
        for index, camera in enumerate(scene.cameras)
    ]
    convention = "OpenCV, pixel centres at +0.5"
    return {"schema_version": 1, "units": "metres", "convention": convention, "frames": frames}


def _described_objects(scene: SceneToPhotograph, pixels: dict[int, list[int]]) -> dict:
    objects = []
    for placed in scene.placed:
        seen = pixels[placed.object_id]
        objects.append(
            {
                "id": placed.object_id,
                "name": placed.thing.name,
                "category": placed.thing.family,
                "colour": placed.thing.colour,
                "size_m": placed.thing.size.round(4).tolist(),
                "position_m": placed.position.round(4).tolist(),
                "touching": placed.touching,
                "twin_group": placed.twin_group,
                "views_visible": sum(count >= 50 for count in seen),
                "max_pixels": max(seen),
                "stuff": False,
            }
        )
    structure = [{"id": number, "name": name, "stuff": True} for name, number in STRUCTURE_IDS.items()]
    return {"scene": scene.kind, "seed": scene.seed, "objects": objects, "structure": structure}


def _write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
