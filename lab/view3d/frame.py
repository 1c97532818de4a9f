"""The viewer's own frame, and what of a scene is drawn in it: sizes, colours, thinning."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from liftlab.components.types import Array, Camera, Scene, View, focal_of

TINT = 0.8
"""Share of the object's colour in a lit point, shaded like the photo; the rest is the photo's own colour."""
THUMBNAIL_PX = 128
ROOM = 1.6
"""The sphere around a framed object touches the picture's edge from 1 on."""


@dataclass(frozen=True)
class ViewerFrame:
    """The viewer's frame: the world moved and scaled so that the scene has size about 1 (float16 on the
    wire).
    """

    origin: Float[Array, "3"]
    scale: float
    """Viewer units per world unit."""

    def from_world(self, points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
        return (points - self.origin) * self.scale

    def to_world(self, points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
        return points / self.scale + self.origin

    def pose(self, camera: Camera) -> tuple[tuple, tuple, float]:
        """Position, target and vertical field of view (radians) for a photo's camera, in this frame."""
        forward = camera.world_to_camera[2, :3]
        center = self.from_world(camera.center)
        distance = max(float(-center @ forward), 0.2)
        fov = 2 * math.atan(camera.height / (2 * focal_of(camera)))
        return tuple(center), tuple(center + distance * forward), fov


def framed(
    position: Float[Array, "3"], low: Float[Array, "3"], high: Float[Array, "3"], fov: float
) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
    """Where to stand, on the side of `position`, so that a box is in the middle and fills a good part of the picture.

    Args:
        low: Lowest corner of the box; `high` the highest. All in one frame.
        fov: Vertical field of view, radians.

    Returns:
        Position and target.
    """
    middle, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    away = position - middle
    distance = float(np.linalg.norm(away))
    if distance == 0 or radius == 0:
        return position, middle
    return middle + away / distance * ROOM * radius / math.sin(fov / 2), middle


def frame_of(scene: Scene) -> ViewerFrame:
    """Centre on what the photos look at; the median distance from camera to point becomes 1."""
    points = scene.pointmap.points
    if len(points) == 0:
        return ViewerFrame(scene.views[0].camera.center, 1.0)
    sample = points[thin(len(points), 20_000)].astype(np.float64)
    origin = np.median(sample, axis=0)
    centers = np.stack([view.camera.center for view in scene.views])
    distance = float(np.median(np.linalg.norm(centers - origin, axis=1)))
    return ViewerFrame(origin, 1.0 / distance if distance > 0 else 1.0)


def thin(count: int, most: int) -> Int[Array, "_"]:
    """Indices of at most `most` of `count` points, evenly spread; the same every time."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.intp)


def chunks_of(points: Float[Array, "N 3"], most: int) -> list[Int[Array, "_"]]:
    """Indices in compact groups of at most `most` points, so that a change in one place touches few groups.

    Each group is split in two at the median of its longest axis until it is small enough.
    """
    waiting, done = [np.arange(len(points))], []
    while waiting:
        group = waiting.pop()
        if len(group) <= most:
            done.append(group)
            continue
        axis = int(np.ptp(points[group], axis=0).argmax())
        order = np.argpartition(points[group, axis], len(group) // 2)
        waiting += [group[order[: len(group) // 2]], group[order[len(group) // 2 :]]]
    return [group for group in done if len(group)]


def point_size(scene: Scene, frame: ViewerFrame, thinning: float) -> float:
    """Side of a drawn point in viewer units: the footprint of a pixel, larger where points were left out."""
    focal = float(np.median([focal_of(view.camera) for view in scene.views]))
    overlap = max(len(scene.views) / 3, 1.0)  # about a third of the views see any one surface
    return 1.35 * math.sqrt(max(thinning / overlap, 1.0)) / focal


def scene_colours(scene: Scene) -> UInt8[Array, "N 3"]:
    """Colour of every point, from the photo it came from."""
    view, row, column = scene.pointmap.point_index.T
    colours = np.empty((len(view), 3), np.uint8)
    offsets = scene.pointmap.offsets
    for v in range(len(scene.views)):
        part = slice(offsets[v], offsets[v + 1])
        colours[part] = scene.views[v].image[row[part], column[part]]
    return colours


def tint(colours: UInt8[Array, "N 3"], colour: tuple[int, int, int]) -> UInt8[Array, "N 3"]:
    """Photo colours in the object's hue: light stays light and dark stays dark, so shape remains visible."""
    light = colours @ np.array([0.299, 0.587, 0.114]) / 255
    shaded = np.array(colour) * (0.65 + 0.7 * light)[:, None] + 40 * light[:, None]
    return np.clip(TINT * shaded + (1 - TINT) * colours, 0, 255).astype(np.uint8)


def thumbnail(view: View) -> UInt8[Array, "H W 3"]:
    import cv2

    height, width = view.image.shape[:2]
    scale = THUMBNAIL_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(view.image, size, interpolation=cv2.INTER_AREA)


def quaternion(rotation: Float[Array, "3 3"]) -> tuple[float, float, float, float]:
    """wxyz of a rotation matrix."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    return float(w), float(x), float(y), float(z)
