"""The page's scripts: all of them have checked types, and none import each other in a circle."""

import re
import shutil
from pathlib import Path

import pytest

from tests.script_types import PROJECT, complaints, find_tsc
from tests.test_imports import circles

STATIC = PROJECT.parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
LINES_MOST = 400
IMPORT = re.compile(r'^import .* from "\./(\w+\.js)";$', re.MULTILINE)


@pytest.fixture(scope="module")
def tsc() -> list[str]:
    found = find_tsc()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_script_asks_to_be_checked_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// @ts-check\n")
    assert len(text.splitlines()) <= LINES_MOST
    assert "@ts-ignore" not in text and "@ts-nocheck" not in text


def test_scripts_import_without_circles() -> None:
    graph = {path.name: set(IMPORT.findall(path.read_text(encoding="utf-8"))) for path in SCRIPTS}
    assert graph["compare.js"] and all(names <= graph.keys() for names in graph.values())
    assert circles(graph) == []


def test_scripts_fit_the_types_of_the_wire(tsc: list[str]) -> None:
    assert complaints(tsc) == ""


SLIPS = {
    "live.js": ("this.handlers.line(true", "this.handlers.lines(true"),
    "workspace.js": ('this.busy("measure", { photo, x, y })', 'this.busy("measure", { photo, x })'),
    "cells.js": ('send("cancel", {', 'send("stop", {'),
    "ruler.js": ("state.ruler.measured", "state.ruler.mesured"),
    "compare.js": ("compared?.truth ", "compared?.truths "),
    "objects.js": ('"visible", { id: object.id, visible', '"visible", { id: object.name, visible'),
    "search.js": ("ask.histogram", "ask.histograms"),
}
"""By script: what it says, and what it must not say instead."""


def test_slips_between_page_and_server_are_found(tsc: list[str], tmp_path: Path) -> None:
    shutil.copytree(STATIC, tmp_path / "static")
    shutil.copy(PROJECT, tmp_path)
    for script, (before, after) in SLIPS.items():
        text = (STATIC / script).read_text(encoding="utf-8")
        assert before in text
        (tmp_path / "static" / script).write_text(text.replace(before, after, 1), encoding="utf-8")
    said = complaints(tsc, tmp_path / PROJECT.name)
    assert not [script for script in SLIPS if f"{script}(" not in said], said
