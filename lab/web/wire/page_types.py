"""Types of the wire for the page's scripts, made from the Python ones.

`python -m liftlab.web.wire.page_types lab/page/static/wire.d.ts` writes them. A script says what it uses in a
comment (`@import {State} from "./wire.js"`), and the type checker alone reads it: there is no `wire.js`.
"""

import dataclasses
import inspect
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from liftlab.files.settings import Setting, field_docstrings
from liftlab.web.search_routes import AddBody, AskBody, ShowBody
from liftlab.web.wire.commands import COMMANDS
from liftlab.web.wire.messages import Cells, Comparing, Hover, Scenes, State
from liftlab.web.wire.search import SearchState

ALIASES: dict[str, tuple[type, ...]] = {
    "Command": COMMANDS,
    "State": get_args(State),
    "Comparing": get_args(Comparing),
    "Message": (*get_args(State), *get_args(Comparing), Cells, Hover, Scenes),
    "SearchBody": (AskBody, ShowBody, AddBody),
}
"""Name of a union to what it may be."""
OTHERS = (SearchState, Setting)
"""Answers of requests."""
HEAD = """\
// Commands and messages between the page and its session: made from lab/web/wire by
// `python -m liftlab.web.wire.page_types lab/page/static/wire.d.ts`. Change those, not this file.
"""
TAIL = """\
export type CommandName = Command["do"];
/** What a command says besides its name. */
export type FieldsOf<N extends CommandName> = Omit<Extract<Command, { do: N }>, "do">;
/** Commands that say nothing but their name. */
export type BareName = { [N in CommandName]: keyof FieldsOf<N> extends never ? N : never }[CommandName];
/** Arguments after the name of a command: its fields, when it has any. */
export type FieldsAfter<N extends CommandName> = N extends BareName ? [] : [fields: FieldsOf<N>];
/** Gives the session a command. */
export type Send = <N extends CommandName>(command: N, ...fields: FieldsAfter<N>) => void;
"""
SIMPLE = {str: "string", int: "number", float: "number", bool: "boolean", NoneType: "null", Any: "unknown"}


def types_text() -> str:
    """All types as TypeScript declarations."""
    kinds = list(_reached((*(kind for union in ALIASES.values() for kind in union), *OTHERS)))
    names = [kind.__name__ for kind in kinds] + list(ALIASES)
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two types of one name: {sorted(twice)}")
    unions = [
        f"export type {name} = {' | '.join(kind.__name__ for kind in union)};\n"
        for name, union in ALIASES.items()
    ]
    return "\n".join([HEAD, *map(_interface, kinds), *unions, TAIL])


def _reached(kinds: Iterable[type]) -> Iterator[type]:
    """The types, and those of their fields, once each."""
    waiting, seen = list(kinds), set()
    while waiting:
        kind = waiting.pop(0)
        if kind in seen:
            continue
        seen.add(kind)
        yield kind
        waiting += [part for hint in get_type_hints(kind).values() for part in _records(hint)]


def _records(hint: Any) -> Iterator[type]:
    if _is_record(hint):
        yield hint
    for part in get_args(hint) if get_origin(hint) is not Literal else ():
        yield from _records(part)


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and (issubclass(hint, msgspec.Struct) or dataclasses.is_dataclass(hint))


def _interface(kind: type) -> str:
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if _is_record(base) and base is not msgspec.Struct:
            docs |= field_docstrings(base)
    lines = [_comment(inspect.cleandoc(kind.__doc__ or ""), ""), f"export interface {kind.__name__} {{"]
    config = getattr(kind, "__struct_config__", None)
    if config is not None and config.tag is not None:
        lines.append(f"  {config.tag_field}: {json.dumps(config.tag)};")
    for name, hint in get_type_hints(kind).items():
        if name in docs:
            lines.append(_comment(docs[name], "  "))
        lines.append(f"  {name}{'?' if _may_miss(kind, name) else ''}: {_type(hint)};")
    return "\n".join([*lines, "}\n"])


def _may_miss(kind: type, name: str) -> bool:
    """Whether a page may leave a field out; what comes from us is always whole."""
    if kind not in ALIASES["SearchBody"]:
        return False
    (field,) = [field for field in dataclasses.fields(kind) if field.name == name]
    return field.default is not dataclasses.MISSING


def _comment(text: str, indent: str) -> str:
    lines = text.replace("*/", "* /").splitlines()
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */"
    return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])


def _type(hint: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if hint in SIMPLE:
        return SIMPLE[hint]
    if _is_record(hint):
        return hint.__name__
    if origin is Literal:
        return " | ".join(json.dumps(value) for value in parts)
    if origin in (Union, UnionType):
        return " | ".join(_type(part) for part in parts)
    if origin is list or (origin is tuple and parts[-1] is ...):
        inner = _type(parts[0])
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if origin is tuple:
        return f"[{', '.join(map(_type, parts))}]"
    if origin is dict and parts[0] is str:
        return f"{{ [name: string]: {_type(parts[1])} }}"
    raise TypeError(f"{hint} has no counterpart in the page's scripts")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(types_text(), encoding="utf-8")
