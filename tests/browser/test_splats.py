"""Splats on the page: shown, lit, taken out and put back, in a real browser."""

import numpy as np
import pytest

from tests.browser.conftest import OpenPage, artifact
from tests.browser.test_page import RED, act, canvas_3d, click_photo, in_3d, objects

pytestmark = pytest.mark.browser


def patch_of(picture: np.ndarray, place: dict[str, float]) -> np.ndarray:
    """Mean colour beside a place in the 3D view, off the marker."""
    x, y = int(place["x"]) + 12, int(place["y"]) + 12
    return picture[y : y + 10, x : x + 10].mean(axis=(0, 1))


def test_splats_are_drawn_lit_dimmed_and_taken_out(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    place = in_3d(page, RED)
    page.wait_for_timeout(1500)
    act(page, lambda: page.get_by_role("radio", name="Splats").click())
    was = patch_of(canvas_3d(page, "splats"), place)
    assert was[0] > was[2] + 40, f"the box is red as splats; got {was}"

    click_photo(page, RED)
    lit = patch_of(canvas_3d(page, "splats-lit"), place)
    assert lit[2] > was[2] + 40, f"the lit box turns blue; got {lit}"

    act(page, lambda: page.get_by_role("button", name="Take out").click())
    gone = patch_of(canvas_3d(page, "splats-gone"), place)
    assert abs(gone - was).max() > 30 and abs(gone - lit).max() > 30, f"the floor is seen; got {gone}"
    assert "taken out" in objects(page).first.inner_text()

    act(page, lambda: page.keyboard.press("z"))
    back = patch_of(canvas_3d(page, "splats-back"), place)
    assert np.allclose(back, lit, atol=12), f"undo puts the box back; got {back}, was {lit}"
    page.screenshot(path=artifact("splats.png"))
