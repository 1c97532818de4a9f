"""Exports of the scene's cameras: COLMAP and nerfstudio."""

import shutil
from pathlib import Path

from liftlab.components.errors import InputError
from liftlab.components.files import inside
from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest


def write_colmap(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    (folder / "colmap").mkdir()
    export.write_colmap(folder / "colmap", request.scene, offset=request.offset)


def write_transforms(request: ExportRequest, folder: Path) -> None:
    _write_transforms(request, folder / TRANSFORMS.file)


def _write_transforms(request: ExportRequest, path: Path) -> None:
    from liftlab.components import export

    export.write_transforms(path, request.scene, metres_per_unit=request.unit.metres, offset=request.offset)


def write_dataset(request: ExportRequest, folder: Path) -> None:
    """The photos that have a place, where both models look for them."""
    from liftlab.components import export

    session, scene = request.session, request.scene
    name = session.scene_name
    assert name is not None
    photos = {photo.name: photo.path for photo in session.lab.capture(session.lab.entry(name).capture).photos}
    top = inside(folder, "dataset")
    (top / "images").mkdir(parents=True)
    for view in scene.views:
        if view.name not in photos:
            raise InputError(
                f"The photo {view.name} is not in the capture any more; import the photos again."
            )
        shutil.copyfile(photos[view.name], inside(top / "images", view.name))
    (top / "sparse" / "0").mkdir(parents=True)
    export.write_colmap(top / "sparse" / "0", scene, offset=request.offset)
    _write_transforms(request, top / TRANSFORMS.file)


COLMAP = EXPORT_FORMATS.register(
    ExportFormat(
        name="colmap",
        title="Cameras",
        short="COLMAP",
        summary="Cameras alone (COLMAP model)",
        media_type="text/plain",
        file="colmap/*.txt",
        write=write_colmap,
        content="text model, one OPENCV camera per photo, up to 20 000 points without tracks",
        opens_in="COLMAP, nerfstudio, 3DGS trainers",
        needs_objects=False,
        needs_place=False,
        purpose="training",
    )
)
TRANSFORMS = EXPORT_FORMATS.register(
    ExportFormat(
        name="transforms",
        title="Cameras",
        short="nerfstudio",
        summary="Cameras alone (nerfstudio transforms.json)",
        media_type="application/json",
        file="transforms.json",
        write=write_transforms,
        content="OPENCV model, OpenGL camera_to_world, `file_path` `images/NAME`",
        opens_in="nerfstudio, instant-ngp",
        needs_objects=False,
        needs_place=False,
        purpose="training",
    )
)
DATASET = EXPORT_FORMATS.register(
    ExportFormat(
        name="dataset",
        title="Photos and cameras",
        short="ZIP",
        summary="Photos with their cameras, to train elsewhere: COLMAP and nerfstudio in one ZIP",
        media_type="application/zip",
        file="dataset/*",
        write=write_dataset,
        content="`images/NAME` (upright, without metadata), `sparse/0/` as `colmap`, and `transforms.json`, which both "
        "find the images there",
        opens_in="nerfstudio, COLMAP, 3DGS trainers",
        needs_objects=False,
        in_everything=False,
        needs_place=False,
        purpose="training",
    )
)
