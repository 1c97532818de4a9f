"""The Models cell in a browser: opened, it shows what each step of the open scene uses and how each model stands."""

import pytest
from playwright.sync_api import Page, expect

from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.record import missing
from tests.toy_workspace import NAME

pytestmark = pytest.mark.browser


def test_models_and_steps_are_listed_for_the_open_scene(fresh_page: Page) -> None:
    page = fresh_page
    page.locator("[data-cell-head=models]").click()
    steps, models = (page.locator("#cell-models table.models").nth(i) for i in (0, 1))
    expect(steps).to_contain_text(f"liftlab masks {NAME} --set proposer=sam2")
    expect(steps).to_contain_text("regions of even colour and geometry")
    expect(models).to_contain_text("sam2.1-tiny")
    expect(models).to_contain_text("CC-BY-NC-SA-4.0, not for commercial use")
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_visible()


def test_what_is_chosen_and_missing_is_said_with_its_command(fresh_page: Page) -> None:
    if not missing(PAIR_PREDICTORS.get("mast3r")):
        pytest.skip("MASt3R is here")
    page = fresh_page
    page.locator("[data-cell-head=reconstruct]").click()
    cell = page.locator("#cell-reconstruct")
    choice = cell.get_by_label("Cameras and depth by")
    expect(choice).to_have_value("Structure from motion, then multi-view stereo")
    choice.click()
    page.get_by_role("option", name="MASt3R pairs with global alignment").click()
    expect(cell).to_contain_text("'mast3r' needs the model mast3r.")
    expect(cell).to_contain_text("liftlab models get mast3r")
    page.locator("[data-cell-head=masks]").click()
    proposals = page.locator("#cell-masks").get_by_label("Proposals in each photo")
    expect(proposals).to_have_value("Regions of even colour and geometry")
    proposals.click()
    expect(page.get_by_role("option", name="SAM 2.1 automatic masks")).to_be_visible()
