"""A reverse proxy as people put before the lab: TLS, a prefix, another host name; one connection per request."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Manner:
    """What a proxy does to requests."""

    prefix: str = "/lab"
    """Only what is under it reaches the lab."""
    strips: bool = True
    """Whether it takes the prefix off."""
    keeps_host: bool = False
    """Whether the lab sees the host that the browser asked for; else the lab's own, as with nginx by default."""


def certificate(folder: Path) -> Path | None:
    """Key and certificate of 127.0.0.1 in one file, made by openssl; None where there is no openssl."""
    if shutil.which("openssl") is None:
        return None
    path = folder / "proxy.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=lab.test", "-addext", f"subjectAltName=IP:{HOST}",
            "-keyout", str(path), "-out", str(folder / "only.crt"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + (folder / "only.crt").read_text())
    return path


@contextmanager
def proxy(upstream: int, pem: Path | None, manner: Manner = Manner()) -> Iterator[str]:
    """Stand before a lab on port `upstream`; yields the outer address without a slash, https where there is a `pem`."""
    context = None
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
    loop, ports = asyncio.new_event_loop(), []
    ready = threading.Event()

    async def serve() -> None:
        async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await _serve(reader, writer, upstream, manner, "http" if pem is None else "https")
            writer.close()

        server = await asyncio.start_server(serve_one, HOST, 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await server.serve_forever()

    def run() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        while left := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"{'http' if pem is None else 'https'}://{HOST}:{ports[0]}{manner.prefix}"
    finally:
        loop.call_soon_threadsafe(lambda: [one.cancel() for one in asyncio.all_tasks(loop)])
        thread.join(10)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: int, manner: Manner, scheme: str
) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, path, version = first.split(" ")
    if not f"{path}/".startswith(f"{manner.prefix}/") and not path.startswith(f"{manner.prefix}?"):
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        return
    told = dict(line.split(": ", 1) for line in lines)
    names = {name.lower(): value for name, value in told.items()}
    upgrades = "upgrade" in names
    dropped = {"connection"} if not upgrades else set()
    kept = [f"{n}: {v}" for n, v in told.items() if n.lower() not in dropped | {"host"} and not _forwarded(n)]
    host = names["host"] if manner.keeps_host else f"{HOST}:{upstream}"
    said = [f"Host: {host}", "X-Forwarded-For: 203.0.113.7", f"X-Forwarded-Proto: {scheme}",
            f"X-Forwarded-Host: {names['host']}"]  # fmt: skip
    kept += said if upgrades else [*said, "Connection: close"]
    inner = (path.removeprefix(manner.prefix) or "/") if manner.strips else path
    up_reader, up_writer = await asyncio.open_connection(HOST, upstream)
    up_writer.write(("\r\n".join([f"{method} {inner} {version}", *kept]) + "\r\n\r\n").encode("latin-1"))
    onward = asyncio.create_task(_pass_on(reader, up_writer))
    await _pass_on(up_reader, writer)
    onward.cancel()
    up_writer.close()


def _forwarded(name: str) -> bool:
    return name.lower().startswith("x-forwarded-")


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
