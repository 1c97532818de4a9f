"""The Search cell in a real browser: a question, its answer, and the found object among the selected ones."""

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage


def test_words_find_an_object_and_take_it_into_the_selection(open_page: OpenPage) -> None:
    page = open_page()
    box = page.get_by_label("Find by words")
    assert "measured colours" in page.locator(".find-note").inner_text(), "it says what reads the words"
    box.fill("the red teapot")
    box.press("Enter")
    page.wait_for_selector(".find figure", timeout=60_000)
    assert page.locator(".find-said").inner_text() == "I don't know 'teapot' without a text model; used: red."
    assert page.locator(".find-heat").evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    box.fill("something blue")
    page.get_by_role("button", name="Find also").click()
    expect(page.locator(".find-asks article")).to_have_count(2, timeout=60_000)
    page.locator(".find-asks article").nth(1).get_by_role("button", name="Add object").first.click()
    objects = page.get_by_role("listbox", name="Objects").get_by_role("option")
    expect(objects).to_have_count(1, timeout=60_000)
    assert "something blue" in objects.first.inner_text()
    page.get_by_role("button", name="Drop “the red teapot”").click()
    expect(page.locator(".find-asks article")).to_have_count(1)
