"""The door in a real browser: photos come in through the page, and people through the sign-in."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from liftlab.files.identifiers import visitor_id_is_valid
from liftlab.web.security import VISITOR_COOKIE
from tests import toy_workspace
from tests.browser.conftest import OpenPage
from tests.page_server import PageServer, serving


def test_photos_come_in_through_the_page_and_leave_nothing_behind(
    open_page: OpenPage, page_server: PageServer
) -> None:
    page = open_page()
    visitor = {c.get("name"): c.get("value", "") for c in page.context.cookies()}[VISITOR_COOKIE]
    assert visitor_id_is_valid(visitor)
    photos = sorted((page_server.workspace / "captures" / toy_workspace.NAME / "images").iterdir())
    page.locator("[data-cell-head=capture]").click()
    cell = page.locator("#cell-capture")
    cell.locator("input[type=file]").set_input_files(photos)
    links = cell.get_by_text("⇣")
    links.nth(len(photos) - 1).wait_for(timeout=10_000)
    folder = page_server.workspace / "uploads" / visitor
    assert sorted(path.name for path in folder.glob("*/*")) == [photo.name for photo in photos]
    with page.expect_download() as waiting:
        links.first.click()
    assert waiting.value.path().read_bytes() in [photo.read_bytes() for photo in photos]
    cell.get_by_role("textbox", name="Name").fill(toy_workspace.NAME)
    page.get_by_role("button", name="Build the scene").click()
    cell.get_by_text(f"{len(photos)} photos kept.").wait_for(timeout=60_000)
    assert list(folder.glob("*/*")) == []


def test_without_files_the_button_says_what_to_do(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-cell-head=capture]").click()
    page.get_by_role("button", name="Build the scene").click()
    page.get_by_text("Choose photos, a video or a zip first.").wait_for(timeout=20_000)


@pytest.mark.slow
def test_people_sign_in_with_the_form(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "workspace", "--auth", "ada:secret") as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto(server.origin)
        for password, seen in (("guess", "Wrong name or password."), ("secret", "Bring photos or a video")):
            page.get_by_label("Name").fill("ada")
            page.get_by_label("Password").fill(password)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_text(seen).first.wait_for(timeout=60_000)
        context.close()
