"""Splats on the page: shown, lit, taken out and put back, in a real browser."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Position

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.types import Gaussians
from liftlab.export.static_viewer import About, write_viewer
from tests.browser.conftest import OpenPage, artifact
from tests.browser.test_page import RED, act, canvas_3d, click_photo, covered, in_3d, objects
from tests.toy import BOXES, make_toy

pytestmark = pytest.mark.browser


def patch_of(picture: np.ndarray, place: Position) -> np.ndarray:
    """Mean colour beside a place in the 3D view, off the marker."""
    x, y = int(place["x"]) + 12, int(place["y"]) + 12
    return picture[y : y + 10, x : x + 10].mean(axis=(0, 1))


def test_splats_are_drawn_lit_dimmed_and_taken_out(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    place = in_3d(page, RED)
    page.wait_for_timeout(1500)
    act(page, lambda: page.get_by_role("radio", name="Splats").click())
    was = patch_of(canvas_3d(page, "splats"), place)
    assert was[0] > was[2] + 40, f"the box is red as splats; got {was}"

    click_photo(page, RED)
    lit = patch_of(canvas_3d(page, "splats-lit"), place)
    assert lit[2] > was[2] + 40, f"the lit box turns blue; got {lit}"

    act(page, lambda: page.get_by_role("button", name="Take out").click())
    gone = patch_of(canvas_3d(page, "splats-gone"), place)
    assert abs(gone - was).max() > 30 and abs(gone - lit).max() > 30, f"the floor is seen; got {gone}"
    assert "taken out" in objects(page).first.inner_text()

    act(page, lambda: page.keyboard.press("z"))
    back = patch_of(canvas_3d(page, "splats-back"), place)
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
    page.wait_for_timeout(2500)
    picture = np.asarray(
        Image.open(io.BytesIO(page.screenshot(path=artifact("from-disk.png")))).convert("RGB")
    )
    page.close()
    red, _, blue = picture[145:155, 195:205].reshape(-1, 3).mean(axis=0)
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

    def drawn(name: str) -> tuple[float, int]:
        """Below viser's notes and left of the legend: share of empty pixels, and pixels in the object's colour."""
        page.locator("canvas").first.wait_for(timeout=30_000)
        page.wait_for_timeout(2500)
        shot = page.screenshot(path=artifact(f"share-{name}.png"))
        picture = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)[140:, :220]
        orange = (picture[..., 0] > 150) & (picture[..., 2] < 90)
        return float((picture.min(axis=2) > 245).mean()), int(orange.sum())

    empty, lit = drawn("all")
    assert empty < 0.1 and lit > 1000
    switch = page.locator("#ll-alone")  # clicked from within: a page that draws in software is never still
    switch.evaluate("button => button.click()")
    page.get_by_role("button", name="Show everything").wait_for(timeout=30_000)
    alone, still_lit = drawn("objects")
    assert alone > 0.3 and still_lit > 1000
    switch.evaluate("button => button.click()")
    page.get_by_role("button", name="Hide everything else").wait_for(timeout=30_000)
    page.close()
