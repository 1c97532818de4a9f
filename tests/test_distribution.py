"""How `make test` hands tests out to its workers: a file at a time, for its tests share what is costly to prepare."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = """
import os, pytest

@pytest.mark.parametrize("number", range(4))
def test_one(number):
    with open({log!r}, "a") as file:
        file.write({name!r} + " " + os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def options_of_make_test() -> list[str]:
    """What `make test` gives pytest."""
    [line] = [
        line
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if '-m "not slow"' in line
    ]
    return line.partition('-m "not slow"')[2].split()


def test_tests_of_a_file_run_in_one_worker(tmp_path: Path) -> None:
    """A marker of xdist that pytest does not heed any more is silent: everything was prepared in both workers."""
    names = [f"test_{number}.py" for number in range(4)]
    for name in names:
        (tmp_path / name).write_text(FILE.format(log=str(tmp_path / "ran"), name=name), encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-p", "xdist", "-c", "/dev/null", f"--rootdir={tmp_path}"]
    done = subprocess.run(
        [*words, *options_of_make_test(), *names], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ran = (tmp_path / "ran").read_text(encoding="utf-8").splitlines()
    assert len(ran) == 16 and len({line.split()[1] for line in ran}) == 2
    assert len(set(ran)) == len(names), "a file's tests ran in more than one worker"
