"""Imports run lab -> pipelines -> components without circles, rooms stay small, and the engine works where no page can
be shown.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOMES = {"lab": "liftlab", "components": "liftlab.components", "pipelines": "liftlab.pipelines"}
ALLOWED = {
    "components": {"components"},
    "pipelines": {"components", "pipelines"},
    "lab": {"components", "pipelines", "lab"},
}
"""Which of our folders each may import from."""
PAGE = {"gradio", "viser"}
HEADLESS = [
    "liftlab", "liftlab.engine.lab", "liftlab.engine.jobs", "liftlab.engine.workspace",
    "liftlab.session.session", "liftlab.pipelines.base", "liftlab.pipelines.steps.masks",
]  # fmt: skip
"""Modules that must import without the page's packages; all of `pipelines` and `components` must."""
MODULES_MOST, LINES_MOST, FUNCTION_MOST = 15, 400, 80
"""Modules beside each other, lines of a module, lines of a function."""
LARGE_MODULES: dict[str, str] = {}
LARGE_FUNCTIONS: dict[str, str] = {}
"""Larger ones, each with the reason."""


@cache
def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for folder, package in HOMES.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join([package, *parts])] = path
    return found


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports anywhere in a file, inside functions too, but for those that only a type checker makes."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        yield from statements(child)


def imported(path: Path) -> set[str]:
    """Modules a file imports, dotted; of `from package import module` the module."""
    names: set[str] = set()
    for node in statements(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        else:
            assert node.level == 0, f"{path.name}: relative imports hide the direction"
            module = node.module or ""
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                names.add(inner if inner in sources() else module)
    return names


def folder_of(module: str) -> str:
    """Which of our folders a module of ours lies in; "" for others'."""
    parts = module.split(".")
    if parts[0] != "liftlab":
        return ""
    return parts[1] if len(parts) > 1 and parts[1] in ("components", "pipelines") else "lab"


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_point_one_way(folder: str) -> None:
    files = {name: path for name, path in sources().items() if folder_of(name) == folder}
    assert files
    wrong = {}
    for name, path in files.items():
        names = imported(path)
        outside = {n for n in names if n.split(".")[0] in {*HOMES, "tests", "benchmarks", "assets"}}
        against = {n for n in names if folder_of(n) and folder_of(n) not in ALLOWED[folder]}
        if found := outside | against:
            wrong[name] = found
    assert not wrong


def test_no_import_circles() -> None:
    graph = {name: {n for n in imported(path) if n in sources()} - {name} for name, path in sources().items()}
    assert circles(graph) == []


def test_a_circle_is_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that reach each other."""
    reached = {name: reach(name, graph) for name in graph}
    groups = {tuple(sorted(other for other in reached[name] if name in reached[other])) for name in graph}
    return sorted(list(group) for group in groups if len(group) > 1)


def reach(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for name in graph[waiting.pop()] & graph.keys() - seen:
            seen.add(name)
            waiting.append(name)
    return seen


def test_rooms_modules_and_functions_stay_small() -> None:
    rooms: dict[Path, int] = {}
    large_modules, large_functions = {}, {}
    beside = [
        path for folder in ("assets", "benchmarks", "examples") for path in (ROOT / folder).rglob("*.py")
    ]
    files = {str(path.relative_to(ROOT)): path for path in beside} | sources()
    for name, path in files.items():
        rooms[path.parent] = rooms.get(path.parent, 0) + 1
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > LINES_MOST:
            large_modules[name] = lines
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_MOST:
                    large_functions[f"{name}:{node.name}"] = length
    crowded = {str(p.relative_to(ROOT)): n for p, n in rooms.items() if n > MODULES_MOST}
    assert not crowded
    assert set(large_modules) == set(LARGE_MODULES), large_modules
    assert set(large_functions) == set(LARGE_FUNCTIONS), large_functions


def test_files_of_tests_have_one_subject() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in ROOT.glob("tests/**/*.py")
    }
    assert not {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > LINES_MOST}


@pytest.mark.parametrize("folder", ["components", "pipelines"])
def test_page_packages_stay_in_the_lab(folder: str) -> None:
    for name, path in sources().items():
        if folder_of(name) == folder:
            assert not {n.split(".")[0] for n in imported(path)} & PAGE, name


def test_components_do_not_print() -> None:
    for name, path in sources().items():
        if (
            folder_of(name) == "lab" or path.name == "worker.py"
        ):  # a child process, whose output its parent reads
            continue
        calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"], name


HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"gradio", "viser"}:
            raise ModuleNotFoundError(f"{name} is hidden")

sys.meta_path.insert(0, Hidden())
"""


def test_engine_imports_without_gradio_and_viser() -> None:
    """All in one process: hidden as they are, no module can have what another brought."""
    code = f"{HIDE}\nfrom importlib import import_module\n"
    code += f"for name in {HEADLESS!r}:\n    print(name, flush=True)\n    import_module(name)\n"
    # heavy optional packages are imported where they are used, not when a method is listed
    optional = {"sam2", "mast3r", "dust3r", "open_clip", "gsplat", "ray"}
    code += "import liftlab.pipelines.base\nliftlab.pipelines.base.list_methods()\n"
    code += f"print({optional | PAGE!r} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [*HEADLESS, "set()"]
