"""Exports that need the scene's splats: the object and the rest as splats, a turn around it, a page to share."""

from pathlib import Path
from typing import TYPE_CHECKING

from liftlab.components.files import write_json
from liftlab.components.geometry.scale import scaled_gaussians
from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest

if TYPE_CHECKING:
    from liftlab.components.types import Gaussians


def write_splats(request: ExportRequest, folder: Path) -> None:
    for state in request.objects:
        _save(request, SPLATS.path(folder, state), request.splats.standing(state))


def write_spz(request: ExportRequest, folder: Path) -> None:
    for state in request.objects:
        path = SPZ.path(folder, state)
        _save(request, path, request.splats.standing(state))
        if any(request.offset):  # of which the format has no place
            from liftlab.components.gaussians.packed import FLIP

            x, y, z = (float(axis) * step for axis, step in zip(FLIP, request.offset, strict=True))
            write_json(path.with_name(f"{path.name}.offset.json"), {"schema_version": 1, "offset": [x, y, z]})


def write_without(request: ExportRequest, folder: Path) -> None:
    for state in request.objects:
        _save(request, WITHOUT.path(folder, state), request.splats.without(state))


def write_without_all(request: ExportRequest, folder: Path) -> None:
    _save(request, folder / WITHOUT_ALL.file, request.splats.without(*request.objects))


def write_gif(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    for state in request.objects:
        export.write_gif(GIF.path(folder, state), request.splats.turn(state))


def write_mp4(request: ExportRequest, folder: Path) -> None:
    from liftlab.components import export

    for state in request.objects:
        export.write_mp4(MP4.path(folder, state), request.splats.turn(state))


def write_page(request: ExportRequest, folder: Path) -> None:
    from liftlab.export.static_viewer import About, write_viewer

    about = About(request.session.scene_name or "", tuple(state.name for state in request.objects))
    write_viewer(folder / VIEWER.file, *request.splats.lit(request.objects), about)


def _save(request: ExportRequest, path: Path, gaussians: "Gaussians") -> None:
    from liftlab.components.gaussians.files import write_gaussians

    factor = request.unit.factor
    scaled = gaussians if factor == 1 else scaled_gaussians(gaussians, factor)
    write_gaussians(path, scaled, offset=request.offset)


SPLATS = EXPORT_FORMATS.register(
    ExportFormat(
        name="splats",
        title="Splats",
        short="PLY",
        summary="Splats of the object (PLY)",
        media_type="application/octet-stream",
        file="OBJECT-splats.ply",
        write=write_splats,
        content="the object's Gaussians, layout of Inria's trainer (log-scales, logits, harmonics)",
        opens_in="SuperSplat, gsplat, nerfstudio viewers",
        needs_splats=True,
        purpose="splats",
    )
)
SPZ = EXPORT_FORMATS.register(
    ExportFormat(
        name="spz",
        title="Splats, small",
        short="SPZ",
        summary="Splats of the object, small (SPZ)",
        media_type="application/octet-stream",
        file="OBJECT.spz",
        write=write_spz,
        content="the same at about a tenth of the size, Y up as the format wants it; for splats of a map's size beside "
        "it `OBJECT.spz.offset.json`, whose `offset` (x, y, z, in the file's own axes) is what the format cannot hold "
        "and is to be added to the coordinates",
        opens_in="SPZ viewers",
        needs_splats=True,
        purpose="splats",
    )
)
WITHOUT = EXPORT_FORMATS.register(
    ExportFormat(
        name="without",
        title="Scene without each",
        short="PLY",
        summary="Splats of the scene, once for each object without it (PLY)",
        media_type="application/octet-stream",
        file="without/OBJECT.ply",
        write=write_without,
        content="the scene's Gaussians without this one object",
        opens_in="as `splats`",
        needs_splats=True,
        purpose="splats",
    )
)
WITHOUT_ALL = EXPORT_FORMATS.register(
    ExportFormat(
        name="without_all",
        title="Scene without them",
        short="PLY",
        summary="Splats of the scene without any of the objects (PLY)",
        media_type="application/octet-stream",
        file="without-all.ply",
        write=write_without_all,
        content="the scene's Gaussians without any of the objects",
        opens_in="as `splats`",
        needs_splats=True,
        purpose="splats",
    )
)
GIF = EXPORT_FORMATS.register(
    ExportFormat(
        name="gif",
        title="Turn around it",
        short="GIF",
        summary="A turn around the object (GIF)",
        media_type="image/gif",
        file="OBJECT.gif",
        write=write_gif,
        content="a turn around the object; where photos show one side only, to and fro over that side",
        opens_in="anything",
        needs_splats=True,
        purpose="share",
    )
)
MP4 = EXPORT_FORMATS.register(
    ExportFormat(
        name="mp4",
        title="Turn around it",
        short="MP4",
        summary="A turn around the object (MP4)",
        media_type="video/mp4",
        file="OBJECT.mp4",
        write=write_mp4,
        content="the same as a film",
        opens_in="anything",
        needs_splats=True,
        purpose="share",
    )
)
VIEWER = EXPORT_FORMATS.register(
    ExportFormat(
        name="viewer",
        title="Page to share",
        short="HTML",
        summary="The scene with the objects lit, as one page to share (HTML)",
        media_type="text/html",
        file="viewer.html",
        write=write_page,
        content="the scene's Gaussians (100 000 at most) with the objects lit, the scene's name, a legend, a "
        "button that hides everything else and a licence line, all in one file; opened from the disk or put on any web "
        "server",
        opens_in="any browser",
        needs_splats=True,
        purpose="share",
    )
)
