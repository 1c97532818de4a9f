"""Objects that a person keeps: made by a slow click once, found by everybody's clicks from then on.

Kept objects lie beside the scene's masks, never in them, so nothing that was prepared on the masks is out of date.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.files import inside, is_sealed
from liftlab.components.progress import CancelToken
from liftlab.engine.recent import Recent

if TYPE_CHECKING:
    from liftlab.components.captures import Capture
    from liftlab.components.masks.brought import Brought
    from liftlab.components.masks.cache import MaskCache
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.base import Prepared, Segmenter

log = logging.getLogger("liftlab")

_caches: "Recent[MaskCache]" = Recent(4)
"""Shared by all sessions: folder to the cache in it."""
_grown: "Recent[Prepared]" = Recent(8)
"""Shared by all sessions: method's state with the kept objects."""


def masks_with_kept(lab: "Lab", name: str) -> "MaskCache":
    """The objects of a scene, those kept among them last, and of these first the ones that came with the photos."""
    folder = _latest(_kept_folder(lab, name))
    if folder is not None:
        return _load(folder, lab, name)
    if not _capture_with_objects(lab, name):
        return lab.masks(name)
    try:
        return _kept(lab, name, ())
    except InputError as error:  # no place to keep them; the scene opens without
        log.warning("The objects that came with the photos of '%s' are not offered: %s", name, error)
        return lab.masks(name)


def _capture_with_objects(lab: "Lab", name: str) -> "Capture | None":
    """The capture of a scene when masks of objects came with its photos."""
    from liftlab.components.captures.object_masks import OBJECTS_FOLDER

    entry = lab.workspace.scene_entry(name)
    if entry is None or not (lab.workspace.capture_folder(entry.capture) / OBJECTS_FOLDER).is_dir():
        return None
    return lab.capture(entry.capture) if entry.capture in lab.captures() else None


def keep_object(lab: "Lab", name: str, masks_of_views: Sequence[np.ndarray]) -> "MaskCache":
    """Save an object for all who open the scene.

    Args:
        masks_of_views: Bool [H, W] per view, view pixels.

    Raises:
        InputError: It is seen in no view, or the disk is full.
    """
    if not any(mask.any() for mask in masks_of_views):
        raise InputError("There is nothing to keep; click on an object first.")
    return _kept(lab, name, [masks_of_views])


def _kept(lab: "Lab", name: str, objects: Sequence[Sequence[np.ndarray]]) -> "MaskCache":
    """Save objects, each as a mask per view, with those that are kept already or came with the photos."""
    from liftlab.components.masks.brought import brought_objects

    folder = _kept_folder(lab, name)
    with lab.workspace.locked(f"kept-{folder.parent.parent.name}-{folder.name}"):
        before = _latest(folder)
        cache = lab.masks(name) if before is None else _load(before, lab, name)
        capture = _capture_with_objects(lab, name) if before is None else None
        brought = brought_objects(capture, lab.scene(name)) if capture is not None else []
        if not (brought or objects):
            return cache
        for masks_of_views in (*(one.masks for one in brought), *objects):
            cache = cache.with_object(masks_of_views)
        _keep_names(lab, cache.scene_key, brought)
        added = inside(folder, f"{len(cache.object_ids):06d}")
        record = {"step": "keep", "inputs": {"scene": cache.scene_key, "masks": folder.name}}
        with lab.workspace.writing(added, record) as temporary:
            cache.save(temporary)
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
    return _load(added, lab, name)


def _keep_names(lab: "Lab", scene_key: str, brought: "Sequence[Brought]") -> None:
    """Let words find what came with the photos by its name there; a name that somebody gave stays theirs."""
    from liftlab.session.given_names import given_names, keep_name

    taken = {name.casefold() for name in given_names(lab.workspace, scene_key)}
    for one in brought:
        if one.name is not None and one.name.casefold() not in taken:
            keep_name(lab.workspace, scene_key, one.name, one.masks)
            taken.add(one.name.casefold())


def kept_runs(lab: "Lab", name: str) -> tuple[tuple[str, ...], ...]:
    """Of each object kept for a scene, in order, its mask in every view as run lengths (`components.masks.runs`)."""
    from liftlab.components.masks.runs import runs_of

    cache, found = masks_with_kept(lab, name), len(lab.masks(name).object_ids)
    return tuple(
        tuple(runs_of(cache.mask(view, object_id)) for view in range(cache.num_views))
        for object_id in cache.object_ids[found:].tolist()
    )


def keep_again(
    lab: "Lab", name: str, objects: Sequence[Sequence[str]], *, cancel: CancelToken | None = None
) -> None:
    """Keep what `kept_runs` gave of the same scene somewhere else, but for what is kept here already.

    Raises:
        InputError: The run lengths are of other photos, or damaged.
        Cancelled: The token was set; what was kept until then stays.
    """
    from liftlab.components.masks.runs import mask_of_runs

    sizes, there = lab.masks(name).sizes, kept_runs(lab, name)
    for runs in objects:
        if cancel is not None:
            cancel.check()
        if tuple(runs) in there:
            continue
        try:
            masks = [mask_of_runs(text, *size) for text, size in zip(runs, sizes, strict=True)]
        except ValueError as error:
            raise InputError(f"The kept objects are damaged, or of other photos than '{name}'.") from error
        keep_object(lab, name, masks)


def with_kept(
    segmenter: "Segmenter", prepared: "Prepared", masks: "MaskCache", *, method: str, config: Any
) -> "Prepared":
    """A method's state that knows the kept objects too; unchanged for methods that look nothing up in masks."""
    from liftlab.pipelines.offers import KeepsObjects

    if not isinstance(segmenter, KeepsObjects) or len(masks.object_ids) == len(prepared.masks.object_ids):  # type: ignore[attr-defined]
        return prepared
    key = (masks.scene_key, len(masks.object_ids), id(masks), method, repr(config))
    return _grown.get(key, lambda: segmenter.with_masks(prepared, masks))


def _kept_folder(lab: "Lab", name: str) -> Path:
    entry = lab.workspace.scene_entry(name)
    if entry is None or entry.masks_key is None:
        raise InputError(f"The objects of '{name}' are not found yet; run the cell Objects first.")
    return inside(lab.workspace.scene_folder(entry.scene_key), "kept", entry.masks_key)


def _latest(folder: Path) -> Path | None:
    found = sorted(folder.glob("[0-9]*")) if folder.is_dir() else []
    return next((path for path in reversed(found) if is_sealed(path)), None)


def _load(folder: Path, lab: "Lab", name: str) -> "MaskCache":
    from liftlab.components.masks.cache import MaskCache

    scene_key = lab.masks(name).scene_key
    return _caches.get(folder, lambda: MaskCache.load(folder, scene_key=scene_key))
