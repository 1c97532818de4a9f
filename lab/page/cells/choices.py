"""Drop-downs over the registries of choices, and what they say of an entry that cannot be used here yet."""

from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.pipelines.choices.record import ChoiceRecord, missing

if TYPE_CHECKING:
    from liftlab.components.registry import Registry
    from liftlab.web.visitor import Visitor


def options_of(registry: "Registry[Any]", label: str = "label") -> list[tuple[str, str]]:
    """(what people read, name) of every entry, for a drop-down.

    Args:
        label: Field of the record that people read.
    """
    return [(_capital(vars(entry)[label]), entry.name) for entry in registry.records()]


def say_what_is_missing(visitor: "Visitor", cell: str, *chosen: ChoiceRecord) -> None:
    """Show in a cell how to get what the entries that were chosen need; nothing where they can be used."""
    visitor.cells[cell].warnings = _lacks(chosen)
    visitor.push_cells()


def stopped_by(visitor: "Visitor", cell: str, *chosen: ChoiceRecord) -> bool:
    """Whether something that was chosen cannot be used here; the cell then says what is missing."""
    lacks = _lacks(chosen)
    if lacks:
        visitor.fail(cell, " ".join(lacks))
    return bool(lacks)


def _lacks(chosen: tuple[ChoiceRecord, ...]) -> tuple[str, ...]:
    """Sentences, each once, though several entries may run on one model."""
    try:
        return tuple(dict.fromkeys(sentence for entry in chosen if (sentence := missing(entry))))
    except InputError as error:  # the catalogue cannot be read
        return (str(error),)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
