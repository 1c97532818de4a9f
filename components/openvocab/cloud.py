"""A reconstructed scene as the cloud of points that the network sees."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int, Int32, UInt8

from liftlab.components.masks.graph.scene_graph import view_depths
from liftlab.components.openvocab import superpoints as sp
from liftlab.components.openvocab.lifting import Links, links_by_projection
from liftlab.components.openvocab.records import upright
from liftlab.components.openvocab.scene_inputs import small_image
from liftlab.components.types import Array, Scene


@dataclass(frozen=True)
class Cloud:
    """Points of a scene, sampled as its photos saw them; +Z is up."""

    index: Int[Array, "N"]
    """Of each, in `Pointmap.points`."""
    points: Float32[Array, "N 3"]
    rgb: UInt8[Array, "N 3"]
    normals: Float32[Array, "N 3"]
    spacing: Float32[Array, "N"]
    neighbours: Int32[Array, "N C"]
    links: Links
    images: UInt8[Array, "V h w 3"]
    """The photos, small; of one size, padded at the right and bottom with grey."""
    sizes: tuple[tuple[int, int], ...]
    """(height, width) in view pixels that fill the whole of each picture in `images`, padding included."""


def sampled_points(scene: Scene, count: int) -> Int[Array, "N"]:
    """About `count` of the scene's points: of each view every so many rows and columns, from its middle on.

    So the cloud is dense where photos are [ours]; voxels of one size would spend most points on walls.
    """
    pointmap = scene.pointmap
    total = int(pointmap.offsets[-1])
    step = max(int(np.sqrt(max(total, 1) / count)), 1)
    while True:
        lattice = np.zeros(pointmap.valid.shape, bool)
        lattice[:, step // 2 :: step, step // 2 :: step] = True
        index = np.flatnonzero(lattice[pointmap.valid])
        if len(index) <= 1.2 * count:
            return index
        step += 1


def cloud_of(scene: Scene, count: int) -> Cloud:
    """Sample a scene, measure normals and neighbours, and link points to pixels by projection."""
    pointmap = scene.pointmap
    index = sampled_points(scene, count)
    view, row, column = pointmap.point_index[index].T
    world = pointmap.points[index].astype(np.float64)
    rgb = np.zeros((len(index), 3), np.uint8)
    spacing = np.zeros(len(index), np.float32)
    for number, one in enumerate(scene.views):
        here = view == number
        rgb[here] = one.image[row[here], column[here]]
        depth = world[here] @ one.camera.world_to_camera[2, :3] + one.camera.world_to_camera[2, 3]
        spacing[here] = depth / one.camera.K[0, 0]
    points = (world @ upright(np.asarray(scene.up, np.float64)).T).astype(np.float32)
    near = sp.neighbours_of(points, sp.NORMAL_NEIGHBOURS)
    links = links_by_projection(world, [one.camera for one in scene.views], view_depths(scene))
    images, sizes = _pictures(scene)
    return Cloud(
        index,
        points,
        rgb,
        sp.normals_of_points(points, near),
        spacing,
        np.ascontiguousarray(near[:, : sp.NEIGHBOURS]),
        links,
        images,
        sizes,
    )


def _pictures(scene: Scene) -> tuple[UInt8[Array, "V h w 3"], tuple[tuple[int, int], ...]]:
    small = [small_image(view.image) for view in scene.views]
    height, width = (max(picture.shape[axis] for picture in small) for axis in (0, 1))
    images = np.full((len(small), height, width, 3), 128, np.uint8)
    sizes = []
    for own, picture, view in zip(images, small, scene.views, strict=True):
        own[: picture.shape[0], : picture.shape[1]] = picture
        sizes.append(
            (
                round(view.camera.height * height / picture.shape[0]),
                round(view.camera.width * width / picture.shape[1]),
            )
        )
    return images, tuple(sizes)
