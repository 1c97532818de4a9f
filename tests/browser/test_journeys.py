"""Whole journeys on the page: without a mouse, on a phone, in two windows; and what a screen reader is told."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact, without_3d
from tests.browser.hands import BLUE, RED, TOY, act, at_photo, click_photo, covered, objects

pytestmark = pytest.mark.browser

NARROW = {"width": 412, "height": 915}


def tab_to(page: Page, name: str, *, most: int = 80) -> None:
    """Press Tab until a control of this name has the focus, as somebody without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => { const it = document.activeElement;"
            " return it ? it.getAttribute('aria-label') || it.textContent.trim() : ''; }"
        )
        if label.startswith(name):
            outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{name} shows that it has the focus"
            return
    raise AssertionError(f"Tab does not lead to '{name}'")


@pytest.mark.slow
def test_an_object_is_clicked_named_and_taken_away_without_a_mouse(
    open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page()
    x, y = toy_workspace.box_center(TOY, 0, RED)
    tab_to(page, "Photo: click an object")
    page.keyboard.press("ArrowRight")
    step = toy_workspace.WIDTH / 100
    for wanted, middle, keys in (
        (x, toy_workspace.WIDTH / 2, ("ArrowLeft", "ArrowRight")),
        (y, toy_workspace.HEIGHT / 2, ("ArrowUp", "ArrowDown")),
    ):
        for _ in range(round(abs(wanted - middle) / step)):
            page.keyboard.press(keys[wanted > middle])
    act(page, lambda: page.keyboard.press("Enter"))
    assert covered(page, RED) > 0.9
    tab_to(page, "Rename object 1")
    page.keyboard.press("Enter")
    page.keyboard.type("crate")
    act(page, lambda: page.keyboard.press("Enter"))
    expect(objects(page)).to_contain_text("crate")
    tab_to(page, "Take it away")
    page.keyboard.press("Enter")
    tab_to(page, "Point cloud, PLY")
    page.screenshot(path=artifact("journey-keyboard.png"))
    with page.expect_download(timeout=30_000) as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "crate.ply"
    page.keyboard.press("Escape")
    act(page, lambda: page.keyboard.press("z"))  # the name; leave none behind for other tests of this server
    expect(objects(page)).to_contain_text("object 1")


def tool_rows(page: Page) -> int:
    """Rows in which the tools stand."""
    middles = page.locator(".ws-bar > *").evaluate_all(
        """parts => parts.filter((part) => part.offsetHeight).map((part) => {
            const { top, bottom } = part.getBoundingClientRect();
            return (top + bottom) / 2;
        })"""
    )
    return len({round(middle / 12) for middle in middles})


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_has_everything_in_reach(open_page: OpenPage, scheme: str) -> None:
    page = open_page(viewport=NARROW, has_touch=True, is_mobile=True, color_scheme=scheme)
    x, y = toy_workspace.box_center(TOY, 0, BLUE)
    act(page, lambda: page.touchscreen.tap(*at_photo(page, x, y)))
    assert covered(page, BLUE) > 0.9
    for cell in ("capture", "methods"):
        page.locator(f"[data-cell-head={cell}]").tap()
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], cell
        page.locator(f"[data-cell-head={cell}]").tap()
    assert tool_rows(page) == 3, "they take no more of a small screen than they must"
    page.get_by_role("button", name="Take it away").tap()
    menu = page.get_by_role("dialog", name="Take it away")
    box = menu.bounding_box()
    assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"]
    assert box["y"] >= 0 and box["y"] + box["height"] <= NARROW["height"]
    page.screenshot(path=artifact(f"journey-phone-{scheme}.png"), full_page=True)


@pytest.mark.slow
def test_two_windows_of_one_browser_show_the_same_work(open_page: OpenPage) -> None:
    first = open_page()
    second = first.context.new_page()
    without_3d(second)
    second.goto(first.url)
    second.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
    click_photo(first, RED)
    expect(objects(second)).to_have_count(1, timeout=20_000)
    act(second, lambda: second.keyboard.press("n"))
    click_photo(second, BLUE)
    expect(objects(first)).to_have_count(2, timeout=20_000)
    assert covered(first, BLUE) > 0.9
    act(first, lambda: first.get_by_role("button", name="Undo").click())
    second.wait_for_function(
        "() => document.querySelectorAll('.ws-objects li')[1]?.innerText.includes('nothing')"
    )
    first.reload()
    first.wait_for_selector(".ws[data-phase=ready]", timeout=60_000)
    expect(objects(first)).to_have_count(2)


@pytest.mark.slow
def test_what_is_shared_opens_from_the_disk_and_says_what_it_shows(
    open_page: OpenPage, browser: Browser, tmp_path: Path
) -> None:
    page = open_page()
    click_photo(page, RED)
    page.get_by_role("button", name="Rename object 1").click()
    act(page, lambda: (page.get_by_label("New name of object 1").fill("crate"), page.keyboard.press("Enter")))
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    colours = [
        row.evaluate("node => getComputedStyle(node.querySelector('.swatch')).backgroundColor")
        for row in objects(page).all()
    ]
    page.get_by_role("button", name="Take it away").click()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("link", name="Page to share").click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    page.keyboard.press("Escape")
    for _ in range(3):  # the name; leave none behind for other tests of this server
        act(page, lambda: page.keyboard.press("z"))
    shared = browser.new_page(viewport={"width": 500, "height": 360})
    shared.goto(path.as_uri())
    shared.locator("canvas").first.wait_for(timeout=60_000)
    about = shared.get_by_role("complementary")
    assert shared.title() == about.get_by_role("heading").inner_text() == toy_workspace.NAME
    assert about.get_by_role("listitem").all_inner_texts() == ["crate", "object 1"]
    swatches = about.locator("li i").evaluate_all(
        "all => all.map(one => getComputedStyle(one).backgroundColor)"
    )
    assert swatches == colours
    shared.close()


def audit(page: Page) -> list[tuple[str, Any]]:
    """What axe-core finds serious or critical: the rule, and where."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe_playwright_python is not installed (pip install axe-playwright-python)")
    page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text(encoding="utf-8") + ";0")
    found = page.evaluate(
        """async () => (await axe.run(document, {resultTypes: ["violations"], iframes: false})).violations
            .map(({id, impact, nodes}) => [id, impact, nodes.map((node) => node.target.join(" "))])"""
    )
    return [(rule, where) for rule, impact, where in found if impact in ("serious", "critical")]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_page: OpenPage, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    assert audit(page) == []
    click_photo(page, RED)
    assert audit(page) == []
    for cell in ("capture", "reconstruct", "masks", "gaussians", "methods", "models"):
        head = page.locator(f"[data-cell-head={cell}]")
        head.click()
        page.locator(f"#cell-{cell} .cell-body").wait_for(state="visible")
        assert audit(page) == [], cell
        head.click()
    page.get_by_role("button", name="Take it away").click()
    assert audit(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert audit(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Find by words").fill("red")
    page.keyboard.press("Enter")
    page.wait_for_selector(".find figure", timeout=60_000)
    assert audit(page) == []
