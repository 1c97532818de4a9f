"""Exports of an object's points: PLY and GLB."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest

if TYPE_CHECKING:
    from liftlab.components.export import PointCloud
    from liftlab.session.session import ObjectState


def write_ply(request: ExportRequest, folder: Path) -> None:
    for state in request.objects:
        write_object_ply(request, state, folder)


def write_glb(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    for state in request.objects:
        export.write_glb(GLB.path(folder, state), object_cloud(request, state), offset=request.offset)


def write_object_ply(request: ExportRequest, state: "ObjectState", folder: Path) -> None:
    """OBJECT.ply of one object."""
    from liftlab.components import export

    cloud = object_cloud(request, state)
    export.write_point_cloud_ply(
        PLY.path(folder, state), cloud, metres_per_unit=request.unit.metres, offset=request.offset
    )


def object_cloud(request: ExportRequest, state: "ObjectState") -> "PointCloud":
    """The object's points where it stands now, and those of its doubles, in the request's unit.

    Points that are few and far from the rest are left out: a handful on the wall behind would stretch a mug to a metre.
    """
    from liftlab.components.export import cloud_of
    from liftlab.components.geometry.strays import stray_points

    scene, stage = request.scene, request.session.stage
    count = int(scene.pointmap.offsets[-1])
    selected = state.answer.selected("points") if state.answer is not None else np.zeros(count, bool)
    selected[np.flatnonzero(selected)[stray_points(scene.pointmap.points[selected])]] = False
    cloud, place = cloud_of(scene, selected), stage.arrangement.of(state.id)
    if place.untouched:
        return cloud
    places = np.array([place.offset, *(np.add(place.offset, copy) for copy in place.copies)])
    points = cloud.points + request.unit.factor * (places[:1] if place.removed else places)[:, None]
    rows = np.tile(np.arange(len(cloud.points)), len(points))
    return replace(
        cloud, points=points.reshape(-1, 3).astype(np.float32), colours=cloud.colours[rows],
        views=cloud.views[rows], photo_xy=cloud.photo_xy[rows],
    )  # fmt: skip


PLY = EXPORT_FORMATS.register(
    ExportFormat(
        name="ply",
        title="Point cloud",
        short="PLY",
        summary="Point cloud of the object (PLY)",
        media_type="application/octet-stream",
        file="OBJECT.ply",
        write=write_ply,
        content="as above",
        opens_in="MeshLab, CloudCompare, Blender",
    )
)
GLB = EXPORT_FORMATS.register(
    ExportFormat(
        name="glb",
        title="For 3D programs",
        short="GLB",
        summary="Point cloud for 3D viewers (GLB)",
        media_type="model/gltf-binary",
        file="OBJECT.glb",
        write=write_glb,
        content="points with colour; vertices in world coordinates, the node turns the scene's up axis to +Y",
        opens_in="any glTF viewer",
    )
)
