"""Which steps of a scene are done: a result on disk counts while today's code would make the same."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from liftlab.components.errors import InputError
from liftlab.components.files import is_sealed
from liftlab.engine.captures import CaptureShelf
from liftlab.engine.step_keys import masks_key, prepared_key, scene_key
from liftlab.engine.workspace import SceneEntry, Workspace, step_record
from liftlab.files.config_records import recorded_config


@dataclass(frozen=True)
class SceneStatus:
    """Which steps of a scene are done."""

    name: str
    capture: str
    reconstructed: bool
    masks: bool
    gaussians: bool
    """Splats are trained, as far as a training that was stopped came."""
    prepared_methods: Callable[[], tuple[str, ...]] = field(repr=False, compare=False)
    """Finds `methods`, for which every method that has ever been prepared is imported."""

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Prepared methods; looked up when first asked for."""
        return self.prepared_methods()

    @property
    def record(self) -> dict[str, Any]:
        """All of it, for programs."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.compare}
        return {**told, "methods": list(self.methods)}


class KnownVersions:
    """Whether today's code would make the result of a key: asked once, since a key always stands for the same."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def current(self, key: str, check: Callable[[], bool]) -> bool:
        """The answer of `check`, from its first call for this key."""
        if key not in self._known:
            self._known[key] = check()
        return self._known[key]


def scene_status_of(
    shelf: CaptureShelf, entry: SceneEntry, versions: KnownVersions, *, any_version: bool
) -> SceneStatus:
    """Which steps of a scene are done.

    Args:
        any_version: Results of earlier code count too, which needs nothing that takes long to import.
    """
    workspace = shelf.workspace

    def current(key: str, check: Callable[[], bool]) -> bool:
        return any_version or versions.current(key, check)

    scene_done = is_sealed(workspace.scene_folder(entry.scene_key)) and current(
        entry.scene_key, partial(scene_is_current, entry, shelf)
    )
    masks_done = bool(
        scene_done
        and entry.masks_key
        and is_sealed(workspace.masks_folder(entry.scene_key, entry.masks_key))
        and current(entry.masks_key, partial(masks_are_current, entry))
    )

    def prepared() -> tuple[str, ...]:
        return tuple(
            method
            for method, key in (entry.methods or {}).items()
            if masks_done
            and is_sealed(folder := workspace.method_folder(key))
            and current(key, partial(method_is_current, entry, method, folder))
        )

    gaussians_done = scene_done and gaussians_are_there(workspace, entry)
    return SceneStatus(entry.name, entry.capture, scene_done, masks_done, gaussians_done, prepared)


def gaussians_are_there(workspace: Workspace, entry: SceneEntry) -> bool:
    """Whether a scene has splats, also of a training that was stopped, and of earlier code: nothing needs them anew."""
    return bool(
        entry.gaussians_key and is_sealed(workspace.gaussians_folder(entry.scene_key, entry.gaussians_key))
    )


def scene_is_current(entry: SceneEntry, shelf: CaptureShelf) -> bool:
    """Whether today's code would make the same scene from the same capture and settings. Without its capture a scene
    cannot be made again, so it stays as it is.
    """
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

    config = recorded_config(ReconstructConfig, entry.config)
    return entry.capture not in shelf.captures() or entry.scene_key == scene_key(
        shelf.capture(entry.capture), config
    )


def masks_are_current(entry: SceneEntry) -> bool:
    """Whether today's code would make the same masks of the same scene and settings."""
    from liftlab.pipelines.steps.masks import MasksConfig

    config = recorded_config(MasksConfig, entry.masks_config or {})
    return entry.masks_key == masks_key(entry.scene_key, config)


def method_is_current(entry: SceneEntry, method: str, folder: Path) -> bool:
    """Whether today's code would prepare the same; not for a method that is no longer installed.

    Args:
        folder: Of the state that was prepared last.
    """
    import torch

    from liftlab.pipelines.base import get_method

    try:
        found = get_method(method)
    except InputError:
        return False
    record = step_record(folder)
    config = recorded_config(found.config_class, record["config"] if record else {})
    made = found.make(config, device=torch.device("cpu"))
    return (entry.methods or {}).get(method) == prepared_key(entry, method, made)
