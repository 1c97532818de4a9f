"""What objects leave behind is filled in on request, and shown as it was trained again.

What 3D draws then is held in tests/lab/view3d/test_patches.py.
"""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.hands import RED, act, click_photo

pytestmark = pytest.mark.browser


def test_the_place_of_an_object_is_filled_in_and_back_again(open_page: OpenPage) -> None:
    page = open_page()
    click_photo(page, RED)
    fill, splats = page.get_by_role("button", name="Fill in"), page.get_by_role("radio", name="Splats")
    expect(fill).to_be_disabled()
    act(page, page.get_by_role("button", name="Take out").click)
    expect(fill).to_be_enabled()
    expect(splats).to_have_attribute("aria-checked", "false")
    act(page, fill.click)
    expect(fill).to_have_attribute("aria-pressed", "true")
    expect(splats).to_have_attribute("aria-checked", "true")
    act(page, lambda: page.keyboard.press("z"))
    expect(fill).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Take it away").click()
    page.get_by_label("fill in what these leave").check()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("link", name="Scene without them, PLY").click()
    assert "mended=true" in waiting.value.url
