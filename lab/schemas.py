"""JSON Schemas of the files people may read or write, made from the types: `python -m lab.schemas docs/schemas`."""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from lab.notebook import Notebook
from lab.prompts import ObjectPrompts
from lab.records import DecompositionRecord, SegmentationRecord

TYPES: dict[str, Any] = {
    "prompts": list[ObjectPrompts],
    "segmentation": SegmentationRecord,
    "decomposition": DecompositionRecord,
    "notebook": Notebook,
}
"""Schema name to the type it describes."""


def schema_of(name: str) -> str:
    """The schema as indented JSON text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(TYPES[name]).json_schema(),
    }
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def write_schemas(folder: Path) -> None:
    """Write NAME.schema.json for every type."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TYPES:
        (folder / f"{name}.schema.json").write_text(schema_of(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
