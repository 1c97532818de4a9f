"""How a configuration enters the key of a result."""

from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

OMIT_DEFAULT_FROM_KEY = {"later": True}
"""`metadata` of a setting added when results without it existed already: at its default it does not enter keys,
so those results stay valid."""
AT_QUERY = {"at_query": True}
"""`metadata` of a setting that only answers depend on, nothing that is prepared: it enters keys as its default,
whatever it is, so that changing it prepares nothing anew."""


def key_record(config: Any) -> Any:
    """A config dataclass as plain dictionaries for `liftlab.components.files.content_key`."""
    if is_dataclass(config) and not isinstance(config, type):
        given = {
            f: _default(f) if f.metadata.get("at_query") else getattr(config, f.name) for f in fields(config)
        }
        return {
            f.name: key_record(value)
            for f, value in given.items()
            if not (f.metadata.get("later") and value == _default(f))
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
