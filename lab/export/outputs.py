"""Write a session's objects to a folder a person chose: all of it, or nothing."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError, closest
from liftlab.components.export import (
    NamedMasks,
    PointCloud,
    cloud_of,
    write_coco,
    write_colmap,
    write_glb,
    write_label_png,
    write_mask_png,
    write_ply,
    write_transforms,
)
from liftlab.components.files import inside, write_json
from liftlab.components.geometry.projection import labels_in_photo
from liftlab.components.geometry.scale import scene_in_metres
from liftlab.components.processes.scratch import owned_folder
from liftlab.components.types import Scene
from liftlab.engine.workspace import Workspace
from liftlab.export.splats import SPLAT_EXPORTS, SplatWriter, splat_scene
from liftlab.files.disk import is_disk_full
from liftlab.session.saving.records import (
    DECOMPOSITION_VERSION,
    SEGMENTATION_VERSION,
    DecompositionRecord,
    ObjectRecord,
    PhotoRecord,
    SegmentationRecord,
    versions,
)

if TYPE_CHECKING:
    from liftlab.components.gaussians.boundary import Boundary
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session

EXPORTS: dict[str, str] = {
    "ply": "Point cloud of the object (PLY)",
    "glb": "Point cloud for 3D viewers (GLB)",
    "masks": "Masks in every photo (PNG)",
    "coco": "Masks with names (COCO JSON)",
    "colmap": "Cameras (COLMAP model)",
    "transforms": "Cameras (nerfstudio transforms.json)",
    **SPLAT_EXPORTS,
    "segmentation": "Prompts, method and timings (segmentation.json)",
    "notebook": "The whole run, to repeat it (notebook.json)",
}
"""Kinds of export and what they are called for people."""


@dataclass(frozen=True)
class Unit:
    """The unit of the coordinates in exported files."""

    factor: float
    """Of these units one scene unit has so many."""
    metres: float | None
    """Metres of one; None while the scene's scale is not known."""

    @staticmethod
    def of(session: "Session", *, metres: bool = False) -> "Unit":
        """The scene's own unit, or metres. InputError for metres while the scale is not known."""
        known = session.ruler.metres_per_unit
        if not metres:
            return Unit(1.0, known)
        if known is None:
            raise InputError(
                "The scene has no scale, so nothing can be written in metres; measure a known distance in it first."
            )
        return Unit(known, 1.0)

    def applied(self, scene: Scene) -> Scene:
        """The scene with its coordinates in this unit."""
        return scene if self.factor == 1 else scene_in_metres(scene, self.factor)


@contextlib.contextmanager
def output_folder(out: Path, *, workspace: Workspace) -> Iterator[Path]:
    """Build files in a hidden folder inside `out` and move them into place at the end.

    Args:
        workspace: Keeps a record of it meanwhile, so that after a crash the next start removes the hidden folder.

    Raises:
        InputError: `out` cannot be written, or its disk is full; what was there before is untouched.
    """
    records = workspace.root / "tmp"
    if not os.access(records, os.W_OK):  # a workspace to be read only
        records = Path(tempfile.gettempdir())
    with contextlib.ExitStack() as stack:
        try:
            staging = stack.enter_context(
                owned_folder(out, prefix=".liftlab-", suffix=".partial", records=records)
            )
        except OSError as error:
            raise InputError(f"The output folder cannot be written ({error.strerror}): {out}") from error
        try:
            yield staging
            _move_into_place(staging, out)
        except OSError as error:
            if is_disk_full(error, out):
                raise InputError(
                    f"The disk is full, so nothing was written; free some space: {out}"
                ) from error
            raise InputError(
                f"The output cannot be written ({error}); choose another folder: {out}"
            ) from error


def _move_into_place(staging: Path, out: Path) -> None:
    for path in sorted(p for p in staging.rglob("*") if p.is_file()):
        target = out / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


def export(
    session: "Session",
    kinds: Sequence[str],
    out: Path,
    object_ids: Sequence[int] | None = None,
    *,
    boundary: "Boundary" = "split",
    metres: bool = False,
) -> list[Path]:
    """Write exports of `kinds` for some objects (None: all that select something) into `out`.

    Args:
        boundary: What happens to splats across an object's outline: left whole ("keep"), left out ("trim"), or
            cut ("split").
        metres: Write coordinates in metres, not in the scene's own unit.

    Returns:
        The files written.

    Raises:
        InputError: An unknown kind, nothing selected, splats wanted and not trained, metres wanted and the scale not
            known, or `out` cannot be written.
    """
    for kind in kinds:
        if kind not in EXPORTS:
            raise InputError(f"Unknown export '{kind}'. {closest(kind, list(EXPORTS))}")
    scene = session.scene
    if scene is None:
        raise InputError("No scene is open; choose one first.")
    unit = Unit.of(session, metres=metres)
    scene = unit.applied(scene)
    wanted = [state for state in session.objects if object_ids is None or state.id in object_ids]
    objects = [state for state in wanted if state.result is not None and not state.result.empty]
    if not objects and set(kinds) - {"colmap", "transforms", "notebook"}:
        raise InputError("Nothing is selected yet; click on an object first.")
    with output_folder(out, workspace=session.lab.workspace) as folder:
        splats = (
            SplatWriter(session, boundary, scale=unit.factor) if set(kinds) & set(SPLAT_EXPORTS) else None
        )
        for kind in kinds:
            if kind in SPLAT_EXPORTS:
                assert splats is not None
                splats.write(kind, objects, folder)
            else:
                _write_kind(kind, session, scene, objects, folder, unit)
        names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [out / name for name in names]


def every_kind(session: "Session") -> list[str]:
    """All kinds of export that the session's scene has the data for: splats only where they are trained."""
    name = session.scene_name
    trained = name is not None and session.lab.status(name).gaussians
    return [kind for kind in EXPORTS if trained or kind not in SPLAT_EXPORTS]


def write_segmentation(session: "Session", folder: Path, *, started: float) -> SegmentationRecord:
    """Masks of every photo, one PLY per object (points, or splats where the method selects those), and
    segmentation.json: what `liftlab segment` gives.

    Args:
        session: Its objects are written.
        folder: Existing and empty.
        started: `time.monotonic()` at the start of the command; the record tells the seconds since then.
    """
    scene = session.scene
    assert scene is not None
    objects = session.objects
    for state in objects:
        _write_masks(session, scene, state, folder)
        if state.result is not None and state.result.geometry == "gaussians":
            _write_splats(session, state, folder)
        else:
            _write_ply(session, scene, state, folder, Unit.of(session))
    record = segmentation_record(session, objects, wall_secs=round(time.monotonic() - started, 3))
    write_json(folder / "segmentation.json", _plain(record))
    return record


def segmentation_record(
    session: "Session",
    objects: Sequence["ObjectState"],
    *,
    wall_secs: float | None = None,
    unit: "Unit | None" = None,
) -> SegmentationRecord:
    """What segmentation.json says; of files in the scene's own unit where no other is given."""
    assert session.scene is not None
    unit = unit or Unit.of(session)
    scene = session.scene
    results = [state.result for state in objects if state.result is not None]
    config = results[0].provenance.config if results else {}
    return SegmentationRecord(
        schema_version=SEGMENTATION_VERSION,
        scene=session.scene_name or "",
        scene_key=scene.key,
        units="metres" if unit.metres == 1 else "arbitrary",
        method=session.method,
        config=config,
        backend=results[0].provenance.backend if results else "",
        objects=tuple(_object_record(session, scene, state, unit) for state in objects),
        missing=scene.missing,
        wall_secs=wall_secs,
        versions=versions(),
        metres_per_unit=unit.metres,
    )


def write_decomposition(
    scene: Scene,
    labels: Sequence[np.ndarray],
    folder: Path,
    *,
    scene_name: str,
    method: str,
    config: dict[str, Any],
    granularity: float | None,
    wall_secs: float,
) -> DecompositionRecord:
    """labels/STEM.png for every photo (all zero where it is not registered), and decomposition.json."""
    (folder / "labels").mkdir()
    ids: set[int] = set()
    photos = []
    for name, (width, height) in scene.photo_sizes.items():
        image = np.zeros((height, width), np.uint16)
        if name not in scene.missing:
            index = scene.view_index(name)
            image = labels_in_photo(scene.views[index], labels[index])
        write_label_png(inside(folder, "labels", f"{_stem(name)}.png"), image)
        ids |= set(np.unique(image).tolist()) - {0}
        photos.append(PhotoRecord(name, width, height, name not in scene.missing, int((image > 0).sum())))
    record = DecompositionRecord(
        DECOMPOSITION_VERSION, scene_name, scene.key, method, config, granularity, tuple(sorted(ids)),
        tuple(photos), scene.missing, wall_secs, versions(),
    )  # fmt: skip
    write_json(folder / "decomposition.json", _plain(record))
    return record


def _write_kind(
    kind: str,
    session: "Session",
    scene: Scene,
    objects: Sequence["ObjectState"],
    folder: Path,
    unit: "Unit",
) -> None:
    if kind == "ply":
        for state in objects:
            _write_ply(session, scene, state, folder, unit)
    elif kind == "glb":
        for state in objects:
            write_glb(inside(folder, f"{state.name}.glb"), _cloud(session, scene, state, unit))
    elif kind == "masks":
        for state in objects:
            _write_masks(session, scene, state, folder)
    elif kind == "coco":
        named = [
            NamedMasks(state.name, {name: session.photo_mask(state.id, name) for name in _registered(scene)})
            for state in objects
        ]
        write_coco(folder / "coco.json", scene.photo_sizes, named)
    elif kind == "colmap":
        (folder / "colmap").mkdir()
        write_colmap(folder / "colmap", scene)
    elif kind == "transforms":
        write_transforms(folder / "transforms.json", scene, metres_per_unit=unit.metres)
    elif kind == "segmentation":
        write_json(folder / "segmentation.json", _plain(segmentation_record(session, objects, unit=unit)))
    else:
        session.notebook().save(folder / "notebook.json")


def _write_masks(session: "Session", scene: Scene, state: "ObjectState", folder: Path) -> None:
    masks = inside(folder, "masks", state.name)
    masks.mkdir(parents=True)
    for name in scene.photo_sizes:
        write_mask_png(inside(masks, f"{_stem(name)}.png"), session.photo_mask(state.id, name))


def _write_ply(session: "Session", scene: Scene, state: "ObjectState", folder: Path, unit: "Unit") -> None:
    write_ply(
        inside(folder, f"{state.name}.ply"), _cloud(session, scene, state, unit), metres_per_unit=unit.metres
    )


def _cloud(session: "Session", scene: Scene, state: "ObjectState", unit: "Unit") -> PointCloud:
    """The object's points where it stands now, and those of its doubles.

    Args:
        scene: In `unit`.
    """
    count = int(scene.pointmap.offsets[-1])
    selected = state.answer.selected("points") if state.answer is not None else np.zeros(count, bool)
    cloud, place = cloud_of(scene, selected), session.stage.arrangement.of(state.id)
    if place.untouched:
        return cloud
    places = np.array([place.offset, *(np.add(place.offset, copy) for copy in place.copies)])
    points = cloud.points + unit.factor * (places[:1] if place.removed else places)[:, None]
    rows = np.tile(np.arange(len(cloud.points)), len(points))
    return replace(
        cloud, points=points.reshape(-1, 3).astype(np.float32), colours=cloud.colours[rows],
        views=cloud.views[rows], photo_xy=cloud.photo_xy[rows],
    )  # fmt: skip


def _write_splats(session: "Session", state: "ObjectState", folder: Path) -> None:
    """The splats that the method selected, as they are."""
    from liftlab.components.gaussians.files import write_gaussians
    from liftlab.components.gaussians.selection import subset

    gaussians = splat_scene(session).gaussians
    assert gaussians is not None and state.result is not None
    write_gaussians(inside(folder, f"{state.name}.ply"), subset(gaussians, state.result.selected))


def _object_record(session: "Session", scene: Scene, state: "ObjectState", unit: "Unit") -> ObjectRecord:
    photos = tuple(
        PhotoRecord(
            name, width, height, name not in scene.missing, int(session.photo_mask(state.id, name).sum())
        )
        for name, (width, height) in scene.photo_sizes.items()
    )
    result, size = state.result, session.ruler.size(state.id)
    return ObjectRecord(
        prompts=state.asked,
        colour=state.colour,
        points=result.count if result is not None else 0,
        geometry=result.geometry if result is not None else "points",
        server_ms=session.server_ms(state.id),
        slow_path=result is not None and result.provenance.slow_path,
        message=state.message,
        photos=photos,
        size=None if size is None else (size[0] * unit.factor, size[1] * unit.factor, size[2] * unit.factor),
    )


def _registered(scene: Scene) -> list[str]:
    return [name for name in scene.photo_sizes if name not in scene.missing]


def _plain(record: Any) -> dict[str, Any]:
    from liftlab.files.config_records import to_plain

    return to_plain(record)


def _stem(name: str) -> str:
    return name.rsplit(".", 1)[0]
