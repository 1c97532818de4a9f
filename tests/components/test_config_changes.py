"""Settings of a configuration changed by their dotted names."""

from dataclasses import dataclass, field

import pytest

from liftlab.components.config_changes import changed


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
