"""Make the bundled captures, or unseen ones for benchmarks.

    python assets/make_captures.py --scene desk --out assets/captures/desk
    python assets/make_captures.py --scene random --seed 101 --out seed101

Needs Blender as a Python module: `pip install -e ".[captures]"` (Python 3.11). The committed captures are
frozen by hash (tests/test_bundled_captures.py): another machine gives the same rooms but not the same bytes.
An interrupted run goes on where it stopped; `--limit` stops after some photos.
"""

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from assets.capture_maker import rooms

SEEDS = {"desk": 12, "shelf": 13, "random": 101}
JPEG_QUALITY = 92


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scene", choices=sorted(rooms.RECIPES), required=True)
    parser.add_argument("--seed", type=int, help="default: the seed of the bundled capture")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=20, help="light paths per pixel")
    parser.add_argument("--limit", type=int, default=999, help="render at most so many photos in this run")
    options = parser.parse_args()
    seed = SEEDS[options.scene] if options.seed is None else options.seed
    room = rooms.make_room(options.scene, seed)
    remaining = make_photos(room, options.out, samples=options.samples, limit=options.limit)
    if remaining:
        print(f"{remaining} photos remain; run again to go on.")
        return
    write_descriptions(room, options.out)
    print(f"{options.out}: {len(room.placed)} objects, {len(room.shots)} photos")


def make_photos(room: rooms.Room, out: Path, *, samples: int, limit: int) -> int:
    """Render what is missing, with truth; returns how many photos remain."""
    missing = [(index, shot) for index, shot in enumerate(room.shots) if not photo_path(out, shot).exists()]
    if not missing:
        return 0
    from assets.capture_maker import blender

    blender.build(room, samples=samples)
    for index, shot in missing[:limit]:
        truth = photo_path(out, shot).parents[1] / "truth"
        for folder in (photo_path(out, shot).parent, truth / "depth", truth / "instance"):
            folder.mkdir(parents=True, exist_ok=True)
        stem = shot.name.split(".")[0]
        depth, ids = blender.measure(shot)
        np.savez_compressed(truth / "depth" / f"{stem}.npz", depth=depth.astype(np.float16))
        Image.fromarray(ids).save(truth / "instance" / f"{stem}.png")
        with tempfile.TemporaryDirectory() as scratch:
            blender.render(shot, Path(scratch) / "clean.png")
            clean = np.asarray(Image.open(Path(scratch) / "clean.png").convert("RGB"))
        photo_path(out, shot).write_bytes(as_photo(clean, np.random.default_rng([room.seed, 5, index])))
    return max(0, len(missing) - limit)


def photo_path(out: Path, shot: rooms.Shot) -> Path:
    return (out / "test" if shot.test else out) / "images" / shot.name


def as_photo(clean: np.ndarray, rng: np.random.Generator) -> bytes:
    """What a camera adds: slight fall-off to the corners, a little exposure error, sensor noise, JPEG."""
    height, width = clean.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    radius = np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5) / np.hypot(0.5, 0.5)
    bright = clean * (1 - 0.07 * radius**2)[..., None] * rng.normal(1.0, 0.012)
    sigma = 0.7 + 0.085 * np.sqrt(np.maximum(bright, 0))
    noisy = bright + sigma * rng.normal(size=bright.shape)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).round().astype(np.uint8)).save(
        buffer, "JPEG", quality=JPEG_QUALITY
    )
    return buffer.getvalue()


def write_descriptions(room: rooms.Room, out: Path) -> None:
    """cameras.json and objects.json of the photos and of the test photos."""
    for test in (False, True):
        shots = [shot for shot in room.shots if shot.test == test]
        truth = (out / "test" if test else out) / "truth"
        frames = [
            {
                "image": shot.name,
                "width": rooms.WIDTH,
                "height": rooms.HEIGHT,
                "K": shot.K.tolist(),
                "world_to_camera": shot.world_to_camera.tolist(),
            }
            for shot in shots
        ]
        cameras = {
            "schema_version": 1,
            "units": "metres",
            "convention": "OpenCV, pixel centres at +0.5",
            "frames": frames,
        }
        write_json(truth / "cameras.json", cameras)
        write_json(truth / "objects.json", described_objects(room, truth, shots))


def described_objects(room: rooms.Room, truth: Path, shots: list[rooms.Shot]) -> dict:
    pictures = [
        np.asarray(Image.open(truth / "instance" / f"{shot.name.split('.')[0]}.png")) for shot in shots
    ]
    objects = []
    for placed in room.placed:
        pixels = [int((ids == placed.object_id).sum()) for ids in pictures]
        objects.append(
            {
                "id": placed.object_id,
                "name": placed.name,
                "category": placed.thing.category,
                "colour": placed.thing.colour,
                "pattern": placed.thing.pattern,
                "size_m": placed.thing.size.round(4).tolist(),
                "object_to_world": placed.object_to_world.round(6).tolist(),
                "touching": placed.touching,
                "twin_group": placed.twin_group,
                "views_visible": sum(count >= 50 for count in pixels),
                "max_pixels": max(pixels),
                "stuff": False,
            }
        )
    structure = [{"id": part.structure_id, "name": part.name, "stuff": True} for part in room.structures]
    return {"scene": room.name, "seed": room.seed, "objects": objects, "structure": structure}


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
