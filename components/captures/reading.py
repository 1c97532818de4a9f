"""What an import does with files of unknown origin; runs in a child process (`components.captures.importing`)."""

import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.captures.capture import SCHEMA_VERSION, SPLATS_FILE
from liftlab.components.captures.intake import KeptPhoto, take_in_photos
from liftlab.components.captures.known_cameras import KnownCameras, write_cameras_json
from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.quality import (
    blurred_photos,
    expected_reconstruction_secs,
    groups_of_copies,
)
from liftlab.components.captures.readers.found import Source
from liftlab.components.captures.readers.sources import find_source
from liftlab.components.errors import InputError, listed, printable
from liftlab.components.files import write_json
from liftlab.components.geometry.projection import camera_centers
from liftlab.components.processes.untrusted import reading
from liftlab.components.progress import Progress, part_of, repeated

FINEST_STEP = 1e-5
"""Coordinates are as fine as this share of the extent of the cameras, or these are moved to the origin."""
FINEST_FLOAT = float(np.finfo(np.float32).eps)


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

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "ImportReport":
        """The report from its form in JSON."""
        lists = {key: tuple(record[key]) for key in ("kept", "sharpness", "warnings")}
        pairs = {key: tuple(tuple(entry) for entry in record[key]) for key in ("sizes", "copies")}
        return cls(**{**record, **lists, **pairs})


def read_in_child(arguments: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Find, unpack and decode what was brought; our own clean files go into the folder `target`.

    Args:
        arguments: `source` (a path, or a list of them), `target` and `scratch` (existing empty folders),
            `cameras` (a path or None), `with_cameras` (False leaves them unread) and `limits` (fields of
            `ImportLimits`).

    Returns:
        The fields of an `ImportReport`.

    Raises:
        InputError: One sentence that says why nothing could be imported.
    """
    given, target, scratch = arguments["source"], Path(arguments["target"]), Path(arguments["scratch"])
    source = [Path(path) for path in given] if isinstance(given, list) else Path(given)
    cameras = None if arguments["cameras"] is None else Path(arguments["cameras"])
    limits = ImportLimits(**arguments["limits"])
    found = find_source(
        source,
        scratch,
        limits,
        cameras=cameras,
        with_cameras=arguments.get("with_cameras", True),
        progress=part_of(progress, 0.0, 0.4),
    )
    if found.splats is not None:
        if cameras is not None:
            raise InputError("A splat file needs no cameras: views of it are chosen; leave them away.")
        drawn = _drawn(found.splats, target, scratch, part_of(progress, 0.0, 0.9))
        found = replace(drawn, notes=(*drawn.notes, *found.notes))
        return dataclasses.asdict(_take_in(found, target, limits, part_of(progress, 0.9, 1.0)))
    return dataclasses.asdict(_take_in(found, target, limits, part_of(progress, 0.4, 1.0)))


def _take_in(found: Source, target: Path, limits: ImportLimits, progress: Progress) -> ImportReport:
    """Write the photos that can be used, their cameras and the record of the capture into `target`."""
    if not found.photos:
        others = "".join(f" {note}" for note in found.notes)
        raise InputError(
            f"There are no photos here; bring a folder, a zip or a video that shows one scene.{others}"
        )
    if len(found.photos) > limits.max_photos:
        raise InputError(
            f"There are {len(found.photos)} photos, more than {limits.max_photos}; bring a selection of them."
        )
    kept, skipped = take_in_photos(found, target / "images", limits, progress)
    _check_enough(kept, skipped, limits)
    known, camera_notes = _known_cameras(found, kept, skipped)
    known, found, moved = _brought_near(known, found)
    groups = groups_of_copies([photo.bits for photo in kept])
    copies = [tuple(kept[i].name for i in group) for group in groups]
    quality = [] if found.drawn else _quality_warnings(kept, copies)
    warnings = [printable(line) for line in (*found.notes, *skipped, *camera_notes, *moved, *quality)]
    if known is not None:
        write_cameras_json(target / "cameras.json", known)
    report = _report(kept, copies, known, warnings)
    _write_record(target / "capture.json", kept, report, found)
    progress(1.0, f"{len(kept)} photos imported")
    return report


def _known_cameras(
    found: Source, kept: list[KeptPhoto], notes: list[str]
) -> tuple[KnownCameras | None, list[str]]:
    """Cameras by the names of the photos, and what is to be said of photos without one."""
    if found.cameras is None:
        return None, []
    frames = {photo.name: photo.camera for photo in kept if photo.camera is not None}
    if len(frames) < 2:
        because = f" {notes[0]}" if notes else ""
        raise InputError(f"Of the cameras that came with the photos fewer than two can be used.{because}")
    without = [photo.name for photo in kept if photo.name not in frames]
    sentences = [f"No camera came with {listed(without)}."] if without else []
    return KnownCameras(frames, found.cameras.units), sentences


def _brought_near(known: KnownCameras | None, found: Source) -> tuple[KnownCameras | None, Source, list[str]]:
    """Cameras in the coordinates of a map, moved to the origin: what is computed has too few digits for them.

    By how much they were moved is the offset of the source; exports put it back.
    """
    if known is None or any(found.offset):
        return known, found, []
    poses = np.stack([camera.world_to_camera for camera in known.frames.values()])
    centers = camera_centers(poses)
    middle = np.round(np.median(centers, axis=0)) + 0.0  # no -0
    reach = float(np.abs(centers - middle).max())
    if np.abs(middle).max() * FINEST_FLOAT <= FINEST_STEP * reach:
        return known, found, []
    poses[:, :3, 3] += poses[:, :3, :3] @ middle
    frames = {
        name: replace(camera, world_to_camera=pose)
        for (name, camera), pose in zip(known.frames.items(), poses, strict=True)
    }
    x, y, z = middle.tolist()
    place = ", ".join(f"{value:.0f}" for value in (x, y, z))
    note = f"The cameras lie far from the origin, so they were moved there; their own origin is at {place}."
    return replace(known, frames=frames), replace(found, offset=(x, y, z)), [note]


def _drawn(path: Path, target: Path, scratch: Path, progress: Progress) -> Source:
    """Pictures of a splat file; the splats are kept in `target` in our own form."""
    with repeated(progress, f"Reading {path.name}"):  # compiled code, which photos need not load
        from liftlab.components.gaussians.files import read_splat_file, write_gaussians
    with reading(path.name):
        file = read_splat_file(path)
        gaussians = file.gaussians
        progress(0.0, f"Keeping {len(gaussians.means):,} splats")
        write_gaussians(target / SPLATS_FILE, gaussians)
        with repeated(progress, "Preparing the renderer"):
            from liftlab.components.captures.readers.splat_files import photograph
        source = photograph(gaussians, path.name, scratch, progress=progress)
        return replace(source, notes=(*source.notes, *file.notes), offset=file.offset)


def _report(
    kept: list[KeptPhoto],
    copies: list[tuple[str, ...]],
    known: KnownCameras | None,
    warnings: list[str],
) -> ImportReport:
    return ImportReport(
        kept=tuple(photo.name for photo in kept),
        sizes=tuple((photo.width, photo.height) for photo in kept),
        sharpness=tuple(float(photo.sharpness) for photo in kept),
        copies=tuple(copies),
        num_known_cameras=len(known.frames) if known else 0,
        warnings=tuple(warnings),
        expected_secs=expected_reconstruction_secs(len(kept)),
    )


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
    if len(copies) > 3:
        sentences = [
            f"In {len(copies)} groups photos show the same picture; copies add nothing. {sentences[0]}"
        ]
    blurred = [kept[i].name for i in blurred_photos([photo.sharpness for photo in kept])]
    if len(blurred) == len(kept):
        sentences.append("All photos have too little sharp detail; hold the camera still, with more light.")
    elif blurred:
        sentences.append(f"Too little sharp detail in {listed(blurred)}; take again if the result is poor.")
    distinct = len(kept) - sum(len(group) - 1 for group in copies)
    if distinct < 5:
        sentences.append(f"{distinct} different photos are few; 8 to 12 give a more complete scene.")
    return sentences


def _write_record(path: Path, kept: list[KeptPhoto], report: ImportReport, found: Source) -> None:
    photos = [
        {
            "name": photo.name,
            "original_name": printable(photo.original_name),
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
        "has_truth": found.has_truth,
        **({"offset": list(found.offset)} if any(found.offset) else {}),
        "expected_secs": report.expected_secs,
    }
    write_json(path, record)
