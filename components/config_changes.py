"""A configuration with some of its settings changed, groups reached into with dots."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

T = TypeVar("T")


def changed(config: T, changes: Mapping[str, Any]) -> T:
    """A copy of a config dataclass with `changes`, for example {"train.iterations": 10_000}.

    Raises:
        ValueError: There is no such setting.
    """
    for path, value in changes.items():
        config = _changed(config, path.split("."), value)
    return config


def _changed(config: Any, path: list[str], value: Any) -> Any:
    known = [field.name for field in fields(config)] if is_dataclass(config) else []
    if path[0] not in known:
        raise ValueError(f"changes must name settings of {type(config).__name__}; got '{'.'.join(path)}'.")
    inner = value if len(path) == 1 else _changed(getattr(config, path[0]), path[1:], value)
    return replace(config, **{path[0]: inner})
