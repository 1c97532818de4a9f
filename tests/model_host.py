"""A download host on loopback that serves a few bytes well or badly, for tests of model downloads."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 4096


@dataclass
class Host:
    """What the host does; tests change it while it runs."""

    files: dict[str, bytes] = field(default_factory=dict)
    version: str = '"one"'
    resumes: bool = True
    breaks_after: int | None = None
    """Bytes of a reply's body after which the connection is cut; counts down to whole replies with `breaks`."""
    breaks: int = 0
    """How many replies are cut."""
    pause_secs: float = 0.0
    """Wait between pieces."""
    content_type: str = "application/octet-stream"
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """(method, Range header) of every request."""
    address: str = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"


@contextmanager
def model_host() -> Iterator[Host]:
    """Run the host in a thread on a free port."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            wanted = self.headers.get("Range")
            host.requests.append((self.command, wanted))
            data = host.files.get(self.path.lstrip("/"))
            if data is None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = 0
            condition = self.headers.get("If-Range")
            if wanted and host.resumes and condition in (None, host.version):
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(data):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(data)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            else:
                self.send_response(200)
            self.send_header("Content-Type", host.content_type)
            self.send_header("ETag", host.version)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if body:
                self.send_body(data[start:])

        def send_body(self, data: bytes) -> None:
            limit = len(data)
            if host.breaks_after is not None and host.breaks > 0:
                host.breaks -= 1
                limit = min(limit, host.breaks_after)
            for at in range(0, limit, PIECE):
                try:
                    self.wfile.write(data[at : min(at + PIECE, limit)])
                    self.wfile.flush()
                except OSError:
                    break
                time.sleep(host.pause_secs)
            if limit < len(data):
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    host.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
