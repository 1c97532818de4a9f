"""Imports run lab -> pipelines -> components, and the engine works where no page can be shown."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "components": {"components"},
    "pipelines": {"components", "pipelines"},
    "lab": {"components", "pipelines", "lab"},
}
"""What each package may import of ours."""
OURS = {*ALLOWED, "assets", "benchmarks", "tests"}
PAGE = {"gradio", "viser"}
HEADLESS = ["lab/session/session.py", "lab/engine/lab.py", "lab/engine/jobs.py", "lab/engine/workspace.py"]
"""Modules that must import without the page's packages; `pipelines` and `components` all must."""


def imported(path: Path) -> set[str]:
    """Top-level packages a file imports anywhere, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide the direction"
            names.add((node.module or "").split(".")[0])
    return names


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_one_way(package: str) -> None:
    files = files_of(package)
    assert files
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in files
        if (found := (imported(path) & OURS) - ALLOWED[package])
    }
    assert not wrong


@pytest.mark.parametrize("package", ["components", "pipelines"])
def test_page_packages_stay_in_the_lab(package: str) -> None:
    assert not {str(path) for path in files_of(package) if imported(path) & PAGE}


def test_components_do_not_print() -> None:
    for path in files_of("components") + files_of("pipelines"):
        if path.name == "worker.py":  # a child process, whose standard output its parent reads
            continue
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"], path.name


HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"gradio", "viser"}:
            raise ModuleNotFoundError(f"{name} is hidden")

sys.meta_path.insert(0, Hidden())
"""


@pytest.mark.parametrize("module", [*HEADLESS, "pipelines/__init__.py", "pipelines/steps/masks.py"])
def test_engine_imports_without_gradio_and_viser(module: str) -> None:
    if not (ROOT / module).exists():
        pytest.fail(f"{module} is gone: name the headless modules here")
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    done = subprocess.run(
        [sys.executable, "-c", f"{HIDE}\nimport {name}\nassert 'gradio' not in sys.modules"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_methods_needs_no_weights_or_network() -> None:
    """Heavy optional packages are imported where they are used, not when a method is listed."""
    optional = {"sam2", "mast3r", "dust3r", "open_clip", "gsplat", "ray"}
    code = (
        f"import liftlab.pipelines.base as b, sys; b.list_methods(); print({optional!r} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "set()"
