"""What objects leave behind is filled in on request, and shown as it was trained again."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.test_page import RED, act, canvas_3d, click_photo

pytestmark = pytest.mark.browser


def test_the_place_of_an_object_is_filled_in_and_back_again(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    page.wait_for_timeout(1500)
    click_photo(page, RED)
    fill = page.get_by_role("button", name="Fill in")
    expect(fill).to_be_disabled()
    act(page, lambda: page.get_by_role("button", name="Take out").click())
    expect(fill).to_be_enabled()
    act(page, fill.click)
    expect(fill).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("radio", name="Splats")).to_have_attribute("aria-checked", "true")
    filled = canvas_3d(page, "filled-in")
    act(page, lambda: page.keyboard.press("z"))
    expect(fill).to_have_attribute("aria-pressed", "false")
    trained = canvas_3d(page, "not-filled-in")
    assert np.abs(filled - trained).max() > 30, "before and after differ"
    page.get_by_role("button", name="Take it away").click()
    page.get_by_label("fill in what these leave").check()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("link", name="Scene without them, PLY").click()
    assert "mended=true" in waiting.value.url
