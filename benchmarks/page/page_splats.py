"""Splats on their way into a real browser: bytes and seconds until all are there, and what a highlight costs.

    python -m benchmarks.page.page_splats --workspace DIR --scene desk --counts 100000 300000

The scene must be reconstructed, with splats and a prepared method. Its splats are repeated beside themselves up to
the wanted count. What is received is told apart from what is drawn: without a graphics card, drawing takes as long
as it takes.
"""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
import uvicorn
from playwright.sync_api import Page, WebSocket, sync_playwright

from benchmarks.common.tables import markdown, write_result
from liftlab.components.errors import InputError
from liftlab.components.types import Gaussians, Scene
from liftlab.engine.lab import Lab
from liftlab.engine.recent import Recent
from liftlab.web.security import Access
from liftlab.web.server import build_app, page_url

BYTES_PER_SPLAT = 32
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET_SECS = 1.5
"""Nothing more is coming when nothing has come for this long."""
MOST_SECS = 60.0
MOST_DRAWN = 50_000
"""Splats that a processor draws fast enough for a measurement to end."""
PLACES = (
    (0.5, 0.5), (0.34, 0.5), (0.45, 0.58), (0.56, 0.56), (0.66, 0.5), (0.42, 0.85), (0.63, 0.74), (0.2, 0.64),
)  # fmt: skip
"""Where the first photo is clicked, one object each: shares of its width and height. On the desk: the table, which is
the largest there is, and seven things on it."""


class DenseLab(Lab):
    """A lab whose scenes have a given number of splats."""

    count = 0

    def __init__(self, workspace: Path) -> None:
        super().__init__(workspace)
        self._repeated: Recent[Gaussians] = Recent(1)

    def scene(self, name: str) -> Scene:
        scene = super().scene(name)
        if scene.gaussians is None:
            raise InputError(f"The scene '{name}' has no splats; train them first.")
        key = f"{scene.gaussians_key}-{self.count}"
        own = scene.gaussians
        return replace(
            scene, gaussians=self._repeated.get(key, lambda: repeated(own, self.count)), gaussians_key=key
        )


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


WATCH = """
(() => {
  const now = () => performance.timeOrigin + performance.now();
  if (window.top !== window && !DRAWING) window.requestAnimationFrame = () => 0;
  if (window.top === window) {
    Object.assign(window, { came: null, drawn: null, asked: null, pressed: null });
    addEventListener("pointerdown", (e) => { window.pressed = performance.timeOrigin + e.timeStamp; }, true);
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      if (this.url.includes("/lab/live") && JSON.parse(data).do !== "hover") window.asked = now();
      return send.call(this, data);
    };
    new BroadcastChannel("came").onmessage = (e) => {
      window.came = e.data;
      requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = now(); }));
    };
  }
  const inWorker = `{
    const told = new BroadcastChannel("came");
    self.WebSocket = class extends self.WebSocket {
      constructor(...given) {
        super(...given);
        this.addEventListener("message", () => told.postMessage(performance.timeOrigin + performance.now()));
      }
    };
  }
  `;
  const create = URL.createObjectURL;
  URL.createObjectURL = (blob) =>
    create(blob.type.includes("javascript") ? new Blob([inWorker, blob], { type: blob.type }) : blob);
})();
"""
"""Runs in every frame before its own scripts: notes when a person pressed, when the page sent the command, and when
the viewer's worker, which holds the websocket, was given each message: it is, also while the page draws."""


@dataclass(frozen=True)
class Came:
    """What one act made the browser receive."""

    megabytes: float
    received_ms: float
    """From the page's command, as it was sent, to the last message of the answer."""
    waited_ms: float
    """From the press of the mouse to the command: how long the page, when it draws, keeps a person waiting; NaN
    where no mouse was pressed."""
    drawn_ms: float
    """From the command until the page had drawn two frames more."""


class Received:
    """Messages as they come to the viewer in the browser."""

    def __init__(self, page: Page, *, drawing: bool) -> None:
        self.page, self.bytes, self.last = page, 0, time.perf_counter()
        page.add_init_script(WATCH.replace("DRAWING", "true" if drawing else "false"))
        page.on("websocket", self._opened)

    def _opened(self, socket: WebSocket) -> None:
        if "/viser" in socket.url:
            socket.on("framereceived", self._came)

    def _came(self, payload: str | bytes) -> None:
        self.bytes += len(payload)
        self.last = time.perf_counter()

    def during(self, act: Callable[[], object], *, at_least: int = 1) -> Came:
        """What `act` brings about, once nothing more comes. The page, which may be busy, is only asked afterwards."""
        before, started = self.bytes, time.perf_counter()
        act()
        while time.perf_counter() - started < MOST_SECS:
            self.page.wait_for_timeout(50)
            enough = self.bytes - before >= at_least
            if enough and time.perf_counter() - self.last > QUIET_SECS:
                break
        came, asked, pressed, drawn = self.page.evaluate(
            "[window.came, window.asked, window.pressed, window.drawn].map((time) => time ?? NaN)"
        )
        return Came((self.bytes - before) / 1e6, came - asked, asked - pressed, drawn - asked)


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


def measure(
    lab: DenseLab, scene: str, count: int, *, drawing: bool, pictures: Path | None = None
) -> list[object]:
    """One row of the table. Without `drawing` the 3D view gets everything and draws nothing, so that the processor is
    as free as where a graphics card draws."""
    lab.count = count
    chromium = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    with sync_playwright() as playwright, served(lab, scene) as url:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1000, "height": 760})
        page.set_default_timeout(MOST_SECS * 1000)
        received = Received(page, drawing=drawing)
        page.goto(url)
        page.wait_for_selector(".ws[data-phase=ready]")
        page.frame_locator("iframe").locator("canvas").first.wait_for()
        received.during(lambda: None)  # the points, which come first
        box = page.locator(".photo-layers").bounding_box()
        assert box is not None

        def press(selector: str) -> None:
            page.evaluate(f"document.querySelector('{selector}').click()")

        all_came = received.during(lambda: press("[data-surface=splats]"), at_least=count * BYTES_PER_SPLAT)
        lit = []
        for across, down in PLACES[:1] if drawing else PLACES:
            at = box["x"] + across * box["width"], box["y"] + down * box["height"]
            lit.append(received.during(lambda at=at: page.mouse.click(*at)))
            page.keyboard.press("n")  # the next click is another object
            page.wait_for_timeout(300)
        if pictures is not None and drawing:
            page.screenshot(path=pictures / f"highlight-{count}.png")
        received.during(lambda: press("[data-surface=points]"))
        back = received.during(lambda: press("[data-surface=splats]"))
        browser.close()
    milliseconds = [came.received_ms for came in lit]
    return [
        count, "yes" if drawing else "no", all_came.megabytes, all_came.received_ms / 1e3,
        max(came.megabytes for came in lit), float(np.median(milliseconds)), max(milliseconds),
        lit[0].waited_ms, lit[0].drawn_ms / 1e3 if drawing else "", back.megabytes, back.received_ms,
    ]  # fmt: skip


HEAD = (
    "splats", "drawn", "MB", "s until received", "highlight MB (largest)", "ms until received (median)", "(slowest)",
    "ms from press to command", "s until drawn", "back to splats MB", "ms until received",
)  # fmt: skip
NOTE = (
    "Received: the viewer's worker in the browser has the last message, counted from the command that the page sent. "
    f"Highlights: {len(PLACES)} objects clicked in the photo, one where the splats are drawn. "
    "There is no graphics card here: where the splats are drawn, the browser does it on the processor, beside the lab, "
    "and that is what keeps a press waiting and takes until drawn (two frames after the message). "
    "Not drawn: everything but that."
)


def main(
    workspace: Path,
    scene: str,
    counts: tuple[int, ...] = (100_000, 300_000),
    result: str = "page_splats",
    pictures: Path | None = None,
) -> None:
    """Measure.

    Args:
        workspace: Holds the scene.
        scene: Its name.
        counts: Splats in the scene.
        result: Name of the table in benchmarks/results.
        pictures: Folder for a screenshot of each highlight.
    """
    lab = DenseLab(workspace)
    try:
        rows = [measure(lab, scene, count, drawing=False) for count in counts]
        rows += [
            measure(lab, scene, count, drawing=True, pictures=pictures)
            for count in counts
            if count <= MOST_DRAWN
        ]
    finally:
        lab.close()
    write_result(result, "Splats received by the browser, on loopback", [NOTE, markdown(HEAD, rows)])


if __name__ == "__main__":
    tyro.cli(main)
