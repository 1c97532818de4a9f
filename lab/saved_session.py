"""A session as JSON, so that a reload finds its objects again; docs/formats.md describes it."""

from typing import TYPE_CHECKING, Any

from components.errors import InputError
from lab.arrangement import arrangement_from
from lab.config_records import config_from_record, to_plain
from lab.given_names import names_follow
from lab.objects import ObjectAsk
from lab.prompts import check_click, check_stroke, checked_object_name

if TYPE_CHECKING:
    from lab.session import Session

SCHEMA_VERSION = 1


def record_of(session: "Session") -> dict[str, Any]:
    """Everything `restore` needs, as JSON-ready values. Call with the session's lock held."""
    return {
        "schema_version": SCHEMA_VERSION,
        "scene": session._scene_name,
        "method": session._method,
        "config": None if session._config is None else to_plain(session._config),
        "current": session._current,
        "objects": [to_plain(ask) for ask in session._asks],
        "arrangement": to_plain(session.stage.arrangement),
    }


def restore(session: "Session", value: dict[str, Any]) -> None:
    """Take up a record. Call with the session's lock held.

    Raises:
        InputError: It was saved by a newer version, is damaged, or its scene is gone; the session is unchanged.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(value, dict) or value.get("schema_version") != SCHEMA_VERSION:
        raise InputError("The saved prompts are of another version and cannot be restored.")
    try:
        asks = TypeAdapter(list[ObjectAsk]).validate_python(value["objects"])
        for ask in asks:
            checked_object_name(ask.prompts.object)  # becomes the name of files
        scene_name, method, current = value["scene"], value["method"], value["current"]
    except (KeyError, ValidationError) as error:
        raise InputError("The saved prompts are damaged and cannot be restored.") from error
    arrangement = arrangement_from(value.get("arrangement", {}))  # absent in what earlier versions saved
    config = value.get("config")
    if config is not None:
        from pipelines.base import get_method

        config = config_from_record(get_method(method).config_class, config)
    if scene_name is not None:
        scene = session.open(scene_name)
        for ask in asks:
            for click in ask.prompts.clicks:
                check_click(scene, click)
            for stroke in ask.prompts.strokes:
                check_stroke(scene, stroke)
    session._forget_objects()
    session._asks = list(asks)
    session.stage.arrangement = arrangement
    session._next_id = max((ask.id for ask in asks), default=0) + 1
    session._current = current if any(ask.id == current for ask in asks) else None
    session._prepared = None  # so that the objects are answered
    session._use_method(method, config)
    for ask in asks:
        names_follow(session, None, ask, session._answers.get(ask.id))
