"""Scenes and works as a person meets them: nothing is lost on the way to another scene and back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact, without_3d
from tests.browser.hands import BLUE, GREEN, RED, act, click_photo, covered, objects
from tests.page_server import PageServer, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_server(toy_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server of its own, without a first scene: these tests make and delete scenes."""
    root = tmp_path_factory.mktemp("scenes") / "workspace"
    shutil.copytree(toy_root, root)
    with serving(root) as server:
        yield server


def first_page(open_page: OpenPage) -> Page:
    """The page once it knows what the workspace holds: until then its cells are closed, and open by themselves."""
    page = open_page(ready=False)
    expect(page.locator(".ws-veil p")).to_contain_text("This workspace has one scene", timeout=30_000)
    expect(page.locator("[data-cell-head=capture]")).to_have_attribute("aria-expanded", "true")
    return page


def card(page: Page, name: str) -> Locator:
    return page.locator(f"[data-scene='{name}']")


def show_cards(page: Page) -> None:
    head = page.locator("[data-cell-head=capture]")
    if head.get_attribute("aria-expanded") != "true":
        head.click()


def open_scene(page: Page, name: str) -> None:
    show_cards(page)
    card(page, name).locator(".scene-open").click()
    expect(card(page, name)).to_have_attribute("data-open", "", timeout=30_000)
    page.wait_for_selector(".ws[data-phase=ready]", timeout=30_000)


def test_the_first_page_shows_what_there_is_and_scenes_keep_their_objects(open_page: OpenPage) -> None:
    page = first_page(open_page)
    assert card(page, "shelf").get_by_text("Example photos").is_visible()
    page.screenshot(path=artifact("scenes-first.png"))
    open_scene(page, toy_workspace.NAME)
    click_photo(page, RED)
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, GREEN)

    show_cards(page)
    expect(card(page, toy_workspace.NAME)).to_contain_text("object 1, object 2")
    card(page, toy_workspace.NAME).hover()
    page.get_by_role("button", name=f"Duplicate {toy_workspace.NAME}").click()
    page.get_by_role("option", name="Photo 002.png").click()
    copy = f"{toy_workspace.NAME}-copy"
    open_scene(page, copy)
    expect(objects(page)).to_have_count(0)
    expect(page.locator(".photo-name")).to_contain_text("000.png")
    click_photo(page, BLUE)
    open_scene(page, toy_workspace.NAME)
    expect(objects(page)).to_have_count(2)
    expect(page.locator(".photo-name")).to_contain_text("002.png")  # what one looked at
    page.get_by_role("option", name="Photo 000.png").click()
    assert covered(page, RED) > 0.9 and covered(page, GREEN) > 0.9 and covered(page, BLUE) < 0.05
    act(page, lambda: page.get_by_role("button", name="Undo").click())
    assert covered(page, GREEN) < 0.05, "the history came along"

    page.reload()
    page.wait_for_selector(".ws[data-phase=ready]", timeout=30_000)
    assert covered(page, RED) > 0.9
    open_scene(page, copy)
    assert covered(page, BLUE) > 0.9 and objects(page).count() == 1

    show_cards(page)
    card(page, copy).hover()
    page.get_by_role("button", name=f"Rename {copy}").click()
    page.get_by_label(f"New name of {copy}").fill("table")
    page.keyboard.press("Enter")
    expect(card(page, "table")).to_have_attribute("data-open", "", timeout=30_000)
    expect(objects(page)).to_have_count(1)
    page.screenshot(path=artifact("scenes-cards.png"))
    open_scene(page, toy_workspace.NAME)
    page.on("dialog", lambda dialog: dialog.accept())
    show_cards(page)
    card(page, "table").hover()
    page.get_by_role("button", name="Delete table").click()
    expect(card(page, "table")).to_have_count(0)


def test_works_of_a_scene_are_started_named_and_opened_again(open_page: OpenPage) -> None:
    page = first_page(open_page)
    open_scene(page, toy_workspace.NAME)
    click_photo(page, RED)
    page.get_by_role("button", name="Name this work").click()
    act(
        page,
        lambda: (page.get_by_label("Name of this work").fill("red things"), page.keyboard.press("Enter")),
    )
    act(page, lambda: page.get_by_role("button", name="Start a new work").click())
    expect(objects(page)).to_have_count(0)
    click_photo(page, BLUE)
    works = page.get_by_label("Saved work", exact=True)
    first = works.locator("option", has_text="red things").get_attribute("value")
    act(page, lambda: works.select_option(first))
    assert covered(page, RED) > 0.9 and covered(page, BLUE) < 0.05
    page.screenshot(path=artifact("works.png"))
    page.reload()
    page.wait_for_selector(".ws[data-phase=ready]", timeout=30_000)
    assert covered(page, RED) > 0.9
    assert page.get_by_label("Saved work", exact=True).locator("option").count() == 2


@pytest.mark.slow  # tests/lab/web/test_saved_works.py holds the same without a browser
def test_what_was_made_of_a_scene_is_there_after_the_lab_was_started_again(
    open_page: OpenPage, toy_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(toy_root, root)
    with serving(root) as server:
        page = open_page(server.url, ready=False)
        open_scene(page, toy_workspace.NAME)
        click_photo(page, RED)
        act(page, lambda: page.keyboard.press("n"))
        click_photo(page, BLUE)
        act(page, lambda: page.get_by_role("button", name="Hide object 1").click())
        act(page, lambda: page.get_by_role("button", name="Take out").click())
        page.get_by_role("option", name="Photo 002.png").click()
        browser = page.context
        page.close()
    with serving(root) as server:
        page = browser.new_page()
        without_3d(page)
        page.goto(server.url)
        page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
        expect(objects(page)).to_have_count(2)
        expect(objects(page).nth(1)).to_contain_text("taken out")
        expect(page.locator(".photo-name")).to_contain_text("002.png")
        page.get_by_role("option", name="Photo 000.png").click()
        assert covered(page, BLUE) > 0.9 and covered(page, RED) < 0.05, "what was hidden stays hidden"


def test_a_method_is_changed_for_one_object_and_the_change_undone(open_page: OpenPage) -> None:
    page = first_page(open_page)
    open_scene(page, toy_workspace.NAME)
    click_photo(page, RED)
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    method = page.get_by_label("Method", exact=True)
    act(page, lambda: method.select_option("saga"))
    expect(objects(page).nth(0)).to_contain_text("by wildseg3d")
    expect(objects(page).nth(1)).to_contain_text("by saga")
    page.get_by_role("button", name="For all").wait_for()
    page.screenshot(path=artifact("methods-of-objects.png"))
    act(page, lambda: page.get_by_role("button", name="Undo").click())
    expect(method).to_have_value("wildseg3d")
    assert covered(page, BLUE) > 0.9, "the method alone is undone"
    act(page, lambda: method.select_option("saga"))
    act(page, lambda: page.get_by_role("button", name="For all").click())
    assert page.get_by_text("by wildseg3d").count() == 0
