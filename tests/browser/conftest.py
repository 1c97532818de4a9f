"""A real browser on the real server. Without Chromium these tests skip; with REQUIRE_BROWSER=1 they fail."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, ViewportSize, sync_playwright

from tests.page_server import PageServer

ARTIFACTS = Path(__file__).parent.parent.parent / "test-artifacts"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
VIEWPORT: ViewportSize = {"width": 1200, "height": 760}
SMALL = {"width": 1100, "height": 600}
"""Of pages that draw in 3D: without a graphics card every pixel costs."""
HARMLESS = (
    "GPU stall due to ReadPixels", "THREE.Clock", "software", "Method not implemented.",
    "computeBoundingSphere(): Computed radius is NaN", "/favicon.ico",
)  # fmt: skip
"""Of Chromium without a graphics card, of viser (a deprecation, and flat corners of its splats), of Gradio (during an
upload), and of a site that has no icon for Chromium beside the path where the lab is."""
ARGUMENTS = [
    "--no-sandbox", "--ignore-certificate-errors",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]  # fmt: skip
"""The certificates are those of proxies that the tests make; playwright's own option leaves downloads out. No other
host is ever reached; `open_page` tells when one was asked for."""
SELDOM_DRAWN = """
if (window !== window.top) {
  const draw = window.requestAnimationFrame.bind(window), asked = new Set();
  let count = 0;
  window.requestAnimationFrame = (then) => {
    const id = ++count;
    asked.add(id);
    setTimeout(() => draw((now) => { if (asked.delete(id)) then(now); }), 120);
    return id;
  };
  window.cancelAnimationFrame = (id) => asked.delete(id);
}
"""
"""A 3D view stands in a frame and draws again and again, changed or not. Without a graphics card that takes every core
from the server, the page and other tests: here it rests between two pictures."""
OpenPage = Callable[..., Page]


def chromium_path() -> str | None:
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file: while Playwright runs, its event loop stands in the way of `asyncio.run` in the files after it."""
    path = chromium_path()
    if path is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail("REQUIRE_BROWSER=1, but no Chromium was found (apt-get install chromium)")
        pytest.skip("no Chromium found (apt-get install chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


@pytest.fixture
def open_page(
    browser: Browser, page_server: PageServer, request: pytest.FixtureRequest
) -> Iterator[OpenPage]:
    """Open the lab in a new browser session; at the end nothing may have gone wrong or out."""
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def watch(page: Page) -> None:
        page.on("console", lambda m: complain(problems, m.type, f"{m.text} {m.location['url']}"))
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))

    def told(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", None):
            problems.append(f"another host: {request.url}")

    def open_(
        path: str | None = None, *, ready: bool = True, with_3d: bool = False, **options: object
    ) -> Page:
        """3D is left out unless asked for: drawn in software it takes all cores from everything else."""
        context = browser.new_context(
            **{"viewport": SMALL if with_3d else VIEWPORT, "accept_downloads": True, **options}
        )
        contexts.append(context)
        context.on("request", told)
        context.add_init_script(SELDOM_DRAWN)
        if not with_3d:
            context.route("**/viser/", lambda route: route.fulfill(body="", content_type="text/html"))
        page = context.new_page()
        watch(page)
        page.goto(path or page_server.url)
        if ready:
            page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
        if with_3d:
            page.frame_locator("iframe").locator("canvas").first.wait_for(timeout=30_000)
        return page

    yield open_
    for number, context in enumerate(contexts):
        for page in context.pages:
            page.screenshot(path=artifact(f"{request.node.name}-{number}.png"))
        context.close()
    assert not problems


def complain(problems: list[str], kind: str, text: str) -> None:
    if kind in ("error", "warning") and not any(part in text for part in HARMLESS):
        problems.append(f"{kind}: {text}")


def artifact(name: str) -> Path:
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS / "".join(c if c.isalnum() or c in ".-_" else "-" for c in name)
