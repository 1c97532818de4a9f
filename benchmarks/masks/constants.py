"""Numbers set by hand in masks, clicks and words: what is neither learned nor measured.

    python -m benchmarks.masks.constants
    python -m benchmarks.masks.constants --before COMMIT

Counted are numeric literals, defaults among them, other than 0, 1, 2 and powers of ten. Weights that a command trains
are not in the code and do not count.
"""

import ast
import math
import subprocess
from collections.abc import Iterator
from pathlib import Path

import tyro

from benchmarks.common.tables import markdown, write_result

ROOT = Path(__file__).parents[2]
AREAS = {
    "masks": ("components/masks",),
    "clicks": ("components/clicks.py",),
    "words": ("components/text",),
}


def hand_set(source: str) -> list[float]:
    """The numbers of a module that count."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, int | float)
            and not isinstance(node.value, bool)
        ):
            value = abs(float(node.value))
            if value not in (0.0, 1.0, 2.0) and not _power_of_ten(value):
                found.append(float(node.value))
    return found


def _power_of_ten(value: float) -> bool:
    return math.isfinite(value) and float(f"1e{round(math.log10(value))}") == value


def modules(places: tuple[str, ...], commit: str | None) -> Iterator[tuple[str, str]]:
    """Path and source of every module under some places, in the working tree or at a commit."""
    for place in places:
        if commit is None:
            path = ROOT / place
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                yield file.relative_to(ROOT).as_posix(), file.read_text()
        else:
            for name in _git("ls-tree", "-r", "--name-only", commit, "--", place).splitlines():
                if name.endswith(".py"):
                    yield name, _git("show", f"{commit}:{name}")


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def main(before: str | None = None) -> None:
    """Count them.

    Args:
        before: A commit to count at as well.
    """
    rows = []
    for area, places in AREAS.items():
        now = {name: len(hand_set(source)) for name, source in modules(places, None)}
        row: list[object] = [area, sum(now.values())]
        if before is not None:
            row.insert(1, sum(len(hand_set(source)) for _, source in modules(places, before)))
        rows.append([*row, ", ".join(f"{Path(name).stem} {n}" for name, n in _most(now))])
    headers = ["area", *(["before"] if before else []), "now", "most"]
    rows.append(["all", *(sum(int(str(row[i])) for row in rows) for i in range(1, len(headers) - 1)), ""])
    before_said = [f"Before: {_git('rev-parse', '--short', before).strip()}."] if before else []
    write_result("constants", "Numbers set by hand", [*before_said, markdown(headers, rows)])


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]


if __name__ == "__main__":
    tyro.cli(main)
