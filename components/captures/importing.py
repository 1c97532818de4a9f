"""Turn what a person brings into a sealed capture folder, and say what was found."""

import contextlib
import errno
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from components.captures.capture import SCHEMA_VERSION, SPLATS_FILE
from components.captures.intake import KeptPhoto, take_in_photos
from components.captures.known_cameras import read_cameras_json, write_cameras_json
from components.captures.limits import ImportLimits
from components.captures.matching import match_cameras
from components.captures.quality import (
    blurred_photos,
    expected_reconstruction_secs,
    groups_of_copies,
    listed,
)
from components.captures.sources import Source, check_json_size, find_source
from components.errors import InputError
from components.files import sealed_folder, write_json
from components.progress import CancelToken, Progress, no_progress, part_of


@dataclass(frozen=True)
class ImportReport:
    """What was found, before any time is spent on reconstruction."""

    kept: tuple[str, ...]
    """Names of the photos in the capture, in natural order."""
    sizes: tuple[tuple[int, int], ...]
    """(width, height) of each kept photo."""
    sharpness: tuple[float, ...]
    """Of each kept photo, in [0, 1]."""
    copies: tuple[tuple[str, ...], ...]
    """Groups of kept photos that show the same picture."""
    num_known_cameras: int
    """Kept photos whose camera came with them."""
    warnings: tuple[str, ...]
    """Sentences: what was left out and why, what may go wrong."""
    expected_secs: float
    """Rough time of reconstruction on two cores."""


def import_capture(
    source: Path | Sequence[Path],
    folder: Path,
    *,
    cameras: Path | None = None,
    limits: ImportLimits | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> ImportReport:
    """Import photos into the capture folder `folder`, which appears only when everything went well.

    Args:
        source: A folder of photos (with or without `images/`, and cameras as `cameras.json`, nerfstudio
            `transforms.json` or COLMAP model), a zip of one, a video, a splat file (PLY, SPZ), or a list of
            image files.
        folder: The capture to make; its name is the capture's name. An earlier capture there is replaced.
        cameras: A `cameras.json` to use instead of one beside the photos.
        limits: What one import may take in; `ImportLimits()` when None.

    Raises:
        InputError: One sentence that says why nothing could be imported.
        Cancelled: The token was set; nothing is left behind.
    """
    limits = limits or ImportLimits()
    cancel = cancel or CancelToken()
    try:
        with _scratch_folder(folder) as scratch, sealed_folder(folder) as target:
            found = find_source(
                source,
                scratch,
                limits,
                with_cameras=cameras is None,
                progress=part_of(progress, 0.0, 0.4),
                cancel=cancel,
            )
            if cameras is not None and found.gaussians is not None:
                raise InputError("A splat file needs no cameras: views of it are chosen; leave them away.")
            if cameras is not None:
                check_json_size(cameras, limits)
                found = replace(found, cameras=read_cameras_json(cameras))
            return _import_found(found, target, limits, part_of(progress, 0.4, 1.0), cancel)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                "The disk is full, so nothing was imported; free some space and try again."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InputError(
                f"LiftLab may not read this place; change its permissions: {error.filename}"
            ) from error
        raise


@contextlib.contextmanager
def _scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` (same disk) for what is unpacked; removed at the end."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", suffix=".unpacked"
    ) as scratch:
        yield Path(scratch)


def _import_found(
    found: Source, target: Path, limits: ImportLimits, progress: Progress, cancel: CancelToken
) -> ImportReport:
    if not found.photos:
        raise InputError("There are no photos here; bring a folder, a zip or a video that shows one scene.")
    if len(found.photos) > limits.max_photos:
        raise InputError(
            f"There are {len(found.photos)} photos, more than {limits.max_photos}; bring a selection of them."
        )
    kept, skipped = take_in_photos(found, target / "images", limits, progress, cancel)
    _check_enough(kept, skipped, limits)
    known, camera_notes = match_cameras(found.cameras, kept)
    groups = groups_of_copies([photo.bits for photo in kept])
    copies = [tuple(kept[i].name for i in group) for group in groups]
    quality = _quality_warnings(kept, copies) if found.gaussians is None else []
    warnings = [*found.notes, *skipped, *camera_notes, *quality]
    if known is not None:
        write_cameras_json(target / "cameras.json", known)
    if found.gaussians is not None:
        from components.gaussians.files import write_gaussians  # compiled code, which photos need not load

        write_gaussians(target / SPLATS_FILE, found.gaussians)
    report = ImportReport(
        kept=tuple(photo.name for photo in kept),
        sizes=tuple((photo.width, photo.height) for photo in kept),
        sharpness=tuple(photo.sharpness for photo in kept),
        copies=tuple(copies),
        num_known_cameras=len(known.frames) if known else 0,
        warnings=tuple(warnings),
        expected_secs=expected_reconstruction_secs(len(kept)),
    )
    _write_record(target / "capture.json", kept, report, found.has_truth)
    progress(1.0, f"{len(kept)} photos imported")
    return report


def _check_enough(kept: list[KeptPhoto], skipped: list[str], limits: ImportLimits) -> None:
    because = f" {skipped[0]}" if skipped else ""
    if not kept:
        raise InputError(f"None of the files is a photo that can be read.{because}")
    if len(kept) < limits.min_photos:
        raise InputError(
            f"Only one photo can be used ({kept[0].name}), and one shows no depth; "
            f"take at least {limits.min_photos}, better 8 to 12, stepping sideways between them.{because}"
        )
    groups = groups_of_copies([photo.bits for photo in kept])
    if len(groups) == 1 and len(groups[0]) == len(kept):
        raise InputError(
            f"All {len(kept)} photos show the same picture, and copies show no depth; "
            "take photos from different places around the scene."
        )


def _quality_warnings(kept: list[KeptPhoto], copies: list[tuple[str, ...]]) -> list[str]:
    sentences = [f"{listed(list(group))} show the same picture; copies add nothing." for group in copies]
    blurred = [kept[i].name for i in blurred_photos([photo.sharpness for photo in kept])]
    if len(blurred) == len(kept):
        sentences.append("All photos have too little sharp detail; hold the camera still, with more light.")
    elif blurred:
        sentences.append(f"Too little sharp detail in {listed(blurred)}; take again if the result is poor.")
    distinct = len(kept) - sum(len(group) - 1 for group in copies)
    if distinct < 5:
        sentences.append(f"{distinct} different photos are few; 8 to 12 give a more complete scene.")
    return sentences


def _write_record(path: Path, kept: list[KeptPhoto], report: ImportReport, has_truth: bool) -> None:
    photos = [
        {
            "name": photo.name,
            "original_name": photo.original_name,
            "width": photo.width,
            "height": photo.height,
            "sharpness": round(float(photo.sharpness), 4),
            "exif_focal_px": photo.exif_focal_px,
        }
        for photo in kept
    ]
    record = {
        "schema_version": SCHEMA_VERSION,
        "photos": photos,
        "copies": [list(group) for group in report.copies],
        "warnings": list(report.warnings),
        "has_truth": has_truth,
        "expected_secs": report.expected_secs,
    }
    write_json(path, record)
