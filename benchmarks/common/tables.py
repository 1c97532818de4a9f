"""Markdown tables that say on what device, at which commit and by which command they were made."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from liftlab.bench.provenance import commit, device_name

RESULTS = Path(__file__).parents[1] / "results"


def command() -> str:
    """The command that runs this benchmark, without machine paths."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"-m {module.name}" if module else Path(sys.argv[0]).name
    arguments = [Path(a).name if a.startswith(os.sep) else a for a in sys.argv[1:]]
    return " ".join(["python", program, *arguments])


def markdown(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; floats with three significant digits."""

    def cell(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(headers) + " |", "|" + " --- |" * len(headers)]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows]
    return "\n".join(lines)


def write_result(name: str, title: str, sections: Sequence[str]) -> Path:
    """Write `results/NAME.md` with the header every table needs, and return its path."""
    RESULTS.mkdir(exist_ok=True)
    head = f"# {title}\n\nDevice: {device_name()}. Commit: {commit()}. Command: `{command()}`."
    path = RESULTS / f"{name}.md"
    path.write_text("\n\n".join([head, *sections]) + "\n")
    print("\n\n".join(sections))
    return path
