"""Settings of methods as the page shows them."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from liftlab.cli.support import config_with
from liftlab.files.settings import Setting, settings_of
from liftlab.pipelines.base import MethodEntry, list_methods
from liftlab.pipelines.methods.shared.joint_trainer import JointConfig


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    """How fast."""


@dataclass(frozen=True)
class Outer:
    """A configuration."""

    steps: int = 3
    """How many.

    In two paragraphs."""
    way: Literal["up", "down"] = "up"
    """Where to."""
    inner: Inner = field(default_factory=lambda: Inner(rate=0.25))
    """A group."""
    seed: int | None = None
    sizes: tuple[int, ...] = (1, 2)
    """No single value."""
    exact: bool = True
    """Slow."""


def test_fields_groups_choices_and_helps() -> None:
    assert settings_of(Outer) == (
        Setting("steps", "How many.\n\nIn two paragraphs.", "whole", 3),
        Setting("way", "Where to.", "choice", "up", ("up", "down")),
        Setting("inner.rate", "How fast.", "number", 0.25),
        Setting("seed", "", "whole", None, (), True),
        Setting("exact", "Slow.", "truth", True),
    )


@pytest.mark.parametrize("entry", list_methods(), ids=lambda entry: entry.name)
def test_every_setting_of_every_method_is_explained_and_can_be_set(entry: MethodEntry) -> None:
    settings = settings_of(entry.config_class)
    assert settings
    unexplained = [setting.name for setting in settings if not setting.help]
    assert len(unexplained) <= 0.3 * len(settings), f"without a docstring: {unexplained}"
    given = [f"{s.name}={_json(s.default)}" for s in settings]
    assert config_with(entry.config_class, given) == entry.config_class()


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def test_a_configuration_that_extends_another_says_what_its_fields_mean() -> None:
    joint = {setting.name: setting.help for setting in settings_of(JointConfig)}
    assert joint["classifier_weight"] and joint["start"].startswith(
        "Trained: goes on with the scene's splats"
    )
    assert all(joint.values())
