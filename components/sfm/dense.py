"""Many more matches between photos whose cameras are confirmed: where depth says a detail is, it is looked for closely.

Cameras of photos that share few details drift by some per cent. Depth leads from one photo to the other to within a few
pixels, and there the pictures themselves say where the detail is, to a fraction of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from liftlab.components.geometry.projection import distort, epipolar_errors, project, unproject
from liftlab.components.progress import CancelToken
from liftlab.components.sfm.confirmation import CONFIRMED, DepthView, compared_pixels
from liftlab.components.sfm.judging import (
    Judged,
    grey_of,
    in_reduced_frame,
    photo_lens,
    reduced_frame,
    undistorted,
)
from liftlab.components.sfm.model import FoundModel, SfmPhoto
from liftlab.components.sfm.placing import rays_of
from liftlab.components.sfm.undistort import working_camera
from liftlab.components.types import Array, Camera, Lens

SIDE = 480
"""Longer side in pixels of the pictures in which details are followed."""
DETAILS = 250
"""Most details followed from a photo."""
APART = 8
"""Least distance between two of them in pixels."""
PARTNERS = 6
"""Photos in which the details of a photo are looked for: those that show most of it."""
WINDOW = 15
"""Side in pixels of what is compared; its mean and contrast are taken out, so exposure does not matter."""
MAX_MOVED = 10.0
"""Pixels by which a detail may lie beside its place."""
MAX_RETURN = 0.3
"""Pixels by which a detail may miss its place when it is followed back."""
ALIKE = 0.85
"""Correlation of the two windows from which a detail counts as found."""
MAX_STEP = 0.05
"""Share of the depth by which neighbouring depths may differ: at an edge the place between them is nothing's."""
CONTRAST = 40.0
"""Grey levels of one standard deviation in the evened pictures, so that three fit."""


@dataclass(frozen=True)
class DenseMatches:
    """Details followed from photo to photo."""

    details: tuple[Float[Array, "_ 2"], ...]
    """Per photo of the capture, xy in pixels of the reduced copies."""
    pairs: dict[tuple[int, int], np.ndarray]
    """By pair of photos, the first the one that was followed from, rows of two indices of `details`."""

    def fewest(self, model: FoundModel) -> int:
        """Details of the view that has the fewest, counted per pair."""
        count = dict.fromkeys(model.photos, 0)
        for pair, rows in self.pairs.items():
            for photo in set(pair) & set(count):
                count[photo] += len(rows)
        return min(count.values())

    def errors_px(self, photos: Sequence[SfmPhoto], model: FoundModel) -> Float[Array, "V"]:
        """Per view of a model, median distance of its details from their epipolar lines, in pixels of the
        pictures in which they were followed; NaN for a view without details.
        """
        view_of = {photo: view for view, photo in enumerate(model.photos)}
        lenses = [
            photo_lens(reduced_frame(photos[i]), p) for i, p in zip(model.photos, model.params, strict=True)
        ]
        found: list[list[np.ndarray]] = [[] for _ in model.photos]
        for pair, rows in self.pairs.items():
            if not set(pair) <= set(view_of):
                continue
            views = [view_of[photo] for photo in pair]
            rays = [rays_of(self.details[i][rows[:, k]], lenses[views[k]]) for k, i in enumerate(pair)]
            motion = model.world_to_camera[views[1]] @ np.linalg.inv(model.world_to_camera[views[0]])
            focal = np.mean(
                [
                    lens.K[0, 0] * min(1, SIDE / max(lens.width, lens.height))
                    for lens in (lenses[v] for v in views)
                ]
            )
            for view in views:
                found[view].append(focal * epipolar_errors(rays[0], rays[1], motion))
        return np.array([np.median(np.concatenate(each)) if each else np.nan for each in found])


@dataclass(frozen=True)
class FineView:
    """A view at a size at which details can be followed."""

    camera: Camera
    lens: Lens
    """Of the reduced copy."""
    grey: UInt8[Array, "H W"]
    even: UInt8[Array, "H W"]
    """Grey with local mean and contrast taken out."""
    depth: Float32[Array, "H W"]
    """Along +Z; elsewhere than where it is `sure`, that of the nearest place that has one."""
    sure: Bool[Array, "H W"]


def dense_matches(
    photos: Sequence[SfmPhoto], judged: Judged, cancel: CancelToken | None = None
) -> DenseMatches:
    """Follow details of every confirmed view into those that show most of it.

    Args:
        photos: All photos.
        judged: The model, with depth per view; only confirmed views take part.
        cancel: Asked between views.
    """
    model = judged.model
    views = {
        view: fine_view(photos[model.photos[view]], model.params[view], judged.views[view])
        for view in judged.confirmed
    }
    details: list[list[np.ndarray]] = [[] for _ in photos]
    pairs: dict[tuple[int, int], np.ndarray] = {}
    for view, fine in views.items():
        if cancel is not None:
            cancel.check()
        own = details_of(fine)
        photo = model.photos[view]
        start = _add(details[photo], _in_copy(fine, own))
        for other in _partners(judged, view):
            kept, there = followed(own, fine, views[other])
            if not len(kept):
                continue
            first = _add(details[model.photos[other]], _in_copy(views[other], there))
            rows = np.stack([start + kept, first + np.arange(len(kept))], axis=1)
            pairs[photo, model.photos[other]] = rows
    return DenseMatches(
        tuple(np.concatenate([np.zeros((0, 2)), *parts]) for parts in details),
        pairs,
    )


def _add(parts: list[np.ndarray], xy: np.ndarray) -> int:
    """Append details; returns the index of the first."""
    start = sum(map(len, parts))
    parts.append(xy)
    return start


def fine_view(photo: SfmPhoto, params: Sequence[float], rough: DepthView) -> FineView:
    """A view of `SIDE` pixels of one that the judge made of the photo; `params` are SIMPLE_RADIAL, of its copy."""
    lens = photo_lens(photo, params)
    camera = working_camera(lens, rough.camera.world_to_camera, SIDE)
    grey = grey_of(undistorted(photo, lens, camera))
    # Rough pixels of the fine ones' centres; both cameras have no distortion and the same pose.
    K, R = camera.K, rough.camera.K
    x = ((np.arange(camera.width) + 0.5 - K[0, 2]) / K[0, 0] * R[0, 0] + R[0, 2] - 0.5).astype(np.float32)
    y = ((np.arange(camera.height) + 0.5 - K[1, 2]) / K[1, 1] * R[1, 1] + R[1, 2] - 0.5).astype(np.float32)
    u, v = np.meshgrid(x, y)
    filled, sure = _filled(rough.depth)
    return FineView(
        camera,
        in_reduced_frame(photo, lens),
        np.round(255 * grey).astype(np.uint8),
        evened(grey),
        cv2.remap(filled, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        cv2.remap(sure.astype(np.uint8), u, v, cv2.INTER_NEAREST) > 0,
    )


def _filled(depth: Float32[Array, "H W"]) -> tuple[Float32[Array, "H W"], Bool[Array, "H W"]]:
    """Depth everywhere, that of the nearest pixel that has one, evened a little; and where it is sure: next to known
    depths, that differ little.
    """
    known = depth > 0
    if not known.any():
        return np.ones_like(depth), known
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = labels.astype(np.int64)
    of_label = np.zeros(labels.max() + 1, np.float32)
    of_label[labels[known]] = depth[known]
    square = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(np.where(known, depth, np.float32(1e9)), square), cv2.dilate(depth, square)
    return cv2.blur(of_label[labels], (3, 3)), (high > 0) & (high <= (1 + MAX_STEP) * low)


def evened(grey: Float32[Array, "H W"]) -> UInt8[Array, "H W"]:
    """The picture without its local brightness and contrast."""
    mean = cv2.blur(grey, (WINDOW, WINDOW))
    spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (WINDOW, WINDOW)) - mean * mean, 0))
    return np.clip(128 + CONTRAST * (grey - mean) / np.maximum(spread, 0.02), 0, 255).astype(np.uint8)


def details_of(fine: FineView) -> Float[Array, "n 2"]:
    """Corners where depth is known, xy with pixel centres at +0.5."""
    found = cv2.goodFeaturesToTrack(fine.even, DETAILS, 0.01, APART, mask=fine.sure.astype(np.uint8))
    return np.zeros((0, 2)) if found is None else found[:, 0].astype(np.float64) + 0.5


def _partners(judged: Judged, view: int) -> list[int]:
    """Confirmed views that show most of what this one shows, and show it alike."""
    own = judged.views[view]
    shown = []
    for other in judged.confirmed:
        if other != view:
            alike, compared = compared_pixels(own.grey, own.camera, judged.views[other])
            if alike >= CONFIRMED * compared and alike:
                shown.append((alike, other))
    return [other for _, other in sorted(shown, reverse=True)[:PARTNERS]]


def followed(
    xy: Float[Array, "n 2"], fine: FineView, other: FineView
) -> tuple[np.ndarray, Float[Array, "m 2"]]:
    """Which details were found in the other view, and where there.

    The other picture is first drawn as this view's depth says it looks from here, so that a detail has the same shape
    in both and lies almost at the same pixel.
    """
    nothing = np.zeros(0, int), np.zeros((0, 2))
    if not len(xy):
        return nothing
    u, v, seen = _places(fine, other)
    drawn = cv2.remap(other.even, u, v, cv2.INTER_LINEAR)
    start = (xy - 0.5).astype(np.float32)[:, None]
    there, forth, _ = cv2.calcOpticalFlowPyrLK(
        fine.even, drawn, start, start.copy(), winSize=(WINDOW, WINDOW), maxLevel=2
    )
    back, again, _ = cv2.calcOpticalFlowPyrLK(
        drawn, fine.even, there, there.copy(), winSize=(WINDOW, WINDOW), maxLevel=2
    )
    moved = np.linalg.norm(there - start, axis=2)[:, 0]
    missed = np.linalg.norm(back - start, axis=2)[:, 0]
    good = (forth[:, 0] > 0) & (again[:, 0] > 0) & (moved <= MAX_MOVED) & (missed <= MAX_RETURN)
    at = there[:, 0]
    visible = cv2.remap(seen.astype(np.uint8), at[:, :1], at[:, 1:], cv2.INTER_NEAREST)[:, 0] > 0
    kept = np.flatnonzero(good & visible)
    kept = np.array([k for k in kept if _alike(fine.even, drawn, start[k, 0], at[k])], int)
    if not len(kept):
        return nothing
    found = [cv2.remap(each, at[kept, :1], at[kept, 1:], cv2.INTER_LINEAR)[:, 0] for each in (u, v)]
    return kept, np.stack(found, axis=1).astype(np.float64) + 0.5


def _alike(first: np.ndarray, second: np.ndarray, here: np.ndarray, there: np.ndarray) -> bool:
    size = (WINDOW, WINDOW)
    patches = [
        cv2.getRectSubPix(image, size, tuple(map(float, at)))
        for image, at in ((first, here), (second, there))
    ]
    return float(cv2.matchTemplate(patches[0], patches[1], cv2.TM_CCOEFF_NORMED)[0, 0]) >= ALIKE


def _places(fine: FineView, other: FineView) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each pixel of a view lies in the other (x, y from 0), and where that is in its picture and not hidden."""
    height, width = fine.depth.shape
    xy = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)
    at, z = project(other.camera, unproject(fine.camera, xy, fine.depth.astype(np.float64)))
    u, v = (np.nan_to_num(at[..., k] - 0.5, nan=-9, posinf=-9, neginf=-9).astype(np.float32) for k in (0, 1))
    known = fine.depth > 0
    inside = (
        known & (z > 0) & (u >= 0) & (v >= 0) & (u <= other.camera.width - 1) & (v <= other.camera.height - 1)
    )
    depth = cv2.remap(np.where(other.sure, other.depth, 0), u, v, cv2.INTER_NEAREST)
    hidden = (depth > 0) & (depth < (1 - MAX_STEP) * z)
    return u, v, inside & ~hidden


def rays_in(fine: FineView, xy: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
    """x / z and y / z of pixels of a view."""
    K = fine.camera.K
    return (xy - K[:2, 2]) / np.array([K[0, 0], K[1, 1]])


def _in_copy(fine: FineView, xy: Float[Array, "n 2"]) -> Float[Array, "n 2"]:
    return distort(fine.lens, rays_in(fine, xy))
