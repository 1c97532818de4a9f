"""Cameras for other programs: a COLMAP text model and nerfstudio's transforms.json, both in photo pixels."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from liftlab.components.files import write_json
from liftlab.components.geometry.projection import opencv_from_opengl_camera
from liftlab.components.types import Array, Scene, View

COLMAP_POINTS_MAX = 20_000
"""Points written as starting points for training; spread evenly over all views."""
Offset = tuple[float, float, float]
NOWHERE: Offset = (0.0, 0.0, 0.0)


def write_colmap(folder: Path, scene: Scene, *, offset: Offset = NOWHERE) -> None:
    """Write cameras.txt, images.txt, points3D.txt (and rigs and frames) into an existing folder.

    One OPENCV camera per photo, photo pixels; COLMAP's pixel centres lie at +0.5 as ours do. Points carry no
    tracks.

    Args:
        offset: Added to the places of cameras and points, which are of double precision.
    """
    from liftlab.components.sfm.colmap_library import pycolmap

    model = pycolmap.Reconstruction()
    for number, view in enumerate(scene.views, start=1):
        lens = view.lens
        fx, fy, cx, cy = lens.K[0, 0], lens.K[1, 1], lens.K[0, 2], lens.K[1, 2]
        model.add_camera_with_trivial_rig(
            pycolmap.Camera(
                camera_id=number, model="OPENCV", width=lens.width, height=lens.height,
                params=[fx, fy, cx, cy, *lens.distortion.tolist()],
            )
        )  # fmt: skip
        pose = pycolmap.Rigid3d(view.camera.world_to_camera[:3].astype(np.float64))
        if any(
            offset
        ):  # by the rotation that is written: a rounded one would move a camera on a map by metres
            moved = -pose.rotation.matrix() @ (view.camera.center + np.array(offset))
            pose = pycolmap.Rigid3d(pose.rotation, moved)
        image = pycolmap.Image(name=view.name, camera_id=number, image_id=number)
        model.add_image_with_trivial_frame(image, pose)
    count = int(scene.pointmap.offsets[-1])
    chosen = np.unique(np.linspace(0, count - 1, min(count, COLMAP_POINTS_MAX)).astype(np.int64))
    index = scene.pointmap.point_index[chosen]
    for point, (view, row, column) in zip(scene.pointmap.points[chosen], index.tolist(), strict=True):
        colour = scene.views[view].image[row, column]
        model.add_point3D(point.astype(np.float64) + offset, pycolmap.Track(), colour)
    model.write_text(str(folder))


def transforms_of(scene: Scene, *, offset: Offset = NOWHERE) -> dict[str, Any]:
    """nerfstudio's transforms.json: OpenGL cameras (Y up, looking along -Z) in the scene's own world frame, moved by
    `offset`.
    """
    return {
        "camera_model": "OPENCV",
        "orientation_override": "none",
        "frames": [_frame(view, offset) for view in scene.views],
    }


def write_transforms(
    path: Path, scene: Scene, *, metres_per_unit: float | None = None, offset: Offset = NOWHERE
) -> None:
    """Write `transforms_of`; with the scene's scale, where it is known, in a field that nerfstudio passes over."""
    scale = {} if metres_per_unit is None else {"metres_per_unit": metres_per_unit}
    write_json(path, {**transforms_of(scene, offset=offset), **scale})


def _displaced(view: View, offset: Offset) -> Float[Array, "4 4"]:
    """camera_to_world of a view, its place moved; exactly its own where there is nothing to add."""
    camera_to_world = np.array(view.camera.camera_to_world, np.float64)
    camera_to_world[:3, 3] += offset
    return camera_to_world


def _frame(view: View, offset: Offset) -> dict[str, Any]:
    lens = view.lens
    k1, k2, p1, p2 = lens.distortion.tolist()
    return {
        "file_path": f"images/{view.name}",
        "w": lens.width, "h": lens.height,
        "fl_x": float(lens.K[0, 0]), "fl_y": float(lens.K[1, 1]),
        "cx": float(lens.K[0, 2]), "cy": float(lens.K[1, 2]),
        "k1": k1, "k2": k2, "p1": p1, "p2": p2,
        "transform_matrix": opencv_from_opengl_camera(_displaced(view, offset)).tolist(),
    }  # fmt: skip
