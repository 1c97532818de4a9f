"""The benchmark's report in a browser: light and dark, wide and narrow."""

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser

from liftlab.bench.runner import PICTURES
from liftlab.report import write_html
from tests.lab.bench.rows import report_rows

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 420])
def test_no_overflow_no_missing_picture_and_nothing_from_elsewhere(
    tmp_path: Path, browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    rows = report_rows()
    (tmp_path / PICTURES).mkdir()
    for row in rows:
        for place in ("best", "median", "worst"):
            cv2.imwrite(
                str(tmp_path / PICTURES / f"{row['key']}-{place}.jpg"), np.full((30, 40, 3), 90, np.uint8)
            )
    path = write_html(rows, tmp_path, tmp_path / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.evaluate("document.images.length") == 15
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(20, 23, 27)")
    page.close()
