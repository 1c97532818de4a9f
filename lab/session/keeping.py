"""Objects that a person keeps: made by a slow click once, found by everybody's clicks from then on.

Kept objects lie beside the scene's masks, never in them, so nothing that was prepared on the masks is out of date.
"""

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
    from liftlab.components.masks.cache import MaskCache
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.base import Prepared, Segmenter

_caches: "Recent[MaskCache]" = Recent(4)
"""Shared by all sessions: folder to the cache in it."""
_grown: "Recent[Prepared]" = Recent(8)
"""Shared by all sessions: method's state with the kept objects."""


def masks_with_kept(lab: "Lab", name: str) -> "MaskCache":
    """The objects of a scene, those kept among them (last)."""
    folder = _latest(_kept_folder(lab, name))
    return lab.masks(name) if folder is None else _load(folder, lab, name)


def keep_object(lab: "Lab", name: str, masks_of_views: Sequence[np.ndarray]) -> "MaskCache":
    """Save an object for all who open the scene.

    Args:
        masks_of_views: Bool [H, W] per view, view pixels.

    Raises:
        InputError: It is seen in no view, or the disk is full.
    """
    if not any(mask.any() for mask in masks_of_views):
        raise InputError("There is nothing to keep; click on an object first.")
    folder = _kept_folder(lab, name)
    with lab.workspace.locked(f"kept-{folder.parent.parent.name}-{folder.name}"):
        before = _latest(folder)
        cache = masks_with_kept(lab, name).with_object(masks_of_views)
        added = inside(folder, f"{len(cache.object_ids):06d}")
        record = {"step": "keep", "inputs": {"scene": cache.scene_key, "masks": folder.name}}
        with lab.workspace.writing(added, record) as temporary:
            cache.save(temporary)
        if before is not None:
            shutil.rmtree(before, ignore_errors=True)
    return _load(added, lab, name)


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
