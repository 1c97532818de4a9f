"""The examples and notebooks run as they stand, on the bundled capture; what they use is public."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import liftlab

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = sorted((ROOT / "examples").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SAYS = {
    "01_click": r"\d{5} points selected in .* ms\n(.*/masks/.*\.png\n){12}",
    "02_correct_and_export": r"replayed alike: True",
    "03_words": r"olive oil: olive oil, score 1\.00",
    "04_compare_methods": r"book +gaga .* IoU with the first 0\.9",
    "05_own_method": r"0\.1 \d+ points\n0\.2 \d+ points\n0\.4 \d+ points",
}
"""What each prints, among the rest."""
KILOBYTES_MOST = 300
"""Of a notebook with its pictures."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder whose ~/.liftlab all examples share, so that the scene is built once."""
    return tmp_path_factory.mktemp("home")


def run(words: Sequence[str], home: Path, cwd: Path) -> str:
    environment = os.environ | {"HOME": str(home)}
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=2400, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(2500)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, home: Path, tmp_path: Path) -> None:
    assert re.search(SAYS[path.stem], run([str(path)], home, tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(2500)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, home: Path) -> None:
    run(["-m", "tests.notebooks", str(path)], home, ROOT)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_did_and_is_small(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = notebook["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert all(output["output_type"] in ("stream", "execute_result") for output in outputs)
    assert sum("image/jpeg" in output.get("data", {}) for output in outputs) >= 3
    assert path.stat().st_size < KILOBYTES_MOST * 1024


def code_of(path: Path) -> str:
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.mark.parametrize("path", [*SCRIPTS, *NOTEBOOKS], ids=lambda path: path.name)
def test_examples_are_short_and_use_public_names(path: Path) -> None:
    code = code_of(path)
    used = set(re.findall(r"\bliftlab\.(\w+)", code)) - {"components"}
    assert used and used <= set(liftlab.__all__)
    assert len(code.splitlines()) < 120
    inner = {
        node.module
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("liftlab")
    }
    assert inner <= ({"liftlab.components.geometry.projection"} if path.stem == "05_own_method" else set())
