"""A session as JSON, so that a reload finds its objects again; docs/formats.md describes it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from liftlab.components.bounds import Count, FileName, Key, Line, Name, few
from liftlab.components.errors import InputError
from liftlab.components.types import Scene
from liftlab.files.config_records import to_plain
from liftlab.files.reading import Misfit, from_plain
from liftlab.session.arrangement import Arrangement
from liftlab.session.objects import MethodChoice, ObjectRequest
from liftlab.session.prompts import check_click, check_names, check_stroke

if TYPE_CHECKING:
    from liftlab.session.session import Session

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class SavedView:
    """What was on the screen."""

    photo: FileName | None = None
    surface: Line = "points"
    """Of the 3D view."""
    tone: Line = "photo"
    """Where its colours came from."""
    rest: Line = "shown"
    """How everything but the objects was drawn."""
    hidden: Annotated[tuple[Count, ...], few(0, 10_000)] = ()
    """Objects whose colours were off."""

    @property
    def plain(self) -> dict[str, Any]:
        return to_plain(self)


@dataclass(frozen=True)
class SavedSession:
    """sessions/PERSON/ID.json."""

    schema_version: int
    scene: Name | None
    """Name of the open scene."""
    method: Name
    current: Count | None
    """Number of the object that clicks go to."""
    objects: Annotated[tuple[ObjectRequest, ...], few(0, 10_000)]
    config: dict[str, Any] | None = None
    """Of the method; null for its defaults."""
    arrangement: Arrangement = field(default_factory=Arrangement)
    """How they stand in the scene; absent in what earlier versions saved."""
    scene_key: Key | None = None
    """Of the reconstruction that was clicked in; absent in what earlier versions saved."""
    name: Line = ""
    """What the person called this work; empty while it has no name."""
    view: SavedView | None = None
    """What was on the screen; absent where there was no page."""

    @property
    def choice(self) -> MethodChoice:
        """What answers objects that do not say, and the next one."""
        return MethodChoice(self.method, self.config)

    def check_methods(self) -> None:
        """Raise InputError for an unknown method or setting."""
        from liftlab.pipelines.base import get_method

        for choice in (self.choice, *(entry.method for entry in self.objects if entry.method is not None)):
            get_method(choice.name)
            _ = choice.settings

    def check_prompts(self, scene: Scene) -> None:
        """Raise InputError unless every click and stroke is in a photo of the scene."""
        for entry in self.objects:
            for click in entry.prompts.clicks:
                check_click(scene, click)
            for stroke in entry.prompts.strokes:
                check_stroke(scene, stroke)


def saved_of(session: "Session") -> SavedSession:
    """Everything `Session.from_json` needs. Call with the session's lock held."""
    choice = session.book.choice
    return SavedSession(
        schema_version=SCHEMA_VERSION,
        scene=session.scene_name,
        method=choice.name,
        current=session.book.current_id,
        objects=session.book.entries,
        config=choice.config,
        arrangement=session.stage.arrangement,
        scene_key=None if session.answerer.scene is None else session.answerer.scene.key,
    )


def saved_from(value: Any) -> SavedSession:
    """The saved session that a JSON value is. InputError when it was saved by a newer version, or is damaged."""
    if not isinstance(value, dict) or value.get("schema_version") != SCHEMA_VERSION:
        raise InputError("The saved prompts are of another version and cannot be restored.")
    try:
        saved = from_plain(value, SavedSession)
    except Misfit as error:
        raise InputError(f"The saved prompts are damaged ({error}) and cannot be restored.") from error
    check_names(entry.prompts.object for entry in saved.objects)
    if len({entry.id for entry in saved.objects}) != len(saved.objects):
        raise InputError(
            "The saved prompts are damaged (two objects have one number) and cannot be restored."
        )
    return saved
