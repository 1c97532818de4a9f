"""One import name: what the package lists, what it makes importable, and what importing it costs."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import liftlab
from tests import room_lists

ROOT = Path(__file__).parent.parent
HOMES = {"lab": "liftlab", "components": "liftlab.components", "pipelines": "liftlab.pipelines"}
BUNDLED = "liftlab.bundled"


def setuptools_table() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]


def packages_on_disk() -> set[str]:
    found = {BUNDLED}
    for folder, package in HOMES.items():
        for path in (ROOT / folder).rglob("__init__.py"):
            found.add(".".join([package, *path.parent.relative_to(ROOT / folder).parts]))
    return found


def test_every_package_is_listed_once() -> None:
    listed = setuptools_table()["packages"]
    assert len(listed) == len(set(listed))
    assert set(listed) == packages_on_disk()


def test_every_folder_with_modules_is_a_package() -> None:
    bare = {
        path.parent.relative_to(ROOT).as_posix()
        for folder in HOMES
        for path in (ROOT / folder).rglob("*.py")
        if not (path.parent / "__init__.py").exists()
    }
    assert not bare


def test_every_package_says_what_is_in_it() -> None:
    silent = []
    for package in setuptools_table()["packages"]:
        done = package.removeprefix("liftlab").strip(".").split(".")
        folder = ROOT / "lab" if done == [""] else None
        if folder is None:
            top = done[0] if done[0] in ("components", "pipelines") else "lab"
            folder = ROOT / top / Path(*(done[1:] if top != "lab" else done))
        if package == BUNDLED:
            folder = ROOT / "assets" / "captures"
        if not (folder / "__init__.py").read_text(encoding="utf-8").startswith('"""'):
            silent.append(package)
    assert not silent


def test_every_room_lists_what_is_public() -> None:
    forgotten, gone = {}, {}
    for room, taken in room_lists.public_names().items():
        path = room_lists.rooms()[room]
        listed = room_lists.listed_in(path)
        if missing := {
            m: n - listed.get(m, set()) for m, n in taken.items() if m not in listed or n - listed[m]
        }:
            forgotten[room] = missing
        for module, names in listed.items():
            source = path.parent / f"{module}.py"
            known = names_in(source) if source.exists() else set()
            if not source.exists() or names - known:
                gone[f"{room}.{module}"] = names - known
    assert not forgotten and not gone, "python -m tests.room_lists writes the lists anew"


def names_in(path: Path) -> set[str]:
    """What a module defines or imports at its top, under a condition too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_public_names_exist_and_nothing_else_is_promised() -> None:
    for name in liftlab.__all__:
        assert getattr(liftlab, name) is not None
    assert set(liftlab._HOME) | {"__version__"} == set(liftlab.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Labb'"):
        _ = liftlab.Labb  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import liftlab", {"gradio", "viser", "torch", "numpy", "cv2", "pycolmap"}),
        ("import liftlab.components.types", {"gradio", "viser", "torch", "pycolmap", "numba"}),
        ("import liftlab.components.captures", {"gradio", "viser", "torch", "pycolmap"}),
        ("import liftlab; liftlab.Lab", {"gradio", "viser", "torch", "pycolmap"}),
        ("import liftlab; liftlab.Prompt", {"gradio", "viser", "torch", "pycolmap"}),
        ("import liftlab.components.rasterize", {"gradio", "viser"}),
    ],
)
def test_imports_load_only_what_they_need(statement: str, unwanted: set[str], tmp_path: Path) -> None:
    code = f"{statement}\nimport sys\nprint(sorted({unwanted!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_three_folders_are_importable_under_the_one_name_only(tmp_path: Path) -> None:
    """Outside a clone `lab`, `components` and `pipelines` belong to whoever uses these words."""
    code = (
        "import importlib.util as u\n"
        "print([n for n in ('lab', 'components', 'pipelines', 'tests', 'benchmarks') if u.find_spec(n)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
