"""Files on their way into a capture. Each browser has a folder of its own, which nobody else reads.

These routes stand before Gradio's of the same address: the page gets a reference (`ID/NAME`) instead of a place on the
server, hands it back as plain text, and it is looked up in the folder of the browser that asks. Gradio itself never
sees a path.
"""

import contextlib
import re
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from liftlab.components.errors import InputError
from liftlab.components.files import inside, put_in_place
from liftlab.engine.workspace import Workspace
from liftlab.files.disk import is_disk_full

if TYPE_CHECKING:
    from starlette.datastructures import FormData

FILES_MAX = 1000
"""Of one upload."""
WAITING_UPLOADS = 2
"""So many of the largest uploads may wait in one browser's folder to be made a capture."""
KEPT_SECS = 86400.0
"""Folders of browsers that nobody knows any more are removed after this."""
_REFERENCE = re.compile(r"(?P<id>[a-f0-9]{32})/(?P<name>[^/\\]+)")
_UPLOAD_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*/\\]+')
AGAIN = "These files are no longer here; bring them again."


def uploaded_file(workspace: Workspace, visitor_id: str, reference: str) -> Path:
    """The file that this browser uploaded under a reference.

    Raises:
        InputError: It uploaded none such, or it is gone.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InputError(AGAIN)
    try:
        path = inside(workspace.uploads_folder(visitor_id), match["id"], match["name"])
    except InputError as error:
        raise InputError(AGAIN) from error
    if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
        raise InputError(AGAIN)
    return path


def uploaded_files(workspace: Workspace, visitor_id: str, references: Sequence[str]) -> list[Path]:
    """The same for several."""
    return [uploaded_file(workspace, visitor_id, reference) for reference in references]


def drop_upload(path: Path) -> None:
    """Remove one uploaded file with the folder it has to itself; a file from elsewhere loses only itself."""
    path.unlink(missing_ok=True)
    if _REFERENCE.fullmatch(f"{path.parent.name}/{path.name}"):
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def forget_uploads(workspace: Workspace, visitor_id: str) -> None:
    """Remove what a browser uploaded."""
    shutil.rmtree(workspace.uploads_folder(visitor_id), ignore_errors=True)


def forget_old_uploads(workspace: Workspace, known: Sequence[str]) -> None:
    """Remove what browsers that are not `known` left long ago, in this process or one that is gone."""
    oldest = time.time() - KEPT_SECS
    for path in (workspace.root / "uploads").glob("*"):
        if path.name not in known and path.lstat().st_mtime < oldest:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def upload_routes(workspace: Workspace, *, max_bytes: int) -> APIRouter:
    """Upload and the link beside an uploaded file, as Gradio's page asks for them."""
    router = APIRouter(prefix="/gradio_api")

    @router.post("/upload")
    async def upload(request: Request, upload_id: str = "") -> list[str]:
        folder = workspace.uploads_folder(request.scope["state"]["visitor"])
        waiting = sum(path.stat().st_size for path in folder.glob("*/*") if path.is_file())
        if waiting + int(request.headers.get("content-length", 0)) > WAITING_UPLOADS * max_bytes:
            raise HTTPException(
                413, "Too many files are waiting already; build their scene, or open the page again later."
            )
        staging = inside(folder, f".{secrets.token_hex(16)}")
        try:
            staging.mkdir(parents=True)
            return _sorted_in(folder, await _received(request, staging, max_bytes, upload_id))
        except OSError as error:
            if not is_disk_full(error, workspace.root):
                raise
            raise HTTPException(507, "The disk of the lab is full, so the files were not kept.") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    @router.get("/file={reference:path}")
    def uploaded(request: Request, reference: str) -> Response:
        try:
            path = uploaded_file(workspace, request.scope["state"]["visitor"], reference)
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return FileResponse(
            path,
            filename=path.name,
            media_type="application/octet-stream",
            headers={"cache-control": "no-store"},
        )

    return router


async def _received(request: Request, staging: Path, max_bytes: int, upload_id: str) -> "FormData":
    """The form with its files, which lie in `staging`. HTTPException when it is none."""
    from gradio.route_utils import GradioMultiPartParser
    from gradio.routes import file_upload_statuses
    from starlette.formparsers import MultiPartException

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(400, "An upload is a form with files.")
    tracked = _UPLOAD_ID.fullmatch(upload_id) is not None
    if tracked:
        file_upload_statuses.track(upload_id)
    parser = GradioMultiPartParser(
        request.headers,
        request.stream(),
        max_files=FILES_MAX,
        max_fields=0,
        upload_dir=staging,
        upload_id=upload_id if tracked else None,
        upload_progress=file_upload_statuses if tracked else None,
        max_file_size=max_bytes,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        too_big = "maximum allowed size" in error.message
        sentence = "A file is too large." if too_big else "The upload is damaged; bring the files again."
        raise HTTPException(413 if too_big else 400, sentence) from error
    except (ValueError, LookupError) as error:
        raise HTTPException(400, "The upload is damaged; bring the files again.") from error
    finally:
        if tracked:
            file_upload_statuses.set_done(upload_id)


def _sorted_in(folder: Path, form: "FormData") -> list[str]:
    """Give every file of the form a folder of its own, where it has its name; returns their references."""
    references = []
    for file in form.getlist("files"):
        if isinstance(file, str):
            continue
        file.file.close()
        identifier, name = secrets.token_hex(16), file_name(file.filename or "")
        target = inside(folder, identifier, name)
        target.parent.mkdir()
        put_in_place(str(file.file.name), target)
        references.append(f"{identifier}/{name}")
    return references


def file_name(given: str) -> str:
    """What an uploaded file is called here: its last name without what no file system takes, short."""
    text = re.split(r"[/\\]", given)[-1].encode("utf-8", "ignore").decode()
    text = _UNFIT.sub("-", text).strip(". ") or "file"
    stem, dot, ending = text.rpartition(".")
    if not dot or len(ending) > 10:
        return text[:60]
    return f"{stem[:60].rstrip('. ') or 'file'}.{ending}"
