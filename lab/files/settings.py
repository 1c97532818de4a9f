"""A method's settings for people: what its configuration dataclass says about every field."""

import ast
import dataclasses
import inspect
import textwrap
import types
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints

from liftlab.components.registry import registry_of

Kind = Literal["whole", "number", "truth", "choice", "text"]


@dataclass(frozen=True)
class Setting:
    """One field of a configuration, groups reached into with dots."""

    name: str
    """For example "train.iterations"."""
    help: str
    """The field's docstring."""
    kind: Kind
    default: Any
    options: tuple[Any, ...] = ()
    """Of a "choice"."""
    optional: bool = False
    """None is allowed."""


def settings_of(config_class: type) -> tuple[Setting, ...]:
    """All settings of a configuration dataclass in order; fields that hold no single value are left out."""
    found: list[Setting] = []
    _collect(config_class, config_class(), "", found)
    return tuple(found)


def _collect(config_class: type, default: Any, prefix: str, found: list[Setting]) -> None:
    hints, helps = get_type_hints(config_class), field_docstrings(config_class)
    for entry in dataclasses.fields(config_class):
        hint, value = hints[entry.name], getattr(default, entry.name)
        name = prefix + entry.name
        if dataclasses.is_dataclass(hint):
            _collect(hint, value, f"{name}.", found)  # type: ignore[arg-type]
            continue
        registry = registry_of(entry)
        if registry is not None:
            found.append(Setting(name, helps.get(entry.name, ""), "choice", value, tuple(registry.names())))
            continue
        kind, options, optional = _kind(hint)
        if kind is not None:
            found.append(Setting(name, helps.get(entry.name, ""), kind, value, options, optional))


def _kind(hint: Any) -> tuple[Kind | None, tuple[Any, ...], bool]:
    """Kind of a type, its options, and whether None is allowed; no kind for what is no single value."""
    if get_origin(hint) is Literal:
        return "choice", get_args(hint), False
    if isinstance(hint, types.UnionType) and type(None) in get_args(hint):
        (inner,) = [part for part in get_args(hint) if part is not type(None)] or (None,)
        kind, options, _ = _kind(inner)
        return kind, options, True
    plain: dict[Any, Kind] = {bool: "truth", int: "whole", float: "number", str: "text"}
    return plain.get(hint), (), False


def field_docstrings(config_class: type) -> dict[str, str]:
    """The string beneath every field of a dataclass and of those it extends."""
    docs: dict[str, str] = {}
    for base in reversed(config_class.__mro__[1:]):
        if dataclasses.is_dataclass(base):
            docs |= _own_docstrings(base)
    return docs | _own_docstrings(config_class)


@cache
def _own_docstrings(config_class: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(config_class)))
    except (OSError, TypeError):  # no source: a class made at run time
        return {}
    body = tree.body[0].body  # type: ignore[attr-defined]
    out: dict[str, str] = {}
    for before, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            out[before.target.id] = inspect.cleandoc(str(after.value.value))
    return out
