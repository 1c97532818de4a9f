"""A real browser on the real server. Without Chromium these tests skip; with REQUIRE_BROWSER=1 they fail."""

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
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
    "computeBoundingSphere(): Computed radius is NaN",
)  # fmt: skip
"""Of Chromium without a graphics card, of viser (a deprecation, and flat corners of its splats), and of Gradio (during
an upload)."""
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
STORED = "local_storage,indexeddb,cache_storage,service_workers"
"""What a page may leave in a browser beside cookies and what it fetched."""
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


class Contexts:
    """Browser sessions of one file. One that a test is done with is emptied and serves the next of the same looks: it
    keeps the scripts of the page.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[BrowserContext]] = defaultdict(list)

    def lend(self, looks: dict[str, Any]) -> BrowserContext:
        """A session without pages, cookies, or anything that a page may store."""
        free = self._free[repr(looks)]
        if free:
            return free.pop()
        context = self._browser.new_context(**{"accept_downloads": True, **looks})
        context.add_init_script(SELDOM_DRAWN)
        return context

    def take_back(self, looks: dict[str, Any], context: BrowserContext) -> None:
        stays = context.new_page()  # to speak to the browser by
        session = context.new_cdp_session(stays)
        for page in context.pages:
            if page != stays:
                parts = urlsplit(page.url)
                page.close()
                if parts.netloc:
                    origin = f"{parts.scheme}://{parts.netloc}"
                    session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": STORED})
        stays.close()
        context.clear_cookies()
        self._free[repr(looks)].append(context)


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Contexts:
    return Contexts(browser)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep for fixtures whether the test has failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def open_page(
    contexts: Contexts, page_server: PageServer, request: pytest.FixtureRequest
) -> Iterator[OpenPage]:
    """Open the lab in a browser session without a past; at the end nothing may have gone wrong or out."""
    lent: list[tuple[dict[str, Any], BrowserContext]] = []
    problems: list[str] = []
    told = outsiders(problems)

    def open_(
        path: str | None = None, *, ready: bool = True, with_3d: bool = False, **options: object
    ) -> Page:
        """3D is left out unless asked for: drawn in software it takes all cores from everything else."""
        looks = {"viewport": SMALL if with_3d else VIEWPORT, **options}
        context = contexts.lend(looks)
        lent.append((looks, context))
        context.on("request", told)
        page = context.new_page()
        if not with_3d:
            without_3d(page)
        watch(page, problems)
        page.goto(path or page_server.url)
        if ready:
            page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
        if with_3d:
            page.frame_locator("iframe").locator("canvas").first.wait_for(timeout=30_000)
        return page

    yield open_
    failed = request.node.stash.get(FAILED, False) or bool(problems)
    for number, (looks, context) in enumerate(lent):
        context.remove_listener("request", told)
        if not failed:
            contexts.take_back(looks, context)
            continue
        for page in context.pages:
            page.screenshot(path=artifact(f"{request.node.name}-{number}.png"))
        context.close()
    assert not problems


class KeptPage:
    """A page of a file that its tests use one after the other; opened when the first one asks for it."""

    def __init__(self, contexts: Contexts, url: str) -> None:
        self._contexts, self._url = contexts, url
        self._page: Page | None = None
        self.problems: list[str] = []

    def fresh(self) -> Page:
        """With a new work, every cell closed, the first photo and the first tool, and nobody pointing at anything."""
        if self._page is None:
            context = self._contexts.lend({"viewport": VIEWPORT})
            context.on("request", outsiders(self.problems))
            self._page = context.new_page()
            without_3d(self._page)
            watch(self._page, self.problems)
            self._page.goto(self._url)
            self._page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
            return self._page
        page = self._page
        page.unroute_all()
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        cells = page.locator("[data-cell-head][aria-expanded=true]")
        for cell in cells.evaluate_all("heads => heads.map(head => head.dataset.cellHead)"):
            page.locator(f"[data-cell-head={cell}]").click()
        page.get_by_role("radio", name="Add").click()
        page.get_by_role("option", name="Photo 000.png").click()
        before = page.get_attribute(".ws", "data-version")
        page.get_by_role("button", name="Start a new work").click()
        page.wait_for_function("v => document.querySelector('.ws').dataset.version !== v", arg=before)
        return page

    def failed(self, name: str) -> None:
        """Keep what it looked like, and let the next test have another."""
        assert self._page is not None
        self._page.screenshot(path=artifact(f"{name}.png"))
        self._page.context.close()
        self._page = None
        self.problems.clear()


@pytest.fixture(scope="module")
def kept_page(contexts: Contexts, page_server: PageServer) -> KeptPage:
    return KeptPage(contexts, page_server.url)


@pytest.fixture
def fresh_page(kept_page: KeptPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The lab with nothing clicked, without 3D. For tests that leave nothing but a work behind: a page takes seconds to
    open. At the end nothing may have gone wrong or out.
    """
    try:
        page = kept_page.fresh()
    except Exception:
        kept_page.failed(request.node.name)
        raise
    yield page
    problems = list(kept_page.problems)
    if request.node.stash.get(FAILED, False) or problems:
        kept_page.failed(request.node.name)
    assert not problems


def outsiders(problems: list[str]) -> Callable[[Request], None]:
    """What notes a request that goes to another host."""

    def told(request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", None):
            problems.append(f"another host: {request.url}")

    return told


def watch(page: Page, problems: list[str]) -> None:
    """Note what goes wrong on a page."""
    page.on("console", lambda m: complain(problems, m.type, f"{m.text} {m.location['url']}"))
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))


def without_3d(page: Page) -> None:
    """Answer the page's frame for the 3D view with nothing. One of Playwright's routes would have it ask about each of
    the hundred requests of a page, which takes half a second.
    """
    session = page.context.new_cdp_session(page)

    def answer(paused: dict[str, Any]) -> None:
        html = [{"name": "content-type", "value": "text/html"}]
        empty = {"requestId": paused["requestId"], "responseCode": 200, "responseHeaders": html}
        session.send("Fetch.fulfillRequest", empty)

    session.on("Fetch.requestPaused", answer)
    session.send("Fetch.enable", {"patterns": [{"urlPattern": "*/viser/"}]})


def complain(problems: list[str], kind: str, text: str) -> None:
    if kind in ("error", "warning") and not any(part in text for part in HARMLESS):
        problems.append(f"{kind}: {text}")


def artifact(name: str) -> Path:
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS / "".join(c if c.isalnum() or c in ".-_" else "-" for c in name)
