"""A method of your own: whatever lies in a ball around a click. docs/add-a-method.md says what each part must do."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import liftlab
from liftlab.components.geometry.projection import view_from_photo

PHOTOS = Path(__file__).parent.parent / "assets" / "captures" / "desk"


@dataclass(frozen=True)
class BallConfig:
    """Choices of the ball."""

    radius: float = 0.2
    """Share of the scene's size."""


@dataclass(frozen=True)
class BallPrepared:
    """Read-only state for one scene."""

    scene_key: str
    scene: liftlab.Scene
    size: float
    """Median distance of the points from their middle, scene units."""


@liftlab.register("ball", summary="A ball around each click.", paper="-", licence="MIT", config=BallConfig)
class Ball:
    STEP_VERSION = 1
    geometry = "points"

    def __init__(self, config, *, device):
        self.config = config

    def prepare(self, scene, masks, *, progress, cancel, generator):
        cancel.check()
        points = scene.pointmap.points
        size = float(np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1)))
        progress(1.0, "Measured")
        return BallPrepared(scene.key, scene, size)

    def segment(self, prepared, prompts):
        started = time.perf_counter()
        scene, points = prepared.scene, prepared.scene.pointmap
        inside = np.zeros(points.valid.shape, bool)
        for prompt in prompts:
            for center, positive in clicked(scene, prompt):
                away = np.linalg.norm(points.pts3d - center, axis=-1)
                ball = away < self.config.radius * prepared.size
                inside = inside | ball if positive else inside & ~ball
        inside &= points.valid
        selected = inside[points.valid]
        return liftlab.Segmentation(
            geometry="points",
            selected=selected,
            score=selected.astype(np.float32),
            threshold=0.5,
            object_ids=(),
            provenance=liftlab.Provenance(
                "ball", asdict(self.config), "numpy", time.perf_counter() - started
            ),
            mask_of_view=lambda view: in_view(scene, inside, view),
            message="" if selected.any() else "There is nothing at this click.",
        )

    def decompose(self, prepared, granularity=None):
        return tuple(np.zeros(view.image.shape[:2], np.uint16) for view in prepared.scene.views)

    def save(self, prepared, folder):
        (folder / "ball.json").write_text(json.dumps({"scene": prepared.scene_key, "size": prepared.size}))

    def load(self, folder, scene, masks):
        kept = json.loads((folder / "ball.json").read_text())
        if kept["scene"] != scene.key:
            raise liftlab.InputError("This state belongs to another scene; prepare the method again.")
        return BallPrepared(scene.key, scene, kept["size"])


def clicked(scene, prompt):
    """World points of a prompt's clicks that hit something, and whether each is positive."""
    yield from zip(prompt.world_points, prompt.world_labels, strict=True)
    for xy, positive in zip(prompt.point_coords, prompt.point_labels, strict=True):
        column, row = np.floor(view_from_photo(scene.views[prompt.view], xy)).astype(int)
        height, width = scene.views[prompt.view].image.shape[:2]
        if 0 <= row < height and 0 <= column < width and scene.pointmap.valid[prompt.view, row, column]:
            yield scene.pointmap.pts3d[prompt.view, row, column], positive


def in_view(scene, inside, view):
    height, width = scene.views[view].image.shape[:2]
    return inside[view, :height, :width]


if __name__ == "__main__":
    lab = liftlab.Lab()
    name = lab.import_capture(PHOTOS, "desk").name
    lab.prepare(name, "ball")
    session = liftlab.Session(lab)
    session.open(name)
    session.set_method("ball")
    for radius in (0.1, 0.2, 0.4):
        lab.prepare(name, "ball", BallConfig(radius=radius))
        session.set_method("ball", BallConfig(radius=radius))
        session.new_object()
        print(radius, session.click("000.jpg", 282, 279).count, "points")
