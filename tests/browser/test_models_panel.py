"""The Models cell in a browser: opened, it shows what each step of the open scene uses and how each model stands."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.toy_workspace import NAME

pytestmark = pytest.mark.browser


def test_models_and_steps_are_listed_for_the_open_scene(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-cell-head=models]").click()
    steps, models = (page.locator("#cell-models table.models").nth(i) for i in (0, 1))
    expect(steps).to_contain_text(f"liftlab masks {NAME} --set proposer=sam2")
    expect(steps).to_contain_text("regions of even colour and geometry")
    expect(models).to_contain_text("sam2.1-tiny")
    expect(models).to_contain_text("CC-BY-NC-SA-4.0, not for commercial use")
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_visible()
