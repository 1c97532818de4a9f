"""Write a session's objects to a folder a person chose: all of it, or nothing."""

import contextlib
import os
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError, listed
from liftlab.components.export import write_label_png
from liftlab.components.files import inside, put_in_place, write_json
from liftlab.components.geometry.projection import labels_in_photo
from liftlab.components.processes.scratch import owned_folder
from liftlab.components.types import Scene
from liftlab.engine.workspace import Workspace
from liftlab.export.formats import EXPORT_FORMATS, OBJECT, ExportFormat, ExportRequest
from liftlab.export.mask_files import stem, write_object_masks
from liftlab.export.point_files import write_object_ply
from liftlab.export.run_files import segmentation_record
from liftlab.files.config_records import to_plain
from liftlab.files.disk import is_disk_full
from liftlab.session.saving.records import (
    DECOMPOSITION_VERSION,
    DecompositionRecord,
    PhotoRecord,
    SegmentationRecord,
    versions,
)

if TYPE_CHECKING:
    from liftlab.components.gaussians.boundary import Boundary
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session


@contextlib.contextmanager
def output_folder(out: Path, *, workspace: Workspace) -> Iterator[Path]:
    """Build files in a hidden folder inside `out` and move them into place at the end.

    Args:
        workspace: Keeps a record of it meanwhile, so that after a crash the next start removes the hidden folder.

    Raises:
        InputError: `out` cannot be written, or its disk is full; what was there before is untouched.
    """
    out = out.expanduser()
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
    """Files get the permissions that new files have here: they were private while they were written."""
    probe = staging / ".permissions"
    probe.touch()
    usual = probe.stat().st_mode & 0o777
    probe.unlink()
    for path in sorted(p for p in staging.rglob("*") if p.is_file()):
        target = out / path.relative_to(staging)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.chmod(usual)
        put_in_place(path, target)


def export(
    session: "Session",
    kinds: Sequence[str],
    out: Path,
    object_ids: Sequence[int] | None = None,
    *,
    boundary: "Boundary" = "split",
    metres: bool = False,
    mended: bool = False,
    tell: Callable[[str], None] = lambda sentence: None,
) -> list[Path]:
    """Write exports of `kinds` for some objects (None: all that select something) into `out`.

    No file overwrites another of the call. Where names of two kinds would meet, also if one of them is not asked for
    this time, the files of the later kind are in a folder with its name.

    Args:
        boundary: What happens to splats across an object's outline: left whole ("keep"), left out ("trim"), or
            cut ("split").
        metres: Write coordinates in metres, not in the scene's own unit.
        mended: Fill in what objects leave behind (hole and shadow) where the scene is written without them.
        tell: Given a sentence about each kind that has a folder of its own, and about those that are left out since
            the scene has no splats.

    Returns:
        The files written.

    Raises:
        InputError: An unknown kind, nothing selected, only splats wanted and none trained, metres wanted and the scale
            not known, or `out` cannot be written.
    """
    records = [EXPORT_FORMATS.get(kind) for kind in dict.fromkeys(kinds)]
    if session.scene is None:
        raise InputError("No scene is open; choose one first.")
    wanted = [state for state in session.objects if object_ids is None or state.id in object_ids]
    objects = tuple(state for state in wanted if state.result is not None and not state.result.empty)
    request = ExportRequest(session, objects, metres, boundary, mended)
    _ = request.unit  # refused before anything is written
    if not objects and any(record.needs_objects for record in records):
        raise InputError("Nothing is selected yet; click on an object first.")
    records = _with_what_they_need(records, session, tell)
    records = _with_a_place(records, request, tell)
    out = out.expanduser()
    with output_folder(out, workspace=session.lab.workspace) as folder:
        taken: set[str] = set()
        for record in records:
            home = _write(record, request, folder, taken)
            if home:
                tell(f"Two kinds would write files of one name, so those of '{record.name}' are in {home}/.")
        names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
    return [out / name for name in names]


def _with_what_they_need(
    records: list[ExportFormat], session: "Session", tell: Callable[[str], None]
) -> list[ExportFormat]:
    """The kinds that can be written; InputError when the scene lacks the splats that all of them need."""
    needing = [record for record in records if record.needs_splats]
    if not needing:
        return records
    from liftlab.export.splats import splat_scene

    try:
        splat_scene(session)
    except InputError as error:
        if len(needing) == len(records):
            raise
        tell(f"Not written: {listed([record.name for record in needing])}. {error}")
        return [record for record in records if not record.needs_splats]
    return records


def _with_a_place(
    records: list[ExportFormat], request: ExportRequest, tell: Callable[[str], None]
) -> list[ExportFormat]:
    """The kinds that can be written of objects of which some have no place in 3D; InputError when none can."""
    flat = [state.name for state in request.objects if state.photo_only]
    if not flat:
        return records
    some = len(flat) < len(request.objects)
    able = [record for record in records if some or not (record.needs_place and record.needs_objects)]
    verb = "has" if len(flat) == 1 else "have"
    sentence = (
        f"{listed(flat)} {verb} no place in 3D, only an outline in a photo: its masks can be taken away."
    )
    if not able:
        raise InputError(sentence)
    if any(record.needs_place and record.needs_objects for record in records):
        tell(f"Left out of what is in 3D: {sentence}")
    return able


def _write(record: ExportFormat, request: ExportRequest, folder: Path, taken: set[str]) -> str:
    """Write one format to files whose names nothing else has.

    Args:
        taken: Keys of the files in `folder`; those of the format are added.

    Returns:
        The folder of its own that they needed; "" where their names are free.
    """
    written = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder))
    record.write(request.placed if record.needs_place else request, written)
    names = [path.relative_to(written) for path in sorted(written.rglob("*")) if path.is_file()]
    if not names:
        raise InputError(f"The export '{record.name}' gave no file.")
    spoken_for = taken | _claimed_before(record, request.session)
    homes = ["", record.name, *(f"{record.name}-{number}" for number in range(2, len(taken) + 3))]
    home = next(home for home in homes if not {_key(home / name) for name in names} & spoken_for)
    for name in names:
        target = folder / home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(written / name, target)
        taken.add(_key(home / name))
    shutil.rmtree(written)
    return home


def _claimed_before(record: ExportFormat, session: "Session") -> set[str]:
    """Keys of what the formats before this one would write of the session's objects."""
    every = EXPORT_FORMATS.records()
    return {
        _key(Path(other.file.replace(OBJECT, state.name)))
        for other in every[: every.index(record)]
        for state in session.objects
    }


def _key(path: Path) -> str:
    """Equal for names that are one file on some system: small and capital letters, accents in one sign or two."""
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def every_kind(session: "Session") -> list[str]:
    """Kinds of "Everything" that the session's scene has the data for: splats only where they are trained."""
    name = session.scene_name
    trained = name is not None and session.lab.status(name).gaussians
    return [
        record.name
        for record in EXPORT_FORMATS.records()
        if record.in_everything and (trained or not record.needs_splats)
    ]


def write_segmentation(session: "Session", folder: Path, *, started: float) -> SegmentationRecord:
    """Masks of every photo, one PLY per object (points, or splats where the method selects those), and
    segmentation.json: what `liftlab segment` gives.

    Args:
        session: Its objects are written.
        folder: Existing and empty.
        started: `time.monotonic()` at the start of the command; the record tells the seconds since then.
    """
    objects = session.objects
    request = ExportRequest(session, tuple(objects))
    for state in objects:
        write_object_masks(request, state, folder)
        if state.result is not None and state.result.geometry == "gaussians":
            _write_splats(request, state, folder)
        else:
            write_object_ply(request, state, folder)
    record = segmentation_record(session, objects, wall_secs=round(time.monotonic() - started, 3))
    write_json(folder / "segmentation.json", to_plain(record))
    return record


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
        write_label_png(inside(folder, "labels", f"{stem(name)}.png"), image)
        ids |= set(np.unique(image).tolist()) - {0}
        photos.append(PhotoRecord(name, width, height, name not in scene.missing, int((image > 0).sum())))
    record = DecompositionRecord(
        DECOMPOSITION_VERSION, scene_name, scene.key, method, config, granularity, tuple(sorted(ids)),
        tuple(photos), scene.missing, wall_secs, versions(),
    )  # fmt: skip
    write_json(folder / "decomposition.json", to_plain(record))
    return record


def _write_splats(request: ExportRequest, state: "ObjectState", folder: Path) -> None:
    """The splats that the method selected, as they are."""
    from liftlab.components.gaussians.files import write_gaussians
    from liftlab.components.gaussians.selection import subset
    from liftlab.export.splats import splat_scene

    gaussians = splat_scene(request.session).gaussians
    assert gaussians is not None and state.result is not None
    chosen = subset(gaussians, state.result.selected)
    write_gaussians(inside(folder, f"{state.name}.ply"), chosen, offset=request.offset)
