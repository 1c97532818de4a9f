"""Errors whose text is written for the person at the page or the terminal."""

import re
from collections.abc import Sequence

_LONGEST_NAME = 60


class InputError(ValueError):
    """What a person gave cannot be used; the message is one sentence saying what is wrong and what to do.

    The lab shows the message as it is. Anything else that escapes is our defect and is logged with its traceback.
    Names in the message may come from files: what no terminal and no page can show is replaced (`printable`).
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class Cancelled(Exception):
    """Raised inside a step when its `CancelToken` was set; nothing of the step is kept."""


def printable(text: str) -> str:
    """`text` with "?" for lone surrogates and control characters: it can be encoded, shown and sent."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c in "\n\t" or c.isprintable() or c.isspace() else "?" for c in text)


def shown(name: object) -> str:
    """A name or value of a file for a sentence: printable, and cut in the middle when it is long."""
    text = printable(str(name)) if isinstance(name, str) else repr(name)
    half = _LONGEST_NAME // 2
    return text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}"


def listed(names: Sequence[str], *, most: int = 6) -> str:
    """Names for a sentence: "a, b and c"; longer lists end in "and n more", none is nothing."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def counted(number: int, thing: str) -> str:
    """ "1 object", "3 objects"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def told_once(sentences: Sequence[tuple[str, str]]) -> list[str]:
    """Sentences about named things, each kind once: "a.jpg is cut short; copy it again. Likewise b.jpg and c.jpg."

    Args:
        sentences: Name and sentence; those that differ only in the name and in numbers are of one kind.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for name, sentence in sentences:
        kinds.setdefault(re.sub(r"\d+", "#", sentence.replace(name, "")), []).append((name, sentence))
    return [
        first if not more else f"{first} Likewise {listed([name for name, _ in more])}."
        for (_, first), *more in kinds.values()
    ]


def closest(name: str, available: list[str]) -> str:
    """Return "Did you mean 'x'? Available: ..." for an unknown `name`; without a near match only the list."""
    import difflib

    near = difflib.get_close_matches(name, available, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Available: {', '.join(available) or 'none'}."
