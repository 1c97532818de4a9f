"""Compare on the page: two methods, the same click, two cameras that turn together, one table, one report."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import BLUE, GREEN, RED, TOY, act, at_photo, click_photo, covered, objects

pytestmark = pytest.mark.browser
TURNED = 4.0
"""Mean difference of two pictures of a pane, in grey levels, above which it shows something else; the same drawn twice
differs by less than 1."""
DRAWN_LATEST = 40
"""Half seconds until a pane must show what was asked for."""


def picture(page: Page, pane: int, *, settle_ms: int = 1500) -> np.ndarray:
    """What a pane shows in 3D [h, w, 3], below its controls."""
    page.wait_for_timeout(settle_ms)
    shot = page.locator(".cmp-panes iframe").nth(pane).screenshot(path=artifact(f"pane-{pane}.png"))
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))[70:].astype(float)


def settled(page: Page, pane: int, changed: Callable[[np.ndarray], bool]) -> np.ndarray:
    """The pane once it has changed and two pictures are alike; the last one if that takes too long. Without a graphics
    card a busy machine draws it late.
    """
    last = picture(page, pane, settle_ms=0)
    for _ in range(DRAWN_LATEST):
        shown = picture(page, pane, settle_ms=500)
        if changed(shown) and np.abs(shown - last).mean() < 1:
            return shown
        last = shown
    return last


def turned(page: Page, pane: int, before: np.ndarray) -> bool:
    """Whether a pane comes to show something else."""
    shown = settled(page, pane, lambda now: np.abs(now - before).mean() > TURNED)
    return bool(np.abs(shown - before).mean() > TURNED)


def blueness(shown: np.ndarray) -> int:
    """Pixels in the light of the first object; the toy's own blue box is darker."""
    return int(lit(shown).sum())


def lit(shown: np.ndarray) -> np.ndarray:
    """Which pixels [h, w] are in that light."""
    red, green, blue = shown[..., 0], shown[..., 1], shown[..., 2]
    return (blue > red + 60) & (green > red + 40)


def drag(page: Page, target: Locator, start: tuple[float, float], by: tuple[float, float]) -> None:
    """Drag with the mouse from a place inside a target, given as shares of its size, by some pixels."""
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    assert box is not None
    x, y = box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(200)
    page.mouse.move(x + by[0], y + by[1], steps=4)
    page.wait_for_timeout(200)
    page.mouse.up()


def start(open_page: OpenPage) -> Page:
    """Two methods compared, nothing clicked; the workspace's own 3D view is left out."""
    page = open_page(viewport={"width": 1100, "height": 700})
    page.locator(".cmp-head").click()
    page.get_by_text("every method gets the same clicks").wait_for(timeout=15_000)
    for pane in range(2):
        frame = page.frame_locator(".cmp-panes iframe").nth(pane)
        frame.locator("canvas").first.wait_for(timeout=30_000)
    return page


def test_two_methods_side_by_side(open_page: OpenPage, tmp_path: Path) -> None:
    page = start(open_page)
    rows = page.locator(".cmp-table tbody tr")
    assert [rows.nth(pane).locator("td").first.inner_text() for pane in range(2)] == ["wildseg3d", "saga"]
    dark = [blueness(settled(page, pane, lambda shown: shown.std() > 1)) for pane in range(2)]

    click_photo(page, RED)
    page.wait_for_function("document.querySelectorAll('.cmp-table .tool').length === 2", timeout=20_000)
    for pane in range(2):
        lit = blueness(settled(page, pane, lambda shown, pane=pane: blueness(shown) > dark[pane] + 100))
        assert lit > dark[pane] + 100, f"pane {pane} lights the box; {dark[pane]} pixels before, {lit} after"
    assert "points" in rows.nth(0).inner_text() and "splats" in rows.nth(1).inner_text()

    as_lit = picture(page, 1, settle_ms=0)
    page.get_by_role("combobox", name="View of pane 2").select_option("Features")
    assert turned(page, 1, as_lit), "the whole scene changes its colours"
    assert not page.get_by_role("combobox", name="View of pane 1").is_visible(), (
        "look-ups have learnt nothing"
    )
    page.get_by_role("combobox", name="View of pane 2").select_option("Answer")

    paint_the_right_answer(page)
    scores = [float(rows.nth(pane).locator("td").nth(1).inner_text()) for pane in range(2)]
    assert 0.5 < scores[0] <= 1 and 0 < scores[1] <= 1
    page.screenshot(path=artifact("compare.png"), full_page=True)
    with page.expect_download(timeout=30_000) as waiting:
        page.get_by_role("link", name="Report of this comparison").click()
    report = tmp_path / "report.html"
    waiting.value.save_as(report)
    text = report.read_text(encoding="utf-8")
    assert waiting.value.suggested_filename == "toy-object 1-comparison.html"
    assert all(f"<td>{score:.3f}</td>" in text for score in scores) and "painted by hand" in text

    cameras_follow_while_linked(page)
    the_divider_moves(page)

    act(page, lambda: objects(page).first.get_by_text("object 1").click())
    act(page, lambda: rows.nth(1).get_by_role("button", name="Make this the result").click())
    assert objects(page).count() == 2 and covered(page, RED) > 0.9
    expect(objects(page).nth(0)).to_contain_text("by saga")
    expect(objects(page).nth(1)).to_contain_text("by wildseg3d")  # the compared object alone
    act(page, lambda: page.get_by_role("button", name="Undo").click())
    expect(page.get_by_text("by saga")).to_have_count(0)
    assert objects(page).count() == 2, "nothing else is undone"
    page.get_by_role("button", name="Compare").first.click()
    page.locator(".cmp-body").wait_for(state="hidden", timeout=10_000)
    page.get_by_role("radio", name="Add").click()
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    assert covered(page, BLUE) > 0.9


def test_a_comparison_begins_with_the_object_in_the_middle(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1100, "height": 700})
    click_photo(page, GREEN)  # far from the middle of the photo
    page.locator(".cmp-head").click()
    waiting = page.locator(".cmp-panes .pane-wait")
    expect(waiting).to_have_text(["Loading the 3D view …"] * 2)
    assert page.get_by_role("checkbox", name="One camera for all").is_checked()
    expect(waiting).to_have_count(0, timeout=60_000)
    for pane in range(2):
        shown = settled(page, pane, lambda picture: blueness(picture) > 100)
        rows, columns = np.nonzero(lit(shown))
        height, width = shown.shape[:2]
        assert abs(columns.mean() / width - 0.5) < 0.15, "from left to right"
        assert abs(rows.mean() / height - 0.5) < 0.3, "from top to bottom, less what the controls hide"
        assert np.ptp(columns) > 0.1 * width, "it is seen from near"


def test_the_better_answer_can_be_chosen_while_answers_stand_beside(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 1400, "height": 900})
    click_photo(page, RED)
    page.get_by_label("Find by words").fill("something green")
    page.keyboard.press("Enter")
    page.wait_for_selector(".find figure", timeout=60_000)
    page.locator(".cmp-head").click()
    page.wait_for_function("document.querySelectorAll('.cmp-table .tool').length === 2", timeout=60_000)
    page.locator(".cmp-split").wait_for(timeout=20_000)
    cut = page.locator(".cmp-wide").evaluate("node => node.scrollWidth - node.clientWidth")
    page.screenshot(path=artifact("compare-beside.png"), full_page=True)
    assert cut <= 1, "the whole table is in sight"


def paint_the_right_answer(page: Page) -> None:
    """With the brush over the box that was clicked, as an object of its own."""
    page.get_by_role("combobox", name="Right answer").select_option("painted")
    page.get_by_text("Nothing is painted yet").wait_for(timeout=10_000)
    act(page, lambda: page.keyboard.press("n"))
    page.get_by_role("radio", name="Brush").click()
    page.get_by_role("slider", name="Size of the brush").fill("40")
    x, y = toy_workspace.box_center(TOY, 0, RED)
    page.mouse.move(*at_photo(page, x, y - 6))
    page.mouse.down()
    page.mouse.move(*at_photo(page, x, y + 6), steps=3)
    act(page, page.mouse.up)
    page.get_by_text("Scored against object 2, painted in 000.png.").wait_for(timeout=10_000)


def cameras_follow_while_linked(page: Page) -> None:
    first = page.locator(".cmp-panes iframe").nth(0)
    first.scroll_into_view_if_needed()
    before = picture(page, 1, settle_ms=0)
    drag(page, first, (0.3, 0.8), (90, 0))
    assert turned(page, 1, before), "the other pane turns too"
    followed = picture(page, 1)
    page.get_by_role("checkbox", name="One camera for all").uncheck()
    own = picture(page, 0, settle_ms=500)
    drag(page, first, (0.3, 0.8), (-90, 0))
    assert turned(page, 0, own), "the pane itself turns"
    assert np.abs(picture(page, 1, settle_ms=0) - followed).mean() < 1, "the other one stays where it was"


def the_divider_moves(page: Page) -> None:
    """By keys and by the pointer; left of it the first method's mask is seen, right of it the second's."""
    page.get_by_role("radio", name="Swipe").click()
    divider = page.get_by_role("slider", name="Divider between the two methods")
    for mask in ("left", "right"):
        page.wait_for_function(
            f"document.querySelector('[data-mask={mask}]').naturalWidth > 0", timeout=10_000
        )
    divider.press("ArrowLeft")
    assert divider.get_attribute("aria-valuenow") == "48"
    divider.press("End")
    assert page.locator("[data-mask=right]").evaluate("n => n.style.clipPath") == "inset(0px 0px 0px 100%)"
    drag(page, page.locator(".cmp-stage"), (0.9, 0.5), (-0.65 * stage_width(page), 0))
    assert 23 <= int(divider.get_attribute("aria-valuenow") or 0) <= 27


def stage_width(page: Page) -> float:
    box = page.locator(".cmp-stage").bounding_box()
    assert box is not None
    return box["width"]
