"""`liftlab reconstruct`, `masks` and `prepare`: the steps that come before any click."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftlab.cli.commands import DEFAULT_PRESET, Masks, Prepare, Reconstruct
from liftlab.cli.support import config_with, expected_secs, method_config, opened_lab, say, working
from liftlab.components.errors import InputError

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab


def run_reconstruct(command: Reconstruct) -> dict[str, Any]:
    """Reconstruct a capture, or photos that become one."""
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    started = time.monotonic()
    with opened_lab(command) as lab:
        capture, notes = _capture_for(lab, command)
        config = config_with(ReconstructConfig, command.set)
        if command.cameras == "none":
            config = replace(config, cameras="none")
        if command.max_side is not None:
            if not 64 <= command.max_side <= 8192:
                raise InputError(f"--max-side must be between 64 and 8192 pixels; got {command.max_side}.")
            config = replace(config, max_side=command.max_side)
        name = command.scene or capture
        expected = lab.expected_secs("reconstruct", len(lab.capture(capture).photos))
        with working("Reconstructing", expected) as (progress, cancel):
            scene = lab.reconstruct(name, config, capture=capture, progress=progress.report, cancel=cancel)
            progress.done(f"Scene '{name}': {len(scene.views)} of {len(scene.photo_sizes)} photos placed")
        report = lab.report(name)
        warnings = [*notes, *report.get("warnings", ())]
        say(*warnings)
        if scene.missing:
            say(f"Not placed: {', '.join(scene.missing)}.")
        return {
            "scene": name, "key": scene.key, "capture": capture,
            "registered": [view.name for view in scene.views], "missing": list(scene.missing),
            "doubtful": list(scene.doubtful),
            "points": len(scene.pointmap.points), "units": scene.units, "report": report,
            "warnings": warnings, "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def _capture_for(lab: "Lab", command: Reconstruct) -> tuple[str, list[str]]:
    """Name of the capture in the workspace, imported when a path was given, and what the import had to
    say.
    """
    source = Path(command.capture).expanduser()
    cameras = _cameras_file(command.cameras, source)
    if not source.exists():
        if command.capture not in lab.captures():
            raise InputError(
                f"There is neither a folder or file nor a capture of this name: {command.capture}"
            )
        if cameras is None:
            return command.capture, []
        source = lab.workspace.capture_folder(command.capture)
    with working("Importing") as (progress, cancel):
        imported = lab.import_capture(
            source,
            cameras=cameras,
            with_cameras=command.cameras != "none",
            progress=progress.report,
            cancel=cancel,
        )
        progress.done(f"Capture '{imported.name}': {len(imported.report.kept)} photos")
    return imported.name, list(imported.report.warnings)


def _cameras_file(given: str | None, source: Path) -> Path | None:
    if given is None or given == "none":
        return None
    for path in (Path(given).expanduser(), source / given):
        if path.is_file():
            return path
    raise InputError(f"There is no cameras file here (give a path, or none): {given}")


def run_masks(command: Masks) -> dict[str, Any]:
    """Find the objects of a scene."""
    from liftlab.pipelines.steps.masks import MasksConfig

    started = time.monotonic()
    config = config_with(MasksConfig, command.set) if command.set else None
    with opened_lab(command) as lab:
        expected = expected_secs(lab, command.name, ("masks",))
        with working("Finding objects", expected) as (progress, cancel):
            cache = lab.masks(command.name, config, progress=progress.report, cancel=cancel)
            progress.done(f"{len(cache.object_ids)} objects and parts in {cache.num_views} photos")
        kinds = {kind: cache.kinds.count(kind) for kind in sorted(set(cache.kinds))}
        return {
            "scene": command.name, "masks": len(cache.object_ids), "kinds": kinds,
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip


def run_prepare(command: Prepare) -> dict[str, Any]:
    """Prepare a method for a scene."""
    from liftlab.pipelines.base import get_method

    started = time.monotonic()
    config = None
    if command.set or command.preset != DEFAULT_PRESET:
        config = method_config(get_method(command.method), [f"preset={command.preset}", *command.set])
    with opened_lab(command) as lab:
        expected = expected_secs(lab, command.name, ("masks", "prepare"))
        with working(f"Preparing {command.method}", expected) as (progress, cancel):
            lab.prepare(command.name, command.method, config, progress=progress.report, cancel=cancel)
            progress.done(f"{command.method} is ready for '{command.name}'")
        record = lab.step_records(command.name)[command.method]
        return {
            "scene": command.name, "method": command.method, "key": record["key"], "config": record["config"],
            "seconds": round(time.monotonic() - started, 3),
        }  # fmt: skip
