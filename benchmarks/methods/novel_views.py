"""Test photos of a capture, which no step ever sees, as views of its reconstruction; and selections drawn in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Int32, Integer, UInt8

from benchmarks.common.images import read_rgb
from benchmarks.common.truth_scenes import read_truth
from liftlab.components.captures.benchmark_layouts.liftlab import classes_of
from liftlab.components.geometry.projection import project
from liftlab.components.metrics import image_psnr
from liftlab.components.rasterize import GaussianTensors, rasterize
from liftlab.components.rasterize.frozen import FrozenView
from liftlab.components.types import Array, Camera, Scene, Segmentation
from liftlab.pipelines.base import Segmenter
from liftlab.pipelines.methods.shared.gaussian_answers import GaussianViews
from liftlab.pipelines.offers import ClassifiesViews, LabelsViews

SPLAT_PX = 1
"""A point covers its pixel, and empty ones so far around it."""


@dataclass(frozen=True)
class TestPhotos:
    """The cameras of test photos in the frame of a reconstruction, and their truth."""

    __test__ = False
    cameras: tuple[Camera, ...]
    labels: tuple[Int32[Array, "h w"], ...]
    """Object ids, 0 = background, in the photo's pixels; the cameras have the same size."""
    images: tuple[UInt8[Array, "h w 3"], ...] = ()
    """The photos; none where the capture came without."""
    class_of: Mapping[int, int] = field(default_factory=dict)
    """Class of every object, from 1; empty where the truth names none."""


def test_photos(capture: Path, scene: Scene) -> TestPhotos:
    """The test photos of a capture with truth, their true poses brought to the scene by the similarity that takes the
    training photos' true poses to their reconstructed ones.
    """
    known = read_truth(capture).cameras
    pairs = [(known[view.stem], view.camera) for view in scene.views if view.stem in known]
    R, t, scale = _similarity(pairs)
    truth = read_truth(capture / "test")
    cameras = []
    for stem in truth.labels:
        camera = truth.cameras[stem]
        rotation = camera.world_to_camera[:3, :3] @ R.T
        pose = np.eye(4)
        pose[:3, :3] = rotation
        pose[:3, 3] = scale * camera.world_to_camera[:3, 3] - rotation @ t
        cameras.append(replace(camera, world_to_camera=pose))
    shown = {path.stem: path for path in sorted((capture / "test/images").glob("*"))}
    images = [read_rgb(shown[stem]) for stem in truth.labels if stem in shown]
    listed = json.loads((capture / "truth/objects.json").read_text(encoding="utf-8"))
    class_of = classes_of(listed["objects"] if isinstance(listed, dict) else listed) or {}
    return TestPhotos(
        tuple(cameras),
        tuple(truth.labels.values()),
        tuple(images) if len(images) == len(cameras) else (),
        class_of,
    )


test_photos.__test__ = False  # type: ignore[attr-defined]


def _similarity(pairs: list[tuple[Camera, Camera]]) -> tuple[np.ndarray, np.ndarray, float]:
    """R, t and scale with x_scene = scale R x_truth + t, from cameras: rotation from all their rotations together."""
    summed = sum(found.world_to_camera[:3, :3].T @ true.world_to_camera[:3, :3] for true, found in pairs)
    U, _, Vt = np.linalg.svd(summed)
    R = U @ np.diag([1, 1, np.linalg.det(U @ Vt)]) @ Vt
    source = np.stack([true.center for true, _ in pairs]) @ R.T
    target = np.stack([found.center for _, found in pairs])
    a, b = source - source.mean(axis=0), target - target.mean(axis=0)
    scale = float((a * b).sum() / (a * a).sum())
    return R, target.mean(axis=0) - scale * source.mean(axis=0), scale


class TestRenderer:
    """Draws answers of any method at the test cameras: splats by blending, points by a depth buffer."""

    __test__ = False

    def __init__(self, photos: TestPhotos, scene: Scene, views: GaussianViews | None) -> None:
        self.photos, self._scene = photos, scene
        self._frozen = [FrozenView(views.gaussians, camera) for camera in photos.cameras] if views else []
        self._hits: list[np.ndarray] | None = None

    def masks(self, answer: Segmentation) -> list[Bool[Array, "h w"]]:
        """An answer's mask in every test photo."""
        if answer.geometry == "gaussians":
            device = self._frozen[0].alpha.device
            chosen = torch.from_numpy(answer.selected.astype(np.float32)).to(device)[:, None]
            with torch.no_grad():
                return [(view.render(chosen)[..., 0] > 0.5).cpu().numpy() for view in self._frozen]
        return [_closed((hit >= 0) & answer.selected[np.maximum(hit, 0)]) for hit in self._points_per_pixel()]

    def labels(self, method: Segmenter, prepared: Any) -> list[Int32[Array, "h w"]]:
        """Segment everything in every test photo."""
        if isinstance(method, LabelsViews):
            return [method.label_view(prepared, camera).astype(np.int32) for camera in self.photos.cameras]
        index = self._scene.pointmap.point_index
        of_views = method.decompose(prepared)
        of_points = np.array([of_views[v][row, column] for v, row, column in index], np.int32)
        return [
            np.where(hit >= 0, of_points[np.maximum(hit, 0)], 0).astype(np.int32)
            for hit in self._points_per_pixel()
        ]

    def classes(self, method: Segmenter, prepared: Any) -> list[Int32[Array, "h w"]] | None:
        """Class of every pixel of every test photo, 0 where nothing is said; None where no classes were learnt."""
        if not isinstance(method, ClassifiesViews):
            return None
        found = [method.class_view(prepared, camera) for camera in self.photos.cameras]
        known = [np.maximum(image, 0) for image in found if image is not None]
        return known if len(known) == len(found) else None

    def _points_per_pixel(self) -> list[Integer[Array, "h w"]]:
        """Per pixel of every test photo the index of a point that is seen there; -1 without."""
        if self._hits is None:
            points = self._scene.pointmap.points.astype(np.float64)
            self._hits = [_nearest_points(camera, points) for camera in self.photos.cameras]
        return self._hits


def psnr_of(photos: TestPhotos, gaussians: GaussianTensors) -> float | None:
    """Mean PSNR of the test photos as these Gaussians show them, dB; None without photos."""
    values = []
    for camera, photo in zip(photos.cameras, photos.images, strict=False):
        with torch.no_grad():
            colour = rasterize(gaussians, [camera]).colour
        assert colour is not None
        values.append(image_psnr(photo / 255.0, colour[0].clamp(0, 1).cpu().numpy().astype(np.float64)))
    return float(np.mean(values)) if values else None


def _nearest_points(camera: Camera, points: np.ndarray) -> Integer[Array, "h w"]:
    """The point nearest to the camera in each pixel, holes of a pixel filled from the neighbours."""
    xy, depth = project(camera, points)
    inside = (depth > 0) & (xy >= 0).all(axis=1) & (xy[:, 0] < camera.width) & (xy[:, 1] < camera.height)
    ids = np.flatnonzero(inside)
    ids = ids[np.argsort(-depth[ids], kind="stable")]  # the nearest is written last
    rows, columns = xy[ids, 1].astype(int), xy[ids, 0].astype(int)
    hit = np.full((camera.height, camera.width), -1)
    hit[rows, columns] = ids
    near = np.where(hit >= 0, -np.inf, np.inf)  # a pixel with points of its own takes none of its neighbours'
    for dy in range(-SPLAT_PX, SPLAT_PX + 1):
        for dx in range(-SPLAT_PX, SPLAT_PX + 1):
            r, c = rows + dy, columns + dx
            ok = (r >= 0) & (r < camera.height) & (c >= 0) & (c < camera.width)
            layer = np.full(hit.shape, -1)
            layer[r[ok], c[ok]] = ids[ok]
            far = np.where(layer >= 0, depth[np.maximum(layer, 0)], np.inf)
            hit, near = np.where(far < near, layer, hit), np.minimum(far, near)
    return hit


def _closed(mask: Bool[Array, "h w"]) -> Bool[Array, "h w"]:
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)).view(bool)
