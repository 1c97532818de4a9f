"""Scenes of captures with truth: true cameras, and depth by our own stereo, whose faults the judge must know."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.common.truth_scenes import scene_from_truth
from liftlab.components.geometry.planes import find_planes
from liftlab.components.geometry.projection import project, transform
from liftlab.components.pointmaps.stereo.multiview import MultiviewOptions, multiview_pointmap
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.scenes import load_scene, save_scene
from liftlab.components.types import Array, Scene

DETAILS = 3000
"""True points that stand in for the sparse points of structure from motion: they bound the depths that are tried."""
NOISE, FATTEN_PX, KEEP = (0.001, 0.004), 2, (0.5, 0.95)
"""Of spoilt depth: least and largest relative noise, most pixels by which things grow, least and largest share kept."""
AGREES = 0.02
"""Relative difference from the true depth up to which a photo sees a point."""


def stereo_scene(capture: Path, kept: Path) -> Scene:
    """The scene of a capture folder with `images/` and `truth/`, made once and kept in a folder.

    Raises:
        InputError: Stereo finds nothing.
    """
    if not (kept / "scene.json").exists():
        scene = _made(capture)
        kept.mkdir(parents=True, exist_ok=True)
        save_scene(scene, kept)
    return load_scene(kept)


def spoilt_scene(capture: Path) -> Scene:
    """The scene of a capture with true depth, spoilt as stereo spoils it, by an amount of its own."""
    rng = np.random.default_rng(list(capture.name.encode()))
    return scene_from_truth(
        capture,
        noise=float(rng.uniform(*NOISE)),
        fatten_px=int(rng.integers(0, FATTEN_PX + 1)),
        keep=float(rng.uniform(*KEEP)),
    )


def _made(capture: Path) -> Scene:
    true = scene_from_truth(capture)
    rng = np.random.default_rng(0)
    points = true.pointmap.points
    points = points[rng.choice(len(points), min(DETAILS, len(points)), replace=False)].astype(np.float64)
    pointmap = multiview_pointmap(
        [view.image for view in true.views],
        [view.camera for view in true.views],
        points,
        np.stack([_seen(true, index, points) for index in range(len(true.views))]),
        MultiviewOptions(num_sources=3, num_planes=64),
        progress=no_progress,
        cancel=CancelToken(),
    )
    centers = np.stack([view.camera.center for view in true.views])
    planes = find_planes(pointmap.points, centers)
    return replace(true, pointmap=pointmap, planes=planes, key=f"stereo-{capture.name}")


def _seen(scene: Scene, index: int, points: Array) -> Array:
    """Which points a view sees: bool [N]."""
    camera = scene.views[index].camera
    xy, depth = project(camera, points)
    xy = np.nan_to_num(xy, nan=-1, posinf=-1, neginf=-1)
    inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy < [camera.width, camera.height]).all(axis=1)
    true = transform(camera.world_to_camera, scene.pointmap.pts3d[index])[..., 2]
    column, row = (
        np.clip(xy[:, axis], 0, size - 1).astype(int)
        for axis, size in enumerate((camera.width, camera.height))
    )
    return inside & (np.abs(true[row, column] - depth) < AGREES * depth)
