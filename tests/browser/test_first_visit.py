"""What somebody sees in the browser's console who opens the lab for the first time: nothing."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Response

from tests import toy_workspace
from tests.browser.conftest import SELDOM_DRAWN, SMALL, artifact, watch
from tests.page_server import serving

pytestmark = pytest.mark.browser

DOORS = {"token": (), "password": ("--auth", "ada:secret"), "open": ("--no-auth",)}
"""Ways in, and how the lab is started for them."""


@contextmanager
def visit(browser: Browser, problems: list[str]) -> Iterator[Page]:
    """A page of a browser without a past that notes errors, requests that fail and answers that refuse."""

    def failed(request: Request) -> None:
        if "/gradio_api/queue/data" in request.url and request.failure == "net::ERR_ABORTED":
            return  # Gradio's line of events, which the page itself closes
        problems.append(f"failed: {request.url} {request.failure}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            problems.append(f"{response.status}: {response.url}")

    context = browser.new_context(viewport={"width": SMALL["width"], "height": SMALL["height"]})
    context.add_init_script(SELDOM_DRAWN)
    page = context.new_page()
    watch(page, problems)
    page.on("requestfailed", failed)
    page.on("response", answered)
    yield page
    page.remove_listener("requestfailed", failed)  # what is under way when a page is closed
    context.close()


@pytest.mark.parametrize(
    "door", [pytest.param(door, marks=pytest.mark.slow) if door == "open" else door for door in DOORS]
)
def test_nothing_fails_on_a_first_visit(browser: Browser, toy_root: Path, tmp_path: Path, door: str) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(toy_root, root)
    problems: list[str] = []
    with (
        serving(root, "--scene", toy_workspace.NAME, *DOORS[door]) as server,
        visit(browser, problems) as page,
    ):
        page.goto(server.origin if door == "password" else server.url)
        if door == "password":
            page.get_by_label("Name").fill("ada")
            page.get_by_label("Password").fill("secret")
            page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
        page.frame_locator(".pane-3d iframe").locator("canvas").first.wait_for(timeout=60_000)
        page.wait_for_function("document.querySelectorAll('.pane-wait').length === 0", timeout=60_000)
        # what browsers do by themselves, if a page asks for it, once it has been looked at for a while
        page.context.new_cdp_session(page).send("Page.getAppManifest")
        icon = page.locator("link[rel=icon]").evaluate_all("links => links.map(link => link.href)")
        assert icon == [f"{server.origin.rstrip('/')}/lab/static/mark.svg"]
        page.screenshot(path=artifact(f"first-visit-{door}.png"))
    assert problems == []
