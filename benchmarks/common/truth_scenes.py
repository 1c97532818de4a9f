"""Scenes made from the ground truth of a capture: an oracle to develop and measure masks on their own."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.images import read_ids, read_rgb
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.types import Camera, Lens, Pointmap, Scene, View

STRUCTURE_ID = 201
"""Instance ids from here up are table, floor and walls: background in every score (docs/architecture.md section 8)."""


@dataclass(frozen=True)
class CaptureTruth:
    """What `truth/` of a capture says, by photo stem."""

    cameras: dict[str, Camera]
    depth: dict[str, np.ndarray]
    """[H, W] metres along +Z, 0 = none."""
    labels: dict[str, np.ndarray]
    """[H, W] int32 object ids; 0 = background (structure included). Only for photos that were labelled."""
    names: dict[int, str]


def read_truth(capture: Path, *, folder: str = "truth") -> CaptureTruth:
    """Read the truth beside a capture's photos."""
    root = capture / folder
    cameras = {}
    for frame in json.loads((root / "cameras.json").read_text())["frames"]:
        cameras[Path(frame["image"]).stem] = Camera(
            K=np.array(frame["K"], float),
            world_to_camera=np.array(frame["world_to_camera"], float),
            width=int(frame["width"]),
            height=int(frame["height"]),
        )
    depth = {
        path.stem: np.load(path)["depth"].astype(np.float32)
        for path in sorted((root / "depth").glob("*.npz"))
    }
    labels = {}
    for path in sorted((root / "instance").glob("*.png")):
        ids = read_ids(path).astype(np.int32)
        ids[ids >= STRUCTURE_ID] = 0
        labels[path.stem] = ids
    objects = json.loads((root / "objects.json").read_text())
    entries = objects["objects"] if isinstance(objects, dict) else objects
    names = {int(entry["id"]): str(entry.get("name", entry["id"])) for entry in entries}
    return CaptureTruth(cameras, depth, labels, names)


def scene_from_truth(
    capture: Path,
    *,
    max_views: int = 100,
    noise: float = 0.0,
    fatten_px: int = 0,
    keep: float = 1.0,
    max_side: int = 640,
    seed: int = 0,
) -> Scene:
    """A `Scene` with true cameras and true depth, optionally spoilt the way stereo spoils it.

    Args:
        capture: Folder with `images/` and `truth/`.
        max_views: Photos used, evenly chosen.
        noise: Standard deviation of the depth, relative; smooth over about 3 px as from matching windows.
        fatten_px: Foreground depth grows over the background by this many pixels.
        keep: Share of pixels that stay valid; the rest is lost in patches.
        max_side: Longer side of the working image.
        seed: Of noise and patches.
    """
    truth = read_truth(capture)
    rng = np.random.default_rng(seed)
    paths = sorted(p for p in (capture / "images").iterdir() if p.stem in truth.depth)
    chosen = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, max_views).round().astype(int))]
    views, points, valids = [], [], []
    for path in chosen:
        image = read_rgb(path)
        full, depth = truth.cameras[path.stem], truth.depth[path.stem]
        factor = min(1.0, max_side / max(full.width, full.height))
        width, height = round(full.width * factor), round(full.height * factor)
        K = np.diag([width / full.width, height / full.height, 1.0]) @ full.K
        camera = Camera(K, full.world_to_camera, width, height)
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        depth = cv2.resize(depth, (width, height), interpolation=cv2.INTER_NEAREST)
        depth, valid = _spoil(depth, noise, fatten_px, keep, rng)
        views.append(View(path.name, camera, image, Lens(full.width, full.height, full.K)))
        points.append(points_from_depth(camera, depth))
        valids.append(valid)
    pts3d, valid = np.stack(points), np.stack(valids)
    centers = np.stack([view.camera.center for view in views])
    return Scene(
        views=tuple(views),
        pointmap=Pointmap(pts3d, np.full(valid.shape, 3.0, np.float32), valid),
        key=f"truth-{capture.name}",
        planes=find_planes(pts3d[valid], centers),
        units="metres",
    )


def _spoil(
    depth: np.ndarray, noise: float, fatten_px: int, keep: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Noise, foreground fattening and lost patches; returns depth and validity."""
    valid = depth > 0
    if fatten_px:
        far = np.where(valid, depth, 1e6).astype(np.float32)
        depth = cv2.erode(far, np.ones((2 * fatten_px + 1,) * 2, np.uint8))
        depth[depth > 1e5] = 0
    if noise:
        field = cv2.GaussianBlur(rng.normal(size=depth.shape), (0, 0), 1.5)
        depth = depth * (1 + noise * field / field.std())
    if keep < 1:
        field = cv2.GaussianBlur(rng.normal(size=depth.shape), (0, 0), 4)
        valid &= field < np.quantile(field, keep)
    return depth.astype(np.float32), valid
