"""Downloads: each has a file of its own until it is sent, however often a link is clicked."""

import asyncio
import io
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.export.downloads import comparison_report, export_file, exports_folder
from liftlab.web.live import _SentOnce
from liftlab.web.security import VISITOR_COOKIE
from liftlab.web.server import build_app
from liftlab.web.visitor import Visitor
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

ORIGIN = "http://127.0.0.1:7860"
ID = "visitor-of-the-tests-1"


@pytest.fixture
def app(lab: Lab) -> FastAPI:
    return build_app(lab)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    access = app.state.access
    cookie = f"{access.cookie}={access.token}; {VISITOR_COOKIE}={ID}"
    with TestClient(app, base_url=ORIGIN, headers={"cookie": cookie, "origin": ORIGIN}) as client:
        yield client


@pytest.fixture
def visitor(app: FastAPI, client: TestClient, toy: Toy) -> Visitor:
    """The browser of `client`, in which two boxes are clicked."""
    visitor = app.state.visitors.get(ID)
    for thread in threading.enumerate():
        if thread.name == "liftlab-open":  # it takes up what an earlier visit saved
            thread.join(30)
    visitor.open(NAME)
    for number in (1, 2):
        visitor.act(lambda session: session.new_object())
        x, y = box_center(toy, 1, number)
        visitor.act(lambda session, x=x, y=y: session.click("001.png", x, y))
    return visitor


def left(visitor: Visitor) -> list[Path]:
    """Files of downloads that are still there."""
    return [path for path in exports_folder(visitor).rglob("*") if path.is_file()]


def test_a_download_outlives_the_next_of_its_kind(visitor: Visitor) -> None:
    first, second = export_file(visitor, "ply"), export_file(visitor, "ply")
    assert first.path != second.path and first.path.name == second.path.name == "toy-ply.zip"
    assert first.path.read_bytes() == second.path.read_bytes()
    second.forget()
    assert left(visitor) == [first.path], "and beside the zip nothing is kept"
    first.forget()
    first.forget()
    assert left(visitor) == []


def test_a_comparison_outlives_the_next(visitor: Visitor) -> None:
    visitor.compare(["wildseg3d"])
    first, second = comparison_report(visitor), comparison_report(visitor)
    assert first.path != second.path and first.path.read_text() and second.path.read_text()
    first.forget()
    second.forget()
    assert left(visitor) == []


def test_one_link_clicked_many_times_is_answered_as_often(client: TestClient, visitor: Visitor) -> None:
    answers = []
    threads = [
        threading.Thread(target=lambda kind=kind: answers.append(client.get(f"/lab/export/{kind}")))
        for kind in ("ply", "ply", "ply", "masks", "masks")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [answer.status_code for answer in answers] == [200] * 5
    named = [sorted(zipfile.ZipFile(io.BytesIO(answer.content)).namelist()) for answer in answers]
    assert named.count(["object 1.ply", "object 2.ply"]) == 3
    assert sum("masks/object 1/000.png" in names for names in named) == 2
    assert left(visitor) == []


def test_a_single_file_is_sent_as_what_it_is(client: TestClient, visitor: Visitor) -> None:
    answer = client.get("/lab/export/coco")
    assert answer.headers["content-type"] == "application/json" and "images" in answer.json()
    assert 'filename="coco.json"' in answer.headers["content-disposition"]
    packed = client.get("/lab/export/ply")
    assert packed.headers["content-type"] == "application/zip"
    assert 'filename="toy-ply.zip"' in packed.headers["content-disposition"]
    unknown = client.get("/lab/export/plyy")
    assert (unknown.status_code, unknown.json()["detail"]) == (409, "There is no export 'plyy'.")
    assert left(visitor) == []


def test_nothing_is_left_of_a_download_that_fails_or_is_broken_off(visitor: Visitor) -> None:
    with pytest.raises(InputError, match="no splats yet"):
        export_file(visitor, "spz")
    assert list(exports_folder(visitor).iterdir()) == []

    async def hung_up(message: object) -> None:
        raise OSError("the browser hung up")

    async def nothing() -> dict[str, str]:
        return {"type": "http.request"}

    scope = {"type": "http", "method": "GET", "headers": [], "asgi": {"spec_version": "2.4"}}
    with pytest.raises(OSError, match="hung up"):
        asyncio.run(_SentOnce(export_file(visitor, "ply"))(scope, nothing, hung_up))
    assert list(exports_folder(visitor).iterdir()) == []
