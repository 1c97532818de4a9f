"""Configurations as people's files hold them: plain JSON, and back into their dataclasses."""

import dataclasses
import json
import logging
from typing import Any, TypeVar

from components.errors import InputError

log = logging.getLogger("liftlab.engine")

T = TypeVar("T")


def config_from_record(config_class: type[T], record: dict[str, Any]) -> T:
    """A config dataclass from its plain form. Raises InputError naming what does not fit."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(config_class).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"The setting '{place}' cannot be used: {first['msg']}.") from error


def recorded_config(config_class: type[T], record: dict[str, Any]) -> T:
    """A config as it was used before; the defaults where an earlier version knew settings that this one does not."""
    try:
        return config_from_record(config_class, record)
    except InputError as error:
        log.warning("Recorded settings are of another version, so the defaults are used: %s", error)
        return config_class()


def to_plain(config: Any) -> dict[str, Any]:
    """A config dataclass as JSON-ready dictionaries and lists."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=str))
