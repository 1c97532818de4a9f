"""A photo whose place the others do not confirm is greyed in the page."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.engine.lab import Lab
from liftlab.page.state import state_of
from liftlab.web.visitor import Visitor
from liftlab.web.wire.messages import Ready
from tests import toy_workspace


def test_the_page_is_told_which_photos_are_doubtful(
    toy_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(toy_source, tmp_path / "workspace")
    lab = Lab(tmp_path / "workspace")
    visitor = Visitor("0" * 32, lab)
    try:
        visitor.open(toy_workspace.NAME)
        scene = visitor.scene
        assert scene is not None
        doubtful = scene.views[1].name
        monkeypatch.setattr(Visitor, "scene", property(lambda _: replace(scene, doubtful=(doubtful,))))
        state = state_of(visitor)
        assert isinstance(state, Ready)
        assert [photo.name for photo in state.photos if photo.doubtful] == [doubtful]
        assert all(photo.registered for photo in state.photos)
    finally:
        visitor.close()
        lab.close()
