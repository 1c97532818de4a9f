"""JSON Schemas of the files people may read or write, made from the types.

`python -m liftlab.export.schemas docs/schemas` writes them.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from liftlab.session import prompts
from liftlab.session.saving import notebook
from liftlab.session.saving.records import DecompositionRecord, SegmentationRecord
from liftlab.session.saving.saved import SavedSession

REFERENCE = "#/$defs/{name}"
TYPES: dict[str, Any] = {
    "prompts": tuple[prompts.ObjectPrompts, ...],
    "segmentation": SegmentationRecord,
    "decomposition": DecompositionRecord,
    "notebook": notebook.Notebook,
    "session": SavedSession,
}
"""Schema name to the type it describes."""
VARIANTS: dict[type, tuple[type, ...]] = {
    prompts.AnyClick: prompts.VARIANTS,
    notebook.AnyCell: notebook.VARIANTS,
}
"""Classes that stand for several others."""


def schema_of(name: str) -> str:
    """The schema as indented JSON text."""
    schema = msgspec.json.schema(TYPES[name], schema_hook=_any_of)
    defined = schema.setdefault("$defs", {})
    for kind, variants in VARIANTS.items():
        if _any_of(kind) in _parts(schema):
            defined |= msgspec.json.schema_components(variants, schema_hook=_any_of, ref_template=REFERENCE)[
                1
            ]
    return (
        json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1, sort_keys=True
        )
        + "\n"
    )


def _any_of(kind: type) -> dict[str, Any]:
    return {"anyOf": [{"$ref": REFERENCE.format(name=variant.__name__)} for variant in VARIANTS[kind]]}


def _parts(schema: Any) -> Iterator[Any]:
    """Every dictionary and list in a schema."""
    yield schema
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _parts(part)


def write_schemas(folder: Path) -> None:
    """Write NAME.schema.json for every type."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TYPES:
        (folder / f"{name}.schema.json").write_text(schema_of(name), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
