"""What objects and sessions show of themselves in a notebook, without Jupyter."""

import html
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.pictures import jupyter
from liftlab.pictures.palette import rgb
from liftlab.session.objects import ObjectState
from liftlab.session.session import Session
from tests import toy_workspace
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center


@pytest.fixture
def clicked(session: Session, toy: Toy) -> ObjectState:
    return session.click("001.png", *box_center(toy, 1, 1))


def test_an_object_is_seen_over_its_best_photos(clicked: ObjectState) -> None:
    data = clicked._repr_png_()
    assert data is not None
    sheet = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert sheet.shape == (240, 3 * jupyter.PHOTO_PX + 2 * jupyter.GAP_PX, 3)
    best = jupyter.best_photos(clicked)
    pixels = [int(clicked.masks[view].sum()) for view in best]
    assert pixels == sorted(pixels, reverse=True) and pixels[0] == max(int(m.sum()) for m in clicked.masks)
    for place, view in enumerate(best):
        photo = sheet[:, place * (jupyter.PHOTO_PX + jupyter.GAP_PX) :][:, : jupyter.PHOTO_PX]
        edge = np.abs(photo - rgb(clicked.colour)).max(axis=-1) == 0
        rows, columns = np.nonzero(edge)
        own_rows, own_columns = np.nonzero(clicked.masks[view])
        assert abs(rows.mean() / 240 - own_rows.mean() / toy_workspace.HEIGHT) < 0.1
        assert abs(columns.mean() / 320 - own_columns.mean() / toy_workspace.WIDTH) < 0.1


def test_an_object_says_what_it_is(clicked: ObjectState) -> None:
    said = clicked._repr_html_()
    assert clicked.result is not None
    assert f"{clicked.result.count:,} points" in said and "1 click," in said and "of 3 photos" in said
    assert said.count('<img src="data:image/jpeg;base64,') == len(jupyter.best_photos(clicked))
    assert len(said) < 400_000


def test_names_and_messages_are_text(clicked: ObjectState) -> None:
    assert clicked.answer is not None
    answer = replace(clicked.answer, result=replace(clicked.answer.result, message="<i>&</i>"))
    said = replace(clicked, name='<script>"1"</script>', answer=answer)._repr_html_()
    assert "<script" not in said and "<i>" not in said
    assert "&lt;script&gt;" in said and "&lt;i&gt;&amp;&lt;/i&gt;" in said


def test_an_object_without_an_answer_shows_no_picture(session: Session) -> None:
    empty = session.new_object("later")
    assert empty._repr_png_() is None
    assert "later" in empty._repr_html_() and "nothing selected yet" in empty._repr_html_()
    assert "<img" not in empty._repr_html_()


def embedded_page(shown: str) -> str:
    found = re.fullmatch(r'<iframe srcdoc="([^"]*)"[^<>]*></iframe>', shown)
    assert found
    return html.unescape(found[1])


def test_a_session_shows_its_points(session: Session, toy: Toy) -> None:
    without = session.view()
    session.click("001.png", *box_center(toy, 1, 1))
    lit = session.view(height=300)
    assert embedded_page(lit._repr_html_()) == lit.html
    assert "height:300px" in lit._repr_html_() and len(repr(lit)) < 80
    assert lit.html.startswith("<!") and len(without.html) < 8e6
    assert lit.html != without.html


@pytest.mark.slow
def test_a_session_shows_its_splats(tmp_path: Path, toy: Toy) -> None:
    session = Session(toy_workspace.fill(tmp_path / "workspace", splats=True))
    session.open(NAME)
    session.click("001.png", *box_center(toy, 1, 1))
    page = session.view().html
    assert 500_000 < len(page) < jupyter.PAGE_BYTES_MOST


def test_a_page_that_is_too_large_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "PAGE_BYTES_MOST", 1000)
    with pytest.raises(InputError, match="too large for a notebook"):
        session.view()


def test_a_session_without_a_scene_has_nothing_to_show(shared_lab: Lab) -> None:
    with pytest.raises(InputError, match="No scene is open"):
        Session(shared_lab).view()
