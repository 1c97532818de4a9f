"""Settings added later leave the keys of results made without them as they were."""

import dataclasses
from dataclasses import dataclass, field

from liftlab.components.config_keys import AT_QUERY, OMIT_DEFAULT_FROM_KEY, key_record
from liftlab.components.files import content_key
from liftlab.pipelines.base import get_method, list_methods
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.pipelines.steps.reconstruct import ReconstructConfig


@dataclass(frozen=True)
class Inner:
    size: int = 3
    steps: tuple[float, ...] = (1.0, 2.0)


@dataclass(frozen=True)
class Before:
    inner: Inner = field(default_factory=Inner)
    name: str = "a"


@dataclass(frozen=True)
class After:
    inner: Inner = field(default_factory=Inner)
    name: str = "a"
    mode: str = field(default="plain", metadata=OMIT_DEFAULT_FROM_KEY)
    extra: Inner = field(default_factory=Inner, metadata=OMIT_DEFAULT_FROM_KEY)


def test_a_later_setting_counts_only_when_it_is_set() -> None:
    before = content_key(key_record(Before()))
    assert content_key(key_record(After())) == before
    assert content_key(key_record(After(mode="other"))) != before
    assert content_key(key_record(After(extra=Inner(size=4)))) != before
    assert content_key(key_record(After(name="b"))) == content_key(key_record(Before(name="b"))) != before


@dataclass(frozen=True)
class Asking:
    inner: Inner = field(default_factory=Inner)
    name: str = field(default="a", metadata=AT_QUERY)
    rule: str = field(default="mask", metadata=AT_QUERY | OMIT_DEFAULT_FROM_KEY)


def test_a_setting_that_only_answers_depend_on_is_in_the_key_as_its_default() -> None:
    """So states that were prepared while it counted, at its default, stay valid."""
    before = content_key(key_record(Before()))
    assert content_key(key_record(Asking())) == before
    assert content_key(key_record(Asking(name="b", rule="pixel"))) == before
    assert content_key(key_record(Asking(inner=Inner(size=4)))) != before


QUERIES = {
    "saga": {"threshold": 0.6, "margin": 0.1, "cleaning": True, "sample_share": 0.5, "click_query": "pixel",
             "click_scale": "middle"},
    "wildseg3d": {"first_candidate": "smallest", "corrections": "lookup", "box_iou": 0.7},
    "unic_lift": {"max_tolerance": 1, "click_label": "pixel"},
    "contrastive_lift": {"click_label": "pixel"},
    "gaga": {"click_label": "pixel"},
    "proto_saga": {"click_label": "pixel"},
    "ovseg3r": {},  # what it answers with is computed when it is prepared
}  # fmt: skip


def test_settings_of_answers_do_not_train_anew_and_those_of_training_do() -> None:
    for entry in list_methods():
        config = entry.config_class()
        key = content_key(key_record(config))
        assert content_key(key_record(dataclasses.replace(config, **QUERIES[entry.name]))) == key, entry.name
    saga = get_method("saga").config_class()
    assert content_key(key_record(dataclasses.replace(saga, channels=3))) != content_key(key_record(saga))


def test_without_later_settings_keys_are_those_of_the_plain_form() -> None:
    assert content_key(key_record(Before())) == content_key(dataclasses.asdict(Before()))


def test_every_default_config_has_a_key() -> None:
    for config in (ReconstructConfig(), MasksConfig(), *(entry.config_class() for entry in list_methods())):
        assert len(content_key(key_record(config))) == 16


def test_states_prepared_before_joint_training_from_points_stay_valid() -> None:
    """Settings that came later are in no key at their defaults."""
    unic, proto = (key_record(get_method(name).config_class()) for name in ("unic_lift", "proto_saga"))
    later = {"triplet_choice", "semantic_weight", "mask_share", "mask_scale", "training", "joint"}
    assert not later & set(unic)
    assert set(proto["joint"]) == {
        "iterations", "max_side", "ssim_weight", "classifier_weight", "embedding_rate", "detach_geometry",
        "rate_means", "rate_others", "report_every",
    }  # fmt: skip
    changed = get_method("unic_lift").preset("paper")
    assert key_record(changed)["joint"]["start"] == "points"
