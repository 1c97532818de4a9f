"""Work that goes through several cells is shown in the one whose step it is at."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.page.cells import capture
from liftlab.page.cells.scenes import delete, rename, scenes_of
from liftlab.web.visitor import Visitor
from tests.lab.web.test_server_visitors import status_of, until
from tests.toy import make_toy
from tests.toy_workspace import HEIGHT, VIEWS, WIDTH

ID = "visitor-of-the-tests-1"


@pytest.fixture
def visitor(tmp_path: Path, counted_steps: dict[str, int]) -> Iterator[Visitor]:
    lab = Lab(tmp_path / "empty")
    visitor = Visitor(ID, lab)
    yield visitor
    visitor.close()
    lab.close()


def states(visitor: Visitor) -> list[str]:
    return [status_of(visitor, cell).state for cell in ("capture", "reconstruct", "masks", "methods")]


def test_each_step_of_a_build_is_shown_in_its_cell(
    visitor: Visitor, photos_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def build_masks(scene, config, *, device, progress, cancel):
        go_on.wait(30)
        return make_toy(key=scene.key, width=WIDTH, height=HEIGHT, views=VIEWS).masks

    monkeypatch.setattr("liftlab.pipelines.steps.masks.build_masks", build_masks)
    capture.start_import(visitor, sorted(photos_of("room").iterdir()), "room")
    until(lambda: states(visitor)[2] == "running", 30)
    assert states(visitor) == ["done", "done", "running", "idle"]
    capturing = status_of(visitor, "capture")
    assert capturing.summary == "room" and not capturing.wants_open
    assert [(card.name, card.building) for card in scenes_of(visitor).scenes if card.kind != "example"] == [
        ("room", True)
    ]
    for change in (lambda: rename(visitor, "room", "hall"), lambda: delete(visitor, "room")):
        with pytest.raises(InputError, match="'room' is being built"):
            change()
    go_on.set()
    until(lambda: visitor.session.ready, 30)
    assert not any(card.building for card in scenes_of(visitor).scenes)
    until(lambda: states(visitor) == ["done"] * 4, 30)


def test_a_step_that_refuses_says_so_in_its_cell_until_it_is_run_again(
    visitor: Visitor, photos_of: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_, **__):
        raise InputError("Too few matches; take more photos.")

    with monkeypatch.context() as patch:
        patch.setattr("liftlab.pipelines.steps.reconstruct.reconstruct", refuse)
        capture.start_import(visitor, sorted(photos_of("room").iterdir()), "room")
        until(lambda: status_of(visitor, "reconstruct").state == "failed", 30)
    assert status_of(visitor, "reconstruct").error == "Too few matches; take more photos."
    assert states(visitor) == ["done", "failed", "idle", "idle"]
    visitor.start("reconstruct", "again", lambda progress, cancel: visitor.lab.reconstruct("room"))
    until(lambda: status_of(visitor, "reconstruct").state == "done", 30)


def test_photos_that_are_being_built_are_not_called_missing(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the first moment on, also for whoever opens the page meanwhile; and once it is cancelled one may choose."""
    go_on = threading.Event()

    def read(source, name, *, progress, cancel):
        while not go_on.wait(0.05):
            cancel.check()

    monkeypatch.setattr(visitor.lab, "import_capture", read)
    later = Visitor("visitor-of-the-tests-2", visitor.lab)
    for one in (visitor, later):
        capture.open_or_build(one, "shelf")
        now = status_of(one, "capture")
        assert now.summary == "shelf" and now.state == "running" and not now.wants_open
        cards = {card.name: card for card in scenes_of(one).scenes}
        assert cards["shelf"].building and cards["shelf"].note == "Example photos, being built"
        assert not cards["desk"].building
    visitor.cancel("capture")
    until(lambda: status_of(later, "capture").wants_open, 10)
    assert status_of(later, "capture").state == "idle"
    assert not any(card.building for card in scenes_of(later).scenes)
    later.close()
