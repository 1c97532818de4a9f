"""What can be measured of the objects of a scene without a model: colours, size, shape and place.

Lengths are in scene units, in a frame whose axes are right, away from the photographer and up, so that words such as
"left", "behind" and "on" mean what they do in the photo. Only the surface that the photos see is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Integer

from liftlab.components.geometry.projection import transform
from liftlab.components.masks.cache import MaskCache
from liftlab.components.text.colours import NAMES, colour_shares
from liftlab.components.types import Array, Scene

POINTS_PER_OBJECT = 3000
MIN_PIXELS = 30
"""Smaller pieces of an object in a view say nothing of its shape."""
TRIM = 0.5
"""Percent of the points at either end of an axis that are taken for noise."""
LEVEL = 0.96
"""Cosine between a plane's normal and up from which things can stand on it."""
FLATNESS = 0.012
"""A point this near to the plane, relative to its distance along the ground, belongs to it."""


@dataclass(frozen=True)
class Attributes:
    """Measured properties of O objects. NaN where an object has no 3D points."""

    object_ids: Integer[Array, "O"]
    colours: Float[Array, "O 13"]
    """Share of each name of `colours.NAMES`; rows sum to 1."""
    lightness: Float[Array, "O"]
    """Median L*, 0 to 100."""
    low: Float[Array, "O 3"]
    """Lower corner of the box round the object: right, away, up."""
    high: Float[Array, "O 3"]
    """Upper corner."""
    center: Float[Array, "O 3"]
    """Mean of the box round the object in those axes."""
    extent: Float[Array, "O 3"]
    """Length and width on the ground (the tightest rectangle, longer side first) and height."""
    clouds: tuple[Float[Array, "_ 3"], ...]
    """Per object up to some thousand points in those axes, for distances between objects."""
    image_x: Float[Array, "V O"]
    """Centre of the object in every view, 0 = left edge, 1 = right edge; NaN where it is not seen."""
    depth: Float[Array, "V O"]
    """Distance from the photographer along the ground, into the photo, in every view."""
    share: Float[Array, "V O"]
    """Share of the view's pixels; 0 where it is not seen."""
    roundness: Float[Array, "O"]
    """How circular the outlines are, 0 to 1: area over that of the smallest circle round them, best over views."""
    boxness: Float[Array, "O"]
    """How well outlines are filled by a polygon of few corners, 0 to 1."""
    solidity: Float[Array, "O"]
    """Area of the outline over that of its convex hull, median over views."""
    over_ground: Float[Array, "O"]
    """Share of the object's points that lie over the plane that things stand on; NaN without one."""
    ground: float
    """Height of the plane that things stand on; NaN when the scene has no level plane."""
    photos: tuple[str, ...]
    """Names of the views."""

    @property
    def count(self) -> int:
        return len(self.object_ids)

    def with_rows(self, other: "Attributes") -> "Attributes":
        """The same with objects of the same scene after them."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in ("object_ids", "colours", "lightness", "low", "high", "center", "extent", "roundness",
                         "boxness", "solidity", "over_ground")
        } | {
            name: np.concatenate([getattr(self, name), getattr(other, name)], axis=1)
            for name in ("image_x", "depth", "share")
        }  # fmt: skip
        return replace(self, clouds=self.clouds + other.clouds, **both)

    def rows(self, keep: Sequence[int]) -> "Attributes":
        """The same of some objects, by index."""
        k = list(keep)
        return Attributes(
            self.object_ids[k], self.colours[k], self.lightness[k], self.low[k], self.high[k], self.center[k],
            self.extent[k], tuple(self.clouds[i] for i in k), self.image_x[:, k], self.depth[:, k],
            self.share[:, k], self.roundness[k], self.boxness[k], self.solidity[k],
            self.over_ground[k], self.ground, self.photos,
        )  # fmt: skip


def frame_of(scene: Scene, view: int) -> Float[Array, "4 4"]:
    """Transform from the world to axes right, away, up of one view: level with the ground, origin in the camera."""
    up = np.asarray(scene.up, np.float64) / np.linalg.norm(scene.up)
    camera = scene.views[view].camera
    forward = camera.world_to_camera[2, :3] - (camera.world_to_camera[2, :3] @ up) * up
    if np.linalg.norm(forward) < 1e-6:  # looks straight down: the top of the photo is away
        forward = -camera.world_to_camera[1, :3] - (-camera.world_to_camera[1, :3] @ up) * up
    forward = forward / np.linalg.norm(forward)
    rotation = np.stack([np.cross(forward, up), forward, up])
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = rotation, -rotation @ camera.center
    return out


def extent_of(scene: Scene, points: Float[Array, "N 3"]) -> Float[Array, "3"] | None:
    """Length and width on the ground (longer side first) and height of points, as of a measured object.

    Returns:
        Scene units; None for fewer points than have an extent.
    """
    some = points[:: max(1, len(points) // POINTS_PER_OBJECT)].astype(np.float64)
    _, _, extent = _box(transform(frame_of(scene, 0), _without_strays(some)))
    return extent if np.isfinite(extent).all() else None


def measure(scene: Scene, masks: MaskCache, object_ids: Sequence[int], *, seed: int = 0) -> Attributes:
    """Measure objects of a scene.

    Args:
        scene: With views and pointmap.
        masks: Of the objects; they may overlap.
        object_ids: Which objects of `masks` to measure.
        seed: Of the choice of points.
    """
    rng = np.random.default_rng(seed)
    axes = frame_of(scene, 0)
    level = [frame_of(scene, view) for view in range(len(scene.views))]
    ground, outline = _ground(scene, axes)
    found = [_measure_one(scene, masks, int(i), axes, level, rng) for i in object_ids]
    stack = {key: np.array([one[key] for one in found]) for key in _ARRAYS} if found else _EMPTY
    views = len(scene.views)
    return Attributes(
        object_ids=np.array(object_ids, np.int64),
        clouds=tuple(one["cloud"] for one in found),
        image_x=stack["image_x"].reshape(-1, views).T,
        depth=stack["depth"].reshape(-1, views).T,
        share=stack["share"].reshape(-1, views).T,
        ground=ground,
        over_ground=np.array([_over(outline, one["cloud"]) for one in found], np.float64),
        photos=tuple(view.name for view in scene.views),
        **{
            key: stack[key]
            for key in (
                "colours", "lightness", "low", "high", "center", "extent", "roundness", "boxness", "solidity",
            )
        },
    )  # fmt: skip


_ARRAYS = (
    "colours", "lightness", "low", "high", "center", "extent", "roundness", "boxness", "solidity", "image_x", "depth",
    "share",
)  # fmt: skip
_EMPTY = {
    key: np.zeros((0, {"colours": len(NAMES), "low": 3, "high": 3, "center": 3, "extent": 3}.get(key, 0)))
    if key in ("colours", "low", "high", "center", "extent")
    else np.zeros(0)
    for key in _ARRAYS
}


def _measure_one(
    scene: Scene,
    masks: MaskCache,
    object_id: int,
    axes: Float[Array, "4 4"],
    level: Sequence[Float[Array, "4 4"]],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Everything of one object, by field name."""
    pointmap, pixels, points = scene.pointmap, [], []
    image_x, share = np.full(masks.num_views, np.nan), np.zeros(masks.num_views)
    outlines: list[tuple[float, float, float, float]] = []
    for view in range(masks.num_views):
        area = masks.area(view, object_id)
        if area == 0:
            continue
        mask = masks.mask(view, object_id)
        height, width = mask.shape
        share[view] = area / mask.size
        image_x[view] = (np.nonzero(mask)[1].mean() + 0.5) / width
        inner = _inner(mask)
        pixels.append(scene.views[view].image[inner])
        points.append(pointmap.pts3d[view, :height, :width][inner & pointmap.valid[view, :height, :width]])
        if area >= MIN_PIXELS:
            outlines.append((*_outline(mask), float(area)))
    colour = np.concatenate(pixels) if pixels else np.zeros((0, 3), np.uint8)
    world = np.concatenate(points).astype(np.float64) if points else np.zeros((0, 3))
    if len(world) > POINTS_PER_OBJECT:
        world = world[rng.choice(len(world), POINTS_PER_OBJECT, replace=False)]
    world = _without_strays(world)
    cloud = transform(axes, world)
    low, high, extent = _box(cloud)
    roundness, boxness, solidity = _shape_of(outlines)
    middle = world.mean(axis=0) if len(world) else np.full(3, np.nan)
    return {
        "colours": colour_shares(colour),
        "lightness": np.array(_lightness(colour)),
        "low": low, "high": high, "center": (low + high) / 2, "extent": extent, "cloud": cloud,
        "image_x": image_x, "share": share,
        "depth": np.array([transform(frame, middle)[1] for frame in level]),
        "roundness": np.array(roundness), "boxness": np.array(boxness), "solidity": np.array(solidity),
    }  # fmt: skip


def _inner(mask: Bool[Array, "H W"]) -> Bool[Array, "H W"]:
    """The mask without its outline, whose pixels mix two surfaces; as it is when nothing else is left."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return inner if inner.sum() >= MIN_PIXELS else mask


def _without_strays(points: Float[Array, "N 3"]) -> Float[Array, "K 3"]:
    """Points that lie where the object is, not on what is seen past its outline."""
    if len(points) < 10:
        return points
    offset = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    return points[offset <= 3.0 * np.median(offset)]


def _box(cloud: Float[Array, "N 3"]) -> tuple[Float[Array, "3"], Float[Array, "3"], Float[Array, "3"]]:
    """Robust corners of a cloud, and its length, width (of the tightest rectangle on the ground) and height."""
    if len(cloud) < 4:
        nothing = np.full(3, np.nan)
        return nothing, nothing, nothing
    low, high = np.percentile(cloud, [TRIM, 100 - TRIM], axis=0)
    best = (np.inf, 0.0, 0.0)
    for angle in np.deg2rad(np.arange(0, 90, 5)):
        across = cloud[:, :2] @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        a, b = np.percentile(across, 100 - TRIM, axis=0) - np.percentile(across, TRIM, axis=0)
        best = min(best, (float(a * b), float(max(a, b)), float(min(a, b))))
    return low, high, np.array([best[1], best[2], high[2] - low[2]])


def _outline(mask: Bool[Array, "H W"]) -> tuple[float, float, float]:
    """Roundness, boxness and solidity of the largest piece of a mask."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    area = max(cv2.contourArea(contour), 1.0)
    hull = cv2.convexHull(contour)
    hull_area = max(cv2.contourArea(hull), 1.0)
    _, radius = cv2.minEnclosingCircle(contour)
    corners = cv2.approxPolyDP(hull, 0.04 * cv2.arcLength(hull, True), True)
    polygon = min(cv2.contourArea(corners) / hull_area, 1.0) if len(corners) <= 6 else 0.0
    return min(area / (np.pi * radius**2), 1.0), polygon, area / hull_area


def _shape_of(outlines: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float]:
    """Of all views: the median, weighted by area, of each measure."""
    if not outlines:
        return 0.0, 0.0, 0.0
    table = np.array(outlines)
    out = []
    for column in range(3):
        order = np.argsort(table[:, column])
        weight = np.cumsum(table[order, 3])
        out.append(float(table[order[np.searchsorted(weight, weight[-1] / 2)], column]))
    return out[0], out[1], out[2]


def _lightness(colour: np.ndarray) -> float:
    if len(colour) == 0:
        return float("nan")
    some = colour[:: max(1, len(colour) // 4000)].reshape(-1, 1, 3).astype(np.float32) / 255
    return float(np.median(cv2.cvtColor(some, cv2.COLOR_RGB2LAB)[..., 0]))


def _ground(scene: Scene, axes: Float[Array, "4 4"]) -> tuple[float, Float32[Array, "C 1 2"] | None]:
    """Height of the best supported level plane, and the outline of what is seen of it (right, away)."""
    up = np.asarray(scene.up) / np.linalg.norm(scene.up)
    for plane in scene.planes:
        normal = np.asarray(plane.normal)
        if abs(normal @ up) < LEVEL:
            continue
        height = float(transform(axes, (normal * plane.offset)[None])[0, 2])
        points = transform(axes, scene.pointmap.points[:: max(1, len(scene.pointmap.points) // 200_000)])
        on = points[np.abs(points[:, 2] - height) < FLATNESS * np.abs(points[:, 1]), :2]
        if len(on) < MIN_PIXELS:
            continue
        cell = 0.02 * float(np.median(np.abs(points[:, 1])))
        cells, counts = np.unique(np.floor(on / cell).astype(np.int64), axis=0, return_counts=True)
        low = cells.min(axis=0)
        grid = np.zeros(cells.max(axis=0) - low + 1, np.uint8)
        grid[tuple((cells[counts >= max(3, 0.1 * np.median(counts))] - low).T)] = 1
        grid = cv2.morphologyEx(grid, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
        count, labels, stats, _ = cv2.connectedComponentsWithStats(grid)
        if count < 2:
            continue
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        inside = (np.argwhere(labels == largest) + low + 0.5) * cell
        return height, cv2.convexHull(inside.astype(np.float32))
    return float("nan"), None


def _over(outline: Float32[Array, "C 1 2"] | None, cloud: Float[Array, "N 3"]) -> float:
    """Share of points inside an outline seen from above."""
    if outline is None or len(cloud) == 0:
        return float("nan")
    some = cloud[:: max(1, len(cloud) // 200), :2]
    return float(np.mean([cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in some]))
