"""Without a pointer, and with its right button: what the hints promise."""

import pytest
from playwright.sync_api import Page, expect

from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import BLUE, GREEN, RED, TOY, act, box_is_drawn, click_3d, covered, in_3d

pytestmark = pytest.mark.browser


def go_to(page: Page, x: float, y: float) -> None:
    """Move the cursor of the photo from its middle to a photo pixel, as near as its steps allow."""
    step = toy_workspace.WIDTH / 64
    page.locator(".photo-stage").focus()
    page.keyboard.press("ArrowRight")  # it appears in the middle
    for distance, keys in (
        (x - toy_workspace.WIDTH / 2, ("ArrowLeft", "ArrowRight")),
        (y - toy_workspace.HEIGHT / 2, ("ArrowUp", "ArrowDown")),
    ):
        for _ in range(abs(round(distance / step))):
            page.keyboard.press(keys[distance > 0])


def test_objects_are_clicked_and_corrected_from_the_keyboard(fresh_page: Page) -> None:
    page = fresh_page
    go_to(page, *toy_workspace.box_center(TOY, 0, RED))
    page.locator(".photo-hover").wait_for(state="visible", timeout=5000)
    page.screenshot(path=artifact("keyboard-cursor.png"))
    act(page, lambda: page.keyboard.press("Enter"))
    assert covered(page, RED) > 0.9 and page.locator(".mark-in").count() == 1
    act(page, lambda: page.keyboard.press("n"))
    page.keyboard.press("Escape")
    page.locator(".photo-cursor").wait_for(state="hidden")
    page.keyboard.press("ArrowLeft")  # where it was
    act(page, lambda: page.keyboard.press("Shift+Enter"))
    assert page.locator(".mark-out").count() == 1
    page.keyboard.press("PageDown")
    expect(page.locator(".photo-name")).to_contain_text("001.png")


def test_the_sheet_of_keys_opens_and_closes(fresh_page: Page) -> None:
    page = fresh_page
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    assert sheet.get_by_text("a new object").is_visible()
    fonts = [
        part.evaluate("n => getComputedStyle(n).fontFamily") for part in (sheet, page.locator(".ws-hint"))
    ]
    assert fonts[0] == fonts[1], "it stands outside the page's own part, and looks as if it did not"
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    page.get_by_role("button", name="Keys and clicks").click()
    page.get_by_role("button", name="Close").click()
    sheet.wait_for(state="hidden")


def test_in_3d_a_right_click_takes_away_and_enter_clicks_in_the_middle(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    box_is_drawn(page, GREEN)
    click_3d(page, GREEN)
    assert covered(page, GREEN) > 0.9
    canvas = page.frame_locator("iframe").locator("canvas").first
    act(page, lambda: canvas.click(position=in_3d(page, BLUE), button="right", delay=100, force=True))
    assert page.locator(".mark-out").count() == 1 and covered(page, BLUE) < 0.1
    page.locator(".pane-3d iframe").focus()
    act(page, lambda: page.frame_locator("iframe").locator("body").press("Enter"))
    assert page.locator(".mark-in").count() == 2
    page.screenshot(path=artifact("keyboard-3d.png"))
