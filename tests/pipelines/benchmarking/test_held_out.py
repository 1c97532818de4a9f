"""Held-out views are placed in a reconstruction of any frame and scale, and show a selection where it is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.captures.benchmark_layouts import HeldOut
from liftlab.components.geometry.projection import project
from liftlab.components.types import Camera, Gaussians, Provenance, Scene, Segmentation
from liftlab.pipelines.benchmarking.held_out import HeldOutViews, cameras_in_scene, moved
from tests.toy import FLOOR, make_toy, render_toy, toy_cameras

SCALE, SHIFT = 2.5, np.array([3.0, -1.0, 0.5])
TURN = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1.0]])


def world(points: np.ndarray) -> np.ndarray:
    return SCALE * points @ TURN.T + SHIFT


@pytest.fixture(scope="module")
def toy():
    """Large enough that the 3-pixel squares of points hardly widen a box."""
    return make_toy(width=240, height=180)


@pytest.fixture(scope="module")
def held_out(toy) -> HeldOut:
    """Two cameras between those of the toy, in the toy's own frame."""
    cameras = {f"t{i}": camera for i, camera in enumerate(toy_cameras(6, width=240, height=180)[2:4])}
    labels = {stem: render_toy(camera)[2] for stem, camera in cameras.items()}
    own = {view.stem: view.camera for view in toy.scene.views}
    return HeldOut(
        cameras, own, lambda stem: np.where(labels[stem] == FLOOR, 0, labels[stem]).astype(np.int32)
    )


@pytest.fixture(scope="module")
def scene(toy) -> Scene:
    """The toy as another reconstruction would have it: turned, shifted and 2.5 times as large."""
    views = tuple(replace(v, camera=moved(v.camera, SCALE, TURN, SHIFT)) for v in toy.scene.views)
    pts3d = world(toy.scene.pointmap.pts3d.astype(np.float64)).astype(np.float32)
    return replace(toy.scene, views=views, pointmap=replace(toy.scene.pointmap, pts3d=pts3d))


def answer(selected: np.ndarray, geometry: str = "points") -> Segmentation:
    score = selected.astype(np.float32)
    return Segmentation(geometry, selected, score, 0.5, (), Provenance("test", {}, "numpy", 0.0))  # type: ignore[arg-type]


def test_a_moved_camera_sees_the_moved_points_at_the_same_pixels() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)) * 0.3
    camera = toy_cameras(1)[0]
    before, depth = project(camera, points)
    after, moved_depth = project(moved(camera, SCALE, TURN, SHIFT), world(points))
    np.testing.assert_allclose(after, before, atol=1e-9)
    np.testing.assert_allclose(moved_depth, SCALE * depth)


def test_cameras_are_found_in_the_frame_of_the_scene(scene: Scene, held_out: HeldOut) -> None:
    for stem, camera in cameras_in_scene(scene, held_out).items():
        expected: Camera = moved(held_out.cameras[stem], SCALE, TURN, SHIFT)
        np.testing.assert_allclose(camera.world_to_camera, expected.world_to_camera, atol=1e-6)


def test_two_cameras_place_nothing(scene: Scene, held_out: HeldOut) -> None:
    few = HeldOut(held_out.cameras, dict(list(held_out.scene_cameras.items())[:2]), held_out.labels_of)
    views = HeldOutViews(scene, few, torch.device("cpu"))
    assert views.cameras == {} and views.iou(1, answer(np.zeros(len(scene.pointmap.points), bool))) is None


def test_true_points_score_high_and_others_low(toy, scene: Scene, held_out: HeldOut) -> None:
    views = HeldOutViews(scene, held_out, torch.device("cpu"))
    owner = toy.instance[toy.scene.pointmap.valid]
    for box in (1, 2, 3):
        right = views.iou(box, answer(owner == box))
        assert right is not None and right > 0.85
    wrong = views.iou(1, answer(owner == 2))
    assert wrong is not None and wrong < 0.05
    assert views.iou(77, answer(owner == 1)) is None


def test_gaussians_are_rendered(toy, scene: Scene, held_out: HeldOut) -> None:
    step = 5
    points = scene.pointmap.points[::step].astype(np.float32)
    count = len(points)
    quats = np.tile(np.array([1, 0, 0, 0], np.float32), (count, 1))
    gaussians = Gaussians(
        points, quats, np.full((count, 3), 0.014, np.float32), np.full(count, 0.95, np.float32),
        np.zeros((count, 1, 3), np.float32),
    )  # fmt: skip
    views = HeldOutViews(replace(scene, gaussians=gaussians), held_out, torch.device("cpu"))
    owner = toy.instance[toy.scene.pointmap.valid][::step]
    score = views.iou(1, answer(owner == 1, "gaussians"))
    assert score is not None and score > 0.75
