"""A session as JSON, so that a reload finds its objects again; docs/formats.md describes it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from liftlab.components.bounds import Count, Name, few
from liftlab.components.errors import InputError
from liftlab.files.config_records import config_from_record, to_plain
from liftlab.files.reading import Misfit, from_plain
from liftlab.session.arrangement import Arrangement
from liftlab.session.given_names import names_follow
from liftlab.session.objects import ObjectAsk
from liftlab.session.prompts import check_click, check_names, check_stroke

if TYPE_CHECKING:
    from liftlab.session.session import Session

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SavedSession:
    """sessions/ID.json."""

    schema_version: int
    scene: Name | None
    """Name of the open scene."""
    method: Name
    current: Count | None
    """Number of the object that clicks go to."""
    objects: Annotated[tuple[ObjectAsk, ...], few(0, 10_000)]
    config: dict[str, Any] | None = None
    """Of the method; null for its defaults."""
    arrangement: Arrangement = field(default_factory=Arrangement)
    """How they stand in the scene; absent in what earlier versions saved."""


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
    if not isinstance(value, dict) or value.get("schema_version") != SCHEMA_VERSION:
        raise InputError("The saved prompts are of another version and cannot be restored.")
    try:
        saved = from_plain(value, SavedSession)
    except Misfit as error:
        raise InputError(f"The saved prompts are damaged ({error}) and cannot be restored.") from error
    check_names(ask.prompts.object for ask in saved.objects)
    if len({ask.id for ask in saved.objects}) != len(saved.objects):
        raise InputError(
            "The saved prompts are damaged (two objects have one number) and cannot be restored."
        )
    config = saved.config
    if config is not None:
        from liftlab.pipelines.base import get_method

        config = config_from_record(get_method(saved.method).config_class, config)
    session.lab.segmenter(saved.method, config)
    if saved.scene is not None:
        scene = session.lab.scene(saved.scene)
        for ask in saved.objects:
            for click in ask.prompts.clicks:
                check_click(scene, click)
            for stroke in ask.prompts.strokes:
                check_stroke(scene, stroke)
        session.open(saved.scene)
    session._forget_objects()
    session._asks = list(saved.objects)
    session.stage.arrangement = saved.arrangement
    session._next_id = max((ask.id for ask in saved.objects), default=0) + 1
    session._current = saved.current if any(ask.id == saved.current for ask in saved.objects) else None
    session._prepared = None  # so that the objects are answered
    session._use_method(saved.method, config)
    for ask in saved.objects:
        names_follow(session, None, ask, session._answers.get(ask.id))
