"""A saved run gives the same masks in an empty workspace, by itself and as the Python it shows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.session.keeping import kept_runs
from liftlab.session.saving.notebook import Notebook, masks_digest
from liftlab.session.saving.python_code import code_for, to_python
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from tests.answered import current_of, result_of
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center


@pytest.fixture
def saved(shared_lab: Lab, toy: Toy, tmp_path: Path) -> Path:
    """notebook.json of a session with two objects."""
    session = Session(shared_lab)
    session.open(NAME)
    session.new_object("mug")
    session.click("001.png", *box_center(toy, 1, 1))
    session.click("000.png", *box_center(toy, 0, 2))
    session.click("001.png", *box_center(toy, 1, 3), positive=False)
    session.grow()
    session.new_object("box")
    rows, columns = (toy.instance[2] == 2).nonzero()
    session.box("002.png", columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    session.set_granularity(1.0)
    session.notebook().save(tmp_path / "notebook.json")
    return tmp_path / "notebook.json"


def test_a_notebook_replays_in_an_empty_workspace_with_the_same_masks(
    saved: Path, tmp_path: Path, counted_steps, shared_lab: Lab
) -> None:
    empty = Lab(tmp_path / "empty")
    said: list[float] = []
    replayed = replay(
        Notebook.load(saved), empty, progress=lambda fraction, message="": said.append(fraction)
    )
    assert counted_steps == {"reconstruct": 1, "masks": 1}
    assert [(entry.name, entry.identical) for entry in replayed.objects] == [("mug", True), ("box", True)]
    assert replayed.identical
    assert said == sorted(said)
    again = replayed.session.notebook()
    first = Notebook.load(saved)
    for kind in ("reconstruct", "masks", "prepare"):
        assert again.cell(kind).key == first.cell(kind).key
    assert replay(first, empty).identical
    assert counted_steps == {"reconstruct": 1, "masks": 1}, "nothing is computed twice"


@pytest.fixture
def rearranged(lab: Lab, toy: Toy, tmp_path: Path) -> tuple[Session, Path]:
    """A run with a kept object that a click finds, and objects that do not stand where they were."""
    session = Session(lab)
    session.open(NAME)
    session.new_object("gone")
    session.delete_object(current_of(session).id)  # so that numbers and places in the list differ
    session.new_object("floor")
    floor = (10.5, session.need_scene().views[0].image.shape[0] - 6.5)
    session.click("000.png", *floor)
    session.keep()
    session.new_object("mug")
    session.click("001.png", *box_center(toy, 1, 1))
    session.stage.move(current_of(session).id, (0.1, 0.0, -0.2))
    session.stage.duplicate(current_of(session).id, (0.5, 0.0, 0.0))
    session.stage.crop_around(current_of(session).id)
    session.stage.remove(session.objects[0].id)
    session.notebook().save(tmp_path / "notebook.json")
    return session, tmp_path / "notebook.json"


def standing(session: Session) -> dict[str, object]:
    """What was done with every object, by its name."""
    arrangement = session.stage.arrangement
    return {state.name: replace(arrangement.of(state.id), object_id=0) for state in session.objects}


def test_kept_objects_and_the_arrangement_are_part_of_the_run(
    rearranged: tuple[Session, Path], tmp_path: Path, counted_steps, lab: Lab
) -> None:
    session, saved = rearranged
    notebook = Notebook.load(saved)
    assert len(notebook.cell("keep").objects) == 1
    empty = Lab(tmp_path / "empty")
    script = to_python(notebook).replace('Lab("workspace")', f"Lab({str(tmp_path / 'script')!r})")
    for replayed in (replay(notebook, empty).session, replay(notebook, empty).session, ran(script)):
        assert kept_runs(replayed.lab, NAME) == kept_runs(lab, NAME), "kept once"
        assert [result_of(state).object_ids for state in replayed.objects] == [
            result_of(state).object_ids for state in session.objects
        ]
        assert standing(replayed) == standing(session)
        assert replayed.stage.arrangement.crop == session.stage.arrangement.crop
    assert replay(notebook, empty).identical


def test_kept_objects_of_other_photos_are_refused(rearranged: tuple[Session, Path], lab: Lab) -> None:
    record = json.loads(rearranged[1].read_text())
    keep = next(cell for cell in record["cells"] if cell["kind"] == "keep")
    keep["objects"][0][0] = "41"
    rearranged[1].write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged, or of other photos than 'toy'"):
        replay(Notebook.load(rearranged[1]), lab)


def ran(script: str) -> Session:
    names: dict = {}
    exec(compile(script, "notebook.py", "exec"), names)
    return names["session"]


def test_photos_that_moved_are_found_where_one_says(saved: Path, tmp_path: Path, counted_steps) -> None:
    record = json.loads(saved.read_text())
    folder = Path(record["cells"][0]["folder"])
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    record["cells"][0]["folder"] = str(tmp_path / "gone")
    saved.write_text(json.dumps(record))
    empty = Lab(tmp_path / "empty")
    with pytest.raises(InputError, match="not where they were; say where with --photos"):
        replay(Notebook.load(saved), empty)
    assert replay(Notebook.load(saved), empty, photos=moved).identical


def test_other_photos_are_refused(saved: Path, tmp_path: Path, photos_of) -> None:
    other = photos_of("other")
    (other / "000.png").unlink()
    with pytest.raises(InputError, match="not the photos of the notebook"):
        replay(Notebook.load(saved), Lab(tmp_path / "empty"), photos=other)


def test_the_shown_python_does_what_the_notebook_did(saved: Path, lab: Lab) -> None:
    notebook = Notebook.load(saved)
    script = to_python(notebook).replace('Lab("workspace")', f"Lab({str(lab.workspace.root)!r})")
    for state, entry in zip(ran(script).objects, notebook.cell("segment").objects, strict=True):
        assert state.name == entry.prompts.object
        assert masks_digest(state.masks) == entry.masks_sha256


def test_every_cell_is_one_call(saved: Path) -> None:
    notebook = Notebook.load(saved)
    calls = [code_for(cell, notebook.scene).splitlines() for cell in notebook.cells]
    assert [lines[0].split("(")[0] for lines in calls] == [
        "lab.import_capture", "lab.reconstruct", "lab.masks", "lab.prepare", "session = Session",
    ]  # fmt: skip
    assert all(len(lines) == 1 for lines in calls[:4])


def test_a_notebook_without_objects_replays_its_steps(shared_lab: Lab, tmp_path: Path) -> None:
    session = Session(shared_lab)
    session.open(NAME)
    replayed = replay(session.notebook(), shared_lab)
    assert replayed.objects == ()
    assert replayed.session.ready


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "cannot be read"),
        ("[1]", "not a LiftLab notebook"),
        ('{"cells": [], "schema_version": 7}', "format version 7"),
        (
            '{"cells": [{"kind": "x"}], "schema_version": 1, "scene": "a", "created": "", "versions": {}}',
            "damaged at",
        ),
        ('{"cells": [], "schema_version": 1, "scene": "a", "created": "", "versions": {}}', "no photos"),
    ],
)
def test_what_is_no_notebook_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "notebook.json"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        replay(Notebook.load(path), Lab(tmp_path / "lab"))
