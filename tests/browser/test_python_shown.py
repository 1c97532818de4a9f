"""The Python beneath the page, run as a person would who copies it into a notebook."""

from typing import Any

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.hands import GREEN, RED, TOY, act, box_is_drawn, click_3d, click_photo

pytestmark = pytest.mark.browser


def test_the_python_that_is_shown_does_what_was_done(open_page: OpenPage) -> None:
    page = open_page(with_3d=True)
    box_is_drawn(page, GREEN)
    click_3d(page, GREEN)
    act(page, lambda: page.keyboard.press("n"))
    act(page, lambda: page.get_by_label("Method", exact=True).select_option("saga"))
    click_photo(page, RED)
    page.locator(".cmp-head").click()
    page.locator(".cmp-table tbody tr").nth(1).wait_for(timeout=60_000)
    page.wait_for_function("document.querySelectorAll('.cmp-table .tool').length === 2", timeout=60_000)
    snippets = [
        page.locator(f"[data-code={cell}] pre").text_content() for cell in ("capture", "segment", "compare")
    ]
    page.locator(".cmp-head").click()
    done: dict[str, Any] = {}
    for snippet in snippets:
        assert snippet
        exec(compile(snippet, "shown by the page", "exec"), done)
    green, red = done["session"].objects
    assert (green.method, red.method) == ("wildseg3d", "saga")
    assert green.masks[0][TOY.instance[0] == GREEN].mean() > 0.9
    assert red.masks[0][TOY.instance[0] == RED].mean() > 0.8  # of a short training
    assert {pane.method for pane in done["comparison"].states} == {"wildseg3d", "saga"}
    done["lab"].close()
