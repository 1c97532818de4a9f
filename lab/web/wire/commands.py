"""All that a page may ask for over the live line."""

from typing import TYPE_CHECKING, Any, get_args

from liftlab.files.reading import from_json
from liftlab.web.wire.changes import AnyChange
from liftlab.web.wire.fields import Do
from liftlab.web.wire.scenes import AnyScene
from liftlab.web.wire.views import AnyView
from liftlab.web.wire.works import AnyWork

if TYPE_CHECKING:
    from liftlab.web.visitor import Visitor

MAX_COMMAND_BYTES = 4096
SAID_OF_ERROR = 200
"""Characters of what is wrong with a message; it may hold what came in."""

Command = AnyChange | AnyView | AnyWork | AnyScene
COMMANDS: tuple[type[Do], ...] = get_args(Command)


def command_of(message: str) -> Do:
    """The command that a message is.

    Raises:
        ValueError: It is not a command with exactly its fields.
    """
    if len(message) > MAX_COMMAND_BYTES:
        raise ValueError("message too long")
    try:
        return from_json(message, Command)  # type: ignore[arg-type]
    except ValueError as error:
        raise ValueError(f"not a command: {str(error)[:SAID_OF_ERROR]!r}") from error


def perform(visitor: "Visitor", message: str) -> Any:
    """Do what one message asks; what it returns is a message for the asking page alone.

    Raises:
        ValueError: It is not a command.
    """
    return command_of(message).perform(visitor)
