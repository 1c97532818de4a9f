"""A method that selects Gaussians, for tests: each cached object's masks are lifted onto them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.rasterize import lift, tensors_from_gaussians
from liftlab.components.types import Prompt, Provenance, Scene, Segmentation
from liftlab.pipelines import base

NAME = "lifted"


@dataclass(frozen=True)
class LiftedConfig:
    share_min: float = 0.5
    """A Gaussian is selected when this share of its weight is inside the masks."""


@dataclass(frozen=True)
class LiftedState:
    scene_key: str
    scene: Scene
    masks: Any


class Lifted:
    STEP_VERSION: int = 1
    geometry: Literal["points", "gaussians"] = "gaussians"
    prepared_on: ClassVar[list[str]] = []
    """Keys of the Gaussians that `prepare` was given."""

    def __init__(self, config: LiftedConfig, *, device: torch.device) -> None:
        self.config = config

    def prepare(self, scene, masks, *, progress, cancel, generator) -> LiftedState:
        assert scene.gaussians is not None
        self.prepared_on.append(scene.gaussians_key)
        return LiftedState(scene.key, scene, masks)

    def segment(self, prepared: LiftedState, prompts: Sequence[Prompt]) -> Segmentation:
        scene, masks = prepared.scene, prepared.masks
        assert scene.gaussians is not None
        object_id = 0
        if prompts and prompts[0].view is not None:
            x, y = prompts[0].point_coords[0]
            found = masks.at(prompts[0].view, x, y).tolist()
            object_id = found[0] if found else 0
        shares = np.zeros(len(scene.gaussians.means), np.float32)
        views = range(len(scene.views))
        nothing = [np.zeros(view.image.shape[:2], bool) for view in scene.views]
        drawn = [masks.mask(v, object_id) for v in views] if object_id else nothing
        if object_id:
            stack = torch.tensor(np.stack(drawn))[..., None]
            votes = lift(tensors_from_gaussians(scene.gaussians), [v.camera for v in scene.views], stack)
            shares = np.nan_to_num(votes.shares()[:, 0].numpy())
        return Segmentation(
            "gaussians", shares > self.config.share_min, shares, self.config.share_min, (),
            Provenance(NAME, {}, "cpu", 0.0),
            mask_of_view=drawn.__getitem__,
        )  # fmt: skip

    def decompose(self, prepared: LiftedState, granularity: float | None = None):
        return tuple(np.zeros(view.image.shape[:2], np.uint16) for view in prepared.scene.views)

    def save(self, prepared: LiftedState, folder: Path) -> None:
        (folder / "state.json").write_text(json.dumps({"gaussians": prepared.scene.gaussians_key}))

    def load(self, folder: Path, scene: Scene, masks: Any) -> LiftedState:
        if json.loads((folder / "state.json").read_text())["gaussians"] != scene.gaussians_key:
            raise InputError("This state belongs to other splats.")
        return LiftedState(scene.key, scene, masks)


@pytest.fixture
def lifted(monkeypatch: pytest.MonkeyPatch) -> type[Lifted]:
    """The method, registered for one test."""
    presets = {base.DEFAULT: LiftedConfig(), base.QUICK: LiftedConfig()}
    entry = base.MethodEntry(NAME, "For tests.", "none", "none", LiftedConfig, Lifted, presets)
    monkeypatch.setitem(base.METHODS._records, NAME, entry)
    monkeypatch.setattr(Lifted, "prepared_on", [])
    return Lifted
