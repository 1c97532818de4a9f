"""Configurations as people's files hold them: plain JSON, and back into their dataclasses."""

import dataclasses
import json
import logging
from typing import Any, TypeVar

import msgspec

from liftlab.components.errors import InputError
from liftlab.components.registry import PluginError
from liftlab.files.reading import Misfit, from_plain

log = logging.getLogger("liftlab.engine")

T = TypeVar("T")


def config_from_record(config_class: type[T], record: dict[str, Any]) -> T:
    """A config dataclass from its plain form: of a file, of the command line, of the page's settings.

    Raises:
        InputError: It names the setting that does not fit, and its range.
    """
    try:
        return from_plain(record, config_class, lax=True)
    except Misfit as error:
        place = ".".join(str(part) for part in error.place)
        raise InputError(f"The setting '{place}' cannot be used: it {error.problem}.") from error


def recorded_config(config_class: type[T], record: dict[str, Any]) -> T:
    """A config as it was used before; the defaults where an earlier version knew settings that this one does not."""
    try:
        return config_from_record(config_class, record)
    except PluginError:  # named by the record, and broken: no reason to compute something else
        raise
    except InputError as error:
        log.warning("Recorded settings are of another version, so the defaults are used: %s", error)
        return config_class()


def to_plain(config: Any) -> dict[str, Any]:
    """A config dataclass as JSON-ready dictionaries and lists."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=_plain))


def _plain(value: Any) -> Any:
    return msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else str(value)
