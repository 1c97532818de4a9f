"""What hasty hands and slow lines do: double clicks, pictures and answers that come late, downloads that fail."""

import pytest
from playwright.sync_api import Page, Route, expect

from tests import toy_workspace
from tests.browser.hands import BLUE, RED, TOY, act, at_photo, click_photo, objects

pytestmark = pytest.mark.browser


def test_a_double_click_in_the_photo_is_one_click(fresh_page: Page) -> None:
    page = fresh_page
    x, y = toy_workspace.box_center(TOY, 0, RED)
    act(page, lambda: page.mouse.dblclick(*at_photo(page, x, y)))
    page.wait_for_timeout(500)
    assert page.locator(".mark-in").count() == 1
    act(page, lambda: page.keyboard.press("z"))
    expect(objects(page)).to_have_count(0)
    act(page, lambda: page.mouse.click(*at_photo(page, x, y)))
    page.wait_for_timeout(600)
    act(page, lambda: page.mouse.click(*at_photo(page, x, y)))
    assert page.locator(".mark-in").count() == 2, "two clicks, one after the other, are two"


def test_a_double_click_starts_and_deletes_one_object(fresh_page: Page) -> None:
    page = fresh_page
    click_photo(page, RED)
    act(page, lambda: page.get_by_role("button", name="New", exact=True).dblclick())
    page.wait_for_timeout(500)
    expect(objects(page)).to_have_count(2)
    click_photo(page, BLUE)
    act(page, lambda: page.get_by_role("button", name="Delete object 1").dblclick())
    page.wait_for_timeout(500)
    expect(objects(page)).to_have_count(1)
    expect(objects(page).first).to_contain_text("object 2")


def test_a_mask_that_was_taken_back_does_not_come_late(fresh_page: Page) -> None:
    page = fresh_page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/lab/overlay/001.png?w={toy_workspace.WIDTH}*", hold)
    click_photo(page, RED)
    page.get_by_role("option", name="Photo 001.png").click()
    page.wait_for_timeout(500)
    assert held, "the picture is on its way"
    act(page, lambda: page.keyboard.press("z"))
    for route in held:
        route.fulfill(
            body=b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
            content_type="image/svg+xml",
        )
    page.wait_for_timeout(500)
    assert page.locator(".photo-overlay").is_hidden()


def test_the_answer_to_the_latest_question_is_shown(fresh_page: Page) -> None:
    page = fresh_page
    held: list[Route] = []
    page.route("**/lab/search/ask", lambda route: held.append(route) if not held else route.continue_())
    field = page.get_by_label("Find by words")
    for words in ("red", "blue"):
        field.fill(words)
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
    asked = page.locator(".find-asks b")
    expect(asked).to_have_text(["blue"], timeout=60_000)
    answer = {"asks": [], "history": ["red"], "note": "", "threshold": 0.5, "version": 0}
    held[0].fulfill(json=answer)
    page.wait_for_timeout(500)
    expect(asked).to_have_text(["blue"])


def test_the_page_says_why_a_download_failed(fresh_page: Page) -> None:
    page = fresh_page
    status = page.request.get(page.url.split("?")[0] + "lab/export/nothing").status
    assert status == 409
    expect(page.locator(".ws-hint")).to_contain_text("There is no export 'nothing'")
