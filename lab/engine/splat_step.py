"""The splats of a scene: trained once, stopped and gone on with, or taken from the capture."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.files import content_key
from liftlab.components.progress import CancelToken, Progress
from liftlab.engine.scene_status import gaussians_are_there
from liftlab.engine.step_keys import gaussians_key
from liftlab.engine.step_runner import run_step
from liftlab.engine.steps import load_gaussians, record_of_step, save_gaussians
from liftlab.engine.workspace import SceneEntry, Workspace
from liftlab.files.config_records import recorded_config, to_plain

if TYPE_CHECKING:  # these import torch: only when a step needs them
    from liftlab.components.types import Gaussians, Scene
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.steps.gaussians import GaussiansConfig


def train(
    lab: "Lab",
    name: str,
    config: "GaussiansConfig | None",
    *,
    progress: Progress,
    cancel: CancelToken,
    preview: "Callable[[Gaussians, int], None] | None",
) -> "Gaussians":
    """`Lab.gaussians`: the splats of a scene, which are the scene's from then on."""
    from liftlab.pipelines.steps import gaussians as step

    workspace = lab.workspace
    scene, progress = lab.scene_before("gaussians", name, progress, cancel)
    entry = lab.entry(name)
    if config is None:
        config = step.default_config(lab.device)
        if entry.gaussians_config:
            config = recorded_config(step.GaussiansConfig, entry.gaussians_config)
    inputs = {"scene": scene.key}
    own = lab.capture(entry.capture).splats
    key = gaussians_key(scene.key, config if own is None else None)
    checkpoint = workspace.checkpoint_path(scene.key, key)
    stopped_key: str | None = None

    def build(part: Progress) -> Any:
        nonlocal stopped_key
        if own is not None:
            return step.own_gaussians(scene, own, device=lab.device)
        result = step.build_gaussians(
            scene, config, device=lab.device, checkpoint=checkpoint, preview=preview, progress=part,
            cancel=cancel,
        )  # fmt: skip
        report = result[1]
        if report.stopped == "cancelled" and report.iterations > 0:
            # another key than the whole training's: what was prepared on these must not pass for it
            stopped_key = content_key(key, report.iterations, report.seconds)
            record = record_of_step(
                "gaussians", stopped_key, inputs, config, len(scene.views), report.seconds
            )
            folder = workspace.gaussians_folder(scene.key, stopped_key)
            with workspace.writing(folder, record) as temporary:
                save_gaussians(result, temporary)
        return result

    try:
        gaussians = run_step(
            workspace, "gaussians", key, workspace.gaussians_folder(scene.key, key), lab.splats, inputs, config,
            build=build, save=save_gaussians, load=load_gaussians, photos=len(scene.views), progress=progress,
            cancel=cancel,
        )  # fmt: skip
        checkpoint.unlink(missing_ok=True)
    except Cancelled:
        if stopped_key is None:
            raise
        key = stopped_key
        folder = workspace.gaussians_folder(scene.key, key)
        gaussians = lab.splats.get(key, lambda: load_gaussians(folder))
    _make_it_the_scenes(lab, name, scene.key, key, config)
    return gaussians


def with_splats(lab: "Lab", scene: "Scene", entry: SceneEntry) -> "Scene":
    """A reconstructed scene with the splats that were trained for it last, if any."""
    if not gaussians_are_there(lab.workspace, entry):
        return scene
    assert entry.gaussians_key is not None
    folder = lab.workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
    gaussians = lab.splats.get(entry.gaussians_key, lambda: load_gaussians(folder))
    return replace(scene, gaussians=gaussians, gaussians_key=entry.gaussians_key)


def training_report(workspace: Workspace, entry: SceneEntry) -> dict[str, Any]:
    """`Lab.gaussians_report`. InputError when the scene has no splats yet."""
    if not gaussians_are_there(workspace, entry):
        raise InputError(f"The scene '{entry.name}' has no splats yet; train them first.")
    assert entry.gaussians_key is not None
    folder = workspace.gaussians_folder(entry.scene_key, entry.gaussians_key)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def _make_it_the_scenes(lab: "Lab", name: str, scene_key: str, key: str, config: "GaussiansConfig") -> None:
    """Make `key` the splats of the scene; methods prepared on others no longer count."""
    from liftlab.pipelines.base import list_methods

    entry = lab.entry(name)
    if entry.scene_key != scene_key or entry.gaussians_key == key:
        return
    on_points = {method.name for method in list_methods() if method.make.geometry == "points"}
    methods = {method: made for method, made in (entry.methods or {}).items() if method in on_points}
    lab.workspace.write_scene_entry(
        replace(entry, gaussians_key=key, gaussians_config=to_plain(config), methods=methods or None)
    )
