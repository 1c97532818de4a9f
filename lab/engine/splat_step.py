"""The splats of a scene: trained once, stopped and gone on with, or taken from the capture."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.files import content_key, is_sealed
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
    keep_better: bool = False,
) -> "Gaussians":
    """`Lab.gaussians`: train splats of a scene, which are the scene's from then on.

    Where the scene had others, both are scored on the same photos and size, and the ones that are not in use are
    offered beside (`use_beside`). Those of a training that was stopped are taken only when they are better.

    Args:
        keep_better: Those of a training that came to its end are taken only when they are better, too.
    """
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
    _offer(lab, name, scene, key, config, gaussians, keep_better=keep_better or stopped_key is not None)
    return gaussians


def use_beside(lab: "Lab", name: str) -> None:
    """Use the splats that are offered beside those of a scene, which are offered from then on.

    Raises:
        InputError: There are none.
    """
    from liftlab.pipelines.steps.gaussians import GaussiansConfig

    entry = lab.entry(name)
    if not beside_is_there(lab.workspace, entry) or entry.gaussians_key is None or entry.beside_key is None:
        raise InputError(f"The scene '{name}' has no other splats; train some.")
    lab.workspace.write_scene_entry(
        replace(
            entry, beside_key=entry.gaussians_key, beside_config=entry.gaussians_config,
            psnr_in_use=entry.psnr_beside, psnr_beside=entry.psnr_in_use,
        )
    )  # fmt: skip
    config = recorded_config(GaussiansConfig, entry.beside_config or {})
    _make_it_the_scenes(lab, name, entry.scene_key, entry.beside_key, config)


def beside_is_there(workspace: Workspace, entry: SceneEntry) -> bool:
    """Whether a scene has splats beside those in use."""
    return bool(entry.beside_key and is_sealed(workspace.gaussians_folder(entry.scene_key, entry.beside_key)))


def _offer(
    lab: "Lab",
    name: str,
    scene: "Scene",
    key: str,
    config: "GaussiansConfig",
    gaussians: "Gaussians",
    *,
    keep_better: bool,
) -> None:
    """Make new splats the scene's, or offer them beside those of now where these are better and to be kept."""
    from liftlab.components.gaussians.training.frames import make_frames
    from liftlab.components.gaussians.training.loop import evaluate

    entry = lab.entry(name)
    now = entry.gaussians_key
    if entry.scene_key != scene.key or now == key:
        return
    if now is None or not gaussians_are_there(lab.workspace, entry):
        _make_it_the_scenes(lab, name, scene.key, key, config)
        return
    folder = lab.workspace.gaussians_folder(scene.key, now)
    frames = make_frames(scene.views, max_side=config.train.max_side, device=lab.device)
    before = evaluate(lab.splats.get(now, lambda: load_gaussians(folder)), frames).psnr
    after = evaluate(gaussians, frames).psnr
    gone_on = (
        recorded_config(type(config), entry.gaussians_config or {}) == config
        and report_of(lab.workspace, entry, now)["stopped"] == "cancelled"
    )
    if gone_on and after >= before:  # of the very training that is at its end now
        _make_it_the_scenes(lab, name, scene.key, key, config)
        return
    offered = {
        "beside_key": key,
        "beside_config": to_plain(config),
        "psnr_in_use": before,
        "psnr_beside": after,
    }
    if not (keep_better and before > after):
        offered = {
            "beside_key": now, "beside_config": entry.gaussians_config, "psnr_in_use": after, "psnr_beside": before,
        }  # fmt: skip
        _make_it_the_scenes(lab, name, scene.key, key, config)
    lab.workspace.write_scene_entry(replace(lab.entry(name), **offered))


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
    return report_of(workspace, entry, entry.gaussians_key)


def report_of(workspace: Workspace, entry: SceneEntry, key: str) -> dict[str, Any]:
    """The report of splats of a scene, in use or not."""
    folder = workspace.gaussians_folder(entry.scene_key, key)
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
