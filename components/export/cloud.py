"""An object as a coloured point cloud: PLY with the photo pixel of every point, GLB for 3D viewers."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from liftlab.components.files import atomic_write
from liftlab.components.geometry.projection import photo_from_view
from liftlab.components.types import Array, Scene
from liftlab.components.vertex_table import displaced, write_vertices


@dataclass(frozen=True)
class PointCloud:
    """Points with their colour and the photo pixel they come from."""

    points: Float[Array, "N 3"]
    """World frame, scene units."""
    colours: UInt8[Array, "N 3"]
    """RGB."""
    views: Int[Array, "N"]
    """Index into `names`."""
    photo_xy: Float[Array, "N 2"]
    """Photo pixels."""
    names: tuple[str, ...]
    """Photo file names."""
    up: Float[Array, "3"]
    """Unit vector, world frame."""


def cloud_of(scene: Scene, selected: Bool[Array, "N"]) -> PointCloud:
    """The selected points of the geometry "points"; all-False gives an empty cloud."""
    index = scene.pointmap.point_index[selected]
    views, rows, columns = index[:, 0], index[:, 1], index[:, 2]
    colours = np.zeros((len(index), 3), np.uint8)
    photo_xy = np.zeros((len(index), 2))
    for number, view in enumerate(scene.views):
        here = views == number
        colours[here] = view.image[rows[here], columns[here]]
        centers = np.stack([columns[here], rows[here]], axis=1) + 0.5
        photo_xy[here] = photo_from_view(view, centers)
    return PointCloud(
        points=scene.pointmap.points[selected].astype(np.float32),
        colours=colours,
        views=views,
        photo_xy=photo_xy,
        names=tuple(view.name for view in scene.views),
        up=scene.up,
    )


def write_point_cloud_ply(
    path: Path,
    cloud: PointCloud,
    *,
    metres_per_unit: float | None = None,
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> None:
    """Binary PLY, one vertex per point: x y z, red green blue, view, photo_x, photo_y.

    `view` counts the photos listed in the header's comments.

    Args:
        metres_per_unit: Metres of one unit of the points, for a comment of the header; None while it is not known.
        offset: Added to the coordinates, which are then of double precision.
    """
    vertex = np.empty(
        len(cloud.points),
        dtype=[
            ("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1"),
            ("view", "<i4"), ("photo_x", "<f4"), ("photo_y", "<f4"),
        ],
    )  # fmt: skip
    vertex["x"], vertex["y"], vertex["z"] = cloud.points.T
    vertex["red"], vertex["green"], vertex["blue"] = cloud.colours.T
    vertex["view"] = cloud.views
    vertex["photo_x"], vertex["photo_y"] = cloud.photo_xy.T
    comments = [f"view {number} {name}" for number, name in enumerate(cloud.names)]
    if metres_per_unit is not None:
        comments.append(f"metres_per_unit {metres_per_unit:.9g}")
    write_vertices(path, displaced(vertex, offset), comments=comments)


def write_glb(path: Path, cloud: PointCloud, *, offset: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
    """GLB point cloud. Vertices are world coordinates; the node turns the scene's up axis to glTF's +Y.

    Args:
        offset: What is to be added to the vertices, whose floats cannot hold it: the node moves them by it.

    Raises:
        ValueError: The cloud is empty: glTF has no empty point clouds.
    """
    import trimesh

    if len(cloud.points) == 0:
        raise ValueError("cloud must have points; got none. Select something first.")
    geometry = trimesh.PointCloud(np.asarray(cloud.points, np.float32), colors=cloud.colours)
    turn = np.array(trimesh.geometry.align_vectors(cloud.up, [0.0, 1.0, 0.0]), np.float64)
    turn[:3, 3] = turn[:3, :3] @ offset
    model = trimesh.Scene()
    model.add_geometry(geometry, node_name="object", transform=turn)
    data = model.export(file_type="glb")
    assert isinstance(data, bytes)
    with atomic_write(path) as file:
        file.write(data)
