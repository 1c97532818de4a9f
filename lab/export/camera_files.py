"""Exports of the scene's cameras: COLMAP and nerfstudio."""

from pathlib import Path

from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest


def write_colmap(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    (folder / "colmap").mkdir()
    export.write_colmap(folder / "colmap", request.scene)


def write_transforms(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    export.write_transforms(folder / TRANSFORMS.file, request.scene, metres_per_unit=request.unit.metres)


COLMAP = EXPORT_FORMATS.register(
    ExportFormat(
        name="colmap",
        title="Cameras",
        short="COLMAP",
        summary="Cameras (COLMAP model)",
        media_type="text/plain",
        file="colmap/*.txt",
        write=write_colmap,
        content="text model, one OPENCV camera per photo, up to 20 000 points without tracks",
        opens_in="COLMAP, nerfstudio, 3DGS trainers",
        needs_objects=False,
    )
)
TRANSFORMS = EXPORT_FORMATS.register(
    ExportFormat(
        name="transforms",
        title="Cameras",
        short="nerfstudio",
        summary="Cameras (nerfstudio transforms.json)",
        media_type="application/json",
        file="transforms.json",
        write=write_transforms,
        content="OPENCV model, OpenGL camera_to_world, `file_path` `images/NAME`",
        opens_in="nerfstudio, instant-ngp",
        needs_objects=False,
    )
)
