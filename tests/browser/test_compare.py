"""Compare on the page: two panes, the same clicks, one table."""

import pytest

from tests.browser.conftest import OpenPage, artifact
from tests.browser.test_page import BLUE, RED, act, click_photo, covered, objects

pytestmark = pytest.mark.browser


def test_two_panes_get_the_same_clicks_and_one_becomes_the_result(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    page.locator(".cmp-head").click()
    page.locator(".cmp-panes iframe").nth(1).wait_for(timeout=15_000)
    page.get_by_role("combobox", name="Method of pane 2").select_option("wildseg3d")
    page.get_by_text("every method gets the same clicks").wait_for(timeout=15_000)
    for pane in range(2):
        frame = page.frame_locator(".cmp-panes iframe").nth(pane)
        frame.locator("canvas").first.wait_for(timeout=30_000)

    click_photo(page, RED)
    rows = page.locator(".cmp-table tbody tr")
    page.wait_for_function("document.querySelectorAll('.cmp-table .tool').length === 2", timeout=20_000)
    page.get_by_role("combobox", name="Right answer").select_option("0")
    rows.nth(1).get_by_text("1.000").first.wait_for(timeout=10_000)
    assert "ms" in rows.first.inner_text() and "points" in rows.first.inner_text()
    assert page.locator(".cmp-heat").is_visible()
    page.wait_for_timeout(1500)
    page.screenshot(path=artifact("compare.png"), full_page=True)

    act(page, lambda: rows.nth(1).get_by_role("button", name="Make this the result").click())
    assert objects(page).count() == 1 and covered(page, RED) > 0.9
    page.get_by_role("button", name="Compare").first.click()
    page.locator(".cmp-body").wait_for(state="hidden", timeout=10_000)
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    assert covered(page, BLUE) > 0.9
