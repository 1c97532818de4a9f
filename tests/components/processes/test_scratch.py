"""Scratch folders: gone at the end, gone after a crash, and nothing else is ever removed."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from liftlab.components.processes.scratch import owned_folder, scratch_folder, sweep, sweep_scratch

REPOSITORY = Path(__file__).parents[3]
KILLED = """
import sys, time
from pathlib import Path
from liftlab.components.processes.scratch import owned_folder, scratch_folder

out = Path(sys.argv[1])
with scratch_folder("liftlab-sfm-") as one, owned_folder(
    out / "a" / "b", prefix=".liftlab-", suffix=".partial", records=Path(sys.argv[2])
) as two:
    (one / "half").write_text("x")
    (two / "half").write_text("x")
    print("there", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary folder."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def test_it_is_gone_at_the_end_and_stays_while_it_is_used(temporary: Path) -> None:
    with pytest.raises(RuntimeError), scratch_folder("liftlab-sfm-") as folder:
        (folder / "file").write_text("x")
        assert sweep_scratch() == []
        assert folder.parent == temporary and (folder / "file").exists()
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_after_a_kill_the_sweep_removes_what_was_left_and_nothing_else(
    temporary: Path, tmp_path: Path
) -> None:
    records, out = tmp_path / "records", tmp_path / "out"
    records.mkdir()
    out.mkdir()
    others = [temporary / "liftlab-sfm-mine", out / ".liftlab-other.partial", temporary / "liftlab-x.owner"]
    for path in others[:2]:
        path.mkdir()
    others[2].write_text('{"folder": "' + str(out) + '", "made": []}')  # not a name of ours: it stays
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(out), str(records)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "there\n"
    assert sweep(records) == [] and sweep_scratch() == [], "it lives"
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    process.stdout.close()
    assert [path.name.startswith(".liftlab-") for path in sweep(records)] == [True]
    assert [path.name.startswith("liftlab-sfm-") for path in sweep_scratch()] == [True]
    assert list(records.iterdir()) == []
    assert sorted(temporary.iterdir()) == [others[0]] and list(out.iterdir()) == [others[1]]


def test_folders_made_on_the_way_go_only_while_they_are_empty(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    with owned_folder(tmp_path / "a" / "b", prefix=".liftlab-", records=records):
        (tmp_path / "a" / "kept.txt").write_text("x")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["kept.txt"]
    assert list(records.iterdir()) == []
