"""What the browser is told, without the places of files on the server: a path becomes the name at its end."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LONGEST = 20_000
"""Longer texts are pictures or code, not sentences; characters."""
AS_THEY_ARE = frozenset({"code", "url"})
"""Fields of our own messages that are no sentences: a cell as Python, and addresses."""

_STOP = r"\s'\"`<>,;()\[\]{}|"
_PATH = re.compile(
    rf"(?:file:)?(?<![\w/.~<-])(?!(?<=:)//)(?:/+[^/:{_STOP}]+){{2,}}/*"  # /a/b, but not the rest of https://a/b
    rf"|file:/+[^{_STOP}]+"
    rf"|\b[A-Za-z]:\\[^{_STOP}]+"
)


def without_paths(text: str, roots: Sequence[Path] = ()) -> str:
    """`text` with every absolute path cut down to its last name.

    Args:
        roots: Folders of the server known to the caller; they go even where they hold spaces.
    """
    if "/" not in text and "\\" not in text:
        return text
    for root in (*map(str, roots), str(Path.home()), tempfile.gettempdir()):
        if len(root) > 1:
            text = text.replace(root + "/", "/-/").replace(root, Path(root).name)
    return _PATH.sub(_last_name, text)


def message_without_paths(
    message: Any, roots: Sequence[Path] = (), *, kept: frozenset[str] = frozenset()
) -> Any:
    """The same for every sentence in a message of the live line or of an event, at any depth.

    Args:
        kept: Names of fields that pass untouched.
    """
    if isinstance(message, str):
        is_picture = len(message) > LONGEST or message.startswith("data:")
        return message if is_picture else without_paths(message, roots)
    if isinstance(message, dict):
        return {
            key: value if key in kept else message_without_paths(value, roots, kept=kept)
            for key, value in message.items()
        }
    if isinstance(message, list | tuple):
        return [message_without_paths(value, roots, kept=kept) for value in message]
    return message


def _last_name(match: re.Match[str]) -> str:
    path = match[0]
    ending = "." if path.endswith(".") else ""
    return re.split(r"[/\\]+", path.rstrip("/\\."))[-1] + ending
