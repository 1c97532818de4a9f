"""Splats on the page: shown, lit, taken out and put back, in a real browser."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.types import Gaussians
from liftlab.export.static_viewer import About, write_viewer
from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import (
    RED,
    act,
    canvas_3d,
    click_photo,
    covered,
    in_3d,
    is_red,
    objects,
    patch_of,
)
from tests.toy import BOXES, make_toy

pytestmark = pytest.mark.browser


LATEST = 40
"""Pictures that are taken at most until a shared page shows what it must."""


def shared(page: Page, name: str, shows: Callable[[np.ndarray], bool]) -> np.ndarray:
    """Picture [h, w, 3] of a page to share once it stands still and shows what is waited for; the last one if it never
    does.
    """
    picture = np.zeros(0, int)
    for _ in range(LATEST):
        before = picture
        shot = page.screenshot(path=artifact(f"share-{name}.png"))
        picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
        if np.array_equal(picture, before) and shows(picture):
            break
        page.wait_for_timeout(400)
    return picture


def test_splats_are_drawn_lit_dimmed_and_taken_out(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    place = in_3d(page, RED)

    def seen(name: str, shows: Callable[[np.ndarray], object]) -> np.ndarray:
        return patch_of(canvas_3d(page, name, lambda picture: shows(patch_of(picture, place))), place)

    points = seen("points", is_red)
    act(page, lambda: page.get_by_role("radio", name="Splats").click())
    was = seen("splats", lambda patch: is_red(patch) and not np.array_equal(patch, points))
    assert is_red(was), f"the box is red as splats; got {was}"
    assert not np.array_equal(was, points), "splats are drawn, and no longer points"

    click_photo(page, RED)
    lit = seen("splats-lit", lambda patch: patch[2] > was[2] + 40)
    assert lit[2] > was[2] + 40, f"the lit box turns blue; got {lit}"

    act(page, lambda: page.get_by_role("button", name="Take out").click())

    def other(patch: np.ndarray) -> bool:
        return abs(patch - was).max() > 30 and abs(patch - lit).max() > 30

    gone = seen("splats-gone", other)
    assert other(gone), f"the floor is seen; got {gone}"
    assert "taken out" in objects(page).first.inner_text()

    act(page, lambda: page.keyboard.press("z"))
    back = seen("splats-back", lambda patch: np.allclose(patch, lit, atol=12))
    assert np.allclose(back, lit, atol=12), f"undo puts the box back; got {back}, was {lit}"
    page.screenshot(path=artifact("splats.png"))


def test_a_saved_run_is_opened_again(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    click_photo(page, RED)
    page.get_by_role("button", name="Take it away").click()
    with page.expect_download(timeout=30_000) as waiting:
        page.get_by_role("link", name="Run, to repeat it").click()
    page.keyboard.press("Escape")
    waiting.value.save_as(tmp_path / "notebook.json")
    act(page, lambda: page.get_by_role("button", name="Delete object 1").click())
    assert objects(page).count() == 0

    page.locator("[data-cell-head=capture]").click()
    page.locator("#cell-capture input[type=file]").set_input_files(tmp_path / "notebook.json")
    page.locator("#cell-capture").get_by_text("⇣").wait_for(timeout=10_000)
    page.get_by_role("button", name="Build the scene").click()
    page.get_by_text("1 of 1 objects with exactly the same masks").wait_for(timeout=20_000)
    assert objects(page).count() == 1
    assert covered(page, RED) > 0.9


def test_the_page_to_share_opened_from_the_disk_shows_what_is_in_front(
    browser: Browser, tmp_path: Path
) -> None:
    scene = make_toy(width=160, height=120, views=3).scene
    eye = scene.views[0].camera
    forward = eye.world_to_camera[2, :3]
    middle = scene.pointmap.points.mean(axis=0)
    depth = float((middle - eye.center) @ forward)
    sheet = Gaussians(  # red in front of blue, stored in the order in which blue would be drawn over red
        means=np.stack([eye.center + share * depth * forward for share in (0.8, 1.2)]).astype(np.float32),
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (2, 1)),
        scales=np.full((2, 3), 0.05 * depth, np.float32),
        opacities=np.full(2, 0.99, np.float32),
        sh=(np.array([[[1, 0, 0]], [[0, 0, 1]]], np.float32) - 0.5) / 0.28209479,
    )
    path = tmp_path / "viewer.html"
    write_viewer(path, replace(scene, gaussians=sheet), [], About("sheet"))
    page = browser.new_page(viewport={"width": 400, "height": 300})
    page.goto(path.as_uri())
    page.locator("canvas").first.wait_for(timeout=30_000)

    def middle(picture: np.ndarray) -> np.ndarray:
        return picture[145:155, 195:205].reshape(-1, 3).mean(axis=0)

    picture = shared(page, "from-disk", lambda seen: middle(seen)[0] > 200 and middle(seen)[2] < 80)
    page.close()
    red, _, blue = middle(picture)
    assert red > 200 and blue < 80


def test_the_page_to_share_names_what_it_shows_and_hides_the_rest(browser: Browser, tmp_path: Path) -> None:
    toy = make_toy(width=160, height=120, views=3)
    scene = replace(
        toy.scene, gaussians=gaussians_from_pointmap(toy.scene.pointmap, toy.scene.views, count=3000)
    )
    means = scene.gaussians.means if scene.gaussians is not None else np.zeros((0, 3))
    low, high, _ = BOXES[0]
    red_box = np.asarray(((means >= low - 0.03) & (means <= high + 0.03)).all(axis=1))
    path = tmp_path / "viewer.html"
    write_viewer(path, scene, [((230, 159, 0), red_box)], About("My <desk>", ("big & red",)))
    page = browser.new_page(viewport={"width": 500, "height": 360})
    page.goto(path.as_uri())
    page.locator("canvas").first.wait_for(timeout=30_000)
    assert page.title() == "My <desk>"
    about = page.get_by_role("complementary")
    assert about.get_by_role("heading").inner_text() == "My <desk>"
    assert about.get_by_role("listitem").all_inner_texts() == ["big & red"]
    swatch = about.locator("li i").evaluate("node => getComputedStyle(node).backgroundColor")
    assert swatch == "rgb(230, 159, 0)"
    assert "Apache-2.0" in about.inner_text()

    def measured(picture: np.ndarray) -> tuple[float, int]:
        """Below viser's notes and left of the legend: share of empty pixels, and pixels in the object's colour."""
        part = picture[140:, :220]
        orange = (part[..., 0] > 150) & (part[..., 2] < 90)
        return float((part.min(axis=2) > 245).mean()), int(orange.sum())

    def drawn(name: str, enough: Callable[[float], bool]) -> tuple[float, int]:
        """What is measured once there is as much empty as there should be, and the object."""
        page.locator("canvas").first.wait_for(timeout=30_000)

        def shows(picture: np.ndarray) -> bool:
            empty, orange = measured(picture)
            return enough(empty) and orange > 1000

        return measured(shared(page, name, shows))

    empty, lit = drawn("all", lambda empty: empty < 0.1)
    assert empty < 0.1 and lit > 1000
    switch = page.locator("#ll-alone")  # clicked from within: a page that draws in software is never still
    switch.evaluate("button => button.click()")
    page.get_by_role("button", name="Show everything").wait_for(timeout=30_000)
    alone, still_lit = drawn("objects", lambda empty: empty > 0.3)
    assert alone > 0.3 and still_lit > 1000
    switch.evaluate("button => button.click()")
    page.get_by_role("button", name="Hide everything else").wait_for(timeout=30_000)
    page.close()
