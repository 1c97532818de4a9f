"""Exports of the run itself: what was asked and answered, and the notebook that repeats it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from liftlab.components.files import write_json
from liftlab.components.types import Scene
from liftlab.export.formats import EXPORT_FORMATS, ExportFormat, ExportRequest, Unit
from liftlab.files.config_records import to_plain
from liftlab.session.saving.records import (
    SEGMENTATION_VERSION,
    ObjectRecord,
    PhotoRecord,
    SegmentationRecord,
    versions,
)

if TYPE_CHECKING:
    from liftlab.session.session import ObjectState, Session


def write_segmentation_json(request: ExportRequest, folder: Path) -> None:
    record = segmentation_record(request.session, request.objects, unit=request.unit)
    write_json(folder / SEGMENTATION.file, to_plain(record))


def write_notebook(request: ExportRequest, folder: Path) -> None:
    request.session.notebook().save(folder / NOTEBOOK.file)


def segmentation_record(
    session: "Session",
    objects: Sequence["ObjectState"],
    *,
    wall_secs: float | None = None,
    unit: Unit | None = None,
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


def _object_record(session: "Session", scene: Scene, state: "ObjectState", unit: Unit) -> ObjectRecord:
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
        method=state.method,
        config=result.provenance.config if result is not None else {},
        size=None if size is None else (size[0] * unit.factor, size[1] * unit.factor, size[2] * unit.factor),
    )


SEGMENTATION = EXPORT_FORMATS.register(
    ExportFormat(
        name="segmentation",
        title="Prompts, timings",
        short="JSON",
        summary="Prompts, method and timings (segmentation.json)",
        media_type="application/json",
        file="segmentation.json",
        write=write_segmentation_json,
        content="as above",
        needs_place=False,
        purpose="again",
    )
)
NOTEBOOK = EXPORT_FORMATS.register(
    ExportFormat(
        name="notebook",
        title="Run, to repeat it",
        short="JSON",
        summary="The whole run, to repeat it (notebook.json)",
        media_type="application/json",
        file="notebook.json",
        write=write_notebook,
        content="see below",
        opens_in="`liftlab run`",
        needs_objects=False,
        needs_place=False,
        purpose="again",
    )
)
