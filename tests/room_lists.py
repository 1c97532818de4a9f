"""What each room makes public, in the docstring of its `__init__.py`; `python -m tests.room_lists` writes it anew.

Public is what modules of other rooms import. A room whose `__init__.py` has `__all__` says it there.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOMES = {"lab": "liftlab", "components": "liftlab.components", "pipelines": "liftlab.pipelines"}
READERS = (*HOMES, "benchmarks", "examples", "assets")
HEAD = "Public, by module:"
WIDTH = 120


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def rooms() -> dict[str, Path]:
    """Every room by its dotted name, but for those that say what is public with `__all__`."""
    found = {}
    for folder, package in HOMES.items():
        for path in sorted((ROOT / folder).rglob("__init__.py")):
            if not any(
                "__all__" in ast.unparse(node) for node in tree_of(path).body if isinstance(node, ast.Assign)
            ):
                found[".".join([package, *path.parent.relative_to(ROOT / folder).parts])] = path
    return found


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Names a file imports, each with the module it comes from."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ""


def public_names() -> dict[str, dict[str, set[str]]]:
    """Of each room the modules that others import from, each with the names that they take: none where they import
    the module itself.
    """
    known = rooms()
    found: dict[str, dict[str, set[str]]] = {name: {} for name in known}
    for folder in READERS:
        for path in (ROOT / folder).rglob("*.py"):
            own = path.parent
            for module, name in imported(path):
                whole = module in known and (known[module].parent / f"{name}.py").exists()
                room, _, last = f"{module}.{name}".rpartition(".") if whole else module.rpartition(".")
                if (
                    room in known
                    and known[room].parent != own
                    and (known[room].parent / f"{last}.py").exists()
                ):
                    found[room].setdefault(last, set()).update(set() if whole else {name} - {""})
    return found


def listed_in(path: Path) -> dict[str, set[str]]:
    """The list that a room's docstring has."""
    text = ast.get_docstring(tree_of(path)) or ""
    if HEAD not in text:
        return {}
    lines = re.sub(r"\n {4,}", " ", text.split(HEAD)[1]).strip().split("\n")
    pairs = [line.removeprefix("- ").partition(":") for line in lines]
    return {module.strip("` "): {n for n in re.split(r"[,\s]+", names) if n} for module, _, names in pairs}


def list_of(names: dict[str, set[str]]) -> str:
    """The list as it stands in the docstring."""
    lines = []
    for module, taken in sorted(names.items()):
        line = f"- `{module}`" + (
            f": {', '.join(sorted(taken, key=lambda name: (name.lower(), name)))}" if taken else ""
        )
        lines += textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    return "\n".join(lines)


def write_all() -> None:
    for room, names in public_names().items():
        path = rooms()[room]
        source = path.read_text(encoding="utf-8")
        said = ast.get_docstring(tree_of(path), clean=False)
        assert said is not None, room
        if not names:  # what runs in a process of its own, or is found by its name
            continue
        sentence = said.split(f"\n\n{HEAD}")[0].rstrip()
        new = f"{sentence}\n\n{HEAD}\n\n{list_of(names)}\n"
        path.write_text(source.replace(f'"""{said}"""', f'"""{new}"""', 1), encoding="utf-8")


if __name__ == "__main__":
    write_all()
