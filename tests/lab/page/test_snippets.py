"""The Python that the page shows beneath its cells does what the page did."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liftlab.engine.captures import capture_key
from liftlab.engine.lab import Lab
from liftlab.page.cells import capture, masks, methods, reconstruct, segment
from liftlab.page.cells import gaussians as splats
from liftlab.page.cells.segment import CHARACTERS_SHOWN
from liftlab.session.session import Session
from liftlab.web.visitor import Visitor
from liftlab.web.wire.messages import Compared
from tests.lab.web.test_server_visitors import status_of, until
from tests.not_none import not_none
from tests.toy import make_toy
from tests.toy_workspace import HEIGHT, NAME, VIEWS, WIDTH, box_center, untrained

ID = "visitor-of-the-tests-1"
TOY = make_toy(width=WIDTH, height=HEIGHT, views=VIEWS)


@pytest.fixture
def visitor(
    toy_root: Path, tmp_path: Path, counted_steps: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Visitor]:
    monkeypatch.setattr("liftlab.pipelines.steps.gaussians.build_gaussians", untrained)
    shutil.copytree(toy_root, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor(ID, lab)
    visitor.open(NAME)
    yield visitor
    visitor.close()
    lab.close()


def ran(*snippets: str) -> dict[str, Any]:
    """Names after running snippets one after the other, as in cells of a notebook."""
    names: dict[str, Any] = {}
    for snippet in snippets:
        exec(compile(snippet, "snippet", "exec"), names)
    return names


def code(visitor: Visitor, cell: str) -> str:
    return status_of(visitor, cell).code


def ray_to(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Origin and direction of a click in 3D on a box of the toy."""
    x, y = box_center(TOY, 0, number)
    view = TOY.scene.views[0]
    target = TOY.scene.pointmap.pts3d[0, int(y), int(x)].astype(float)
    return view.camera.center, target - view.camera.center


def around(view: int, number: int) -> tuple[float, float, float, float]:
    """A box around a box of the toy, not on whole pixels."""
    rows, columns = (TOY.instance[view] == number).nonzero()
    return columns.min() - 0.25, rows.min() + 0.125, columns.max() + 1.3, rows.max() + 1.7


CLICKS: dict[str, Callable[[Session], object]] = {
    "photo": lambda s: s.click("000.png", *box_center(TOY, 0, 2)),
    "not this": lambda s: (s.click("000.png", 12.25, 8.5), s.click("001.png", 80.5, 60.5, positive=False)),
    "3D": lambda s: s.click_ray(*ray_to(1)),
    "not this in 3D": lambda s: (s.click_ray(*ray_to(3)), s.click_ray(*ray_to(2), positive=False)),
    "box": lambda s: s.box("002.png", *around(2, 2)),
    "brush": lambda s: s.paint("002.png", [(10.3, 20.7), (30.1, 22.9)], 4.5),
    "other method": lambda s: (
        s.new_object(),
        s.use_prepared("saga"),
        s.click("000.png", *box_center(TOY, 0, 1)),
    ),
    "size and rim": lambda s: (
        s.click("000.png", *box_center(TOY, 0, 2)),
        s.set_granularity(0.35),
        s.shrink(),
    ),
    "named": lambda s: (s.new_object("mug"), s.click("000.png", *box_center(TOY, 0, 2))),
    "moved": lambda s: (s.click("000.png", *box_center(TOY, 0, 2)), s.stage.move(1, (0.1, 0.2, 0.0))),
}


@pytest.mark.parametrize("what", CLICKS)
def test_the_clicks_shown_give_the_same_objects(visitor: Visitor, what: str) -> None:
    visitor.act(CLICKS[what])
    assert visitor.note == ""
    names = ran(code(visitor, "capture"), segment.code_of(visitor))
    same(names["session"], visitor.session)


def same(session: Session, wanted: Session) -> None:
    assert [(s.name, s.named, s.asked, s.choice) for s in session.objects] == [
        (s.name, s.named, s.asked, s.choice) for s in wanted.objects
    ]
    for own, other in zip(session.objects, wanted.objects, strict=True):
        assert any(mask.any() for mask in own.masks)
        assert all(np.array_equal(a, b) for a, b in zip(own.masks, other.masks, strict=True))
    assert session.stage.arrangement == wanted.stage.arrangement


def test_all_clicks_of_several_objects_with_several_methods(visitor: Visitor) -> None:
    for clicks in CLICKS.values():
        visitor.act(lambda session: session.new_object())
        visitor.act(clicks)
    names = ran(code(visitor, "capture"), segment.code_of(visitor))
    assert {state.method for state in names["session"].objects} == {"wildseg3d", "saga"}
    assert len(names["session"].objects) == len(visitor.session.objects)
    assert "more lines" not in segment.code_of(visitor)


def test_a_long_run_is_repeated_from_its_file(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        points = [(float(x), number + 0.5) for x in range(2, 40)]
        visitor.act(lambda session, points=points: session.paint("000.png", points, 3))
    shown = segment.code_of(visitor)
    assert len(shown) < CHARACTERS_SHOWN
    monkeypatch.chdir(tmp_path)
    visitor.session.export("notebook", tmp_path)
    same(ran(code(visitor, "capture"), shown)["session"], visitor.session)


def test_every_step_is_shown_as_it_was_run(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    reconstruct.start(visitor, 320, "none")
    until(lambda: status_of(visitor, "reconstruct").state == "done", 60)
    masks.start(visitor, 99, "regions", "geometry")
    until(lambda: status_of(visitor, "masks").state == "done", 60)
    splats.start(visitor, 30, 240)
    until(lambda: status_of(visitor, "gaussians").state == "done", 60)
    methods.set_value(visitor, "wildseg3d", "refine_edges", "false")
    methods.start(visitor, ["wildseg3d"])
    until(lambda: status_of(visitor, "methods").state == "done", 60)
    lab = visitor.lab
    records = lab.step_records(NAME)
    shown = [code(visitor, cell) for cell in ("capture", "reconstruct", "masks", "gaussians", "methods")]
    names = ran(*shown)
    again = names["lab"].step_records(NAME)
    assert {step: record["key"] for step, record in again.items()} == {
        step: record["key"] for step, record in records.items()
    }


def test_photos_that_were_brought_are_shown_as_brought(
    visitor: Visitor, photos_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos_of("photos")
    kept = shutil.copytree(folder, folder.parent / "kept")
    capture.start_import(visitor, sorted(folder.iterdir()), "room")
    until(lambda: visitor.session.scene_name == "room" and not visitor.busy, 60)
    for path in kept.iterdir():
        shutil.copy(path, folder)
    monkeypatch.chdir(folder.parent)
    folders = visitor.lab.workspace.capture_folder
    name = ran(code(visitor, "capture"))["name"]
    assert capture_key(folders(name)) == capture_key(folders("room"))


def test_a_comparison_is_shown_as_it_stands(visitor: Visitor) -> None:
    visitor.act(CLICKS["photo"])
    visitor.compare(["wildseg3d", "saga"])
    visitor.change_panes(lambda panes: panes.set_granularity(0, 0.35))
    message = visitor.panes.message()
    assert isinstance(message, Compared)
    names = ran(code(visitor, "capture"), segment.code_of(visitor), message.code)
    own = names["comparison"].states
    for state, wanted in zip(own, not_none(visitor.panes.comparison).states, strict=True):
        shown = zip(state.masks, not_none(wanted).masks, strict=True)
        assert all(np.array_equal(a, b) for a, b in shown)


def test_people_on_another_machine_are_not_told_where_the_workspace_lies(visitor: Visitor) -> None:
    visitor.is_local = False
    assert str(visitor.lab.workspace.root) not in json.dumps(code(visitor, "capture"))
