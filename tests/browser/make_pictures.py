"""The pictures of the page in docs/images, made anew from the bundled capture `desk`.

    python -m tests.browser.make_pictures WORKSPACE

The workspace must hold `desk`, prepared for `wildseg3d` and `ovseg3r` (`liftlab demo`, then
`liftlab prepare desk --method ovseg3r`). Look at what came out before you commit it. Names of pictures, behind the
workspace, make only these. In its place may stand the address of a lab that runs, with its token, and shows `desk`.
"""

import io
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, SELDOM_DRAWN, chromium_path
from tests.page_server import ROOT, serving

OUT = ROOT / "docs" / "images"
SCENE = "desk"
SIZE = (640, 480)
"""Of the photos, pixels."""
BEAR, MUG = (290.0, 270.0), (396.0, 354.0)
"""Places in the first photo."""
PATIENCE_MS = 300_000
"""Without a graphics card 3D is drawn late."""
STILL_MS = 6_000
"""Between two pictures of the 3D views: alike and full of colours, they show everything."""
COLOURS = 500
"""At least, in a 3D view that shows more than its empty ground."""


def act(page: Page, do: Callable[[], object]) -> None:
    before = page.get_attribute(".ws", "data-version")
    do()
    page.wait_for_function(
        "v => document.querySelector('.ws').dataset.version !== v", arg=before, timeout=PATIENCE_MS
    )


def click(page: Page, place: tuple[float, float]) -> None:
    photo = page.locator(".photo-layers")
    before, box = None, photo.bounding_box()
    while box is None or box != before:  # it moves while the page is laid out
        page.wait_for_timeout(1000)
        before, box = box, photo.bounding_box()
    x, y = (place[axis] / SIZE[axis] * box[side] for axis, side in ((0, "width"), (1, "height")))
    act(page, lambda: page.mouse.click(box["x"] + x, box["y"] + y))
    page.mouse.move(2, 2)


def drawn(page: Page) -> None:
    page.wait_for_function("document.querySelectorAll('.pane-wait').length === 0", timeout=PATIENCE_MS)
    before: list[bytes] = []
    for _ in range(PATIENCE_MS // STILL_MS):
        page.wait_for_timeout(STILL_MS)
        views = views_in_sight(page)
        if views == before and all(len(set(zip(*[iter(view)] * 3, strict=True))) > COLOURS for view in views):
            return
        before = views
    raise TimeoutError(f"The 3D views do not come to rest in {PATIENCE_MS / 1000:.0f} s.")


def views_in_sight(page: Page) -> list[bytes]:
    """What is seen of each 3D view on the screen, RGB. Of the page, since a picture of an element waits for frames that
    a busy view delays.
    """
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    views = []
    for frame in page.locator("iframe").all():
        box = frame.bounding_box()
        if box is None:  # it is hidden
            continue
        left, top = max(0, round(box["x"])), max(0, round(box["y"]))
        right = min(shot.width, round(box["x"] + box["width"]))
        bottom = min(shot.height, round(box["y"] + box["height"]))
        if right - left > 100 and bottom - top > 100:
            views.append(shot.crop((left, top, right, bottom)).tobytes())
    return views


def clicked(page: Page) -> None:
    click(page, BEAR)
    drawn(page)


def menu(page: Page) -> None:
    clicked(page)
    page.get_by_role("button", name="Take it away").click()


def words(page: Page) -> None:
    page.get_by_label("What reads the words").select_option("words")
    page.get_by_label("Find by words").fill("cup")
    page.keyboard.press("Enter")
    page.wait_for_selector(".find figure", timeout=PATIENCE_MS)
    drawn(page)


def compared(page: Page) -> None:
    click(page, MUG)
    page.locator(".cmp-head").click()
    page.wait_for_function("document.querySelectorAll('.cmp-table .tool').length === 2", timeout=PATIENCE_MS)
    page.get_by_role("combobox", name="Right answer").select_option("truth")
    page.locator(".cmp-head").evaluate("node => node.scrollIntoView()")
    drawn(page)


def cards(page: Page) -> None:
    page.locator("[data-cell-head=capture]").click()
    drawn(page)


def methods(page: Page) -> None:
    page.locator("[data-cell-head=methods]").click()
    drawn(page)


def keys(page: Page) -> None:
    drawn(page)
    page.keyboard.press("?")


STATES: dict[str, tuple[Callable[[Page], None], dict[str, object]]] = {
    "lab-light": (clicked, {}),
    "lab-dark": (clicked, {"color_scheme": "dark"}),
    "lab-phone": (clicked, {"viewport": {"width": 412, "height": 915}}),
    "words": (words, {}),
    "compare": (compared, {"viewport": {"width": 1400, "height": 1000}}),
    "take-it-away": (menu, {}),
    "scenes": (cards, {}),
    "methods": (methods, {}),
    "keys": (keys, {}),
}
"""By name of the picture: what is done, and how the browser differs."""


def make(browser: Browser, url: str, name: str) -> None:
    """Take one picture, in a browser session of its own."""
    reach, looks = STATES[name]
    context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **looks})  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(SELDOM_DRAWN)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".ws[data-phase=ready]")
    reach(page)
    shot = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    # a third of the bytes; a palette that covers all colours, or small things of a colour of their own lose it
    few = shot.quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE)
    few.save(OUT / f"{name}.png", optimize=True)
    context.close()


def main(lab: str, *names: str) -> None:
    path = chromium_path()
    assert path is not None, "no Chromium found (apt-get install chromium)"
    with ExitStack() as open_, sync_playwright() as playwright:
        running = lab.startswith("http")
        url = lab if running else open_.enter_context(serving(Path(lab), "--scene", SCENE)).url
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for name in names or STATES:
            make(browser, url, name)
            print(OUT / f"{name}.png", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
