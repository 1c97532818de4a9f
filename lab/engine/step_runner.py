"""How a step of a scene runs: looked up under its key, else built under the key's lock and sealed. And what is known of
the steps that ran.
"""

import logging
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from liftlab.components.files import is_sealed
from liftlab.components.progress import CancelToken, Progress
from liftlab.engine.jobs import tell_step
from liftlab.engine.recent import Recent
from liftlab.engine.steps import record_of_step
from liftlab.engine.workspace import SceneEntry, Workspace, step_record
from liftlab.files.config_records import recorded_config, to_plain

log = logging.getLogger("liftlab.engine")

T = TypeVar("T")
SECS_PER_PHOTO = {"reconstruct": 5.0, "gaussians": 6.0, "masks": 3.0, "prepare": 1.0}
"""Expected seconds until this workspace has measured its own."""
PREPARE_SECS = {
    "wildseg3d": 5.0, "ovseg3r": 5.0, "gaga": 35.0, "proto_saga": 40.0, "unic_lift": 45.0, "contrastive_lift": 45.0,
    "saga": 90.0,
}  # fmt: skip
"""Per method with its defaults, on two cores and splats that are there: benchmarks/results/methods.md, SAGA's 60 s led
over to its own number of steps."""
_prepared_in: dict[Path, float] = {}
"""By folder of a prepared method, what it took: read once, for it never changes."""
STEP_NAMES = {
    "reconstruct": "Reconstructing", "gaussians": "Training splats", "masks": "Finding objects",
    "prepare": "Preparing the method", "search": "Measuring every object",
}  # fmt: skip


def run_step(
    workspace: Workspace,
    step: str,
    key: str,
    folder: Path,
    recent: "Recent[T]",
    inputs: dict[str, Any],
    config: Any,
    *,
    build: Callable[[Progress], Any],
    save: Callable[[Any, Path], None],
    load: Callable[[Path], T],
    photos: int,
    progress: Progress,
    cancel: CancelToken,
) -> T:
    """A step's result: from memory, else from its sealed folder, else built under the key's lock and sealed.

    Args:
        step: One of `STEP_NAMES`.
        recent: Where what was used last is kept in memory.
        build: Computes the result, with the part of the progress bar that is the step's.
        save: Writes what `build` gave into a folder, from which `load` reads it.

    Raises:
        Cancelled: The token was set; nothing is kept.
        InputError: The step refuses its input, or the disk is full.
    """
    if key in recent and is_sealed(folder):
        return recent.get(key, lambda: load(folder))
    recent.drop(key)
    with workspace.locked(key, progress=progress, cancel=cancel):
        loaded = _load_sealed(workspace, step, key, folder, recent, load)
        if loaded is not None:
            progress(1.0, "Found in the workspace")
            return loaded
        progress(0.0, f"{STEP_NAMES[step]} …")
        tell_step(step)
        started = time.monotonic()
        with workspace.disk_full_explained():
            result = build(progress)
        cancel.check()
        record = record_of_step(step, key, inputs, config, photos, round(time.monotonic() - started, 3))
        with workspace.writing(folder, record) as temporary:
            save(result, temporary)
        log.info("%s %s took %.1f s", step, key, record["seconds"])
        return recent.get(key, lambda: load(folder))


def _load_sealed(
    workspace: Workspace, step: str, key: str, folder: Path, recent: "Recent[T]", load: Callable[[Path], T]
) -> T | None:
    """Load a result whose every file has its checksum; a damaged one is removed, with what was made from
    it.
    """
    if not folder.exists():
        return None
    if is_sealed(folder, checksums=True):
        return recent.get(key, lambda: load(folder))
    log.warning("The result %s of '%s' is damaged and will be built again.", key, step)
    shutil.rmtree(folder, ignore_errors=True)
    workspace.drop_methods_of(key)
    return None


def records_of(workspace: Workspace, entry: SceneEntry) -> dict[str, dict[str, Any]]:
    """`step.json` of the steps done for a scene: "reconstruct", "gaussians", "masks", and prepared methods by name,
    these with the configuration they were asked for last.
    """
    folders = {"reconstruct": workspace.scene_folder(entry.scene_key)}
    if entry.gaussians_key:
        folders["gaussians"] = workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
    if entry.masks_key:
        folders["masks"] = workspace.masks_folder(entry.scene_key, entry.masks_key)
    folders |= {method: workspace.method_folder(key) for method, key in (entry.methods or {}).items()}
    found = {step: step_record(folder) for step, folder in folders.items()}
    known = {step: record for step, record in found.items() if record is not None}
    asked = {method: config for method, config in (entry.asked or {}).items() if method in known}
    return known | {method: known[method] | {"config": config} for method, config in asked.items()}


def note_method(workspace: Workspace, entry: SceneEntry, method: str, key: str, config: Any) -> None:
    """Keep with a scene which state a method has, and with which configuration it was asked for: settings that only
    answers depend on are no part of the key (`AT_QUERY`).
    """
    record = step_record(workspace.method_folder(key))
    asked = {name: known for name, known in (entry.asked or {}).items() if name != method}
    if record is not None and recorded_config(type(config), record["config"]) != config:
        asked[method] = to_plain(config)
    noted = replace(entry, methods={**(entry.methods or {}), method: key}, asked=asked or None)
    if noted != entry:
        workspace.write_scene_entry(noted)


def expected_secs(workspace: Workspace, step: str, photos: int) -> float:
    """Expected seconds of a step, from how long it took in this workspace before."""
    pattern = {
        "reconstruct": "scenes/*", "gaussians": "scenes/*/gaussians/*", "masks": "scenes/*/masks/*",
        "prepare": "methods/*",
    }[step]  # fmt: skip
    known = []
    for folder in workspace.root.glob(pattern):
        record = step_record(folder)
        if record and record.get("photos") and record.get("seconds"):
            known.append(record["seconds"] / record["photos"])
    return photos * (statistics.median(known) if known else SECS_PER_PHOTO[step])


def expected_preparation_secs(workspace: Workspace) -> dict[str, float]:
    """By method, expected seconds of its own preparation: the median of this workspace's scenes, else what was measured
    elsewhere; methods that nobody has measured are left out.
    """
    known: dict[str, list[float]] = {}
    for name in workspace.scene_names():
        entry = workspace.scene_entry(name)
        for method, key in ((entry.methods if entry is not None else None) or {}).items():
            folder = workspace.method_folder(key)
            if folder not in _prepared_in and (record := step_record(folder)):
                _prepared_in[folder] = float(record["seconds"])
            if folder in _prepared_in:
                known.setdefault(method, []).append(_prepared_in[folder])
    return PREPARE_SECS | {method: statistics.median(seconds) for method, seconds in known.items()}
