"""The first minutes of a stranger: `liftlab demo` in an empty workspace, up to an object taken away."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import VIEWPORT, artifact
from tests.browser.hands import act, overlay
from tests.not_none import read_image
from tests.page_server import ROOT, serving

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]

DESK = ROOT / "assets" / "captures" / "desk"
STRUCTURE = 201
READY_MS = 600_000


def largest_object() -> tuple[np.ndarray, tuple[float, float]]:
    """Truth mask of the largest object in the first photo, and its pixel farthest from the border."""
    instance = read_image(DESK / "truth" / "instance" / "000.png", cv2.IMREAD_UNCHANGED)
    ids, counts = np.unique(instance[(instance > 0) & (instance < STRUCTURE)], return_counts=True)
    mask = instance == ids[counts.argmax()]
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    row, column = np.unravel_index(distance.argmax(), distance.shape)
    return mask, (float(column) + 0.5, float(row) + 0.5)


@pytest.mark.skipif(not DESK.is_dir(), reason="the bundled capture is not there")
def test_from_an_empty_workspace_to_an_object_in_a_file(browser: Browser, tmp_path: Path) -> None:
    truth, (x, y) = largest_object()
    with serving(tmp_path / "workspace", command="demo") as server:
        context = browser.new_context(viewport=VIEWPORT, accept_downloads=True)
        context.route("**/viser/", lambda route: route.fulfill(body="", content_type="text/html"))
        page = context.new_page()
        page.goto(server.url)
        page.locator(".ws-veil .progress").wait_for(timeout=30_000)
        page.screenshot(path=artifact("demo-building.png"))
        page.wait_for_selector(".ws[data-phase=ready]", timeout=READY_MS)

        box = page.locator(".photo-layers").bounding_box()
        assert box is not None
        scale = box["width"] / truth.shape[1]
        act(page, lambda: page.mouse.click(box["x"] + x * scale, box["y"] + y * scale))
        lit = overlay(page) > 0
        lit = cv2.resize(lit.astype(np.uint8), truth.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        assert (lit & truth).sum() / (lit | truth).sum() > 0.8
        page.screenshot(path=artifact("demo-lit.png"))

        page.get_by_role("button", name="Take it away").click()
        with page.expect_download(timeout=60_000) as waiting:
            page.get_by_role("link", name="Prompts, timings, JSON").click()
        waiting.value.save_as(tmp_path / "segmentation.json")
        record = json.loads((tmp_path / "segmentation.json").read_text())
        assert record["scene"] == "desk" and len(record["objects"]) == 1
        context.close()
