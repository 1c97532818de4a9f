"""The Models cell without a browser: what it shows, what its buttons start."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftlab.components.errors import InputError
from liftlab.components.models import ModelStore, model_status
from liftlab.engine.jobs import Job, JobQueue
from liftlab.engine.lab import Lab
from liftlab.engine.model_choices import choices_of
from liftlab.page.cells import models
from liftlab.page.cells.status import CellMemory
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.web.visitor import Visitor
from tests.model_host import model_host
from tests.tiny_sam2 import catalogue_entry
from tests.toy_workspace import NAME


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("LIFTLAB_MODELS", str(folder))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", folder)
    return folder


class QuietVisitor(Visitor):
    """A visitor without a 3D view and a page, as far as the cell uses one."""

    def __init__(self, lab: Lab | None, scene: str | None = None) -> None:
        self.id, self.cells = "me", defaultdict(CellMemory)
        self.scene_name = scene
        if lab is not None:
            self.lab = lab
        self.followed: list[tuple[Job, Callable[[Any], None]]] = []

    def follow(self, cell: str, job: Job, then: Callable[[Any], None]) -> None:
        self.followed.append((job, then))


def test_every_step_says_what_it_uses_and_how_to_switch(shared_lab: Lab) -> None:
    choices = choices_of(shared_lab, NAME)
    assert len(choices) == 6 and all(NAME in choice.command for choice in choices)
    assert {c.step: c.now for c in choices}["Proposals in each photo"].startswith("regions")
    assert [c.now for c in choices_of(shared_lab, None)] == [c.now for c in choices]
    assert "SCENE" in choices_of(shared_lab, None)[0].command
    assert models.finder_of(QuietVisitor(shared_lab, NAME)) == models.finders()[0][1]


def test_a_scene_by_sam2_says_so(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    from liftlab.files.config_records import to_plain

    config = to_plain(MasksConfig(proposer="sam2", following="sam2"))
    monkeypatch.setattr(lab, "step_records", lambda name: {"masks": {"config": config}})
    now = {c.step: c.now for c in choices_of(lab, NAME)}
    assert now["Proposals in each photo"] == "SAM 2.1 automatic masks (sam2.1-tiny)"
    assert now["One id over all photos"] == "SAM 2.1 following objects from photo to photo (sam2.1-tiny)"
    assert models.finder_of(QuietVisitor(lab, NAME)) == "sam2 sam2" in dict(models.finders()).values()


def test_the_table_escapes_what_a_catalogue_says(folder: Path) -> None:
    entry = {**catalogue_entry(), "summary": "<img src=x onerror=alert(1)>", "licence": "<b>NC</b>"}
    (folder / "catalogue.json").write_text(json.dumps([entry]))
    store = ModelStore.open({"LIFTLAB_MODELS": str(folder)})
    table = models.models_table([model_status(store, e) for e in store.entries])
    assert (
        "<img" not in table
        and "<b>NC" not in table
        and "<code>liftlab models get sam2.1-test</code>" in table
    )


def test_a_download_of_the_page_ends_with_the_model_here(folder: Path) -> None:
    with model_host() as host:
        host.files["tiny.pt"] = b"weights"
        bound = {**catalogue_entry(host.url("tiny.pt")), "non_commercial": True, "licence": "NC-1"}
        (folder / "catalogue.json").write_text(json.dumps([bound]))
        visitor, queue = QuietVisitor(None), JobQueue()
        with pytest.raises(InputError, match="tick 'I accept its licence'"):
            models.start_download(visitor, queue, "sam2.1-test", False)
        models.start_download(visitor, queue, "sam2.1-test", True)
        job, then = visitor.followed[0]
        assert job.wait(30) and job.state == "done"
        then(job.result())
        assert "sam2.1-test is here" in visitor.cells["models"].notes[0]
        status = models.status(visitor)
        assert status.state == "done" and "1 here: sam2.1-test" in status.summary
        with pytest.raises(InputError, match="here already"):
            models.start_download(visitor, queue, "sam2.1-test", True)
        queue.close()


def test_the_python_of_the_cell_checks_a_model(folder: Path) -> None:
    code = compile(models.status(QuietVisitor(None)).code, "shown by the page", "exec")
    with pytest.raises(InputError, match="is not here: run `liftlab models get"):
        exec(code, {})
    entry = ModelStore.open({"LIFTLAB_MODELS": str(folder)}).entry("sam2.1-tiny")
    (folder / entry.file).write_bytes(b"weights")
    exec(code, {})  # its checksum is recorded
    (folder / entry.file).write_bytes(b"other weights")
    with pytest.raises(InputError, match="is not the one that was checked"):
        exec(code, {})


def test_a_broken_catalogue_is_said_by_its_cell_alone(folder: Path) -> None:
    (folder / "catalogue.json").write_text("{")
    status = models.status(QuietVisitor(None))
    assert status.state == "failed" and "cannot be read" in status.error
