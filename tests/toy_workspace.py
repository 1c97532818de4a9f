"""A workspace that holds the toy scene as if it had been reconstructed, so that the page can be tested in
seconds.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import CurvePoint
from liftlab.components.types import Gaussians, Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.gaussians import GaussiansReport
from liftlab.pipelines.steps.reconstruct import ReconstructReport
from tests.toy import Toy, make_toy

NAME = "toy"
WIDTH, HEIGHT, VIEWS = 160, 120, 3


SPLATS = 4000


@contextmanager
def exact_steps(*, without_depth: int | None = None) -> Iterator[None]:
    """While this lasts, reconstruction and masks are the exact toy's, and splats stand for trained ones.

    Args:
        without_depth: Instance where the reconstruction has no depth.
    """
    built: dict[str, Toy] = {}

    def reconstruct(capture, config, *, key, device, progress, cancel):
        toy = built["toy"] = make_toy(key=key, width=WIDTH, height=HEIGHT, views=VIEWS)
        scene = toy.scene
        if without_depth is not None:
            valid = scene.pointmap.valid & (toy.instance != without_depth)
            scene = replace(scene, pointmap=replace(scene.pointmap, valid=valid))
        names = tuple(view.name for view in scene.views)
        return scene, ReconstructReport(names, (), True, 1000, 0.3, 12.0, 0.9, ())

    with (
        mock.patch("liftlab.pipelines.steps.reconstruct.reconstruct", reconstruct),
        mock.patch("liftlab.pipelines.steps.masks.build_masks", lambda scene, *_, **__: built["toy"].masks),
        mock.patch("liftlab.pipelines.steps.gaussians.build_gaussians", untrained),
    ):
        yield


def fill(root: Path, *, splats: bool = False) -> Lab:
    """Import the toy's photos into the workspace at `root` and seal its exact scene, masks and method under
    their keys.

    Args:
        splats: Also seal Gaussians, as they are before any training.
    """
    lab = Lab(root)
    toy = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)
    photos = root / "tmp" / "toy-photos"
    photos.mkdir(parents=True)
    for view in toy.scene.views:
        Image.fromarray(view.image).save(photos / view.name)
    lab.import_capture(photos, NAME)
    with exact_steps():
        lab.prepare(NAME, "wildseg3d")
        if splats:
            lab.gaussians(NAME)
    return lab


def untrained(scene: Scene, *_, **__) -> tuple[Gaussians, GaussiansReport]:
    """What stands for trained Gaussians: one per voxel of the exact points."""
    gaussians = gaussians_from_pointmap(scene.pointmap, scene.views, count=SPLATS)
    curve = tuple(CurvePoint(step, step / 10, 20 + step / 50, SPLATS) for step in (100, 200, 300))
    count = len(gaussians.means)
    return gaussians, GaussiansReport(
        "iterations", 300, 30.0, count, 26.0, 0.9, None, None, "cpu", WIDTH, HEIGHT, curve
    )


def box_center(toy: Toy, view: int, instance: int) -> tuple[float, float]:
    """Photo pixel well inside one of the toy's boxes."""
    import cv2

    distance = cv2.distanceTransform((toy.instance[view] == instance).astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return float(column) + 0.5, float(row) + 0.5


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
