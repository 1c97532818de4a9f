"""How long a person waits for the page, and for the mask after a click, in a real browser.

    python -m benchmarks.page.paint_and_clicks --workspace DIR --scene desk

The scene must be prepared for the method that answers clicks by default. The server is a process of its own. Nothing is
drawn in 3D: without a graphics card that takes every core from what is measured here.
"""

import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.common.tables import markdown, write_result
from benchmarks.page.page_splats import CHROMIUM_NAMES, PLACES
from benchmarks.page.soak import served

PATIENCE_MS = 120_000
WATCH = """
if (window.top !== window) window.requestAnimationFrame = () => 0;
else {
  let pressed = null;
  window.waited = [];
  addEventListener("pointerdown", (event) => { pressed = event.timeStamp; }, true);
  const seen = async (overlay) => {
    if (pressed === null || overlay.hidden) return;
    const since = pressed;
    pressed = null;
    await overlay.decode();
    requestAnimationFrame(() => requestAnimationFrame((now) => { window.waited.push(now - since); }));
  };
  new MutationObserver((changes) => {
    for (const { target } of changes) if (target.classList.contains("photo-overlay")) void seen(target);
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["src"] });
}
"""
"""Runs in every frame before its own scripts. In `waited`: for each press of the mouse, milliseconds until the mask
over the photo had been drawn, which is when the frame after the one that shows it begins."""


@dataclass(frozen=True)
class Visit:
    """One browser without a past."""

    painted_ms: float
    """From the start of the navigation to the first contentful paint, by the browser's own account."""
    ready_ms: float
    """From the start of the navigation until the scene can be clicked."""
    waited_ms: tuple[float, ...]
    """Of each click: from the press of the mouse until its mask was drawn over the photo."""


def visit(browser: Browser, url: str, clicks: int) -> Visit:
    """Open the page as a new visitor and click one object after the other.

    Args:
        url: With the token.
        clicks: Each is another object; every one of `PLACES` in turn.
    """
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_init_script(WATCH)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(url)
    page.wait_for_url("**/")  # the token is exchanged for a cookie, and the page opened by its plain address
    page.wait_for_selector(".ws[data-phase=ready]")
    ready, painted = page.evaluate(
        "[performance.now(), performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN]"
    )
    waited = tuple(click(page, PLACES[number % len(PLACES)]) for number in range(clicks))
    context.close()
    return Visit(float(painted), float(ready), waited)


def click(page: Page, place: tuple[float, float]) -> float:
    """Click a place in the photo, given as shares of its size, as a new object; milliseconds until its mask was
    drawn.
    """
    box = page.locator(".photo-layers").bounding_box()
    assert box is not None
    before = page.evaluate("window.waited.length")
    page.mouse.click(box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"])
    page.wait_for_function("count => window.waited.length > count", arg=before)
    version = page.get_attribute(".ws", "data-version")
    page.keyboard.press("n")
    page.wait_for_function("v => document.querySelector('.ws').dataset.version !== v", arg=version)
    return float(page.evaluate("window.waited.at(-1)"))


def measure(workspace: Path, scene: str, *, visits: int, clicks: int) -> list[Visit]:
    """Visits one after the other, on one server that has been opened once before."""
    chromium = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    with served(workspace, scene) as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        visit(browser, url, 1)
        found = [visit(browser, url, clicks) for _ in range(visits)]
        browser.close()
    return found


def main(workspace: Path, scene: str, visits: int = 5, clicks: int = 10, result: str = "page_times") -> None:
    """Measure.

    Args:
        workspace: Holds the scene.
        scene: Its name.
        visits: New visitors, one after the other.
        clicks: Of each visitor, each another object.
        result: Name of the table in benchmarks/results.
    """
    busy = os.getloadavg()[0]
    found = measure(workspace, scene, visits=visits, clicks=clicks)
    rows = [
        ["first contentful paint", len(found), *spread([visit.painted_ms for visit in found])],
        ["scene can be clicked", len(found), *spread([visit.ready_ms for visit in found])],
        ["click to mask", visits * clicks, *spread([ms for visit in found for ms in visit.waited_ms])],
    ]
    note = (
        f"Scene {scene}, {visits} new visitors on loopback. The first two are counted from the start of the "
        "navigation; a click from the press of the mouse until the mask over the photo was drawn, two frames included. "
        "Nothing is drawn in 3D: there is no graphics card here. "
        f"Load average of the machine when it began: {busy:.1f}, on {os.cpu_count()} cores."
    )
    write_result(
        result,
        "First paint and clicks in the browser",
        [note, markdown(("what", "times", "median ms", "p95 ms", "max ms"), rows)],
    )


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, 95th percentile and largest of some milliseconds; all NaN where one is."""
    if any(math.isnan(value) for value in values):
        return math.nan, math.nan, math.nan
    return float(np.median(values)), float(np.percentile(values, 95)), max(values)


if __name__ == "__main__":
    tyro.cli(main)
