"""Matches across wide angles: the views of a model drawn as they look from aside, and compared with a photo.

SIFT follows a surface that turns by some 25 degrees. Where depth is known, a view can be drawn from where the photo may
have been taken, and there its details look as they do in the photo; each has its point in the world.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from liftlab.components.geometry.projection import pixel_centers, project, unproject
from liftlab.components.sfm.dense import FineView, rays_in
from liftlab.components.sfm.placing.poses import Lifted
from liftlab.components.types import Array, Camera

ASIDE_DEG = (-45.0, -25.0, 25.0, 45.0)
"""Angles about the upright axis of the picture, through what it shows, from which a view is drawn: with SIFT's own 25
degrees they reach 70."""
MOST_DETAILS = 1500
RATIO = 0.8
"""The nearest descriptor's distance, as a share of the second nearest's, up to which they match (Lowe, IJCV 2004)."""
EDGE = 9
"""Pixels next to what is not drawn in which no details are taken: the edge is none of the scene."""
STEP = 0.02
"""Share of the depth by which a drawn pixel may lie behind its neighbours: more, and it shines through between them."""

NOTHING = np.float32(1e9)
"""Depth where no point lies; what looks into the distance ends far before."""


@dataclass(frozen=True)
class Details:
    """SIFT details of a picture."""

    xy: Float[Array, "n 2"]
    """Pixel centres at +0.5."""
    looks: Float32[Array, "n 128"]
    """Square roots of the descriptors divided by their sum: unit length."""


def details_in(grey: UInt8[Array, "H W"], where: Bool[Array, "H W"] | None = None) -> Details:
    """Details of a picture, only `where` that is True.

    Source: Lowe, IJCV 2004 (SIFT, OpenCV's); square roots by Arandjelovic and Zisserman, CVPR 2012.
    """
    mask = None if where is None else where.astype(np.uint8)
    found, looks = cv2.SIFT.create(nfeatures=MOST_DETAILS, contrastThreshold=0.02).detectAndCompute(
        grey, mask
    )
    if looks is None:
        return Details(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    looks = np.sqrt(looks / np.maximum(looks.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return Details(np.array([point.pt for point in found]) + 0.5, looks)


def known_from_aside(view: FineView) -> list[tuple[Details, Float[Array, "_ 3"]]]:
    """Details of the view as it looks from aside, and their points in the world, one entry per `ASIDE_DEG`.

    Source: Morel and Yu, SIAM Journal on Imaging Sciences 2009 (ASIFT). We differ: depth says how a view looks from
        aside, where they try affine maps of the whole picture.
    """
    out = []
    for camera in cameras_aside(view):
        grey, depth = drawn_from(view, camera)
        details = details_in(
            grey, cv2.erode((depth > 0).astype(np.uint8), np.ones((EDGE, EDGE), np.uint8)) > 0
        )
        columns, rows = np.floor(details.xy).astype(int).T
        out.append((details, unproject(camera, details.xy, depth[rows, columns].astype(np.float64))))
    return out


def matched_with(
    photo: Details, fine: FineView, known: Sequence[tuple[Details, Float[Array, "_ 3"]]]
) -> Lifted:
    """The photo's details that look like those of known points.

    Args:
        photo: Of the picture of `fine`.
        fine: The photo; its pose is not used.
        known: By `known_from_aside`.
    """
    rays, points = [np.zeros((0, 2))], [np.zeros((0, 3))]
    for details, world in known:
        first, second = matched(photo.looks, details.looks)
        rays.append(rays_in(fine, photo.xy[first]))
        points.append(world[second])
    return Lifted(np.concatenate(rays), np.concatenate(points))


def matched(first: Float32[Array, "n 128"], second: Float32[Array, "m 128"]) -> tuple[np.ndarray, np.ndarray]:
    """Indices of descriptors in `first` and in `second` that are nearest to each other, and much nearer than to any
    other; none where one of the two has fewer than two.
    """
    if len(first) < 2 or len(second) < 2:
        return np.zeros(0, int), np.zeros(0, int)
    likeness = first @ second.T
    nearest = likeness.argmax(axis=1)
    own = np.arange(len(first))
    best = likeness[own, nearest]
    likeness[own, nearest] = -1
    apart = [np.sqrt(np.maximum(2 - 2 * each, 0)) for each in (best, likeness.max(axis=1))]
    likeness[own, nearest] = best
    kept = (likeness.argmax(axis=0)[nearest] == own) & (apart[0] <= RATIO * apart[1])
    return own[kept], nearest[kept]


def cameras_aside(view: FineView) -> list[Camera]:
    """The view's camera led round the middle of what it shows, by `ASIDE_DEG`; none where nothing has depth."""
    if not view.sure.any():
        return []
    camera, depth = view.camera, float(np.median(view.depth[view.sure]))
    out = []
    for angle in np.radians(ASIDE_DEG):
        moved = np.eye(4)
        moved[:3, :3] = cv2.Rodrigues(np.array([0.0, angle, 0.0]))[0]
        middle = np.array([0, 0, depth])
        moved[:3, 3] = middle - moved[:3, :3] @ middle
        out.append(replace(camera, world_to_camera=moved @ camera.world_to_camera))
    return out


def drawn_from(view: FineView, camera: Camera) -> tuple[UInt8[Array, "H W"], Float32[Array, "H W"]]:
    """The view's picture and depth as seen by another camera of its size; 0 where that is not known.

    Points are drawn first, the nearest last; then every pixel that has a depth is looked up in the view.
    """
    height, width = view.depth.shape
    xy = pixel_centers(width, height)[view.sure]
    seen, z = project(camera, unproject(view.camera, xy, view.depth[view.sure].astype(np.float64)))
    inside = (z > 0) & (seen >= 0).all(axis=1) & (seen < [width, height]).all(axis=1)
    columns, rows = np.floor(seen[inside]).astype(int).T
    depth = np.full((height, width), NOTHING, np.float32)
    np.minimum.at(depth, (rows, columns), z[inside].astype(np.float32))
    # Gaps between points are a pixel or two wide: they get their nearest neighbours' depth, and so do points behind.
    near = cv2.erode(depth, np.ones((3, 3), np.uint8))
    depth = np.where(depth <= (1 + STEP) * near, depth, near)
    depth = np.where(depth < NOTHING, depth, 0).astype(np.float32)
    world = unproject(camera, pixel_centers(width, height), depth.astype(np.float64))
    there, _ = project(view.camera, world)
    u, v = (
        np.nan_to_num(there[..., k] - 0.5, nan=-9, posinf=-9, neginf=-9).astype(np.float32) for k in (0, 1)
    )
    known = (depth > 0) & (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
    grey = cv2.remap(view.grey, u, v, cv2.INTER_LINEAR)
    return np.where(known, grey, 0).astype(np.uint8), np.where(known, depth, 0).astype(np.float32)
