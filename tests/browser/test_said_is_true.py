"""What the page says is so: of work under way, of places without depth, of results and of what is taken away."""

import contextlib
import io
import json
import re
import shutil
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from scipy.spatial import KDTree

from liftlab.components.gaussians.files import read_gaussians
from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from tests import toy_workspace
from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import (
    BLUE,
    GREEN,
    RED,
    TOY,
    act,
    click_photo,
    covered,
    objects,
)
from tests.browser.test_scenes import card, open_scene, show_cards
from tests.not_none import not_none
from tests.page_server import PageServer, serving
from tests.toy import BOXES

pytestmark = pytest.mark.browser

BLIND = "blind"
"""A scene of the same photos without depth where the red box is."""


@pytest.fixture(scope="module")
def page_server(toy_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A server on two scenes of one capture: another reconstruction is another scene."""
    root = tmp_path_factory.mktemp("said") / "workspace"
    shutil.copytree(toy_root, root)
    lab = Lab(root)
    with toy_workspace.exact_steps(without_depth=RED):
        lab.reconstruct(BLIND, ReconstructConfig(max_side=128), capture=toy_workspace.NAME)
        lab.prepare(BLIND, "wildseg3d")
    lab.close()
    with serving(root) as server:
        yield server


def first_page(open_page: OpenPage, **options: object) -> Page:
    """The page of somebody who has nothing open, once it knows what there is."""
    page = open_page(ready=False, **options)
    expect(page.locator(".ws-veil p")).to_contain_text("This workspace has 2 scenes", timeout=60_000)
    expect(page.locator("[data-cell-head=capture]")).to_have_attribute("aria-expanded", "true")
    return page


def opened(open_page: OpenPage, scene: str = toy_workspace.NAME, **options: object) -> Page:
    page = first_page(open_page, **options)
    open_scene(page, scene)
    return page


def find(page: Page, words: str) -> None:
    page.get_by_label("Find by words").fill(words)
    page.keyboard.press("Enter")
    expect(page.locator(".find-asks b")).to_have_text([words], timeout=60_000)


def test_results_of_a_search_stay_with_their_scene(open_page: OpenPage) -> None:
    page = opened(open_page)
    show_cards(page)
    find(page, "something red")
    page.locator(".find figure").first.wait_for()  # also where the open cell was
    open_scene(page, BLIND)
    expect(page.locator(".find-asks article")).to_have_count(0)
    expect(page.locator(".find-body")).to_be_hidden()
    expect(page.get_by_label("Find by words")).to_have_value("")
    find(page, "something green")
    page.locator(".find figure").first.get_by_role("button", name="Add").click()
    expect(objects(page)).to_have_count(1, timeout=30_000)
    assert covered(page, GREEN) > 0.9
    open_scene(page, toy_workspace.NAME)
    expect(page.locator(".find-asks b")).to_have_text(["something red"], timeout=30_000)
    page.locator("[data-cell-head=capture]").click()  # closes it
    page.locator(".find figure").first.get_by_role("button", name="Add").click()
    expect(objects(page)).to_have_count(1, timeout=30_000)
    assert covered(page, RED) > 0.9


def test_where_there_is_no_depth_the_photo_alone_has_it(open_page: OpenPage) -> None:
    page = opened(open_page, BLIND)
    click_photo(page, RED)
    expect(page.locator(".ws-hint")).to_contain_text("There is no reliable depth here")
    expect(objects(page).first).to_contain_text("in one photo only")
    x, y = toy_workspace.box_center(TOY, 0, RED)
    assert covered(page, RED) > 0.5
    packed = page.request.get(f"{page.url.split('?')[0]}lab/export/masks").body()
    with zipfile.ZipFile(io.BytesIO(packed)) as masks_of_photos:
        own = next(name for name in masks_of_photos.namelist() if name.endswith("000.png"))
        mask = np.asarray(Image.open(io.BytesIO(masks_of_photos.read(own)))) > 0
    assert mask[int(y), int(x)], f"what was clicked at ({x}, {y}) is in it"
    masks = page.locator(".thumb .t-mask")
    assert [masks.nth(k).is_visible() for k in range(masks.count())] == [True, False, False]
    page.screenshot(path=artifact("no-depth.png"))
    assert page.request.get(f"{page.url.split('?')[0]}lab/export/ply").status == 409
    expect(page.locator(".ws-hint")).to_contain_text("no place in 3D")
    act(page, lambda: page.keyboard.press("n"))
    click_photo(page, BLUE)
    expect(objects(page).nth(1)).to_contain_text("in 3 photos")


def test_a_scene_under_way_says_so_and_cancelled_lets_one_choose(open_page: OpenPage) -> None:
    page = first_page(open_page)
    expect(card(page, "shelf").get_by_role("button", name="Build shelf")).to_be_visible(timeout=60_000)
    card(page, "shelf").locator(".scene-open").click()
    expect(page.locator(".ws-veil p")).to_contain_text("Building the scene")
    reconstructing = page.locator("[data-cell-head=reconstruct] .chip")
    expect(reconstructing).to_contain_text("running", timeout=60_000)
    capture = page.locator("[data-cell-head=capture]")
    expect(capture.locator(".chip")).to_have_text("done")
    expect(capture.locator("small")).to_contain_text("shelf")
    expect(capture).to_have_attribute("aria-expanded", "false")
    progress = page.locator(".ws-veil .progress")
    expect(progress).to_be_in_viewport()
    show_cards(page)
    expect(card(page, "shelf")).to_contain_text("being built")
    page.screenshot(path=artifact("being-built.png"))
    progress.get_by_role("button", name="Cancel").click()
    expect(page.locator(".ws-veil p")).to_contain_text("Nothing is open", timeout=60_000)
    expect(card(page, "shelf")).to_contain_text("not built yet")


@pytest.mark.slow
def test_a_training_that_is_cancelled_costs_no_better_splats(open_page: OpenPage) -> None:
    page = opened(open_page)
    splats, points = page.get_by_role("radio", name="Splats"), page.get_by_role("radio", name="Points")
    expect(points).to_have_attribute("aria-checked", "true")
    page.locator("[data-cell-head=gaussians]").click()
    cell, chip = page.locator("#cell-gaussians"), page.locator("[data-cell-head=gaussians] .chip")
    cell.get_by_text("240", exact=True).click()
    page.get_by_role("button", name="Train splats").click()
    expect(splats).to_have_attribute(
        "aria-checked", "true", timeout=120_000
    )  # while they grow, they are seen
    expect(chip).to_contain_text("running")
    page.screenshot(path=artifact("splats-growing.png"))
    cell.get_by_role("button", name="Cancel").click()
    others = cell.get_by_role("button", name="Use the others")
    others.wait_for(timeout=120_000)
    said = cell.locator(".cell-note").inner_text()
    beside, in_use = re.findall(r"([\d.]+) dB where these have ([\d.]+) dB", said)[0]
    assert float(beside) <= float(in_use), said
    expect(splats).to_have_attribute("aria-checked", "true")
    page.screenshot(path=artifact("splats-beside.png"))
    others.click()
    expect(cell.locator(".cell-note")).to_contain_text(
        f"{in_use} dB where these have {beside} dB", timeout=30_000
    )
    others.click()  # as it was, for other tests of this server
    expect(cell.locator(".cell-note")).to_contain_text(
        f"{beside} dB where these have {in_use} dB", timeout=30_000
    )


def test_what_is_taken_away_is_what_it_is_called(
    open_page: OpenPage, page_server: PageServer, tmp_path: Path
) -> None:
    with contextlib.closing(Lab(page_server.workspace)) as lab:
        means = not_none(lab.scene(toy_workspace.NAME).gaussians).means
    page = opened(open_page)
    for number, box in enumerate((RED, BLUE)):
        if number:
            act(page, lambda: page.keyboard.press("n"))
        click_photo(page, box)
    page.get_by_role("button", name="Take it away").click()

    def taken(title: str) -> Path:
        with page.expect_download(timeout=60_000) as waiting:
            page.get_by_role("link", name=title).click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        return path

    without = taken("Scene without them, PLY")
    assert without.suffix == ".ply", "one scene that lacks them all"
    assert [stays(without, box, means) for box in (RED, BLUE, GREEN)] == [False, False, True]
    with zipfile.ZipFile(taken("Scene without each, PLY")) as packed:
        packed.extractall(tmp_path / "each")
    each = sorted((tmp_path / "each").rglob("*.ply"))
    assert [[stays(path, box, means) for box in (RED, BLUE)] for path in each] == [
        [False, True],
        [True, False],
    ]
    with zipfile.ZipFile(taken("Photos and cameras, ZIP")) as packed:
        names = packed.namelist()
        cameras = next(PurePosixPath(name) for name in names if name.endswith("transforms.json"))
        frames = json.loads(packed.read(str(cameras)))["frames"]
    told = [str(cameras.parent / frame["file_path"]) for frame in frames]
    assert len(told) == toy_workspace.VIEWS and set(told) <= set(names)
    coco = json.loads(taken("Masks with names, COCO").read_text())
    assert [category["name"] for category in coco["categories"]] == ["object"]
    assert {one["object"] for one in coco["annotations"]} == {"object 1", "object 2"}


def test_a_run_that_is_reopened_brings_its_scene(open_page: OpenPage, tmp_path: Path) -> None:
    page = opened(open_page)
    click_photo(page, BLUE)
    page.get_by_role("button", name="Take it away").click()
    with page.expect_download(timeout=60_000) as waiting:
        page.get_by_role("link", name="Run, to repeat it").click()
    waiting.value.save_as(tmp_path / "notebook.json")
    page.keyboard.press("Escape")
    open_scene(page, BLIND)
    cell = page.locator("#cell-capture")
    cell.locator("input[type=file]").set_input_files(tmp_path / "notebook.json")
    cell.get_by_text("⇣").wait_for(timeout=20_000)
    page.get_by_role("button", name="Build the scene").click()
    expect(card(page, toy_workspace.NAME)).to_have_attribute("data-open", "", timeout=60_000)
    expect(card(page, BLIND)).not_to_have_attribute("data-open", "")
    expect(page.locator("[data-cell-head=capture] small")).to_contain_text(f"{toy_workspace.NAME}, ")
    expect(objects(page)).to_have_count(1)
    assert covered(page, BLUE) > 0.9


def test_photos_are_dropped_anywhere_and_become_a_scene(open_page: OpenPage, page_server: PageServer) -> None:
    page = opened(open_page)
    photos = sorted((page_server.workspace / "captures" / toy_workspace.NAME / "images").iterdir())
    head = page.locator("[data-cell-head=capture]")
    expect(head).to_have_attribute("aria-expanded", "false")
    given = page.evaluate_handle(
        """(files) => {
            const given = new DataTransfer();
            for (const [name, data] of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                given.items.add(new File([bytes], name, {type: "image/png"}));
            }
            return given;
        }""",
        [[photo.name, b64encode(photo.read_bytes()).decode()] for photo in photos],
    )
    page.dispatch_event(".pane-photo", "drop", {"dataTransfer": given})
    expect(head).to_have_attribute("aria-expanded", "true")
    page.locator("#cell-capture").get_by_text("⇣").nth(len(photos) - 1).wait_for(timeout=20_000)
    assert page.url.split("?")[0].rstrip("/") == page_server.origin, (
        "the browser opened no photo in its place"
    )
    page.get_by_role("textbox", name="Name").fill("dropped")
    page.get_by_role("button", name="Build the scene").click()
    expect(card(page, "dropped")).to_have_attribute("data-open", "", timeout=60_000)
    expect(head.locator("small")).to_have_text(f"dropped, {len(photos)} photos")
    open_scene(page, toy_workspace.NAME)
    page.on("dialog", lambda dialog: dialog.accept())
    card(page, "dropped").hover()
    page.get_by_role("button", name="Delete dropped").click()  # for other tests of this server
    expect(card(page, "dropped")).to_contain_text("not built yet")  # its photos stay


def stays(path: Path, instance: int, means: np.ndarray) -> bool:
    """Whether a file of splats holds those at a box of the toy, of all `means` [N, 3] of the scene; along its outline
    they are cut, and lie elsewhere.
    """
    low, high, _ = BOXES[instance - 1]
    margin = np.array([-0.04, 0.02, 0.02])  # two of the boxes touch where x is the same
    inside = ((means >= low - margin) & (means <= high + margin)).all(axis=1) & (means[:, 2] > 0.05)
    away, _ = KDTree(read_gaussians(path).means).query(means[inside])
    share = float((away < 1e-4).mean())
    assert share < 0.35 or share > 0.65, "some of a box is no answer"
    return share > 0.5
