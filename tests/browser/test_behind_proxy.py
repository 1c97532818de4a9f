"""The page behind a TLS proxy under /lab/, and in a frame of another page, in a real browser."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests import toy_workspace
from tests.browser.conftest import OpenPage
from tests.browser.hands import RED, click_photo, covered, is_ply
from tests.outer_proxy import Manner, certificate, proxy
from tests.page_server import PageServer, serving

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "manner",
    [Manner(), pytest.param(Manner(strips=False, keeps_host=True), marks=pytest.mark.slow)],
    ids=["strips", "keeps"],
)
def test_click_upload_viewer_and_export_through_a_proxy(
    open_page: OpenPage, toy_root: Path, tmp_path: Path, manner: Manner
) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(toy_root, root)
    options = ("--scene", toy_workspace.NAME, "--root-path", "/lab", "--trusted-proxy", "127.0.0.1")
    with (
        serving(root, *options) as server,
        proxy(urlsplit(server.url).port or 0, certificate(tmp_path), manner) as outer,
    ):
        page = open_page(f"{outer}/?{server.url.partition('?')[2]}", with_3d=True)
        assert page.url == f"{outer}/", "the token does not stay in the address"
        cookies = page.context.cookies()
        assert {cookie.get("path") for cookie in cookies} == {"/lab"}
        assert all(cookie.get("secure") == outer.startswith("https") for cookie in cookies)
        click_photo(page, RED)
        assert covered(page, RED) > 0.9
        page.get_by_role("button", name="Take it away").click()
        with page.expect_download(timeout=30_000) as waiting:
            page.get_by_role("link", name="Point cloud, PLY").click()
        waiting.value.save_as(tmp_path / "object.ply")
        is_ply(tmp_path / "object.ply")
        photos = sorted((root / "captures" / toy_workspace.NAME / "images").iterdir())
        page.locator("[data-cell-head=capture]").click()
        cell = page.locator("#cell-capture")
        thumb = cell.locator(".scene img").first
        thumb.scroll_into_view_if_needed(timeout=10_000)
        page.wait_for_function("image => image.naturalWidth > 0", arg=thumb.element_handle(), timeout=10_000)
        cell.locator("input[type=file]").set_input_files(photos)
        links = cell.get_by_text("⇣")
        links.nth(len(photos) - 1).wait_for(timeout=10_000)
        with page.expect_download() as waiting:
            links.first.click()
        assert waiting.value.path().read_bytes() in [photo.read_bytes() for photo in photos]
        page.close()


@contextmanager
def framing(address: str) -> Iterator[str]:
    """A page of another origin that shows `address` in a frame."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<title>outer</title><iframe src='{address}' width=1000 height=600></iframe>".encode()
            self.send_response(200 if self.path == "/" else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as outer:
        threading.Thread(target=outer.serve_forever, daemon=True).start()
        yield f"http://localhost:{outer.server_port}/"  # another site than 127.0.0.1
        outer.shutdown()


def test_a_named_page_shows_the_lab_in_a_frame_and_no_other_does(
    browser: Browser, page_server: PageServer, toy_root: Path, tmp_path: Path
) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(toy_root, root)
    with framing(page_server.url) as outer:
        context = browser.new_context()
        page = context.new_page()
        page.goto(outer)
        page.wait_for_timeout(1500)
        assert page.frame_locator("iframe").locator("body").inner_text().find("LiftLab") < 0
        context.close()
    # the origin is known before the address that it frames: a first server only lends its port
    with framing("about:blank") as outer:
        origin = outer.rstrip("/")
        with serving(root, "--scene", toy_workspace.NAME, "--allow-frame", origin) as server:
            context = browser.new_context()
            page = context.new_page()
            context.route("**/viser/", lambda route: route.fulfill(body="", content_type="text/html"))
            page.goto(outer)
            page.evaluate("url => document.querySelector('iframe').src = url", server.url)
            page.frame_locator("iframe").locator(".ws[data-phase=ready]").wait_for(timeout=60_000)
            context.close()
