"""Photos for the tests: crops of one seeded, textured picture, as a camera sliding over it takes them."""

import io
import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image


def textured(height: int = 240, width: int = 320, *, shift: int = 0, seed: int = 0) -> np.ndarray:
    """RGB crop at x = `shift` of a larger picture of noise at several scales."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((height, width + 800, 3), np.float32)
    for cell in (4, 12, 40):
        grid = rng.random((height // cell + 2, (width + 800) // cell + 2, 3)).astype(np.float32)
        canvas += cv2.resize(grid, (width + 800, height), interpolation=cv2.INTER_CUBIC) * 85
    return np.clip(canvas[:, shift : shift + width], 0, 255).astype(np.uint8)


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def photo_folder(folder: Path, count: int = 3, *, step: int = 90) -> Path:
    """`folder/images/000.jpg` and so on: different pictures of one scene."""
    (folder / "images").mkdir(parents=True)
    for index in range(count):
        (folder / "images" / f"{index:03d}.jpg").write_bytes(jpeg(textured(shift=step * index)))
    return folder


def cameras_record(count: int = 3, *, width: int = 320, height: int = 240) -> dict:
    """A valid cameras.json for `photo_folder`, the camera sliding along +X."""
    frames = []
    for index in range(count):
        pose = np.eye(4)
        pose[0, 3] = -0.1 * index
        K = [[300.0, 0.0, width / 2], [0.0, 300.0, height / 2], [0.0, 0.0, 1.0]]
        frame = {"image": f"{index:03d}.jpg", "width": width, "height": height, "K": K}
        frames.append({**frame, "world_to_camera": pose.tolist()})
    return {"schema_version": 1, "units": "metres", "frames": frames}


def write_cameras(path: Path, record: object) -> None:
    path.write_text(json.dumps(record))
