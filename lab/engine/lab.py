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
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError, closest
from liftlab.components.files import is_sealed
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.engine.captures import CaptureShelf
from liftlab.engine.jobs import JobQueue
from liftlab.engine.recent import Recent
from liftlab.engine.scene_status import KnownVersions, SceneStatus, gaussians_are_there, scene_status_of
from liftlab.engine.splat_step import train, training_report, with_splats
from liftlab.engine.step_keys import masks_key, prepared_key, scene_inputs, scene_key
from liftlab.engine.step_runner import expected_secs, note_method, records_of, run_step
from liftlab.engine.steps import SHARE_OF_STEP, load_masks, own_masks, parts_of_bar, save_reconstruction
from liftlab.engine.workspace import SceneEntry, Workspace
from liftlab.files.config_records import recorded_config, to_plain
from liftlab.machine.device import network_device, render_device

if TYPE_CHECKING:
    import numpy as np

    from liftlab.components.masks.cache import MaskCache
    from liftlab.components.text.encoder import TextImageEncoder
    from liftlab.components.types import Gaussians, Scene
    from liftlab.pipelines.base import Prepared, Segmenter
    from liftlab.pipelines.search import SearchIndex
    from liftlab.pipelines.steps.gaussians import GaussiansConfig
    from liftlab.pipelines.steps.masks import MasksConfig
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig
    from liftlab.search.words import (
        WordLookup,  # these import torch and pycolmap: only when a step needs them
    )

log = logging.getLogger("liftlab.engine")

SEED = 0
"""Seed of every `prepare`, so that the same inputs give the same state."""


class Lab(CaptureShelf):
    """All captures and scenes of one workspace, and the queue for slow work."""

    def __init__(self, workspace: Workspace | Path | str | None = None, *, device: str = "auto") -> None:
        """Open a workspace.

        Args:
            device: "cuda" trains, renders and runs networks on the graphics card, "cpu" on the processor; "auto"
                takes the card where there is one, but for splats and methods only where splats can be rendered on it.
        """
        self.workspace = workspace if isinstance(workspace, Workspace) else Workspace(workspace)
        self.workspace.open_log()
        self._wanted_device = device
        self.jobs = JobQueue()
        self._scenes: Recent[Scene] = Recent(4)
        self.splats: Recent[Gaussians] = Recent(4)
        self._masks: Recent[MaskCache] = Recent(4)
        self._prepared: Recent[Prepared] = Recent(8)
        self._versions = KnownVersions()
        self.indexes: Recent[SearchIndex] = Recent(4)
        self.embeddings: Recent[np.ndarray] = Recent(4)
        self._encoders: Recent[TextImageEncoder] = Recent(1)

    @cached_property
    def device(self) -> str:
        """What splats and methods are computed on: "cpu", "cuda" or one card by its number."""
        return render_device() if self._wanted_device == "auto" else self._wanted_device

    @cached_property
    def network_device(self) -> str:
        """What networks of the steps before any method, and those that read words, are computed on."""
        return network_device() if self._wanted_device == "auto" else self._wanted_device

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
        return scene_status_of(self, self.entry(name), self._versions, any_version=any_version)

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
        return with_splats(self, self.reconstruct(name), self.entry(name))

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
        from liftlab.components.scenes import load_scene
        from liftlab.pipelines.steps import reconstruct as step

        cancel = cancel or CancelToken()
        entry = self.workspace.scene_entry(name)
        if entry is None and capture is None and name not in self.captures():
            known = sorted({*self.scenes(), *self.captures()})
            raise InputError(f"There is no scene or capture '{name}'. {closest(name, known)}")
        opened = self.capture(capture or (entry.capture if entry else name))
        if config is None:
            config = recorded_config(step.ReconstructConfig, entry.config if entry else {})
        key = scene_key(opened, config)

        scene = run_step(
            self.workspace, "reconstruct", key, self.workspace.scene_folder(key), self._scenes,
            scene_inputs(opened), config, save=save_reconstruction, load=load_scene,
            build=lambda part: step.reconstruct(
                opened, config, key=key, device=self.network_device, progress=part, cancel=cancel),
            photos=len(opened.photos), progress=progress, cancel=cancel,
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
        path = self.workspace.scene_folder(self.entry(name).scene_key) / "report.json"
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

        A training that was stopped or killed goes on where it was; while it is stopped, its best splats so far are the
        scene's, unless the scene has better ones (`liftlab.engine.splat_step`).

        Args:
            config: None takes what they were trained with before, else the defaults for the device.
            preview: Called now and then with the splats so far and the step.

        Raises:
            Cancelled: The token was set before the first step of the training.
        """
        return train(self, name, config, progress=progress, cancel=cancel or CancelToken(), preview=preview)

    def gaussians_report(self, name: str) -> dict[str, Any]:
        """The report of the splats: why and when training ended, PSNR, SSIM, count, back end and the curve.

        Raises:
            InputError: The scene has no splats yet.
        """
        return training_report(self.workspace, self.entry(name))

    def masks(
        self,
        name: str,
        config: "MasksConfig | None" = None,
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "MaskCache":
        """The objects of a scene in all views; reconstructs first when that is missing. Without `config`: as they were
        found before, else those that the scene was made with, else by the defaults.
        """
        from liftlab.pipelines.steps import masks as step

        cancel = cancel or CancelToken()
        scene, progress = self.scene_before("masks", name, progress, cancel)
        entry = self.entry(name)
        if config is None:
            config = recorded_config(step.MasksConfig, entry.masks_config or own_masks(scene))
        inputs = {"scene": scene.key}
        key = masks_key(scene.key, config)
        cache = run_step(
            self.workspace, "masks", key, self.workspace.masks_folder(scene.key, key), self._masks, inputs, config,
            build=lambda part: step.build_masks(
                scene, config, device=self.network_device, progress=part, cancel=cancel),
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
        entry = self.entry(name)
        key = prepared_key(entry, method, segmenter)
        inputs = {"scene": scene.key, "masks": entry.masks_key, "method": method}
        if segmenter.geometry == "gaussians":
            inputs["gaussians"] = scene.gaussians_key
        prepared = run_step(
            self.workspace, "prepare", key, self.workspace.method_folder(key), self._prepared, inputs, segmenter.config,
            build=lambda part: segmenter.prepare(
                scene, masks, progress=part, cancel=cancel, generator=seeded(SEED)
            ),
            save=segmenter.save,
            load=lambda folder: segmenter.load(folder, scene, masks),
            photos=len(scene.views), progress=progress, cancel=cancel,
        )  # fmt: skip
        note_method(self.workspace, entry, method, key, segmenter.config)
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
        key = prepared_key(self.entry(name), method, segmenter)
        if key not in self._prepared and not is_sealed(self.workspace.method_folder(key)):
            return None
        return self.prepare(name, method, config)

    def word_lookup(
        self,
        name: str,
        method: str,
        config: Any = None,
        *,
        encoder: str = "attributes",
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> "WordLookup":
        """A scene's objects, as a method segments them, ready to be found by words; prepares the method first when
        that is missing.

        Raises:
            InputError: There is no such scene or method, or the encoder is not there (and how to get it).
        """
        from liftlab.search.words import build_word_lookup, with_names_and_scale

        config = self.config_of(name, method) if config is None else config
        lookup = build_word_lookup(
            self, name, method, config, encoder=encoder, progress=progress, cancel=cancel or CancelToken()
        )
        return with_names_and_scale(self.workspace, self.scene(name), lookup)

    def text_encoder(self, name: str) -> "TextImageEncoder | None":
        """A text encoder for this computer, loaded once; None for one that reads by what was measured of the objects.

        Raises:
            InputError: There is no such encoder, or what it needs is not here; with the command.
        """
        import torch

        from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS

        chosen = TEXT_ENCODERS.get(name)
        if not chosen.by_model:
            return None
        return self._encoders.get(name, lambda: chosen.make(device=torch.device(self.network_device)))

    def step_records(self, name: str) -> dict[str, dict[str, Any]]:
        """`step.json` of the steps done for a scene: "reconstruct", "gaussians", "masks" and each prepared
        method by name.
        """
        return records_of(self.workspace, self.entry(name))

    def config_of(self, name: str, method: str) -> Any:
        """The configuration a method was prepared with last for a scene; its defaults when it was not."""
        from liftlab.pipelines.base import get_method

        record = self.step_records(name).get(method)
        return recorded_config(get_method(method).config_class, record["config"] if record else {})

    def expected_secs(self, step: str, photos: int) -> float:
        """Expected seconds of a step, from how long it took in this workspace before."""
        return expected_secs(self.workspace, step, photos)

    # What steps need

    def scene_before(
        self, last: str, name: str, progress: Progress, cancel: CancelToken
    ) -> "tuple[Scene, Progress]":
        """The scene, reconstructed when that is missing, and the progress that is left for the step `last` after it."""
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

    def entry(self, name: str) -> SceneEntry:
        """What a scene name stands for. InputError with the nearest names when there is none."""
        entry = self.workspace.scene_entry(name)
        if entry is None:
            raise InputError(
                f"There is no scene '{name}'; reconstruct a capture first. {closest(name, self.scenes())}"
            )
        return entry
