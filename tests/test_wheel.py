"""A wheel, installed into a fresh environment in a folder that has packages `lab`, `components` and `pipelines` of its
own: the demo answers a click there, and nothing but `liftlab` became importable.
"""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
import pytest
from websockets.sync.client import connect

from tests.not_none import read_image
from tests.page_server import serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2700)]

ROOT = Path(__file__).parent.parent
THEIRS = ("lab", "components", "pipelines")
STRUCTURE = 201
"""Instance ids of the truth from here on are table and walls."""
BUILD_SECS = 2400
FIRST_START_SECS = 400
"""The first start in a fresh environment finds no bytecode of anything: twice as much as every other."""
CARRIED = {
    "liftlab/py.typed", "liftlab/components/models/catalogue.json", "liftlab/report/style.css",
    "liftlab/page/static/workspace.js", "liftlab/page/static/lab.css", "liftlab/page/static/mark.svg",
}  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the tracked files alone: what lies about in a checkout must not get in."""
    try:
        able = int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        able = False
    if not able:
        pytest.skip("setuptools 77 or newer is not installed")
    clean, out = tmp_path_factory.mktemp("clean"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("the files of the repository are known to git, and this is no checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (clean / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clean / name)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    run([sys.executable, "-c", build], clean)
    [path] = out.glob("*.whl")
    return path


@dataclass(frozen=True)
class Stranger:
    """Somebody's project: a repository with an environment in it, and packages called as our folders are."""

    folder: Path
    site: Path
    """Its site-packages."""

    def program(self, name: str) -> str:
        return str(self.folder / ".venv" / "bin" / name)

    def python(self, code: str) -> str:
        return run([self.program("python"), "-c", code], self.folder)


def run(words: Sequence[str], cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def stranger(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    folder = tmp_path_factory.mktemp("project")
    for name in THEIRS:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"OWN = {name!r}\n")
    run(["git", "init", "-q"], folder)
    run(["git", "add", "."], folder)
    run(["git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-qm", "theirs"], folder)
    venv.create(folder / ".venv", with_pip=False, symlinks=True)
    python = folder / ".venv" / "bin" / "python"
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(python),
            "install",
            "--no-deps",
            "--no-index",
            str(wheel),
        ],
        folder,
    )
    [site] = (folder / ".venv").glob("lib/python*/site-packages")
    installed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (site / "dependencies.pth").write_text(
        "\n".join(installed)
    )  # the packages that are here: no second torch
    return Stranger(folder, site)


def test_the_wheel_holds_the_package_and_the_photos_of_the_desk(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        [record] = [name for name in names if name.endswith(".dist-info/RECORD")]
        recorded = {row[0] for row in csv.reader(io.StringIO(archive.read(record).decode()))}
    assert recorded == names
    info = record.removesuffix("RECORD")
    assert not [name for name in names if not name.startswith(("liftlab/", info))]
    bundled = {name for name in names if name.startswith("liftlab/bundled/")} - {
        "liftlab/bundled/__init__.py"
    }
    assert bundled == {f"liftlab/bundled/desk/images/{number:03}.jpg" for number in range(12)}
    assert names >= CARRIED
    tracked = run(["git", "ls-files", *THEIRS], ROOT).split("\n")
    homes = {"lab": "liftlab", "components": "liftlab/components", "pipelines": "liftlab/pipelines"}
    ours = {homes[name.partition("/")[0]] + "/" + name.partition("/")[2] for name in tracked}
    assert ours - names == {"liftlab/page/tsconfig.json"}  # for those who check the scripts, in a clone
    assert not [name for name in names if "truth" in name and not name.endswith("truth.py")]


def test_nothing_else_becomes_importable(stranger: Stranger) -> None:
    arrived = {path.name for path in stranger.site.iterdir()} - {"dependencies.pth", "__pycache__"}
    assert {name for name in arrived if not name.endswith(".dist-info")} == {"liftlab"}
    said = stranger.python(
        "import lab, components, pipelines, liftlab\n"
        "print([module.OWN for module in (lab, components, pipelines)])\n"
        "print(liftlab.__file__)"
    ).split("\n")
    assert said == [str(list(THEIRS)), str(stranger.site / "liftlab" / "__init__.py")]


def test_the_public_names_work_there(stranger: Stranger) -> None:
    code = (
        "import liftlab\n"
        "lab = liftlab.Lab('their-workspace')\n"
        "print(liftlab.__version__, lab.scenes(), [m.name for m in liftlab.list_methods()])\n"
        "print(all(getattr(liftlab, name) is not None for name in liftlab.__all__))\n"
        "from liftlab.bench.provenance import commit\n"
        "print(commit())"
    )
    first, names, commit = stranger.python(code).split("\n")
    assert first.startswith("0.1.0 [] [") and "'wildseg3d'" in first
    assert names == "True"
    assert commit == "unknown"  # their repository's commit is not ours


def test_the_demo_answers_a_click(stranger: Stranger) -> None:
    program = [stranger.program("liftlab")]
    with serving(
        stranger.folder / "W",
        command="demo",
        program=program,
        cwd=stranger.folder,
        start_secs=FIRST_START_SECS,
    ) as server:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in server.cookies().items())}
        address = server.origin.replace("http", "ws") + "/lab/live"
        origin: str = server.origin
        with connect(address, additional_headers=headers, origin=origin, max_size=None) as socket:  # type: ignore[arg-type]
            state = state_with(socket, lambda state: state["phase"] == "ready", BUILD_SECS)
            x, y = middle_of_the_largest_object()
            before = state["version"]
            socket.send(json.dumps({"do": "click", "photo": "000.jpg", "x": x, "y": y, "positive": True}))
            state = state_with(socket, lambda state: state["version"] != before, 120)
    assert state["lit"] and state["ms"] > 0 and len(state["objects"]) == 1
    assert state["overlay"]["url"].startswith("data:image/png;base64,")
    assert len(state["seen"]) > 6
    assert os.listdir(stranger.folder / "lab") == ["__init__.py"]


def state_with(socket, wanted, seconds: float) -> dict:
    """The first state of the page that is as wanted."""
    until = time.monotonic() + seconds
    last: dict = {}
    while time.monotonic() < until:
        message = json.loads(socket.recv(timeout=max(until - time.monotonic(), 1)))
        if message["type"] == "state":
            last = message
            if wanted(message):
                return message
    raise AssertionError(f"no such state; the last was {last}")


def middle_of_the_largest_object() -> tuple[float, float]:
    """Pixel of the first photo, by the truth of the clone: the wheel has none."""
    path = ROOT / "assets" / "captures" / "desk" / "truth" / "instance" / "000.png"
    instance = read_image(path, cv2.IMREAD_UNCHANGED)
    ids, sizes = np.unique(instance[(instance > 0) & (instance < STRUCTURE)], return_counts=True)
    distance = cv2.distanceTransform((instance == ids[sizes.argmax()]).astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return float(column) + 0.5, float(row) + 0.5
