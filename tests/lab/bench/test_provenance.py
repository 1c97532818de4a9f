"""Which commit a result says it was made at."""

import subprocess
from pathlib import Path

import pytest

from liftlab.bench import provenance


def test_somebody_elses_repository_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiftLab installed into an environment inside a repository says nothing of that repository."""
    for words in (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    module = tmp_path / ".venv" / "site-packages" / "liftlab" / "bench" / "provenance.py"
    module.parent.mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(module))
    assert provenance.commit() == "unknown"


def test_a_clone_names_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "clone"
    module = root / "lab" / "bench" / "provenance.py"
    module.parent.mkdir(parents=True)
    for words in (
        ["init", "-q"],
        ["-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    monkeypatch.setattr(provenance, "__file__", str(module))
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert provenance.commit() == head
