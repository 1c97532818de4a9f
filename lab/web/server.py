"""The lab's web server: the page, the viewer, uploads and files behind one guarded port."""

import asyncio
import contextlib
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from liftlab.components.errors import InputError
from liftlab.machine.memory import REST_SECS, share_arenas
from liftlab.page.stubs import leave_out_stubs
from liftlab.web.attempts import Attempts
from liftlab.web.door.outside import Outside, Unwrapped
from liftlab.web.security import Access, Guard, is_loopback, parse_auth

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.web.visitors import Visitors

PORTS_TRIED = 40
MAX_FILE_BYTES = 2 * 2**30
"""Of one uploaded file (a video or a zip of photos); a whole upload may not be larger either."""
STATIC = Path(__file__).parents[1] / "page" / "static"


def run(
    lab: "Lab",
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: str | tuple[str, str] | None = None,
    no_auth: bool = False,
    open_browser: bool = True,
    initial_scene: str | None = None,
    rest_secs: float = REST_SECS,
    outside: Outside | None = None,
) -> None:
    """Serve the lab until interrupted; prints "LiftLab ready at URL" once it answers.

    Args:
        lab: The engine; shared by everybody who opens the page.
        host: Address to bind. Anything but loopback needs `auth` or `no_auth`.
        port: First port to try; a busy one is left for the next free one, and that is said.
        auth: "NAME:PASSWORD" of a sign-in page.
        no_auth: Lets everybody in who reaches the port.
        open_browser: Open the page in the default browser.
        initial_scene: Scene or bundled capture shown to a new visitor.
        rest_secs: After which a browser without an open page holds nothing heavy any more.
        outside: How the lab looks behind a proxy (`parse_outside`).

    Raises:
        InputError: The address may not be bound without `auth`, or no port is free.
        Stopped: A signal has ended it.
    """
    import uvicorn

    from liftlab.web.serving import LabServer

    share_arenas()
    access = _access(host, port, auth, no_auth, outside or Outside())
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    if port not in (0, bound):
        print(f"Port {port} is taken; using {bound}.", file=sys.stderr)
    access = replace(access, port=bound)
    url = page_url(access)

    def announce() -> None:
        print(f"LiftLab ready at {url}", flush=True)
        if open_browser:
            _open_browser(url)

    app = build_app(lab, access=access, initial_scene=initial_scene, on_ready=announce, rest_secs=rest_secs)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_max_size=16 * 2**20,
        timeout_graceful_shutdown=2,
    )
    LabServer(config, lab).serve_until_stopped(listener)


def build_app(
    lab: "Lab",
    *,
    access: Access | None = None,
    initial_scene: str | None = None,
    viewer_points: int | None = None,
    on_ready: Callable[[], None] | None = None,
    attempts: Attempts | None = None,
    rest_secs: float = REST_SECS,
) -> FastAPI:
    """The whole application, guarded; `app.state.access` tells the token, `app.state.visitors` who is
    there.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["GRADIO_TEMP_DIR"] = str(lab.workspace.root / "tmp" / "gradio")  # nothing of ours goes there
    leave_out_stubs()
    import gradio as gr

    from liftlab.page.app import build_page
    from liftlab.page.theme import CSS, lab_theme
    from liftlab.web.live import live_routes
    from liftlab.web.page_door import PageDoor
    from liftlab.web.proxy import viser_routes
    from liftlab.web.search_routes import search_routes
    from liftlab.web.uploads import upload_routes
    from liftlab.web.visitors import Visitors

    access = access or Access()
    visitors = Visitors(
        lab,
        initial_scene=initial_scene,
        viewer_points=viewer_points,
        local=is_loopback(access.host) and access.outside == Outside(),  # else people may come from elsewhere
        rest_secs=rest_secs,
        login=None if access.auth is None else access.auth[0],
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reaper = asyncio.create_task(_reap(visitors))
        warmer = threading.Thread(target=visitors.warm_up, name="liftlab-warm-up", daemon=True)
        warmer.start()
        if on_ready is not None:
            asyncio.get_running_loop().call_later(0.05, on_ready)
        try:
            yield
        finally:
            reaper.cancel()
            visitors.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.access, app.state.visitors = access, visitors
    app.include_router(viser_routes(lambda visitor_id, pane: visitors.get(visitor_id).viewer_of(pane)))
    app.include_router(live_routes(visitors))
    app.include_router(search_routes(visitors))
    app.include_router(upload_routes(lab.workspace, max_bytes=access.max_upload_bytes))
    app.mount("/lab/static", StaticFiles(directory=STATIC), name="static")
    page = build_page(lab, visitors)
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = QUEUE_SECS
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=access.outside.root_path or None,
        footer_links=[],
        run_history=False,
        blocked_paths=[str(lab.workspace.root)],  # uploads and exports have routes of their own
        max_file_size=access.max_upload_bytes,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=lab_theme(),
        css_paths=[CSS],
    )
    app.add_middleware(PageDoor, roots=(lab.workspace.root,))
    app.add_middleware(Guard, access=access, attempts=attempts)
    app.add_middleware(Unwrapped, outside=access.outside)
    return app


QUEUE_SECS = 0.05
"""Between two looks of Gradio into its queue of events; on Linux it looks a thousand times a second, which keeps a core
warm while nobody does anything. The page's own line does not pass there."""


def page_url(access: Access) -> str:
    """Address to open, with the token that lets one in."""
    host = "127.0.0.1" if access.host in ("0.0.0.0", "::", "localhost") else access.host
    bracketed = f"[{host}]" if ":" in host else host
    key = "" if access.open_door else f"?token={access.token}"
    return f"http://{bracketed}:{access.port}{access.outside.root_path}/{key}"


def _access(
    host: str, port: int, auth: str | tuple[str, str] | None, no_auth: bool, outside: Outside
) -> Access:
    try:
        pair = parse_auth(auth)
    except ValueError as error:
        raise InputError(f"--{error}") from error
    if pair is None and not no_auth and not is_loopback(host):
        raise InputError(
            f"On {host} other machines can reach the lab: give --auth NAME:PASSWORD, "
            "or --no-auth to let anybody in."
        )
    return Access(host, port, pair, no_auth, MAX_FILE_BYTES, outside=outside)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket on the first free port from `port` on (0: any). Raises InputError when there is none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    last: OSError | None = None
    for attempt in [0] if port == 0 else range(port, min(port + PORTS_TRIED, 65536)):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, attempt))
            listener.listen(128)
            return listener
        except OSError as error:
            listener.close()
            last = error
    reason = last.strerror if last else "no port left"
    raise InputError(
        f"No port could be opened on {host} from {port} on ({reason}); choose another with --port."
    )


def _open_browser(url: str) -> None:
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


async def _reap(visitors: "Visitors") -> None:
    while True:
        await asyncio.sleep(visitors.reap_every_secs)
        await asyncio.to_thread(visitors.reap)
