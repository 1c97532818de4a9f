"""Settings added later leave the keys of results made without them as they were."""

import dataclasses
from dataclasses import dataclass, field

from liftlab.components.config_keys import OMIT_DEFAULT_FROM_KEY, key_record
from liftlab.components.files import content_key
from liftlab.pipelines.base import list_methods
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


def test_without_later_settings_keys_are_those_of_the_plain_form() -> None:
    assert content_key(key_record(Before())) == content_key(dataclasses.asdict(Before()))


def test_every_default_config_has_a_key() -> None:
    for config in (ReconstructConfig(), MasksConfig(), *(entry.config_class() for entry in list_methods())):
        assert len(content_key(key_record(config))) == 16
