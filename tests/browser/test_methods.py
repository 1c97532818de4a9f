"""The cells Splats and Methods: states, settings made from the method's own configuration, a curve."""

import pytest

from tests.browser.conftest import OpenPage, artifact
from tests.browser.hands import RED, click_photo, covered
from tests.not_none import not_none

pytestmark = pytest.mark.browser


def test_a_method_is_prepared_with_other_settings_and_answers(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-cell-head=methods]").click()
    row = page.locator(".m-row", has=page.get_by_text("wildseg3d", exact=True))
    assert row.get_by_role("checkbox").is_checked()
    assert "answers · ready in" in row.locator(".m-state").inner_text()
    other = page.locator(".m-row", has=page.get_by_text("gaga", exact=True))
    assert "not prepared · about " in other.locator(".m-state").inner_text(), "how long it would take"

    row.get_by_text("Settings", exact=True).click()
    field = row.get_by_label("box iou")
    field.wait_for(timeout=15_000)
    assert field.input_value() == "0.5"
    field.fill("much")
    field.press("Tab")
    page.locator("#cell-methods").get_by_text("The setting 'box_iou' cannot be used").wait_for(timeout=10_000)
    field.fill("0.6")
    field.press("Tab")
    row.get_by_text("Settings (1 changed)").wait_for(timeout=10_000)
    page.screenshot(path=artifact("methods.png"))

    page.locator("#cell-methods").get_by_role("button", name="Prepare").click()
    page.locator("[data-cell-head=methods] .chip.done", has_text="·").wait_for(
        state="attached", timeout=30_000
    )
    page.locator("#cell-methods").get_by_text("The same in Python").click()
    assert "box_iou=0.6" in page.locator("#cell-methods pre").inner_text()
    click_photo(page, RED)
    assert covered(page, RED) > 0.9


def test_splats_show_their_curve_and_lie_over_the_photo(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("[data-cell-head=gaussians]").click()
    page.get_by_role("img", name="22.0 to 26.0 dB over 300 steps").wait_for(timeout=10_000)
    assert "lab.gaussians('toy'" in not_none(page.locator("#cell-gaussians pre").text_content())

    page.get_by_role("combobox", name="Beside the photo").select_option("render")
    page.wait_for_function("document.querySelector('.photo-layer').naturalWidth > 0", timeout=20_000)
    page.get_by_role("slider", name="How much of the photo is shown").fill("25")
    assert page.locator(".photo-layer").evaluate("n => n.style.clipPath").startswith("inset(0px 0px 0px 25%")
    page.screenshot(path=artifact("splats-over-photo.png"))
    page.get_by_role("combobox", name="Beside the photo").select_option("")
    page.locator(".photo-layer").wait_for(state="hidden", timeout=5000)
