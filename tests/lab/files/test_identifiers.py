"""Nothing from outside becomes a path unless it is what it should be, and no path leaves its folder."""

import ast
import json
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.components.files import inside
from liftlab.engine.lab import Lab
from liftlab.engine.workspace import SceneEntry, Workspace, step_record
from liftlab.files.identifiers import (
    checked_key,
    checked_method,
    checked_name,
    checked_visitor_id,
    name_from,
)
from liftlab.session.given_names import given_names
from liftlab.session.ruler import read_scale
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor

WAYS_OUT = ("", ".", "..", "../x", "a/../../x", "/etc/passwd", "a/b", "a\\b", "a\0b", "x" * 300)
VISITOR = "visitor-of-the-tests-1"


@pytest.mark.parametrize("part", WAYS_OUT)
def test_a_path_never_leaves_its_folder(tmp_path: Path, part: str) -> None:
    for parts in ((part,), ("fine", part), (part, "fine")):
        with pytest.raises(InputError):
            inside(tmp_path, *parts)


@pytest.mark.parametrize("part", ["desk", "My desk 2", "Küche.jpg", ".hidden", "..x", "-rf", "%2e%2e"])
def test_plain_names_stay(tmp_path: Path, part: str) -> None:
    assert inside(tmp_path, "folder", part) == tmp_path / "folder" / part


def test_a_link_that_leads_out_is_refused_and_a_linked_folder_of_ours_is_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "x").mkdir(parents=True)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="link leads out"):
        inside(tmp_path / "root", "out", "x")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    assert inside(tmp_path / "linked", "x").is_dir()


@pytest.mark.parametrize("text", [*WAYS_OUT, "a\nb", "é" * 20, " x" * 10, None, 7, ["a"]])
def test_identifiers_are_refused_whatever_they_are(text: object) -> None:
    for check in (checked_name, checked_key, checked_method, checked_visitor_id):
        with pytest.raises(InputError) as refused:
            check(text)  # type: ignore[arg-type]
        assert len(str(refused.value)) < 300 and str(refused.value).isprintable()
    if isinstance(text, str):
        assert checked_name(name_from(text))


@pytest.mark.parametrize("bad", [text for text in WAYS_OUT if text])
def test_every_place_of_the_workspace_refuses_a_way_out(tmp_path: Path, bad: str) -> None:
    workspace = Workspace(tmp_path / "lab")
    before = sorted(tmp_path.rglob("*"))
    places = [
        lambda: workspace.capture_folder(bad), lambda: workspace.scene_folder(bad),
        lambda: workspace.masks_folder("aaaa", bad), lambda: workspace.search_folder("aaaa", bad),
        lambda: workspace.gaussians_folder(bad, "aaaa"), lambda: workspace.checkpoint_path("aaaa", bad),
        lambda: workspace.method_folder(bad), lambda: workspace.session_path(bad),
        lambda: workspace.exports_folder(bad), lambda: workspace.uploads_folder(bad),
        lambda: workspace.scene_entry(bad), lambda: workspace.forget_scene(bad),
        lambda: given_names(workspace, bad), lambda: read_scale(workspace, bad),
        lambda: SceneEntry(bad, "desk", "aaaa", {}), lambda: SceneEntry("desk", bad, "aaaa", {}),
        lambda: SceneEntry("desk", "desk", bad, {}), lambda: SceneEntry("desk", "desk", "aaaa", {}, bad),
        lambda: SceneEntry("desk", "desk", "aaaa", {}, methods={bad: "aaaa"}),
        lambda: SceneEntry("desk", "desk", "aaaa", {}, methods={"saga": bad}),
        lambda: SceneEntry("desk", "desk", "aaaa", {}, gaussians_key=bad),
    ]  # fmt: skip
    for number, place in enumerate(places):
        with pytest.raises(InputError):
            pytest.fail(f"place {number} took {bad!r}: {place()}")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_visitor_is_refused_before_it_has_a_folder(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for bad in ("../../victim-of-the-tests", "", "short"):
        with pytest.raises(InputError):
            Visitor(bad, lab)
    lab.close()


def test_what_is_read_back_from_the_disk_is_checked_too(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "lab")
    good = {"schema_version": 1, "name": "desk", "capture": "desk", "scene_key": "aaaa", "config": {}}
    for field in ({"scene_key": "../../x"}, {"name": "../x"}, {"capture": "/etc"}, {"masks_key": 7}, {"methods": [1]},
                  {"methods": {"saga": "../x"}}, {"methods": {"../x": "aaaa"}}, {"gaussians_key": ".."}):  # fmt: skip
        (workspace.root / "names" / "desk.json").write_text(json.dumps({**good, **field}))
        assert workspace.scene_entry("desk") is None, field
    (workspace.root / "names" / "desk.json").write_text(json.dumps(good))
    assert workspace.scene_entry("desk") is not None
    folder = workspace.method_folder("aaaa")
    folder.mkdir()
    for text in ("[]", '{"inputs": [1]}', '{"key": "../../x"}', '{"key": 7}', "[" * 100_000):
        (folder / "step.json").write_text(text)
        assert step_record(folder) is None


def test_an_object_of_a_saved_session_with_a_way_out_for_a_name_is_not_taken_up(lab: Lab) -> None:
    session = Session(lab)
    session.open("toy")
    session.new_object("cup")
    record = session.to_json()
    record["objects"][0]["prompts"]["object"] = "../../cup"
    with pytest.raises(InputError, match="cannot be used"):
        Session(lab).from_json(record)


CONSTANT_NAMES = {"lab/bench/pictures.py", "lab/bench/runner.py", "lab/report/text.py", "lab/report/html.py",
                  "lab/export/schemas.py", "lab/cli/evaluate.py"}  # fmt: skip
"""Modules that name files after what they themselves list (places, keys of rows, photos of a data set)."""


def test_no_other_way_of_building_a_path_is_left_in_the_lab() -> None:
    """`folder / f"{name}.json"` and `folder / name` with a name from outside go through `inside`."""
    root = Path(__file__).parents[3]
    found = []
    for path in sorted((root / "lab").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div):
                continue
            if isinstance(node.right, ast.JoinedStr) and place not in CONSTANT_NAMES:
                found.append(f"{place}:{node.lineno}")
    assert found == []
