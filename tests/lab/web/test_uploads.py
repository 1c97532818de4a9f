"""What a browser brings is its own: nobody else reads it, and it goes when the browser goes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from liftlab.components.errors import InputError
from liftlab.engine.lab import Lab
from liftlab.engine.workspace import Workspace
from liftlab.web.security import VISITOR_COOKIE, Access
from liftlab.web.server import build_app
from liftlab.web.uploads import KEPT_SECS, drop_upload, file_name, forget_old_uploads, uploaded_file
from liftlab.web.visitor import Visitor
from tests.lab.web.test_server_guard import ORIGIN

ME, OTHER = "m" * 24, "o" * 24
LIMIT = 200_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return build_app(Lab(tmp_path_factory.mktemp("uploads")), access=Access(max_upload_bytes=LIMIT))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        yield client


@pytest.fixture
def workspace(app: FastAPI) -> Iterator[Workspace]:
    workspace = app.state.visitors.lab.workspace
    yield workspace
    for visitor in (ME, OTHER):
        for path in workspace.uploads_folder(visitor).glob("*/*"):
            drop_upload(path)


def cookie(app: FastAPI, visitor: str) -> dict[str, str]:
    access = app.state.access
    return {"cookie": f"{access.cookie}={access.token}; {VISITOR_COOKIE}={visitor}"}


def bring(app: FastAPI, client: TestClient, *files: tuple[str, bytes], visitor: str = ME) -> list[str]:
    answer = client.post(
        "/gradio_api/upload", files=[("files", file) for file in files], headers=cookie(app, visitor)
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_upload_is_read_by_its_browser_alone(
    app: FastAPI, client: TestClient, workspace: Workspace
) -> None:
    (mine,) = bring(app, client, ("room 1.jpg", b"mine"))
    (same,) = bring(app, client, ("room 1.jpg", b"mine"), visitor=OTHER)
    assert mine != same and mine.endswith("/room 1.jpg") and str(workspace.root) not in mine
    got = client.get(f"/gradio_api/file={mine}", headers=cookie(app, ME))
    assert got.content == b"mine" and "attachment" in got.headers["content-disposition"]
    for reference in (mine, f"../{ME}/{mine}", str(uploaded_file(workspace, ME, mine))):
        refused = client.get(f"/gradio_api/file={reference}", headers=cookie(app, OTHER))
        assert refused.status_code == 404 and b"mine" not in refused.content
        with pytest.raises(InputError, match="no longer here"):
            uploaded_file(workspace, OTHER, reference)


def test_a_link_in_the_folder_is_not_followed(app: FastAPI, client: TestClient, workspace: Workspace) -> None:
    (mine,) = bring(app, client, ("a.jpg", b"mine"))
    (other,) = bring(app, client, ("b.jpg", b"other"), visitor=OTHER)
    folder = workspace.uploads_folder(ME)
    (folder / ("c" * 32)).symlink_to(uploaded_file(workspace, OTHER, other).parent)
    (folder / ("d" * 32)).mkdir()
    (folder / ("d" * 32) / "a.jpg").symlink_to(uploaded_file(workspace, ME, mine))
    (folder / ("e" * 32)).symlink_to(uploaded_file(workspace, ME, mine).parent)
    for reference in (f"{'c' * 32}/b.jpg", f"{'d' * 32}/a.jpg", f"{'e' * 32}/a.jpg"):
        assert client.get(f"/gradio_api/file={reference}", headers=cookie(app, ME)).status_code == 404
    for letter in "ce":
        (folder / (letter * 32)).unlink()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"), ("..\\..\\x.jpg", "x.jpg"), (".hidden.jpg", "hidden.jpg"), ("", "file"),
        ("...", "file"), ("a\nb.jpg", "a-b.jpg"), ("Küche 1.JPG", "Küche 1.JPG"), ("/", "file"),
        ("x" * 300 + ".jpg", "x" * 60 + ".jpg"), ("a." + "b" * 50, "a." + "b" * 50), ("\udcff.jpg", "jpg"),
        ("日" * 100 + ".zip", "日" * 60 + ".zip"),
    ],
)  # fmt: skip
def test_any_file_name_becomes_one_that_works(given: str, name: str) -> None:
    assert file_name(given) == name


def test_many_files_keep_their_order_and_their_names(
    app: FastAPI, client: TestClient, workspace: Workspace
) -> None:
    given = [(f"{number % 2}.jpg", f"{number}".encode()) for number in range(30)]
    references = bring(app, client, *given)
    assert [reference.partition("/")[2] for reference in references] == [name for name, _ in given]
    assert [uploaded_file(workspace, ME, one).read_bytes() for one in references] == [
        text for _, text in given
    ]
    assert not list(workspace.uploads_folder(ME).glob(".*")), "nothing half is left"


def test_what_is_no_upload_is_refused_and_leaves_nothing(
    app: FastAPI, client: TestClient, workspace: Workspace
) -> None:
    form = {**cookie(app, ME), "content-type": "multipart/form-data; boundary=x"}
    head = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    for headers, body in (
        (cookie(app, ME), b"x"), (form, b"x"), (form, head + b"half"), (form, b"--x\r\nx\r\n\r\n1\r\n--x--"),
        (form, b'--x\r\ncontent-disposition: form-data; name="path"\r\n\r\n/etc/passwd\r\n--x--\r\n'),
        ({**form, "content-type": "multipart/form-data; boundary=x; charset=none"}, head + b"1\r\n--x--"),
        ({**form, "content-type": "multipart/form-data"}, head),
    ):  # fmt: skip
        answer = client.post("/gradio_api/upload?upload_id=abc", content=body, headers=headers)
        assert answer.status_code == 400 or answer.json() in ([], answer.json()), body
        assert "/etc" not in answer.text
    files = [path for path in workspace.uploads_folder(ME).rglob("*") if path.name != "a.jpg"]
    assert all(path.is_dir() and not path.name.startswith(".") for path in files)


def test_what_waits_is_bounded(app: FastAPI, client: TestClient, workspace: Workspace) -> None:
    for _ in range(2):
        bring(app, client, ("a.bin", b"x" * (LIMIT - 1000)))
    full = client.post("/gradio_api/upload", files={"files": ("b.bin", b"x" * 5000)}, headers=cookie(app, ME))
    assert full.status_code == 413 and "waiting already" in full.text
    bring(app, client, ("b.bin", b"x" * 5000), visitor=OTHER)


def test_a_file_that_became_a_capture_leaves_no_folder(
    app: FastAPI, client: TestClient, workspace: Workspace
) -> None:
    (mine,) = bring(app, client, ("a.jpg", b"mine"))
    drop_upload(uploaded_file(workspace, ME, mine))
    assert list(workspace.uploads_folder(ME).iterdir()) == []


def test_uploads_go_with_their_browser(app: FastAPI, client: TestClient, workspace: Workspace) -> None:
    bring(app, client, ("a.jpg", b"mine"))
    bring(app, client, ("a.jpg", b"other"), visitor=OTHER)
    Visitor(ME, app.state.visitors.lab).close()
    assert not workspace.uploads_folder(ME).exists() and workspace.uploads_folder(OTHER).exists()


def test_what_a_browser_of_an_earlier_run_left_goes_in_time(
    app: FastAPI, client: TestClient, workspace: Workspace
) -> None:
    for visitor in (ME, OTHER):
        bring(app, client, ("a.jpg", b"x"), visitor=visitor)
        folder = workspace.uploads_folder(visitor)
        long_ago = folder.stat().st_mtime - KEPT_SECS - 60
        os.utime(folder, (long_ago, long_ago))
    forget_old_uploads(workspace, [OTHER])
    assert not workspace.uploads_folder(ME).exists() and workspace.uploads_folder(OTHER).exists()


def test_before_the_first_upload_there_is_nothing_to_forget(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    forget_old_uploads(workspace, [])
    assert sorted(path.name for path in tmp_path.iterdir()) == before and "uploads" not in before
