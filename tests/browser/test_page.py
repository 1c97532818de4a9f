"""What a person does on the page, done by a real browser with real clicks."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from liftlab.components.geometry.projection import project
from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import (
    BLUE,
    GREEN,
    RED,
    TOY,
    Button,
    act,
    at_photo,
    box_is_drawn,
    canvas_3d,
    click_3d,
    click_photo,
    covered,
    in_3d,
    is_ply,
    is_red,
    objects,
    overlay,
    patch_of,
)

pytestmark = pytest.mark.browser


def test_a_click_lights_the_object_in_photo_and_3d_and_corrections_follow(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    assert page.get_by_text("Click an object, in the photo or in 3D").is_visible()
    place = in_3d(page, RED)
    was = patch_of(canvas_3d(page, "before", lambda seen: is_red(patch_of(seen, place))), place)
    assert is_red(was), f"the box was red in 3D; got {was}"
    assert overlay(page).max() == 0

    click_photo(page, RED)
    assert covered(page, RED) > 0.9
    assert covered(page, BLUE) < 0.05
    now = patch_of(canvas_3d(page, "lit", lambda seen: patch_of(seen, place)[2] > was[2] + 40), place)
    assert now[2] > was[2] + 40, f"the lit box turns blue in 3D; got {now}"

    act(page, lambda: page.get_by_role("slider", name="Granularity").fill("1"))
    act(page, lambda: page.get_by_role("button", name="Undo").click())
    assert covered(page, RED) > 0.9

    act(page, lambda: page.get_by_role("button", name="Undo").click())
    assert overlay(page).max() == 0
    act(page, lambda: page.get_by_role("button", name="Redo").click())
    assert covered(page, RED) > 0.9
    assert page.locator(".ws-time").inner_text().endswith("ms")


def test_a_click_in_3d_selects_and_a_shift_click_takes_away(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    box_is_drawn(page, GREEN)
    click_3d(page, GREEN)
    assert covered(page, GREEN) > 0.9
    assert page.locator(".mark-in").count() == 1
    click_3d(page, BLUE, shift=True)
    assert covered(page, BLUE) < 0.1
    assert page.locator(".mark-out").count() == 1


def test_right_click_and_shift_click_in_the_photo_are_negative(fresh_page: Page) -> None:
    page = fresh_page
    click_photo(page, BLUE)
    assert covered(page, BLUE) > 0.9
    click_photo(page, GREEN, button="right")
    assert page.locator(".mark-out").count() == 1
    page.keyboard.down("Shift")
    click_photo(page, RED)
    page.keyboard.up("Shift")
    assert page.locator(".mark-out").count() == 2
    assert covered(page, RED) < 0.05
    page.get_by_role("radio", name="Remove").click()
    x, y = toy_workspace.box_center(TOY, 0, RED)
    act(page, lambda: page.mouse.click(*at_photo(page, x + 6, y)))
    assert page.locator(".mark-out").count() == 3


def test_coordinates_are_exact_photo_pixels(fresh_page: Page) -> None:
    page = fresh_page
    page.get_by_role("button", name="Next photo").click()
    for x, y in ((0.5, 0.5), (60.5, 80.5), (toy_workspace.WIDTH - 0.5, toy_workspace.HEIGHT - 0.5)):
        act(page, lambda x=x, y=y: page.mouse.click(*at_photo(page, x, y)))
    page.locator("[data-code=segment] summary").click()
    code = page.locator("[data-code=segment] pre")
    page.wait_for_function("n => n.textContent.includes('159.')", arg=code.element_handle(), timeout=5000)
    sent = [line for line in code.inner_text().splitlines() if line.startswith("session.click(")]
    wanted = [(0.5, 0.5), (60.5, 80.5), (toy_workspace.WIDTH - 0.5, toy_workspace.HEIGHT - 0.5)]
    assert len(sent) == 3
    for line, (x, y) in zip(sent, wanted, strict=True):
        name, got_x, got_y = line.removeprefix("session.click(").removesuffix(")").split(", ")[:3]
        assert name == "'001.png'"
        assert (
            abs(float(got_x) - x) <= 0.3 and abs(float(got_y) - y) <= 0.3
        )  # the mouse has whole screen pixels


def test_drag_makes_a_box(fresh_page: Page) -> None:
    page = fresh_page
    rows, columns = np.nonzero(TOY.instance[0] == RED)
    page.mouse.move(*at_photo(page, columns.min() - 2, rows.min() - 2))
    page.mouse.down()
    page.mouse.move(*at_photo(page, columns.mean(), rows.mean()), steps=4)
    act(page, lambda: (page.mouse.move(*at_photo(page, columns.max() + 3, rows.max() + 3)), page.mouse.up()))
    assert page.locator(".mark-box").count() == 1
    assert covered(page, RED) > 0.9
    assert covered(page, GREEN) < 0.05


def test_the_brush_paints_and_rubs_out_in_this_photo(fresh_page: Page) -> None:
    page = fresh_page
    click_photo(page, RED)
    page.get_by_role("radio", name="Brush").click()
    page.get_by_label("Size of the brush").fill("20")
    x, y = toy_workspace.box_center(TOY, 0, BLUE)

    def stroke(button: Button) -> None:
        page.mouse.move(*at_photo(page, x - 6, y))
        page.mouse.down(button=button)
        page.mouse.move(*at_photo(page, x + 6, y), steps=4)
        page.screenshot(path=artifact(f"brush-{button}.png"))
        page.mouse.up(button=button)

    assert covered(page, BLUE) == 0
    act(page, lambda: stroke("left"))
    painted = covered(page, BLUE)
    assert painted > 0.1 and covered(page, RED) > 0.9
    act(page, lambda: stroke("right"))
    assert covered(page, BLUE) == 0 and covered(page, RED) > 0.9
    act(page, lambda: page.get_by_role("button", name="Undo").click())
    assert covered(page, BLUE) == painted


def test_hover_shows_what_a_click_would_take(fresh_page: Page) -> None:
    page = fresh_page
    x, y = toy_workspace.box_center(TOY, 0, BLUE)
    page.mouse.move(*at_photo(page, x - 3, y))
    page.mouse.move(*at_photo(page, x, y), steps=3)
    page.locator(".photo-hover").wait_for(state="visible", timeout=5000)
    page.mouse.move(5, 5)
    page.locator(".photo-hover").wait_for(state="hidden", timeout=5000)
    assert overlay(page).max() == 0, "a preview selects nothing"


def test_several_objects_named_hidden_and_deleted(fresh_page: Page) -> None:
    page = fresh_page
    click_photo(page, RED)
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    assert objects(page).count() == 2
    assert covered(page, RED) > 0.9 and covered(page, BLUE) > 0.9

    page.get_by_role("button", name="Rename object 2").click()
    field = page.get_by_role("textbox", name="New name of object 2")
    field.fill("zynq <b>mug</b>")  # z, y and n are shortcuts, but not while typing
    act(page, lambda: field.press("Enter"))
    hint = page.locator(".ws-hint").inner_text()
    if "name" not in hint:  # angle brackets are refused, with the rule
        assert objects(page).nth(1).inner_text().startswith("zynq <b>mug</b>")
    else:
        page.get_by_role("button", name="Rename object 2").click()
        act(
            page,
            lambda: (
                page.get_by_label("New name of object 2").fill("zynq mug"),
                page.keyboard.press("Enter"),
            ),
        )
        assert objects(page).nth(1).inner_text().startswith("zynq mug")

    act(page, lambda: page.get_by_role("button", name="Hide object 1").click())
    assert covered(page, RED) == 0 and covered(page, BLUE) > 0.9
    act(page, lambda: page.get_by_role("button", name="Delete object 1").click())
    assert objects(page).count() == 1
    act(page, lambda: page.keyboard.press("z"))
    assert objects(page).count() == 2


def test_export_downloads(fresh_page: Page, tmp_path: Path) -> None:
    page = fresh_page
    assert not page.get_by_text("Take it away").is_visible()
    click_photo(page, RED)
    page.get_by_role("button", name="Take it away").click()
    menu = page.get_by_role("dialog", name="Take it away")
    headings = menu.get_by_role("heading").all_inner_texts()
    assert headings == [
        "For 3D programs", "As splats", "To show others", "To annotate or train", "To go on later, or in Python",
        "All of it",
    ]  # fmt: skip
    page.screenshot(path=artifact("take-it-away.png"))
    for title, check in (
        ("Point cloud, PLY", is_ply),
        ("Masks, every photo", are_masks),
        ("Run, to repeat it", is_notebook),
    ):
        with page.expect_download(timeout=30_000) as waiting:
            page.get_by_role("link", name=title).click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        check(path)
    page.keyboard.press("Escape")
    menu.wait_for(state="hidden")


def test_scene_photo_and_objects_stay_in_view_whatever_is_open(open_page: OpenPage) -> None:
    page = open_page()
    click_photo(page, RED)

    def in_view() -> bool:
        return page.evaluate(
            """() => ['.pane-3d', '.pane-photo', '.ws-objects'].every((part) => {
                const {top, bottom, left, right} = document.querySelector(part).getBoundingClientRect();
                return right - left > 150 && top >= 0 && bottom <= innerHeight && right <= innerWidth;
            })"""
        )

    assert in_view()
    for cell in ("capture", "reconstruct", "masks", "gaussians", "methods", "models"):
        page.locator(f"[data-cell-head={cell}]").click()
        page.locator(f"#cell-{cell} .cell-body").wait_for(state="visible")
        page.screenshot(path=artifact(f"open-{cell}.png"))
        assert in_view(), cell
        page.locator(f"[data-cell-head={cell}]").click()
    page.get_by_label("Find by words").fill("red")
    page.get_by_role("button", name="Find", exact=True).click()
    page.locator(".find-body").wait_for(state="visible", timeout=30_000)
    page.screenshot(path=artifact("open-search.png"))
    assert in_view()


def test_tools_never_move_the_photo(fresh_page: Page) -> None:
    page = fresh_page
    photo = page.locator(".photo-layers")
    before = photo.bounding_box()
    for tool in ("Brush", "Measure", "Box", "Remove", "Add"):
        page.get_by_role("radio", name=tool).click()
        assert photo.bounding_box() == before, tool
    click_photo(page, RED)
    assert photo.bounding_box() == before, "nor does an object"


def test_lists_to_choose_from_look_like_lists(fresh_page: Page) -> None:
    for name in ("Method", "Saved work"):
        border, picture = fresh_page.get_by_label(name, exact=True).evaluate(
            "list => [getComputedStyle(list).borderTopWidth, getComputedStyle(list).backgroundImage]"
        )
        assert float(border.removesuffix("px")) >= 1 and "svg" in picture, f"{name} has a frame and an arrow"


def are_masks(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        names = [name for name in packed.namelist() if name.endswith("000.png")]
        assert len(packed.namelist()) == toy_workspace.VIEWS and len(names) == 1
        with packed.open(names[0]) as file:
            mask = np.asarray(Image.open(file)) > 0
    truth = TOY.instance[0] == RED
    assert mask.shape == truth.shape
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9


def is_notebook(path: Path) -> None:
    assert json.loads(path.read_text())["schema_version"] == 1


def test_reload_restores_prompts_and_masks(fresh_page: Page) -> None:
    page = fresh_page
    click_photo(page, RED)
    click_photo(page, BLUE)
    before = overlay(page)
    page.reload()
    page.wait_for_selector(".ws[data-phase=ready]", timeout=30_000)
    page.locator(".photo-overlay").wait_for(state="visible", timeout=10_000)
    assert page.locator(".mark-in").count() == 2
    assert (overlay(page) == before).all()
    assert objects(page).count() == 1


def test_two_browsers_do_not_mix(open_page: OpenPage) -> None:
    first, second = open_page(), open_page()
    click_photo(first, RED)
    click_photo(second, GREEN)
    assert covered(first, RED) > 0.9 and covered(first, GREEN) < 0.05
    assert covered(second, GREEN) > 0.9 and covered(second, RED) < 0.05
    assert objects(first).count() == objects(second).count() == 1


def test_dark_mode_follows_the_system(open_page: OpenPage) -> None:
    page = open_page(with_3d=True, color_scheme="dark")
    click_photo(page, RED)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(value) for value in background.removeprefix("rgb(").removesuffix(")").split(",")[:3]) < 40

    def corner(picture: np.ndarray) -> float:
        return float(picture[3:9, -15:-5].mean())

    assert corner(canvas_3d(page, "dark", lambda seen: corner(seen) < 60)) < 60, "the 3D view is dark as well"
    page.screenshot(path=artifact("page-dark.png"))


def test_narrow_screen_keeps_everything_in_reach(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 420, "height": 900})
    click_photo(page, RED)
    assert covered(page, RED) > 0.9
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    page.screenshot(path=artifact("page-narrow.png"), full_page=True)


def test_cells_tell_how_the_scene_came_about(open_page: OpenPage) -> None:
    page = open_page()
    for title in ("Capture", "Reconstruct", "Objects", "Splats", "Methods"):
        head = page.locator(".cell-head", has=page.get_by_text(title, exact=True))
        assert head.locator(".chip").inner_text().startswith("done")
        assert head.get_attribute("aria-expanded") == "false"
    page.locator("[data-cell-head=reconstruct]").click()
    page.locator("#cell-reconstruct").get_by_text("480", exact=True).click()
    page.locator("[data-cell-head=reconstruct] .chip.stale").wait_for(timeout=5000)
    page.locator("[data-cell-head=methods] .chip.stale").wait_for(timeout=5000)
    page.locator("#cell-reconstruct").get_by_text("The same in Python").click()
    assert "lab.reconstruct('toy'" in page.locator("#cell-reconstruct pre").inner_text()


def test_camera_of_the_first_photo_projects_as_expected() -> None:
    """The helper `in_3d` rests on this."""
    camera = TOY.scene.views[0].camera
    target = camera.center + camera.world_to_camera[2, :3]
    xy, _ = project(camera, target)
    assert np.allclose(xy, [toy_workspace.WIDTH / 2, toy_workspace.HEIGHT / 2])


def test_a_bad_upload_is_answered_with_a_sentence(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_text("this is no photo")
    page.locator("[data-cell-head=capture]").click()
    page.locator("#cell-capture input[type=file]").set_input_files(sorted(tmp_path.glob("*.jpg")))
    page.locator("#cell-capture").get_by_text("⇣").nth(2).wait_for(timeout=10_000)
    page.get_by_role("button", name="Build the scene").click()
    alert = page.locator("[data-cell-status=capture] [role=alert]")
    alert.wait_for(timeout=20_000)
    assert len(alert.inner_text()) > 20 and "Traceback" not in alert.inner_text()
    assert page.locator("[data-cell-head=capture] .chip").inner_text() == "failed"
    click_photo(page, RED)  # the open scene is untouched
    assert covered(page, RED) > 0.9
