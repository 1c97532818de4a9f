"""A workspace that holds the toy scene as if it had been reconstructed, so that the page can be tested in
seconds.
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from lab.engine import Lab
from pipelines.reconstruct import ReconstructReport
from tests.toy import Toy, make_toy

NAME = "toy"
WIDTH, HEIGHT, VIEWS = 160, 120, 3


def fill(root: Path) -> Lab:
    """Import the toy's photos into the workspace at `root` and seal its exact scene, masks and method under
    their keys.
    """
    lab = Lab(root)
    toy = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)
    photos = root / "tmp" / "toy-photos"
    photos.mkdir(parents=True)
    for view in toy.scene.views:
        Image.fromarray(view.image).save(photos / view.name)
    lab.import_capture(photos, NAME)
    built: dict[str, Toy] = {}

    def reconstruct(capture, config, *, key, progress, cancel):
        built["toy"] = make_toy(key=key, width=WIDTH, height=HEIGHT, views=VIEWS)
        names = tuple(view.name for view in built["toy"].scene.views)
        return built["toy"].scene, ReconstructReport(names, (), True, 1000, 0.3, 12.0, 0.9, ())

    with (
        mock.patch("pipelines.reconstruct.reconstruct", reconstruct),
        mock.patch("pipelines.masks.build_masks", lambda scene, *_, **__: built["toy"].masks),
    ):
        lab.prepare(NAME, "wildseg3d")
    return lab


def box_center(toy: Toy, view: int, instance: int) -> tuple[float, float]:
    """Photo pixel well inside one of the toy's boxes."""
    import cv2

    distance = cv2.distanceTransform((toy.instance[view] == instance).astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return float(column) + 0.5, float(row) + 0.5


if __name__ == "__main__":
    fill(Path(sys.argv[1]))
