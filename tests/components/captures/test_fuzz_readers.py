"""Damaged files of every kind: one sentence or a usable result, in little time and memory, and nothing else.

Many cases run in one child process; an import has one of its own.
"""

from pathlib import Path

import pytest

from liftlab.components.processes.child import ChildEnded, ChildLimits, run_in_child
from tests.fuzzing import KINDS

LIMITS = ChildLimits(stall_secs=20.0, memory_bytes=2 * 2**30)
CASES = 2000
SLOW_TO_READ = {"video": 500, "zip": 1000}
FEW = 25


def fuzzed(tmp_path: Path, kind: str, *, seed: int, count: int) -> dict[str, int]:
    try:
        arguments = {"kind": kind, "seed": seed, "count": count, "folder": str(tmp_path)}
        return run_in_child("tests.fuzzing:fuzz", arguments, limits=LIMITS)
    except ChildEnded as ended:
        file = tmp_path / "damaged"
        pytest.fail(
            f"{kind}: {ended.reason} ({ended}) on {file} of {file.stat().st_size} bytes\n{ended.details}"
        )


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"spz", "spz payload", "compressed"}))
def test_some_damaged_files(tmp_path: Path, kind: str) -> None:
    from tests.fuzzing import fuzz

    told = fuzz(
        {"kind": kind, "seed": 1, "count": FEW, "folder": str(tmp_path)}, lambda fraction, message="": None
    )
    assert sum(told.values()) >= FEW and told["refused"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_thousands_of_damaged_files(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = fuzzed(tmp_path, kind, seed=2, count=SLOW_TO_READ.get(kind, CASES))
    with capsys.disabled():
        print(f"\n{kind}: {told['refused']} refused, {told['usable']} usable")
    assert told["refused"] and told["usable"]
