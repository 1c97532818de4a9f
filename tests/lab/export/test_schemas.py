"""The committed JSON Schemas are those of the types, and docs/formats.md names every one."""

from pathlib import Path

import pytest

from liftlab.export.schemas import TYPES, schema_of

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", TYPES)
def test_the_committed_schema_is_that_of_the_type(name: str) -> None:
    committed = (DOCS / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8")
    assert committed == schema_of(name), "run `python -m liftlab.export.schemas docs/schemas`"


def test_formats_are_described() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    for name in TYPES:
        assert f"schemas/{name}.schema.json" in text
