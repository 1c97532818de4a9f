"""What tests do on the page, and what they read from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, Position

from tests import toy_workspace
from tests.browser.conftest import artifact
from tests.toy import make_toy

STILL_TRIES = 40
"""Pictures of the 3D view that are taken at most until two are alike and show what is waited for."""
TOY = make_toy(width=toy_workspace.WIDTH, height=toy_workspace.HEIGHT, views=toy_workspace.VIEWS)
RED, BLUE, GREEN = 1, 2, 3
"""Instances of the toy's boxes."""
CHANNEL = {RED: 0, GREEN: 1, BLUE: 2}
"""Where a box is brightest."""


def act(page: Page, do: Callable[[], object]) -> None:
    """Do something and wait for the session's answer."""
    before = page.get_attribute(".ws", "data-version")
    do()
    page.wait_for_function(
        "v => document.querySelector('.ws').dataset.version !== v", arg=before, timeout=20_000
    )


def at_photo(page: Page, x: float, y: float) -> tuple[float, float]:
    """Place on the screen of a photo pixel, once the photo stands still: a cell that closes above it moves it."""
    left, top, width, height = page.evaluate(
        """async () => {
            const photo = document.querySelector('.photo-layers');
            photo.scrollIntoView({block: 'nearest', behavior: 'instant'});
            for (let before = '', still = 0; ; ) {
                const {x, y, width, height} = photo.getBoundingClientRect(), now = `${[x, y, width, height]}`;
                still = now === before ? still + 1 : 0;
                if (still === 3) return [x, y, width, height];
                before = now;
                await new Promise(requestAnimationFrame);
            }
        }"""
    )
    return left + x / toy_workspace.WIDTH * width, top + y / toy_workspace.HEIGHT * height


Button = Literal["left", "right"]


def click_photo(page: Page, instance: int, *, button: Button = "left") -> None:
    x, y = toy_workspace.box_center(TOY, 0, instance)
    act(page, lambda: page.mouse.click(*at_photo(page, x, y), button=button))


def in_3d(page: Page, instance: int) -> Position:
    """Place in the 3D canvas of a box's centre, as the first photo's camera sees it."""
    canvas = page.frame_locator("iframe").locator("canvas").first.bounding_box()
    assert canvas is not None
    xy = np.array(toy_workspace.box_center(TOY, 0, instance)) - [
        toy_workspace.WIDTH / 2,
        toy_workspace.HEIGHT / 2,
    ]
    scale = canvas["height"] / toy_workspace.HEIGHT  # the 3D view has the photo's vertical field of view
    return {"x": canvas["width"] / 2 + xy[0] * scale, "y": canvas["height"] / 2 + xy[1] * scale}


def click_3d(page: Page, instance: int, *, shift: bool = False) -> None:
    place = in_3d(page, instance)
    canvas = page.frame_locator("iframe").locator("canvas").first
    keys: list[Literal["Shift"]] = ["Shift"] if shift else []
    act(page, lambda: canvas.click(position=place, modifiers=keys, delay=150, force=True))


def overlay(page: Page) -> np.ndarray:
    """Opacity [h, w] of the mask drawn over the large photo; all zero when there is none."""
    page.locator(".photo-layers:not([aria-busy=true])").wait_for(timeout=10_000)
    pixels = page.evaluate(
        """async () => {
            const image = document.querySelector('.photo-overlay');
            if (image.hidden) return null;
            await image.decode();
            const canvas = document.createElement('canvas');
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            const context = canvas.getContext('2d');
            context.drawImage(image, 0, 0);
            const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
            return {w: canvas.width, h: canvas.height, a: Array.from(data.filter((_, i) => i % 4 === 3))};
        }"""
    )
    if pixels is None:
        return np.zeros((toy_workspace.HEIGHT, toy_workspace.WIDTH))
    return np.array(pixels["a"]).reshape(pixels["h"], pixels["w"])


def covered(page: Page, instance: int) -> float:
    """Share of a box's pixels that the mask over the first photo covers."""
    return float((overlay(page) > 0)[TOY.instance[0] == instance].mean())


def canvas_3d(page: Page, name: str, shows: Callable[[np.ndarray], object]) -> np.ndarray:
    """Picture [h, w, 3] of the 3D view once it stands still and shows what is waited for; the last one if it never
    does: without a graphics card splats are drawn late.
    """
    path = artifact(f"3d-{name}.png")
    picture = np.zeros(0, int)
    pane = page.locator(".pane-3d")
    pane.evaluate("node => node.scrollIntoView({block: 'nearest'})")
    page.wait_for_timeout(
        800
    )  # it draws what it has while more comes in: the first picture is none to compare with
    for _ in range(STILL_TRIES):
        before = picture
        box = pane.bounding_box()
        assert box is not None
        # of the page: a picture of the element would first wait for two frames in turn, which a busy 3D view delays
        x, y, width, height = (round(box[side]) for side in ("x", "y", "width", "height"))
        page.screenshot(path=path, clip={"x": x, "y": y, "width": width, "height": height})
        picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
        if np.array_equal(picture, before) and shows(picture):
            break
        page.wait_for_timeout(700)
    return picture


def patch_of(picture: np.ndarray, place: Position) -> np.ndarray:
    """Mean colour [3] beside a place in the 3D view, off the marker."""
    x, y = int(place["x"]) + 12, int(place["y"]) + 12
    return picture[y : y + 10, x : x + 10].mean(axis=(0, 1))


def box_is_drawn(page: Page, instance: int) -> np.ndarray:
    """Wait until a box is seen in 3D, in its colour and where the first photo's camera sees it; the picture."""
    channel = CHANNEL[instance]

    def drawn(picture: np.ndarray) -> bool:
        patch = patch_of(picture, in_3d(page, instance))
        return bool(patch[channel] > np.delete(patch, channel).max() + 30)

    picture = canvas_3d(page, f"box-{instance}", drawn)
    assert drawn(picture), f"box {instance} is not seen in 3D"
    return picture


def is_red(colour: np.ndarray) -> bool:
    return bool(colour[0] > colour[2] + 40)


def objects(page: Page) -> Locator:
    return page.get_by_role("list", name="Objects").get_by_role("listitem")


def is_ply(path: Path) -> None:
    assert path.suffix == ".ply" and path.read_bytes().startswith(b"ply\n")
