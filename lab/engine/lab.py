"""The lab without a page: import, reconstruct, gaussians, masks and prepare, each computed once and kept in
the workspace.

One `Lab` per process, shared by all sessions. Every step is looked up under its key first (inputs' keys,
config, code version); a step it needs and that is missing is run, and said through `progress`. In a notebook:

    lab = Lab(Workspace("lab"))
    lab.import_capture("photos/", name="desk")
    lab.prepare("desk", "wildseg3d")
"""

import json
import logging
import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from liftlab.components.errors import Cancelled, InputError, closest
from liftlab.components.files import content_key, is_sealed
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.engine.captures import CaptureShelf
from liftlab.engine.device import render_device
from liftlab.engine.jobs import JobQueue
from liftlab.engine.recent import Recent
from liftlab.engine.scene_status import KnownVersions, SceneStatus, gaussians_are_there, status_of
from liftlab.engine.step_keys import gaussians_key, masks_key, prepared_key, scene_inputs, scene_key
from liftlab.engine.steps import (
    SHARE_OF_STEP,
    load_gaussians,
    load_masks,
    parts_of_bar,
    record_of_step,
    save_gaussians,
    write_report,
)
from liftlab.engine.workspace import SceneEntry, Workspace, step_record
from liftlab.files.config_records import recorded_config, to_plain

if TYPE_CHECKING:  # these import torch and pycolmap: only when a step needs them
    import numpy as np

    from liftlab.components.masks.cache import MaskCache
    from liftlab.components.text.encoder import TextImageEncoder
    from liftlab.components.types import Gaussians, Scene
    from liftlab.pipelines.base import Prepared, Segmenter
    from liftlab.pipelines.search import SearchIndex
    from liftlab.pipelines.steps.gaussians import GaussiansConfig
    from liftlab.pipelines.steps.masks import MasksConfig
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig

log = logging.getLogger("liftlab.engine")

T = TypeVar("T")
SEED = 0
"""Seed of every `prepare`, so that the same inputs give the same state."""
SECS_PER_PHOTO = {"reconstruct": 5.0, "gaussians": 6.0, "masks": 3.0, "prepare": 1.0}
"""Expected seconds until this workspace has measured its own."""
STEP_NAMES = {
    "reconstruct": "Reconstructing", "gaussians": "Training splats", "masks": "Finding objects",
    "prepare": "Preparing the method", "search": "Measuring every object",
}  # fmt: skip


class Lab(CaptureShelf):
    """All captures and scenes of one workspace, and the queue for slow work."""

    def __init__(self, workspace: Workspace | Path | str | None = None, *, device: str = "auto") -> None:
        """Open a workspace.

        Args:
            device: "cuda" trains and renders on the graphics card, "cpu" on the processor; "auto" takes the card
                where one is that splats can be rendered on.
        """
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
        self.workspace.open_log()
        self._wanted_device = device
        self.jobs = JobQueue()
        self._scenes: Recent[Scene] = Recent(4)
        self._gaussians: Recent[Gaussians] = Recent(4)
        self._masks: Recent[MaskCache] = Recent(4)
        self._prepared: Recent[Prepared] = Recent(8)
        self._versions = KnownVersions()
        self.indexes: Recent[SearchIndex] = Recent(4)
        self.embeddings: Recent[np.ndarray] = Recent(4)
        self._encoders: Recent[TextImageEncoder] = Recent(1)

    @cached_property
    def device(self) -> str:
        """What torch is to compute on: "cpu", "cuda" or one card by its number."""
        return render_device() if self._wanted_device == "auto" else self._wanted_device

    def close(self) -> None:
        """Cancel running work and let go of what is in memory."""
        self.jobs.close()

    # Scenes

    def scenes(self) -> list[str]:
        """Names of the scenes, made or to be made again."""
        return self.workspace.scene_names()

    def status(self, name: str, *, any_version: bool = False) -> SceneStatus:
        """Which steps of a scene are done, as today's code would do them. InputError when there is no such scene.

        Args:
            any_version: Results of earlier code count too. This loads nothing, so it is fast in a new process.
        """
        return status_of(self, self._entry(name), self._versions, any_version=any_version)

    def scene(self, name: str) -> "Scene":
        """A reconstructed scene as far as it is made: with its Gaussians when they are trained.

        Raises:
            InputError: There is no such scene, or it is not reconstructed yet.
        """
        if not self.status(name).reconstructed:
            earlier = self.status(name, any_version=True).reconstructed
            state = (
                "was reconstructed by an earlier version of LiftLab"
                if earlier
                else "is not reconstructed yet"
            )
            raise InputError(f"The scene '{name}' {state}; run its reconstruction first.")
        scene, entry = self.reconstruct(name), self._entry(name)
        if not gaussians_are_there(self.workspace, entry):
            return scene
        assert entry.gaussians_key is not None
        folder = self.workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
        gaussians = self._gaussians.get(entry.gaussians_key, lambda: load_gaussians(folder))
        return replace(scene, gaussians=gaussians, gaussians_key=entry.gaussians_key)

    def reconstruct(
        self,
        name: str,
        config: "ReconstructConfig | None" = None,
        *,
        capture: str | None = None,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "Scene":
        """Cameras and pointmaps of a capture, as the scene `name`.

        Args:
            config: None takes what the scene was made with before, else the defaults.
            capture: Name of the capture; None takes the scene's earlier one, else the capture of the same
                name.

        Raises:
            InputError: The photos cannot be reconstructed (and why), or there is no such capture.
            Cancelled: The token was set; nothing is kept.
        """
        from liftlab.components.scenes import load_scene, save_scene
        from liftlab.pipelines.steps import reconstruct as step
        from liftlab.pipelines.steps import splat_scene

        cancel = cancel or CancelToken()
        entry = self.workspace.scene_entry(name)
        if entry is None and capture is None and name not in self.captures():
            known = sorted({*self.scenes(), *self.captures()})
            raise InputError(f"There is no scene or capture '{name}'. {closest(name, known)}")
        opened = self.capture(capture or (entry.capture if entry else name))
        if config is None:
            config = recorded_config(step.ReconstructConfig, entry.config if entry else {})
        key = scene_key(opened, config)

        def build(part: Progress) -> Any:
            make = step.reconstruct if opened.splats is None else splat_scene.scene_of_splats
            return make(opened, config, key=key, progress=part, cancel=cancel)

        def save(result: Any, folder: Path) -> None:
            scene, report = result
            save_scene(scene, folder)
            write_report(folder, report)

        scene = self.step(
            "reconstruct", key, self.workspace.scene_folder(key), self._scenes, scene_inputs(opened), config,
            build=build, save=save, load=load_scene, photos=len(opened.photos), progress=progress,
            cancel=cancel,
        )  # fmt: skip
        record = to_plain(config)
        if entry is None or (entry.scene_key, entry.capture) != (key, opened.name):
            entry = SceneEntry(name, opened.name, key, record)
            self.workspace.write_scene_entry(entry)
            if opened.splats is not None:
                self.gaussians(name, cancel=cancel)
        return scene

    def report(self, name: str) -> dict[str, Any]:
        """The report of the reconstruction: stages with seconds, registered and missing photos, warnings."""
        path = self.workspace.scene_folder(self._entry(name).scene_key) / "report.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def gaussians(
        self,
        name: str,
        config: "GaussiansConfig | None" = None,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
        preview: "Callable[[Gaussians, int], None] | None" = None,
    ) -> "Gaussians":
        """The splats of a scene; reconstructs first when that is missing. A capture that was a splat file has its
        own, and nothing is trained.

        A training that was stopped or killed goes on where it was; while it is stopped, the best splats so far
        are the scene's.

        Args:
            config: None takes what they were trained with before, else the defaults for the device.
            preview: Called now and then with the splats so far and the step.

        Raises:
            Cancelled: The token was set before the first step of the training.
        """
        from liftlab.pipelines.steps import gaussians as step

        cancel = cancel or CancelToken()
        scene, progress = self._needed_scene(name, progress, cancel, last="gaussians")
        entry = self._entry(name)
        if config is None:
            config = step.default_config(self.device)
            if entry.gaussians_config:
                config = recorded_config(step.GaussiansConfig, entry.gaussians_config)
        inputs = {"scene": scene.key}
        own = self.capture(entry.capture).splats
        key = gaussians_key(scene.key, config if own is None else None)
        checkpoint = self.workspace.checkpoint_path(scene.key, key)
        stopped_key: str | None = None

        def build(part: Progress) -> Any:
            nonlocal stopped_key
            if own is not None:
                return step.own_gaussians(scene, own, device=self.device)
            result = step.build_gaussians(
                scene, config, device=self.device, checkpoint=checkpoint, preview=preview, progress=part,
                cancel=cancel,
            )  # fmt: skip
            report = result[1]
            if report.stopped == "cancelled" and report.iterations > 0:
                # another key than the whole training's: what was prepared on these must not pass for it
                stopped_key = content_key(key, report.iterations, report.seconds)
                record = record_of_step(
                    "gaussians", stopped_key, inputs, config, len(scene.views), report.seconds
                )
                folder = self.workspace.gaussians_folder(scene.key, stopped_key)
                with self.workspace.writing(folder, record) as temporary:
                    save_gaussians(result, temporary)
            return result

        try:
            gaussians = self.step(
                "gaussians", key, self.workspace.gaussians_folder(scene.key, key), self._gaussians, inputs,
                config, build=build, save=save_gaussians, load=load_gaussians, photos=len(scene.views),
                progress=progress, cancel=cancel,
            )  # fmt: skip
            checkpoint.unlink(missing_ok=True)
        except Cancelled:
            if stopped_key is None:
                raise
            key = stopped_key
            folder = self.workspace.gaussians_folder(scene.key, key)
            gaussians = self._gaussians.get(key, lambda: load_gaussians(folder))
        self._record_gaussians(name, scene.key, key, config)
        return gaussians

    def gaussians_report(self, name: str) -> dict[str, Any]:
        """The report of the splats: why and when training ended, PSNR, SSIM, count, back end and the curve.

        Raises:
            InputError: The scene has no splats yet.
        """
        entry = self._entry(name)
        if not gaussians_are_there(self.workspace, entry):
            raise InputError(f"The scene '{name}' has no splats yet; train them first.")
        assert entry.gaussians_key is not None
        folder = self.workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
        return json.loads((folder / "report.json").read_text(encoding="utf-8"))

    def masks(
        self,
        name: str,
        config: "MasksConfig | None" = None,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "MaskCache":
        """The objects of a scene in all views; reconstructs first when that is missing."""
        from liftlab.pipelines.steps import masks as step

        cancel = cancel or CancelToken()
        scene, progress = self._needed_scene(name, progress, cancel, last="masks")
        entry = self._entry(name)
        if config is None:
            config = recorded_config(step.MasksConfig, entry.masks_config or {})
        inputs = {"scene": scene.key}
        key = masks_key(scene.key, config)
        cache = self.step(
            "masks", key, self.workspace.masks_folder(scene.key, key), self._masks, inputs, config,
            build=lambda part: step.build_masks(scene, config, progress=part, cancel=cancel),
            save=lambda cache, folder: cache.save(folder),
            load=lambda folder: load_masks(folder, scene.key),
            photos=len(scene.views), progress=progress, cancel=cancel,
        )  # fmt: skip
        if entry.masks_key != key:
            self.workspace.write_scene_entry(
                replace(entry, masks_key=key, masks_config=to_plain(config), methods=None)
            )
        return cache

    def segmenter(self, method: str, config: Any = None) -> "Segmenter":
        """A method with its configuration (defaults when None). InputError for an unknown name."""
        import torch

        from liftlab.pipelines.base import get_method

        entry = get_method(method)
        return entry.make(config or entry.config_class(), device=torch.device(self.device))

    def prepare(
        self,
        name: str,
        method: str,
        config: Any = None,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "Prepared":
        """A method's state for a scene; runs reconstruction and masks first when they are missing, and trains
        the splats when the method selects those.
        """
        from liftlab.pipelines.base import seeded

        cancel = cancel or CancelToken()
        segmenter = self.segmenter(method, config)
        steps = {"masks": not self._masks_done(name), "gaussians": self._lacks_gaussians(name, segmenter)}
        parts = parts_of_bar(progress, [step for step, missing in steps.items() if missing], "prepare")
        if steps["masks"]:
            self.masks(name, progress=parts["masks"], cancel=cancel)
        if steps["gaussians"]:
            self.gaussians(name, progress=parts["gaussians"], cancel=cancel)
            cancel.check()
        progress = parts["prepare"]
        scene = (
            self.scene(name) if segmenter.geometry == "gaussians" else self.reconstruct(name, cancel=cancel)
        )
        masks = self.masks(name, cancel=cancel)
        entry = self._entry(name)
        key = prepared_key(entry, method, segmenter)
        inputs = {"scene": scene.key, "masks": entry.masks_key, "method": method}
        if segmenter.geometry == "gaussians":
            inputs["gaussians"] = scene.gaussians_key
        prepared = self.step(
            "prepare", key, self.workspace.method_folder(key), self._prepared, inputs, segmenter.config,
            build=lambda part: segmenter.prepare(
                scene, masks, progress=part, cancel=cancel, generator=seeded(SEED)
            ),
            save=segmenter.save,
            load=lambda folder: segmenter.load(folder, scene, masks),
            photos=len(scene.views), progress=progress, cancel=cancel,
        )  # fmt: skip
        if (entry.methods or {}).get(method) != key:
            self.workspace.write_scene_entry(replace(entry, methods={**(entry.methods or {}), method: key}))
        return prepared

    def prepared(self, name: str, method: str, config: Any = None) -> "Prepared | None":
        """The state of a method when it is there already (in memory or on disk); None when it must be
        prepared first.
        """
        if not self._masks_done(name):
            return None
        segmenter = self.segmenter(method, config)
        if self._lacks_gaussians(name, segmenter):
            return None
        key = prepared_key(self._entry(name), method, segmenter)
        if key not in self._prepared and not is_sealed(self.workspace.method_folder(key)):
            return None
        return self.prepare(name, method, config)

    def word_lookup(
        self,
        name: str,
        method: str,
        config: Any = None,
        *,
        encoder: "Encoder" = "attributes",
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "WordLookup":
        """A scene's objects, as a method segments them, ready to be found by words; prepares the method first when
        that is missing.

        Raises:
            InputError: There is no such scene or method, or the encoder is not there (and how to get it).
        """
        from liftlab.search.words import lookup_of, with_what_people_said

        config = self.config_of(name, method) if config is None else config
        cancel = cancel or CancelToken()
        lookup = lookup_of(self, name, method, config, encoder=encoder, progress=progress, cancel=cancel)
        return with_what_people_said(self.workspace, self.scene(name), lookup)

    def text_encoder(self) -> "TextImageEncoder":
        """The image-text model for this computer, loaded once. InputError with the command when none is here."""
        import torch

        from liftlab.components.models import ModelStore
        from liftlab.components.text.open_clip import load_encoder

        return self._encoders.get(
            "text", lambda: load_encoder(ModelStore.open(os.environ), device=torch.device(self.device))
        )

    def step_records(self, name: str) -> dict[str, dict[str, Any]]:
        """`step.json` of the steps done for a scene: "reconstruct", "gaussians", "masks" and each prepared
        method by name.
        """
        entry = self._entry(name)
        folders = {"reconstruct": self.workspace.scene_folder(entry.scene_key)}
        if entry.gaussians_key:
            folders["gaussians"] = self.workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
        if entry.masks_key:
            folders["masks"] = self.workspace.masks_folder(entry.scene_key, entry.masks_key)
        folders |= {
            method: self.workspace.method_folder(key) for method, key in (entry.methods or {}).items()
        }
        found = {step: step_record(folder) for step, folder in folders.items()}
        return {step: record for step, record in found.items() if record is not None}

    def config_of(self, name: str, method: str) -> Any:
        """The configuration a method was prepared with last for a scene; its defaults when it was not."""
        from liftlab.pipelines.base import get_method

        record = self.step_records(name).get(method)
        return recorded_config(get_method(method).config_class, record["config"] if record else {})

    def expected_secs(self, step: str, photos: int) -> float:
        """Expected seconds of a step, from how long it took in this workspace before."""
        pattern = {
            "reconstruct": "scenes/*", "gaussians": "scenes/*/gaussians/*", "masks": "scenes/*/masks/*",
            "prepare": "methods/*",
        }[step]  # fmt: skip
        known = []
        for folder in self.workspace.root.glob(pattern):
            record = step_record(folder)
            if record and record.get("photos") and record.get("seconds"):
                known.append(record["seconds"] / record["photos"])
        return photos * (statistics.median(known) if known else SECS_PER_PHOTO[step])

    # How a step runs

    def step(
        self,
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

        For the steps of this class and what is made from their results (`liftlab.search.words`).
        """
        if key in recent and is_sealed(folder):
            return recent.get(key, lambda: load(folder))
        recent.drop(key)
        with self.workspace.locked(key, progress=progress, cancel=cancel):
            loaded = self._load_sealed(step, key, folder, recent, load)
            if loaded is not None:
                progress(1.0, "Found in the workspace")
                return loaded
            progress(0.0, f"{STEP_NAMES[step]} …")
            started = time.monotonic()
            with self.workspace.disk_full_explained():
                result = build(progress)
            cancel.check()
            record = record_of_step(step, key, inputs, config, photos, round(time.monotonic() - started, 3))
            with self.workspace.writing(folder, record) as temporary:
                save(result, temporary)
            log.info("%s %s took %.1f s", step, key, record["seconds"])
            return recent.get(key, lambda: load(folder))

    def _load_sealed(
        self, step: str, key: str, folder: Path, recent: "Recent[T]", load: Callable[[Path], T]
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
        self.workspace.drop_methods_of(key)
        return None

    def _needed_scene(
        self, name: str, progress: Progress, cancel: CancelToken, *, last: str
    ) -> "tuple[Scene, Progress]":
        """The scene, and the progress that is left for the step after it."""
        entry = self.workspace.scene_entry(name)
        if entry is not None and is_sealed(self.workspace.scene_folder(entry.scene_key)):
            return self.reconstruct(name, cancel=cancel), progress
        share = SHARE_OF_STEP["reconstruct"] / (SHARE_OF_STEP["reconstruct"] + SHARE_OF_STEP[last])
        return (
            self.reconstruct(name, progress=part_of(progress, 0.0, share), cancel=cancel),
            part_of(progress, share, 1.0),
        )

    def _masks_done(self, name: str) -> bool:
        entry = self.workspace.scene_entry(name)
        return entry is not None and self.status(name).masks

    def _lacks_gaussians(self, name: str, segmenter: "Segmenter") -> bool:
        """Whether the method selects splats that are not trained yet."""
        entry = self.workspace.scene_entry(name)
        return segmenter.geometry == "gaussians" and (
            entry is None or not gaussians_are_there(self.workspace, entry)
        )

    def _record_gaussians(self, name: str, scene_key: str, key: str, config: "GaussiansConfig") -> None:
        """Make `key` the splats of the scene; methods prepared on others no longer count."""
        from liftlab.pipelines.base import list_methods

        entry = self._entry(name)
        if entry.scene_key != scene_key or entry.gaussians_key == key:
            return
        on_points = {method.name for method in list_methods() if method.make.geometry == "points"}
        methods = {method: made for method, made in (entry.methods or {}).items() if method in on_points}
        self.workspace.write_scene_entry(
            replace(entry, gaussians_key=key, gaussians_config=to_plain(config), methods=methods or None)
        )

    def _entry(self, name: str) -> SceneEntry:
        entry = self.workspace.scene_entry(name)
        if entry is None:
            raise InputError(
                f"There is no scene '{name}'; reconstruct a capture first. {closest(name, self.scenes())}"
            )
        return entry
