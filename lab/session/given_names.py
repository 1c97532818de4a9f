"""Names that people give to objects: kept with the scene, so that everybody's words find them, also after a restart.

A name lives in a file of its own beside the scene (`named/`), with the object's mask in every view. It is written when
somebody names an object or changes one that has a name, and goes when that object is renamed or deleted. Where two
people use one name, the later object has it.
"""

import contextlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.files import content_key, inside, write_json

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace
    from liftlab.session.objects import Answer, ObjectRequest

SCHEMA_VERSION = 1

log = logging.getLogger("liftlab")


def keep_name(workspace: "Workspace", scene_key: str, name: str, masks: Sequence[np.ndarray]) -> None:
    """Remember what an object of a scene is called.

    Args:
        masks: Of the object: bool [H, W] per view, view pixels.

    Raises:
        InputError: The disk is full.
    """
    from pycocotools import mask as rle

    encoded = [rle.encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    views = [{"size": list(one["size"]), "counts": _text(one["counts"])} for one in encoded]
    with workspace.disk_full_explained():
        write_json(
            _path(workspace, scene_key, name),
            {"schema_version": SCHEMA_VERSION, "name": name, "masks": views},
        )


def forget_name(workspace: "Workspace", scene_key: str, name: str) -> None:
    """Nothing in the scene is called this any more."""
    _path(workspace, scene_key, name).unlink(missing_ok=True)


def given_names(workspace: "Workspace", scene_key: str) -> dict[str, tuple[np.ndarray, ...]]:
    """Name to masks (bool [H, W] per view, view pixels) of every named object of a scene, by name."""
    found = {}
    for path in sorted(_folder(workspace, scene_key).glob("[!.]*.json")):
        try:
            found |= _read(path)
        except FileNotFoundError:  # renamed or deleted meanwhile
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("The name in %s is damaged (%s) and left out.", path.name, error)
    return dict(sorted(found.items()))


def names_token(workspace: "Workspace", scene_key: str) -> tuple[tuple[str, int], ...]:
    """Changes when the scene's names or what they stand for do."""
    found = []
    for path in _folder(workspace, scene_key).glob("[!.]*.json"):
        with contextlib.suppress(FileNotFoundError):  # renamed or deleted meanwhile
            found.append((path.name, path.stat().st_mtime_ns))
    return tuple(sorted(found))


def update_names(
    workspace: "Workspace",
    scene_key: str,
    old: "ObjectRequest | None",
    new: "ObjectRequest | None",
    answer: "Answer | None",
) -> None:
    """Bring the scene's names up to an edit of one object, which selects `answer` afterwards.

    A name that cannot be kept (a full disk) is left out: the click it came with counts for more.
    """
    name = new.prompts.object if new is not None and new.named else None
    gone = old.prompts.object if old is not None and old.named else None
    try:
        if name is not None and answer is not None and not answer.result.empty:
            keep_name(workspace, scene_key, name, answer.masks)
        if gone is not None and gone.casefold() != (name or "").casefold():
            forget_name(workspace, scene_key, gone)
    except (InputError, OSError) as error:
        log.warning("The name '%s' is not kept: %s", name or gone, error)


def _read(path: Path) -> dict[str, tuple[np.ndarray, ...]]:
    from pycocotools import mask as rle

    record = json.loads(path.read_text(encoding="utf-8"))
    masks = [
        rle.decode({"size": one["size"], "counts": one["counts"].encode("ascii")}).astype(bool)
        for one in record["masks"]
    ]
    return {str(record["name"]): tuple(masks)}


def _text(counts: str | bytes) -> str:
    return counts if isinstance(counts, str) else counts.decode("ascii")


def _folder(workspace: "Workspace", scene_key: str) -> Path:
    return inside(workspace.scene_folder(scene_key), "named")


def _path(workspace: "Workspace", scene_key: str, name: str) -> Path:
    """One file per name, small and capital letters alike, whatever characters it has."""
    return inside(_folder(workspace, scene_key), f"{content_key('name', name.casefold())}.json")
