"""Rows of a table that is made bit by bit: one line of JSON each, whatever ended the run before."""

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def known_results(path: Path) -> dict[str, Row]:
    """Rows of the file by key; the last of a key counts, and half a line, left by a run that was killed, does not."""
    found: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[row["key"]] = row
    return found


def append_row(path: Path, row: Row) -> None:
    """Add a row on a line of its own, also after half a line."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(row).encode() + b"\n")
