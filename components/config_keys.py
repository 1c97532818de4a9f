"""How a configuration enters the key of a result."""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

OMIT_DEFAULT_FROM_KEY = {"later": True}
"""`metadata` of a setting added when results without it existed already: at its default it does not enter keys,
so those results stay valid."""


def key_record(config: Any) -> Any:
    """A config dataclass as plain dictionaries for `liftlab.components.files.content_key`."""
    if is_dataclass(config) and not isinstance(config, type):
        return {
            f.name: key_record(getattr(config, f.name))
            for f in fields(config)
            if not (f.metadata.get("later") and getattr(config, f.name) == _default(f))
        }
    if isinstance(config, dict):
        return {name: key_record(value) for name, value in config.items()}
    if isinstance(config, list | tuple):
        return [key_record(value) for value in config]
    return config


def _default(setting: "Field[Any]") -> Any:
    if setting.default_factory is not MISSING:
        return setting.default_factory()
    return setting.default
