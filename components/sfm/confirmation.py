"""Do the photos confirm a camera? Depths that the other views agree on say what the photo must look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from liftlab.components.types import Array, Camera

WINDOW = 7
"""Side in pixels of the square in which two pictures are compared."""
NOISE = 0.01
"""Standard deviation of grey values (0 to 1) in a window below which there is nothing to compare."""
ALIKE = 0.5
"""Correlation of two windows from which they count as the same thing."""
BEST_VIEWS = 4
"""So many other views are asked, those that confirm most: the rest may see the thing from its other side."""
MIN_COMPARED = 0.05
"""Share of the photo's pixels that must have been compared with other views for that to say anything, as of two photos
about each other (`MIN_PAIR`): where it was .02, one run in ten took two pictures of noise for photos of one place."""
CONFIRMED = 0.35
"""Share of what the views know that a photo must show for its camera to be believed: half way between the highest of
wrong cameras (.27) and the lowest of right ones (.43) in docs/notes.md 7."""
STRANGERS = 0.25
"""Share of the compared pixels that look alike in two photos below which they do not seem to show the same thing, the
less the surer: wrong places give .03 to .19; right pairs .23 and more, seldom .17 from far apart (docs/notes.md 7)."""
MIN_PAIR = 0.05
"""Share of a photo's pixels, both directions together, from which two photos have something to say about each other."""
MAX_CONFLICT = 0.4
"""Largest weight of the photos that contradict a photo, as a share of those that agree with it: right photos have .3 at
most even beside wrong ones, wrong ones 4 and more (docs/notes.md 7)."""


@dataclass(frozen=True)
class DepthView:
    """A view whose depth is known where other views confirm it."""

    grey: Float32[Array, "H W"]
    """0 to 1, undistorted; NaN where the photo's mask leaves it out."""
    camera: Camera
    depth: Float32[Array, "H W"]
    """Along +Z; 0 where it is not confirmed."""

    @classmethod
    def unknown(cls, camera: Camera) -> "DepthView":
        """A black view without any depth, where only the camera counts."""
        nothing = np.zeros((camera.height, camera.width), np.float32)
        return cls(nothing, camera, nothing)


@dataclass(frozen=True)
class Verdict:
    """What the views say about a camera of a photo."""

    share: float
    """Of the compared pixels that look alike over the `BEST_VIEWS` views with most alike; 0 when too few could be
    compared. A wrong camera gives .1 to .27, a right one .43 to 1."""
    agree: float
    """Compared pixels of all views that show the same thing there, as a share of the photo's pixels."""
    conflict: float
    """The same of views that should, and do not."""

    @property
    def confirmed(self) -> bool:
        """The camera is to be believed."""
        return self.share >= CONFIRMED and self.conflict <= MAX_CONFLICT * self.agree


def verdict_on(grey: Float32[Array, "h w"], camera: Camera, views: Sequence[DepthView]) -> Verdict:
    """How much of what the views know is where the camera says, in the photo.

    Every view's pixels with depth are looked up in the photo; where the window round a pixel has texture, it is
    compared with what the photo shows there, by correlation (so exposure does not matter). Pixels of the photo that are
    NaN, as in `DepthView`, are not compared: a person who walked through it contradicts no camera.
    """
    counts = sorted((compared_pixels(grey, camera, view) for view in views), reverse=True)
    alike, compared = (sum(count[k] for count in counts[:BEST_VIEWS]) for k in (0, 1))
    size = size_of(grey)
    telling = [count for count in counts if count[1] >= MIN_PAIR / 2 * size]
    return Verdict(
        share=alike / compared if compared >= MIN_COMPARED * size else 0.0,
        agree=sum(c for a, c in telling if a >= CONFIRMED * c) / size,
        conflict=sum(c * strangeness(a / c) for a, c in telling) / size,
    )


def size_of(grey: Float32[Array, "H W"]) -> int:
    """Pixels of a picture that count; 1 where none does."""
    return max(1, int(np.isfinite(grey).sum()))


def strangeness(share: float) -> float:
    """How little two photos look alike, from 0 to 1 when nothing does, by the share of compared pixels that do."""
    return max(0.0, 1 - share / STRANGERS)


def compared_pixels(grey: Float32[Array, "h w"], camera: Camera, view: DepthView) -> tuple[int, int]:
    """Numbers of pixels of a view that look alike in the photo, and that could be compared."""
    looked_up, inside = _seen_from(grey, camera, view)
    if not inside.any():
        return 0, 0
    mask = inside.astype(np.float32)
    count = _sums(mask)
    weight = np.maximum(count, 1)
    here, there = np.where(inside, view.grey, 0), np.where(inside, looked_up, 0)
    mean_here, mean_there = _sums(here) / weight, _sums(there) / weight
    var_here = np.maximum(_sums(here * here) / weight - mean_here**2, 0)
    var_there = np.maximum(_sums(there * there) / weight - mean_there**2, 0)
    covariance = _sums(here * there) / weight - mean_here * mean_there
    textured = inside & (count >= 0.6 * WINDOW**2) & (var_here > NOISE**2)
    alike = textured & (covariance > ALIKE * np.sqrt(var_here * var_there)) & (var_there > 0.25 * NOISE**2)
    return int(alike.sum()), int(textured.sum())


def _seen_from(
    grey: Float32[Array, "h w"], camera: Camera, view: DepthView
) -> tuple[Float32[Array, "H W"], np.ndarray]:
    """The photo's grey values where the view's pixels lie in it, and for which pixels they do."""
    height, width = view.depth.shape
    K, depth = view.camera.K, view.depth
    other_from_view = (camera.world_to_camera @ view.camera.camera_to_world).astype(np.float32)
    x = ((np.arange(width) + 0.5 - K[0, 2]) / K[0, 0]).astype(np.float32)[None] * depth
    y = ((np.arange(height) + 0.5 - K[1, 2]) / K[1, 1]).astype(np.float32)[:, None] * depth
    points = [row[0] * x + row[1] * y + row[2] * depth + row[3] for row in other_from_view[:3]]
    inside = (depth > 0) & (points[2] > 1e-6)
    z = np.where(inside, points[2], 1)
    u = (points[0] / z * camera.K[0, 0] + camera.K[0, 2] - 0.5).astype(np.float32)
    v = (points[1] / z * camera.K[1, 1] + camera.K[1, 2] - 0.5).astype(np.float32)
    inside &= (u >= 0) & (v >= 0) & (u <= grey.shape[1] - 1) & (v <= grey.shape[0] - 1)
    seen = cv2.remap(grey, u, v, cv2.INTER_LINEAR)
    return seen, inside & np.isfinite(seen) & np.isfinite(view.grey)


def _sums(values: Float32[Array, "H W"]) -> Float32[Array, "H W"]:
    return cv2.boxFilter(values, -1, (WINDOW, WINDOW), normalize=False)
