"""The presets of our methods, as what each changes of the defaults: `paper` as published, `quick` for a look or a test.

`default` changes nothing. What a default does otherwise than its paper, and what that gains here, stands line by line
in the section "Presets" of docs/methods/. What no setting can make as published is named there too.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT, PAPER, QUICK = "default", "paper", "quick"
Presets = Mapping[str, Mapping[str, Any]]
"""Name of a preset to changes, groups of settings reached into with dots."""

_PAPER_SPLATS = {
    "training": "joint",
    "joint.start": "points",
    "joint.iterations": 30_000,
    "joint.max_side": 1600,
    "joint.densify_from": 500 / 30_000,
    "joint.densify_until": 0.5,
    "joint.density.clear_share": 0.0,
}
"""Splats and features in one stage, as Kerbl et al. (SIGGRAPH 2023) train splats."""
_QUICK_LIFTING = {
    "lifting.train.iterations": 150,
    "lifting.train.max_side": 96,
    "lifting.train.rate": 2e-2,
    "lifting.classifier_rate": 2e-2,
    "lifting.pixels": 500,
}

PRESETS: Mapping[str, Presets] = {
    "wildseg3d": {
        PAPER: {
            "alignment": "dga",
            "pairs": "mast3r",
            "aligning.graph": "complete",
            "aligning.iterations": 500,
            "aligning.pixel_stride": 1,
            "first_candidate": "smallest",
            "corrections": "lookup",
        },
        QUICK: {},
    },
    "saga": {
        PAPER: {
            "channels": 32,
            "pixels": 1000,
            "gate_rate": 2.5e-3,
            "train.iterations": 10_000,
            "train.max_side": 1600,
            "train.rate": 2.5e-3,
            "groups": True,
            "drawing": "pixels",
            "loss_form": "printed",
            "norm_form": "printed",
            "click_query": "pixel",
            "click_scale": "middle",
            "sample_share": 0.01,
        },
        QUICK: {
            "channels": 8,
            "pixels": 128,
            "scales": 4,
            "gate_rate": 0.1,
            "train.iterations": 200,
            "train.max_side": 96,
            "train.rate": 5e-2,
        },
    },
    "unic_lift": {
        PAPER: {
            "triplets": 3000,
            "triplets_from": 0.5,
            "neighbours_from": 0.5,
            "neighbour_pairs": 100_000,
            "label_rest": False,
            "snap_codes": False,
            "split_components": False,
            "click_label": "pixel",
            **_PAPER_SPLATS,
            "joint.embedding_rate": 1e-4,
            "train.iterations": 30_000,
            "train.max_side": 1600,
            "train.rate": 1e-4,
        },
        QUICK: {
            "pixels": 1000,
            "triplets": 300,
            "neighbour_pairs": 5000,
            "train.iterations": 250,
            "train.max_side": 96,
            "train.rate": 3e-2,
        },
    },
    "contrastive_lift": {
        PAPER: {
            "loss": "slow_fast",
            "dimensions": 3,
            "label_rest": False,
            "samples": 50_000,
            "smallest_share": 0.01,
            "click_label": "pixel",
            "train.iterations": 30_000,
            "train.max_side": 1600,
        },
        QUICK: {
            "dimensions": 6,
            "pixels": 512,
            "samples": 2000,
            "train.iterations": 200,
            "train.max_side": 96,
            "train.rate": 3e-2,
        },
    },
    "gaga": {
        PAPER: {
            "drop_unsupported": False,
            "click_label": "pixel",
            "lifting.train.iterations": 10_000,
            "lifting.train.max_side": 1600,
            "lifting.train.rate": 2.5e-3,
            "lifting.classifier_rate": 5e-4,
        },
        QUICK: _QUICK_LIFTING,
    },
    "proto_saga": {
        PAPER: {
            **_PAPER_SPLATS,
            "classifier_rate": 5e-4,
            "label_rest": False,
            "drop_unsupported": False,
            "click_label": "pixel",
            "train.max_side": 1600,
            "joint.embedding_rate": 2.5e-3,
        },
        QUICK: {
            "pixels": 500,
            "classifier_rate": 2e-2,
            "train.iterations": 150,
            "train.max_side": 96,
            "train.rate": 2e-2,
            **_QUICK_LIFTING,
        },
    },
}


def changed(config: T, changes: Mapping[str, Any]) -> T:
    """A copy of a config dataclass with `changes`, for example {"train.iterations": 10_000}.

    Raises:
        ValueError: There is no such setting.
    """
    for path, value in changes.items():
        config = _changed(config, path.split("."), value)
    return config


def _changed(config: Any, path: list[str], value: Any) -> Any:
    if not is_dataclass(config) or isinstance(config, type) or path[0] not in _settings(config):
        raise ValueError(f"changes must name settings of {type(config).__name__}; got '{'.'.join(path)}'.")
    inner = value if len(path) == 1 else _changed(getattr(config, path[0]), path[1:], value)
    return replace(config, **{path[0]: inner})


def _settings(config: Any) -> list[str]:
    return [field.name for field in fields(config)]
