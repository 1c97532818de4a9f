"""What a notebook shows of an object and of a session, in a real browser as Jupyter would put it into its page."""

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from liftlab.engine.lab import Lab
from liftlab.pictures.jupyter import PHOTO_PX
from liftlab.pictures.palette import rgb
from liftlab.session.session import Session
from tests import toy_workspace
from tests.browser.conftest import SELDOM_DRAWN, artifact
from tests.browser.hands import RED, TOY

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,  # fast ones look at the picture and at the page's text
    pytest.mark.timeout(900),
]

LATEST = 40
"""Pictures that are taken at most until the 3D view shows what it must."""
HEADING_PX = 80


def test_an_object_and_its_session_are_seen_in_a_notebook(
    browser: Browser, toy_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(toy_root, tmp_path / "workspace")
    with contextlib.closing(Lab(tmp_path / "workspace")) as lab:
        session = Session(lab)
        session.open(toy_workspace.NAME)
        dark = session.view()._repr_html_()
        clicked = session.click("000.png", *toy_workspace.box_center(TOY, 0, RED))
        lighted, about = session.view(height=300)._repr_html_(), clicked._repr_html_()
        colour = np.array(rgb(clicked.colour))

    with shown_in(browser, tmp_path, "object", about) as page:
        assert page.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)") == [PHOTO_PX] * 3
        assert clicked.name in page.locator("body").inner_text()
        assert outlined(picture_of(page, "object"), colour) > 100, "its outline is seen over the photos"
    with shown_in(browser, tmp_path, "dark", dark) as page:
        seen = drawn(page, "dark", lambda picture: red(picture) > 300)
        assert red(seen) > 300 and lit(seen) < 30, "the red box is seen, and nothing is lit"
    with shown_in(browser, tmp_path, "lit", lighted) as page:
        assert lit(drawn(page, "lit", lambda picture: lit(picture) > 500)) > 500, "the clicked box is lit"
        assert "height:300px" in (page.locator("iframe").get_attribute("style") or "")


@contextlib.contextmanager
def shown_in(browser: Browser, folder: Path, name: str, html: str) -> Iterator[Page]:
    """A page that holds what a cell shows, as a notebook does."""
    path = folder / f"{name}.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><h1>Notebook</h1>{html}", encoding="utf-8")
    context = browser.new_context(viewport={"width": 500, "height": 420})
    context.add_init_script(SELDOM_DRAWN)
    page = context.new_page()
    page.goto(path.as_uri())
    yield page
    context.close()


def picture_of(page: Page, name: str) -> np.ndarray:
    shot = page.screenshot(path=artifact(f"jupyter-{name}.png"), timeout=120_000)
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def drawn(page: Page, name: str, shows: Callable[[np.ndarray], object]) -> np.ndarray:
    """Picture [h, w, 3] of a page below its heading once it stands still and shows what is waited for; the last one if
    it never does.
    """
    page.frame_locator("iframe").locator("canvas").first.wait_for(timeout=60_000)
    picture = np.zeros((1, 1, 3), int)
    for _ in range(LATEST):
        before, picture = picture, picture_of(page, name)[HEADING_PX:]
        if np.array_equal(picture, before) and shows(picture):
            break
        page.wait_for_timeout(500)
    return picture


def outlined(picture: np.ndarray, colour: np.ndarray) -> int:
    """Pixels of about a colour."""
    return int((np.abs(picture - colour).max(axis=-1) < 30).sum())


def lit(picture: np.ndarray) -> int:
    """Pixels in the light of the first object; the toy's own blue box is darker."""
    red, green, blue = picture[..., 0], picture[..., 1], picture[..., 2]
    return int(((blue > red + 60) & (green > red + 40)).sum())


def red(picture: np.ndarray) -> int:
    """Pixels in the red of the box that is clicked."""
    return int((picture[..., 0] > picture[..., 1:].max(axis=-1) + 40).sum())
