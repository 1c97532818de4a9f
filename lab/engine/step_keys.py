"""Keys under which results of the steps are kept: all that they depend on, the version of the code included."""

from typing import TYPE_CHECKING, Any

from liftlab.components.config_keys import key_record
from liftlab.components.files import content_key
from liftlab.engine.captures import capture_key
from liftlab.engine.workspace import SceneEntry

if TYPE_CHECKING:  # these import torch: only when a step needs them
    from liftlab.components.captures import Capture
    from liftlab.pipelines.base import Segmenter
    from liftlab.pipelines.steps.gaussians import GaussiansConfig
    from liftlab.pipelines.steps.masks import MasksConfig
    from liftlab.pipelines.steps.reconstruct import ReconstructConfig


def scene_inputs(capture: "Capture") -> dict[str, Any]:
    """What a reconstruction is made from."""
    from liftlab.pipelines.steps import reconstruct

    inputs: dict[str, Any] = {"capture": capture_key(capture.folder)}
    if capture.splats is not None:
        inputs["splat_scene"] = reconstruct.SPLAT_STEP_VERSION
    return inputs


def scene_key(capture: "Capture", config: "ReconstructConfig") -> str:
    """Key of the scene that is reconstructed from a capture."""
    from liftlab.pipelines.steps import reconstruct

    return content_key("reconstruct", scene_inputs(capture), key_record(config), reconstruct.STEP_VERSION)


def gaussians_key(scene_key: str, config: "GaussiansConfig | None") -> str:
    """Key of the splats of a scene; `config` is None for those that a capture brought along."""
    from liftlab.pipelines.steps import gaussians

    settings = "as they came" if config is None else key_record(config)
    return content_key("gaussians", {"scene": scene_key}, settings, gaussians.STEP_VERSION)


def masks_key(scene_key: str, config: "MasksConfig") -> str:
    """Key of the masks of a scene."""
    from liftlab.pipelines.steps import masks

    return content_key("masks", {"scene": scene_key}, key_record(config), masks.STEP_VERSION)


def prepared_key(entry: SceneEntry, method: str, segmenter: "Segmenter") -> str:
    """Key of a method's state for a scene."""
    from liftlab.pipelines.offers import ReadsFile

    config = key_record(segmenter.config)
    splats = [entry.gaussians_key] if segmenter.geometry == "gaussians" else []
    file = [segmenter.file_key()] if isinstance(segmenter, ReadsFile) else []
    return content_key(
        "prepare", method, entry.scene_key, entry.masks_key, *splats, config, segmenter.STEP_VERSION, *file
    )
