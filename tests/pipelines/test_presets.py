"""Presets of the methods: the published settings, read off the papers, and that all can be used."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from liftlab.cli.support import method_config
from liftlab.components.errors import InputError
from liftlab.files.config_records import config_from_record, to_plain
from liftlab.pipelines.base import get_method, list_methods, register
from liftlab.pipelines.presets import PRESETS, changed

PUBLISHED: dict[str, dict[str, Any]] = {
    "wildseg3d": {
        "alignment": "dga", "pairs": "mast3r", "aligning.graph": "complete", "aligning.iterations": 500,
        "aligning.alpha_p": 0.5, "aligning.alpha_n": 0.9, "aligning.adjustment": "paper",
        "aligning.confidence": "usual", "aligning.mask_scope": "all_objects", "first_candidate": "smallest",
        "corrections": "lookup",
    },
    "saga": {
        "channels": 32, "neighbours": 16, "pixels": 1000, "scales": 8, "train.iterations": 10_000,
        "train.rate": 2.5e-3, "gate_rate": 2.5e-3, "train.final_rate": 1.0, "norm_weight": 1.0, "gated": True,
        "resampling": True, "reweighting": True, "groups": True, "loss_form": "printed", "norm_form": "printed",
        "threshold": 0.75, "click_query": "pixel", "click_scale": "middle", "cleaning": False,
        "sample_share": 0.01,
    },
    "unic_lift": {
        "dimensions": 12, "cluster_weight": 0.1, "triplet_weight": 0.1, "neighbour_weight": 0.1, "margin": 1.0,
        "radius": 0.1, "triplets": 3000, "triplets_from": 0.5, "neighbours_from": 0.5, "train.iterations": 30_000,
        "train.rate": 1e-4, "snap_codes": False, "split_components": False, "label_rest": False,
        "linear_layer": True, "click_label": "pixel", "training": "joint", "joint.start": "points",
        "joint.iterations": 30_000, "joint.embedding_rate": 1e-4, "joint.ssim_weight": 0.2,
        "joint.detach_geometry": False, "joint.densify_until": 0.5, "triplet_choice": "borders", "mask_share": 1.0,
        "mask_scale": 1.0,
    },
    "contrastive_lift": {
        "loss": "slow_fast", "dimensions": 3, "weight": 0.1, "slow_decay": 0.9, "pixels": 1024,
        "samples": 50_000, "smallest_share": 0.01, "click_label": "pixel",
    },
    "gaga": {
        "dimensions": 16, "association.variant": "gaga", "association.choose": "depth", "association.share": 0.2,
        "association.threshold": 0.1, "lifting.train.iterations": 10_000, "lifting.train.rate": 2.5e-3,
        "lifting.classifier_rate": 5e-4, "lifting.neighbour_every": 5, "lifting.neighbour_sample": 1000,
        "lifting.neighbours": 5, "lifting.neighbour_weight": 2.0, "click_label": "pixel",
        "drop_unsupported": False,
    },
    "proto_saga": {
        "dimensions": 16, "tau": 10.0, "training": "joint", "joint.start": "points",
        "joint.iterations": 30_000, "joint.embedding_rate": 2.5e-3, "classifier_rate": 5e-4,
        "joint.classifier_weight": 0.05,
        "joint.ssim_weight": 0.2, "joint.detach_geometry": False, "association.variant": "paper",
        "association.choose": "both", "association.share": 0.2, "association.threshold": 0.1,
        "association.order": "listed", "inference": "prototypes", "min_views": 1, "min_pixels": 1,
        "label_rest": False, "reject_unknown": False, "drop_unsupported": False, "click_label": "pixel",
    },
}  # fmt: skip
"""What the papers (or, where they are silent, their code) say: docs/methods/."""


def value(config: Any, path: str) -> Any:
    for name in path.split("."):
        config = getattr(config, name)
    return config


@pytest.mark.parametrize("method", sorted(PUBLISHED))
def test_paper_is_what_was_published(method: str) -> None:
    paper = get_method(method).preset("paper")
    assert {path: value(paper, path) for path in PUBLISHED[method]} == PUBLISHED[method]


def test_every_method_of_ours_has_all_presets_in_their_bounds() -> None:
    ours = [entry for entry in list_methods() if entry.name in PRESETS]
    assert len(ours) == len(PRESETS) == 6
    for entry in ours:
        assert set(entry.presets) == {"default", "paper", "quick"}
        assert entry.preset("default") == entry.config_class()
        for config in entry.presets.values():
            assert config_from_record(entry.config_class, to_plain(config)) == config


def test_settings_change_a_preset() -> None:
    saga = get_method("saga")
    config = method_config(saga, ["pixels=64", "preset=paper", "train.iterations=7"])
    assert (config.pixels, config.train.iterations, config.channels, config.groups) == (64, 7, 32, True)
    assert method_config(saga, ["pixels=64"]).channels == saga.config_class().channels
    with pytest.raises(InputError, match=r"saga has no preset 'papre': it has default, quick, paper"):
        method_config(saga, ["preset=papre"])


def test_a_method_of_another_package_gives_a_quick_config_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []
    monkeypatch.setattr("liftlab.pipelines.base.METHODS.register", entered.append)
    saga = get_method("saga").config_class
    given = {"summary": "", "paper": "", "licence": "", "config": saga}
    register("theirs", **given, quick=saga(pixels=9))(object)
    register("bare", **given, presets={"wide": {"channels": 64}})(object)
    assert entered[0].quick.pixels == 9 and set(entered[0].presets) == {"default", "quick"}
    assert entered[1].quick == saga() and entered[1].preset("wide").channels == 64


@dataclass(frozen=True)
class Inner:
    steps: int = 5


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    mode: str = "plain"


def test_only_what_is_named_changes() -> None:
    before = Outer()
    assert changed(before, {"inner.steps": 7}) == Outer(Inner(7))
    assert changed(before, {"mode": "fast", "inner.steps": 1}) == Outer(Inner(1), "fast")
    assert changed(before, {}) == before == Outer()


@pytest.mark.parametrize("path", ["steps", "inner.rate", "mode.of", "inner.steps.more", ""])
def test_unknown_settings_are_named(path: str) -> None:
    with pytest.raises(ValueError, match="must name settings"):
        changed(Outer(), {path: 1})
