"""Objects of scenes that are not open: put away when another scene is opened, and taken up when theirs is again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.components.types import Scene
from liftlab.session.arrangement import Arrangement
from liftlab.session.objects import MethodChoice, ObjectRequest
from liftlab.session.prompts import WorldClick, check_click, check_stroke

if TYPE_CHECKING:
    from liftlab.session.session import Session


@dataclass(frozen=True)
class PutAway:
    """What a session had of one scene."""

    scene_key: str
    objects: tuple[ObjectRequest, ...]
    current: int | None
    choice: MethodChoice
    arrangement: Arrangement
    edits: tuple[tuple[Any, ...], int]
    """Of the history: all of them, and its cursor."""


def put_away(session: "Session", scene_key: str) -> PutAway:
    """What a session has of the scene that is left. Call with the session's lock held."""
    book = session.book
    return PutAway(
        scene_key, book.entries, book.current_id, book.choice, session.stage.arrangement,
        session.history.put_away(),
    )  # fmt: skip


def take_up(session: "Session", away: PutAway, scene: Scene) -> str:
    """Have again what was put away, answered. Call with the session's lock held, after the scene was opened.

    Returns:
        A sentence on what does not fit the scene any more and was left out; nothing when it is the same scene.
    """
    if away.scene_key == scene.key:
        session.book.fill(away.objects, away.current, away.choice)
        session.stage.put(away.arrangement)
        session.history.take_up(*away.edits)
        session.answerer.refresh(session.book.entries)
        return ""
    objects, arrangement, sentence = fitting(away.objects, away.arrangement, scene)
    session.book.fill(objects, away.current, away.choice)
    session.stage.put(arrangement)
    session.answerer.refill(session.book.entries)
    return sentence


def fitting(
    objects: Sequence[ObjectRequest], arrangement: Arrangement, scene: Scene
) -> tuple[tuple[ObjectRequest, ...], Arrangement, str]:
    """What of the objects of an earlier reconstruction fits this one.

    Clicks in photos do where the photo has a place; clicks in 3D and the arrangement were made in another frame.

    Returns:
        All objects, the arrangement, and a sentence on what was left out; nothing when all fits.
    """
    kept, names = [], []
    for entry in objects:
        asked = entry.prompts
        clicks = tuple(
            click
            for click in asked.clicks
            if not isinstance(click, WorldClick) and _fits(check_click, scene, click)
        )
        strokes = tuple(stroke for stroke in asked.strokes if _fits(check_stroke, scene, stroke))
        if (clicks, strokes) != (asked.clicks, asked.strokes):
            names.append(asked.object)
        kept.append(replace(entry, prompts=replace(asked, clicks=clicks, strokes=strokes)))
    said = []
    if names:
        said.append(
            "The scene was made again since: clicks in 3D, and in photos without a place in it, do not fit any more "
            f"and were left out of {', '.join(names)}."
        )
    if not arrangement.untouched:
        said.append("Everything stands where the new reconstruction has it.")
    return tuple(kept), Arrangement(), " ".join(said)


def _fits(check: Any, scene: Scene, mark: Any) -> bool:
    try:
        check(scene, mark)
    except InputError:
        return False
    return True
