"""What the network sees of a scene: normalised points, shapes of superpoints, photos."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64, UInt8

from liftlab.components.openvocab.lifting import Links
from liftlab.components.openvocab.network import SHAPE_CHANNELS, SceneInputs
from liftlab.components.types import Array

RADIUS_SHARE = 0.9
"""Share of the points inside the scene's radius: a few points far behind a window do not shrink the rest [ours]."""
IMAGE_SIDE = 256
"""Longer side of photos as the network sees them, in training and later alike."""


def normalised(points: Float[Array, "N 3"]) -> Float32[Array, "N 3"]:
    """Points around their median, divided by the radius that holds 90 % of them."""
    if len(points) == 0:
        return np.zeros((0, 3), np.float32)
    centred = points - np.median(points, axis=0)
    radius = np.quantile(np.linalg.norm(centred, axis=1), RADIUS_SHARE)
    return (centred / max(float(radius), 1e-9)).astype(np.float32)


def superpoint_shapes(
    places: Float[Array, "N 3"],
    rgb: Float[Array, "N 3"],
    normals: Float[Array, "N 3"],
    superpoint: Int[Array, "N"],
    count: int,
) -> tuple[Float32[Array, "S 3"], Float32[Array, "S 14"], Float32[Array, "S 4"]]:
    """Mean position, own shape and second moments (xx, xy, yy, zz) of every superpoint; +Z is up."""
    size = np.maximum(np.bincount(superpoint, minlength=count), 1).astype(np.float64)

    def mean(values: Float[Array, "N"]) -> Float[Array, "S"]:
        return np.bincount(superpoint, weights=values, minlength=count) / size

    centres = np.stack([mean(places[:, axis]) for axis in range(3)], axis=1)
    off = places - centres[superpoint]
    moments = np.empty((count, 3, 3))
    for a in range(3):
        for b in range(a, 3):
            moments[:, a, b] = moments[:, b, a] = mean(off[:, a] * off[:, b])
    colour = np.stack([mean(rgb[:, channel]) for channel in range(3)], axis=1)
    square = np.stack([mean(np.square(rgb[:, channel])) for channel in range(3)], axis=1)
    spread = np.sqrt(np.maximum(square - colour**2, 0))
    extents = np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 1e-10))
    shapes = np.concatenate(
        [
            np.log(extents) / 3 + 1,
            np.log(np.sqrt(np.maximum(moments[:, 2, 2], 1e-10)))[:, None] / 3 + 1,
            mean(np.abs(normals[:, 2]))[:, None],
            np.log(size)[:, None] / 5,
            centres[:, 2:],
            np.linalg.norm(centres, axis=1)[:, None],
            2 * colour - 1,
            4 * spread,
        ],
        axis=1,
    )
    assert shapes.shape[1] == SHAPE_CHANNELS
    second = moments[:, [0, 0, 1, 2], [0, 1, 1, 2]]
    return centres.astype(np.float32), shapes.astype(np.float32), second.astype(np.float32)


def scene_inputs(
    places: Float[Array, "N 3"],
    rgb: Float[Array, "N 3"],
    normals: Float[Array, "N 3"],
    neighbours: Int[Array, "N k"],
    superpoint: Int[Array, "N"],
    count: int,
    images: UInt8[Array, "V h w 3"],
    view: Int[Array, "N"],
    at: Float[Array, "N 2"],
    relations: Float[Array, "S S R"],
) -> SceneInputs:
    """Everything as tensors; `places` as `normalised` gives them, `view` and `at` as `first_links` does, `relations` as
    `relations_of` does."""
    centres, shapes, moments = superpoint_shapes(places, rgb, normals, superpoint, count)

    def tensor(array: Array, kind: type = np.float32) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, kind))

    # A normal's sign is arbitrary: of the two, the one that looks up.
    turned = normals * np.where(normals[:, 2:] < 0, -1.0, 1.0)
    return SceneInputs(
        tensor(np.concatenate([places, rgb, turned], axis=1)),
        tensor(neighbours, np.int64),
        tensor(superpoint, np.int64),
        tensor(centres),
        tensor(shapes),
        tensor(images.transpose(0, 3, 1, 2)) / 255 - 0.5,
        tensor(view, np.int64),
        tensor(at),
        tensor(relations),
        tensor(np.bincount(superpoint, minlength=count)),
        tensor(moments),
    )


def first_links(
    links: Links, sizes: Sequence[tuple[int, int]], count: int
) -> tuple[Int64[Array, "N"], Float32[Array, "N 2"]]:
    """View of each point's first link, and where in it: x and y from -1 (left, top rim) to 1, as grids count.

    A point that no view shows is put beyond the rim of the first.

    Args:
        links: Ordered by point.
        sizes: (height, width) of the views in which links count pixels.
        count: Number of points.
    """
    view, places = np.zeros(count, np.int64), np.full((count, 2), 3.0, np.float32)
    points, first = np.unique(links.point, return_index=True)
    view[points] = links.view[first]
    size = np.array(sizes, np.float64)[view[points]]
    places[points, 0] = 2 * (links.x[first] + 0.5) / size[:, 1] - 1
    places[points, 1] = 2 * (links.y[first] + 0.5) / size[:, 0] - 1
    return view, places


def small_image(image: UInt8[Array, "_ _ 3"]) -> UInt8[Array, "h w 3"]:
    """The photo at the size that the network sees."""
    height, width = image.shape[:2]
    factor = min(1.0, IMAGE_SIDE / max(height, width))
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
