"""Main states of the page as they are laid out: boxes of the parts and a coarse picture, against committed ones.

Both are made anew with `LIFTLAB_NEW_LAYOUT=1 python -m pytest tests/browser/test_layout.py`; look at the differences
before you commit them. Fonts differ between machines, so boxes may differ by some pixels and pictures are coarse;
photos and 3D are masked.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import RED, act, click_photo

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEPT = Path(__file__).parent / "layout"
NEW = os.environ.get("LIFTLAB_NEW_LAYOUT") == "1"
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 412, "height": 915}
PARTS = {
    "title": ".ll-head", "cells": "#cells", "capture": "[data-cell-head=capture]", "models": "[data-cell-head=models]",
    "open cell": ".cell-body:visible >> nth=0", "find": ".find", "results": ".find figure >> nth=0", "tools": ".ws-bar",
    "3d": ".pane-3d", "photo": ".photo-layers", "objects": ".ws-objects", "in the scene": ".stage",
    "take": ".take", "hint": ".ws-said", "strip": ".ws-strip", "menu": ".take-menu:popover-open",
    "keys": "dialog[open]",
    "compare": "[data-cell-head=compare]",
}  # fmt: skip
MASKED = (".pane-3d iframe", ".photo-layers", ".thumb", ".find figure", ".cmp-panes iframe")
"""What is never drawn twice the same."""
SLACK, SHARE = 12.0, 0.1
"""A side of a part may lie this many pixels from where it was, or this share of the part's size where that is more."""
COARSE = 16
"""Screen pixels per pixel of the pictures kept."""
DIFFERENT, ALLOWED = 40, 0.04
"""A pixel differs by this many grey levels; of so many of them the page looks another. Text is no more than that."""


def boxes(page: Page) -> dict[str, list[float]]:
    """Left, top, width and height of the parts that are seen, page pixels."""
    found = {}
    for name, selector in PARTS.items():
        node = page.locator(selector).first
        if node.count() and node.is_visible() and (box := node.bounding_box()) is not None:
            found[name] = [
                round(box["x"]),
                round(box["y"] + scrolled(page)),
                round(box["width"]),
                round(box["height"]),
            ]
    return found


def scrolled(page: Page) -> float:
    return page.evaluate("window.scrollY")


def coarse(page: Page, name: str) -> np.ndarray:
    """The screen in grey, one pixel for many."""
    path = artifact(f"layout-{name}.png")
    page.screenshot(
        path=path, animations="disabled", mask=[page.locator(part) for part in MASKED], mask_color="#808080"
    )
    picture = Image.open(path).convert("L")
    size = (picture.width // COARSE, picture.height // COARSE)
    return np.asarray(picture.resize(size, Image.Resampling.BOX))


def compare(page: Page, name: str) -> None:
    """Hold the page against what is kept of this state, or keep it."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(600)
    found, picture = boxes(page), coarse(page, name)
    box_file, picture_file = KEPT / f"{name}.json", KEPT / f"{name}.png"
    if NEW:
        KEPT.mkdir(exist_ok=True)
        box_file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        Image.fromarray(picture).save(picture_file)
        return
    wanted = json.loads(box_file.read_text(encoding="utf-8"))
    assert set(found) == set(wanted), "the same parts are seen"
    moved = [
        f"{part}: {found[part]}, was {box}"
        for part, box in wanted.items()
        if any(
            abs(now - was) > max(SLACK, SHARE * box[2 + side % 2])
            for side, (now, was) in enumerate(zip(found[part], box, strict=True))
        )
    ]
    assert not moved
    kept = np.asarray(Image.open(picture_file)).astype(int)
    assert kept.shape == picture.shape
    other = float((np.abs(kept - picture.astype(int)) > DIFFERENT).mean())
    assert other <= ALLOWED, f"{other:.1%} of the page looks another; see {artifact(f'layout-{name}.png')}"


def hidden_text(page: Page) -> list[str]:
    """Buttons and headings whose words do not fit, and what is wider than the page."""
    return page.evaluate(
        """() => {
            const bad = [];
            for (const node of document.querySelectorAll("button, h1, h2, select, label")) {
                if (!node.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
                const box = node.getBoundingClientRect();
                if (box.width < 2 || box.height < 2) continue;
                const style = getComputedStyle(node);
                if (style.overflow !== "visible" && style.textOverflow !== "ellipsis"
                    && node.scrollWidth > node.clientWidth + 1) bad.push(`cut: ${node.innerText}`);
            }
            if (document.documentElement.scrollWidth > innerWidth + 1) bad.push("wider than the screen");
            return bad;
        }"""
    )


def over_each_other(page: Page, names: tuple[str, ...]) -> list[str]:
    """Pairs of parts that lie over each other by more than a few pixels."""
    found = boxes(page)
    there = [name for name in names if name in found]
    pairs = [(a, b) for number, a in enumerate(there) for b in there[number + 1 :]]
    return [f"{a} over {b}" for a, b in pairs if overlap(found[a], found[b]) > 3]


def overlap(first: list[float], second: list[float]) -> float:
    """Of two boxes: the shorter side of what both cover, pixels."""
    sides = [
        min(first[axis] + first[axis + 2], second[axis] + second[axis + 2]) - max(first[axis], second[axis])
        for axis in (0, 1)
    ]
    return max(0.0, min(sides))


def open_cell(cell: str) -> Callable[[Page], None]:
    def do(page: Page) -> None:
        page.locator(f"[data-cell-head={cell}]").click()
        page.locator(f"#cell-{cell} .cell-body").wait_for(state="visible")
        page.wait_for_timeout(500)

    return do


def found_words(page: Page) -> None:
    page.keyboard.press("Escape")
    page.get_by_label("Find by words").fill("red")
    page.keyboard.press("Enter")
    page.wait_for_selector(".find figure", timeout=60_000)


def clicked(page: Page) -> None:
    page.locator("[data-cell-head=methods]").click()  # closes it
    page.evaluate("scrollTo(0, 0)")
    click_photo(page, RED)


def keys(page: Page) -> None:
    page.keyboard.press("?")
    page.locator("dialog[open]").wait_for()


def taken_out(page: Page) -> None:
    page.keyboard.press("Escape")  # closes the menu
    act(page, lambda: page.get_by_role("button", name="Take out").click())


STATES: dict[str, Callable[[Page], object]] = {
    "start": lambda page: None,
    "capture": open_cell("capture"),
    "methods": open_cell("methods"),
    "clicked": clicked,
    "take-menu": lambda page: page.get_by_role("button", name="Take it away").click(),
    "taken-out": taken_out,
    "keys": keys,
    "found": found_words,
}
"""Each after the one before it."""
APART = ("title", "cells", "find", "tools", "3d", "photo", "objects", "hint", "strip", "compare")


@pytest.mark.parametrize("screen", ["wide", "dark", "narrow"])
def test_the_page_is_laid_out_as_it_was(open_page: OpenPage, screen: str) -> None:
    page = open_page(
        viewport=NARROW if screen == "narrow" else WIDE,
        color_scheme="dark" if screen == "dark" else "light",
        reduced_motion="reduce",
    )
    for state, reach in STATES.items():
        reach(page)
        assert hidden_text(page) == [], state
        assert over_each_other(page, APART) == [], state
        compare(page, f"{state}-{screen}")
