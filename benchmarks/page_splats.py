"""Splats on their way into a real browser: bytes and seconds until all are there, and what a highlight costs.

    python -m benchmarks.page_splats --workspace DIR --scene desk --counts 100000 300000

The scene must be reconstructed, with splats and a prepared method. Its splats are repeated beside themselves up to
the wanted count. Seconds until received, not until drawn: without a graphics card, drawing takes as long as it takes.
"""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import tyro
import uvicorn
from playwright.sync_api import Page, WebSocket, sync_playwright

from benchmarks.tables import markdown, write_result
from components.errors import InputError
from components.types import Gaussians, Scene
from lab.engine import Lab
from lab.security import Access
from lab.server import build_app, page_url

BYTES_PER_SPLAT = 32
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET_SECS = 1.5
"""Nothing more is coming when nothing has come for this long."""
MOST_SECS = 60.0


class DenseLab(Lab):
    """A lab whose scenes have a given number of splats."""

    count = 0

    def scene(self, name: str) -> Scene:
        scene = super().scene(name)
        if scene.gaussians is None:
            raise InputError(f"The scene '{name}' has no splats; train them first.")
        key = f"{scene.gaussians_key}-{self.count}"
        return replace(scene, gaussians=repeated(scene.gaussians, self.count), gaussians_key=key)


def repeated(gaussians: Gaussians, count: int) -> Gaussians:
    """`count` splats: the given ones, then copies of them moved by less than their size."""
    rng = np.random.default_rng(0)
    index = np.arange(count) % len(gaussians.means)
    shift = (
        rng.normal(size=(count, 3))
        * gaussians.scales[index]
        * (np.arange(count) >= len(gaussians.means))[:, None]
    )
    return Gaussians(
        means=(gaussians.means[index] + shift).astype(np.float32),
        quats=gaussians.quats[index],
        scales=gaussians.scales[index],
        opacities=gaussians.opacities[index],
        sh=gaussians.sh[index],
    )


class Received:
    """Bytes that came over the viewer's websocket, and when the last of them did."""

    def __init__(self, page: Page) -> None:
        self.page, self.bytes, self.last = page, 0, time.perf_counter()
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if "/viser" in socket.url:
            socket.on("framereceived", self._came)

    def _came(self, payload: str | bytes) -> None:
        self.bytes += len(payload)
        self.last = time.perf_counter()

    def during(self, act, *, at_least: int = 1) -> tuple[float, int]:
        """Seconds until the last byte that `act` brings about has come, and how many came."""
        before, started = self.bytes, time.perf_counter()
        act()
        while time.perf_counter() - started < MOST_SECS:
            self.page.wait_for_timeout(20)
            enough = self.bytes - before >= at_least
            if enough and time.perf_counter() - self.last > QUIET_SECS:
                break
        return self.last - started, self.bytes - before


@contextmanager
def served(lab: Lab, scene: str) -> Iterator[str]:
    """The lab's real server on a free port; gives the address of its page."""
    config = uvicorn.Config(build_app(lab, access=Access(), initial_scene=scene), port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    access: Access = config.app.state.access  # type: ignore[union-attr]
    try:
        yield page_url(replace(access, port=port))
    finally:
        server.should_exit = True
        thread.join(10)


def measure(lab: DenseLab, scene: str, count: int) -> list[object]:
    """One row of the table."""
    lab.count = count
    chromium = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as playwright, served(lab, scene) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 760})
        received = Received(page)
        page.goto(url)
        page.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
        page.frame_locator("iframe").locator("canvas").first.wait_for(timeout=30_000)
        received.during(lambda: None)  # the points, which come first

        def press(selector: str) -> None:
            page.evaluate(f"document.querySelector('{selector}').click()")

        expected = count * BYTES_PER_SPLAT
        seconds, sent = received.during(lambda: press("[data-surface=splats]"), at_least=expected)
        box = page.locator(".photo-layers").bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        lit_seconds, lit = received.during(lambda: page.mouse.click(*middle))
        received.during(lambda: press("[data-surface=points]"))
        back_seconds, back = received.during(lambda: press("[data-surface=splats]"))
        browser.close()
    return [count, sent / 1e6, seconds, lit / 1e6, lit_seconds * 1e3, back / 1e6, back_seconds * 1e3]


def main(
    workspace: Path, scene: str, counts: tuple[int, ...] = (100_000, 300_000), result: str = "page_splats"
) -> None:
    """Measure.

    Args:
        workspace: Holds the scene.
        scene: Its name.
        counts: Splats in the scene.
        result: Name of the table in benchmarks/results.
    """
    lab = DenseLab(workspace)
    try:
        rows = [measure(lab, scene, count) for count in counts]
    finally:
        lab.close()
    head = [
        "splats",
        "MB",
        "s until received",
        "highlight MB",
        "ms until received",
        "back to splats MB",
        "ms",
    ]
    write_result(result, "Splats received by the browser, on loopback", [markdown(head, rows)])


if __name__ == "__main__":
    tyro.cli(main)
