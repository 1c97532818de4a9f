"""JSON from people, files and pages becomes our types here, and nowhere else: bounded in size and depth, every number
in its range, and one sentence where it does not fit.

A type says its own bounds (`components.bounds`). A class that stands for several others says which one a record is:
its `variant_of` gives the class, and `VARIANTS` names them all.
"""

import codecs
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from liftlab.components.errors import InputError

T = TypeVar("T")

BYTES_MAX = 64 << 20
"""Of a file of JSON; the masks of hundreds of kept objects stay below it."""
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
"""Characters that no name has: control characters, ends of lines, halves of characters."""
_ONE_READER = threading.RLock()
"""msgspec notes what a class looks like when it first reads one. A second thread that reads the same class meanwhile
finds half of that, and the process ends (seen as a segmentation fault in its `_core`)."""
_PLACE = re.compile(r" - at `(?:key in )?([^`]*)`")
_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)|\[\.\.\.\]")
_WORDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "null": "null",
    "array": "a list", "object": "an object",
}  # fmt: skip


@dataclass(frozen=True)
class Misfit(ValueError):
    """A value does not fit its type."""

    place: tuple[str | int, ...]
    """Names of fields and indices, from the outside in."""
    problem: str
    """Goes after the name of the place: "must be between 0 and 1; got 3"."""

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.place)
        return f"{where} {self.problem}" if where else self.problem


def read_file(path: Path, what: str) -> bytes:
    """The bytes of a JSON file.

    Args:
        what: What it is, for sentences: "notebook".

    Raises:
        InputError: It is not there, cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise InputError(f"There is no {what} here: {path}") from None
    except OSError as error:
        raise InputError(f"The {what} cannot be read ({error.strerror}): {path}") from error
    if len(data) > BYTES_MAX:
        raise InputError(f"The {what} is larger than {BYTES_MAX >> 20} MiB and is not read: {path}")
    return data


def from_json(data: bytes | str, kind: type[T]) -> T:
    """A value of type `kind` from JSON text.

    Raises:
        Misfit: It is valid JSON and no `kind`.
        ValueError: It is no JSON, or is nested too deeply; the message says which, in a few words.
    """
    return _read(lambda: msgspec.json.decode(_utf8(data), type=kind, dec_hook=_variant), kind)


def plain_from_json(data: bytes | str) -> Any:
    """Dictionaries, lists, numbers and texts of JSON text. Raises ValueError as `from_json`; NaN is no JSON."""
    return _read(lambda: msgspec.json.decode(_utf8(data)), Any)


def from_plain(value: Any, kind: type[T], *, lax: bool = False) -> T:
    """A value of type `kind` from plain dictionaries, lists, numbers and texts.

    Args:
        lax: Take 1000.0 or "1000" for a whole number, too.

    Raises:
        Misfit: It does not fit.
        InputError: A class that checks itself says why.
    """
    return _read(lambda: msgspec.convert(value, kind, strict=not lax, dec_hook=_variant), kind)


def _utf8(data: bytes | str) -> bytes | str:
    """Text without the byte order mark that some editors put before it, and from UTF-16 where that says so."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16").encode("utf-8")
    return data.removeprefix(codecs.BOM_UTF8)


def _read(read: Callable[[], T], kind: Any) -> T:
    try:
        with _ONE_READER:
            return read()
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, InputError):  # a configuration that checks itself says it all
            raise error.__cause__ from error
        raise _misfit(str(error), kind) from error
    except msgspec.DecodeError as error:
        raise ValueError(f"it is not valid JSON: {error}") from error
    except UnicodeError as error:
        raise ValueError("it is not valid JSON: not UTF-8 text") from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _variant(kind: type, record: Any) -> Any:
    """A record of a class that stands for several others."""
    choose = getattr(kind, "variant_of", None)
    if choose is None:
        raise NotImplementedError(f"{kind} cannot be read")
    if not isinstance(record, dict):
        raise ValueError("must be an object")
    try:
        return msgspec.convert(record, choose(record), dec_hook=_variant)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error  # so that the place of the record is put before the field's


def _misfit(message: str, kind: Any) -> Misfit:
    """What msgspec says, in our words."""
    places = list(_PLACE.finditer(message))
    place: list[str | int] = []
    for found in reversed(places):  # the outermost comes last
        for index, name in _PART.findall(found[1].lstrip("$")):
            place.append(int(index) if index else name or "...")
    text = message[: places[0].start()] if places else message
    if field := re.search(r"required field `(.+?)`", text):
        return Misfit((*place, field[1]), "is missing")
    if field := re.search(r"unknown field `(.+?)`", text):
        return Misfit((*place, field[1]), "is no field here")
    return Misfit(tuple(place), _problem(text, _hint_at(kind, place)))


def _problem(text: str, hint: Any) -> str:
    if limit := re.fullmatch(r"Expected `(?:int|float)` (<=|>=|<|>) (\S+)", text):
        if (within := range_text(hint)) is not None:
            return f"must be {within}"
        return f"must be at {'most' if limit[1][0] == '<' else 'least'} {float(limit[2]):g}"
    if limit := re.fullmatch(r"Expected `(\w+)` of length (<=|>=) (\d+)", text):
        of = "characters" if limit[1] == "str" else "entries"
        return f"must have at {'most' if limit[2] == '<=' else 'least'} {limit[3]} {of}"
    if "matching regex" in text:
        return "has characters or a form that cannot be used"
    if text.startswith("Invalid enum value"):
        options = get_args(hint) if get_origin(hint) is Literal else ()
        return f"must be one of {', '.join(map(str, options))}" if options else "is none of the known words"
    if types := re.fullmatch(r"Expected `([^`]+)`, got `([^`]+)`", text):
        wanted = " or ".join(_WORDS.get(part, part) for part in types[1].split(" | "))
        if (within := range_text(hint)) is not None:
            wanted += f" {within}"
        return f"must be {wanted}; got {_WORDS.get(types[2], types[2])}"
    return text[0].lower() + text[1:]


def range_text(hint: Any) -> str | None:
    """The range of a type of number for people, "between 1 and 4096"; None where it has none."""
    low, high = bounds_of(hint)
    return None if low is None or high is None else f"between {low:g} and {high:g}"


def bounds_of(hint: Any) -> tuple[float | None, float | None]:
    """Lowest and highest value of a type of number (or null); None where it has none."""
    for part in (hint, *get_args(hint)):
        if get_origin(part) is Annotated:
            for meta in part.__metadata__:
                if isinstance(meta, msgspec.Meta) and meta.ge is not None:
                    return meta.ge, meta.le  # type: ignore[return-value]
    return None, None


def _hint_at(hint: Any, place: Sequence[str | int]) -> Any:
    """The type found at a place within a type; None where that cannot be told."""
    if not place:
        return hint
    part, rest = place[0], place[1:]
    hint = _bare(hint)
    found: list[Any] = []
    if isinstance(hint, type):  # of a class that stands for others, whichever has the place
        found = [
            get_type_hints(each, include_extras=True).get(str(part))
            for each in (hint, *hint.__subclasses__())
        ]
    elif isinstance(part, int):
        inner = [each for each in get_args(hint) if each is not ...]
        found = inner[min(part, len(inner) - 1) :][:1]
    return next((at for each in found if each is not None and (at := _hint_at(each, rest)) is not None), None)


def _bare(hint: Any) -> Any:
    if get_origin(hint) is Annotated:
        return _bare(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _bare(next((part for part in get_args(hint) if part is not type(None)), None))
    return hint
