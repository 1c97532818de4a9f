"""The real server as a process of its own, on a workspace with the toy scene; one for all tests of a run."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.made_once import made_once

READY = re.compile(r"LiftLab ready at (http://\S+)")
START_SECS = 90.0
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class PageServer:
    """A running lab."""

    url: str
    """With the token."""
    process: subprocess.Popen
    workspace: Path

    @property
    def origin(self) -> str:
        return self.url.split("/?")[0]

    def cookies(self) -> dict[str, str]:
        """Cookies of a new browser that has opened the printed address."""
        with httpx.Client(
            timeout=START_SECS
        ) as client:  # five seconds are few on a machine that has much to do
            client.get(self.url).raise_for_status()
            client.get(self.origin + "/").raise_for_status()
            return dict(client.cookies)

    def resident_bytes(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss


@contextmanager
def serving(
    workspace: Path,
    *arguments: str,
    command: str = "serve",
    program: Sequence[str] = (sys.executable, "-m", "liftlab.cli.main"),
    cwd: Path = ROOT,
    start_secs: float = START_SECS,
) -> Iterator[PageServer]:
    """Run `liftlab serve` (or `demo`) and yield it once it says where it answers; an error after `start_secs`."""
    line = [*program, command, "--workspace", str(workspace), "--port", "0", "--no-browser", *arguments]
    process = subprocess.Popen(
        line, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ.copy()
    )
    said: list[str] = []
    found = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if READY.search(line):
                found.set()
        found.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        found.wait(start_secs)
        match = READY.search("".join(said))
        assert match, f"the server did not start:\n{''.join(said)}"
        yield PageServer(match[1], process, workspace)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which the toy scene is ready to be clicked with two methods; copy it before changing it."""
    from liftlab.pipelines.base import get_method
    from tests import toy_workspace

    def make(root: Path) -> None:
        with contextlib.closing(toy_workspace.fill(root, splats=True)) as lab:
            lab.prepare(toy_workspace.NAME, "saga", get_method("saga").quick)

    return made_once(tmp_path_factory, "toy-with-splats", make)


@pytest.fixture(scope="session")
def page_server(toy_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server on the toy scene, shared: every test is a browser of its own, with a session of its own."""
    from tests import toy_workspace

    root = tmp_path_factory.mktemp("served") / "workspace"
    shutil.copytree(toy_root, root)
    with serving(root, "--scene", toy_workspace.NAME) as server:
        yield server
