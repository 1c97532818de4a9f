"""Names that people give: kept with the scene, found by words in every session and by the command line."""

import json
from pathlib import Path

import numpy as np
import pytest

from liftlab.engine.lab import Lab
from liftlab.search.panel import WordPanel
from liftlab.session.given_names import forget_name, given_names, keep_name
from liftlab.session.session import Session
from tests.answered import current_of
from tests.lab.cli.test_cli import liftlab  # noqa: F401  (fixture)
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center


@pytest.fixture
def own(lab: Lab) -> Session:
    session = Session(lab)
    session.open(NAME)
    return session


def names(lab: Lab) -> list[str]:
    return list(given_names(lab.workspace, lab.scene(NAME).key))


def click_box(session: Session, toy: Toy, number: int) -> None:
    session.click("001.png", *box_center(toy, 1, number))


def test_what_was_kept_is_read_back_bit_by_bit(lab: Lab) -> None:
    rng = np.random.default_rng(0)
    masks = [rng.random((7, 5)) < 0.5, np.zeros((4, 9), bool)]
    keep_name(lab.workspace, "key", "Größe/…", masks)
    keep_name(lab.workspace, "key", "größe/…", masks)  # the same name, written in another way
    (found,) = given_names(lab.workspace, "key").items()
    assert found[0] == "größe/…"
    assert all(np.array_equal(a, b) for a, b in zip(masks, found[1], strict=True))
    forget_name(lab.workspace, "key", "GRÖSSE/…")
    assert given_names(lab.workspace, "key") == {}


def test_a_damaged_name_is_left_out(lab: Lab) -> None:
    keep_name(lab.workspace, "key", "mug", [np.ones((2, 2), bool)])
    (lab.workspace.scene_folder("key") / "named" / "0.json").write_text("{")
    assert list(given_names(lab.workspace, "key")) == ["mug"]


def test_a_name_lives_as_long_as_its_object(lab: Lab, own: Session, toy: Toy) -> None:
    click_box(own, toy, 2)
    assert names(lab) == [], "what the lab calls an object is no name"
    own.rename_object(current_of(own).id, "mug")
    assert names(lab) == ["mug"]
    own.rename_object(current_of(own).id, "Mug")
    assert names(lab) == ["Mug"]
    own.undo()
    own.undo()
    assert names(lab) == []
    own.redo()
    own.click("001.png", *box_center(toy, 1, 3))
    kept = given_names(lab.workspace, own.need_scene().key)["mug"]
    assert all(np.array_equal(a, b) for a, b in zip(kept, current_of(own).masks, strict=True)), (
        "it follows clicks"
    )
    own.delete_object(current_of(own).id)
    assert names(lab) == []
    own.undo()
    assert names(lab) == ["mug"]


def test_another_lab_finds_it_by_its_name(lab: Lab, own: Session, toy: Toy) -> None:
    own.new_object("mug")
    click_box(own, toy, 2)
    later = Lab(lab.workspace.root)  # as after a restart
    lookup = later.word_lookup(NAME, "wildseg3d")
    result = lookup.search("the mug")
    assert (result.query.used, result.query.unknown) == (("mug",), ())
    (best,) = result.found
    assert lookup.title(best.object_id) == "mug"
    truth = toy.instance[1] == 2
    mask = lookup.index.mask(1, best.object_id)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95
    assert lookup.search("the red thing left of the mug").found[0].object_id != best.object_id


def test_a_painted_object_is_found_though_no_mask_has_it(lab: Lab, own: Session) -> None:
    own.new_object("scratch")
    own.paint("001.png", [(20, 30), (60, 30)], 4)
    own.new_object("dent")
    own.paint("000.png", [(100, 90), (120, 100)], 3)
    lookup = lab.word_lookup(NAME, "wildseg3d")
    for name, view in (("scratch", 1), ("dent", 0)):
        (found,) = lookup.search(name).found
        drawn = next(o for o in own.objects if o.name == name).masks[view]
        assert np.array_equal(lookup.index.mask(view, found.object_id), drawn)


def test_questions_asked_before_know_new_names(lab: Lab, own: Session, toy: Toy) -> None:
    panel = WordPanel(lab, own)
    panel.ask("the mug", "attributes")
    assert panel.state().asks[0].unknown == ["mug"]
    click_box(own, toy, 2)
    own.rename_object(current_of(own).id, "mug")
    panel.ask("blue", "attributes", beside=True)
    first, second = panel.state().asks
    assert first.unknown == [] and first.found[0].title == "mug" == second.found[0].title


def test_words_that_found_an_object_are_no_name_for_it(lab: Lab, own: Session) -> None:
    panel = WordPanel(lab, own)
    panel.ask("something small", "attributes")
    panel.add(panel.state().asks[0].found[0].id)
    assert current_of(own).name == "something small" and names(lab) == []


def test_a_saved_session_brings_its_names_along(lab: Lab, own: Session, toy: Toy) -> None:
    own.new_object("mug")
    click_box(own, toy, 2)
    record = json.loads(json.dumps(own.to_json()))
    forget_name(lab.workspace, own.need_scene().key, "mug")
    Session(lab).from_json(record)
    assert names(lab) == ["mug"]
    notebook = own.notebook()
    assert [entry.named for entry in notebook.cell("segment").objects] == [True]


def test_the_command_line_finds_what_a_prompts_file_named(liftlab, toy: Toy, tmp_path: Path) -> None:  # noqa: F811
    x, y = box_center(toy, 1, 3)
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([{"object": "mug", "clicks": [{"image": "001.png", "x": x, "y": y}]}]))
    assert liftlab("segment", NAME, "--prompts", prompts, "--out", tmp_path / "a")[0] == 0
    code, found, _ = liftlab("search", NAME, "mug", "--out", tmp_path / "b")
    assert (code, found["unknown"], [hit["object"] for hit in found["results"]]) == (0, [], ["mug"])
    assert (tmp_path / "b" / "masks" / "mug" / "001.png").is_file()
