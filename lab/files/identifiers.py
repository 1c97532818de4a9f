"""What becomes part of a path: names of scenes and captures, keys of results, methods, browsers.

Whatever comes in from outside (a request, the command line, a file read back from the disk) becomes one of these types
here, once, or is refused with a sentence. Paths are then built by `liftlab.components.files.inside` alone.
"""

import re
from collections.abc import Callable
from typing import NewType

from liftlab.components.errors import InputError
from liftlab.components.files import is_device_name

Name = NewType("Name", str)
"""Of a scene, a capture or a notebook."""
Key = NewType("Key", str)
"""Of a result: the hash of what it was made from."""
MethodName = NewType("MethodName", str)
VisitorId = NewType("VisitorId", str)
"""Of one browser; made by the lab, kept in its cookie."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_VISITOR = re.compile(r"[A-Za-z0-9_-]{16,64}")
SHOWN_MAX = 80


def checked_name(name: str) -> Name:
    """`name` when it can be a file name everywhere. Raises InputError with the rule otherwise."""
    if not _matches(_NAME, name) or name.endswith((".", " ")):
        raise InputError(
            f"The name '{_shown(name)}' cannot be used: take up to 64 letters, digits, spaces, dots, dashes and "
            "underscores, starting with a letter or digit."
        )
    return Name(name)


def fresh_name(name: str) -> Name:
    """`checked_name` for what gets its name now; what was called like a device before still opens."""
    if is_device_name(name):
        raise InputError(f"'{_shown(name)}' is the name of a device on Windows; choose another name.")
    return checked_name(name)


def checked_key(key: str) -> Key:
    """`key` when it can be the key of a result. Raises InputError otherwise."""
    if not _matches(_KEY, key):
        raise InputError(f"'{_shown(key)}' is not the key of a result; build the scene again.")
    return Key(key)


def checked_method(method: str) -> MethodName:
    """`method` when it can be the name of a method, installed or not. Raises InputError otherwise."""
    if not _matches(_METHOD, method):
        raise InputError(f"'{_shown(method)}' is not the name of a method; see `liftlab methods`.")
    return MethodName(method)


def checked_visitor_id(visitor: str) -> VisitorId:
    """`visitor` when the lab could have made it (`secrets.token_urlsafe`). Raises InputError otherwise."""
    if not _matches(_VISITOR, visitor):
        raise InputError("This browser is not known; open the page again.")
    return VisitorId(visitor)


def is_name(text: str) -> bool:
    """Whether `checked_name` takes it."""
    return _passes(checked_name, text)


def is_key(text: str) -> bool:
    """Whether `checked_key` takes it."""
    return _passes(checked_key, text)


def visitor_id_is_valid(visitor: str) -> bool:
    """Whether `checked_visitor_id` takes it."""
    return _matches(_VISITOR, visitor)


def name_from(text: str) -> Name:
    """A usable name made from any text, for example a file name."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._ ")[:48].strip("-._ ")
    return Name(f"capture-{cleaned}" if is_device_name(cleaned) else cleaned or "capture")


def _passes(check: Callable[[str], str], text: str) -> bool:
    try:
        check(text)
    except InputError:
        return False
    return True


def _matches(rule: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and rule.fullmatch(text) is not None


def _shown(text: object) -> str:
    """What is said of a refused identifier: short, printable, one line."""
    return printable(str(text)[:SHOWN_MAX])


def printable(text: str) -> str:
    """`text` as it can be shown on one line: with escapes where it holds what cannot."""
    return text if text.isprintable() else ascii(text)[1:-1]
