"""A lab that stays up: clients that click for long and visits that come and go, and what the server holds after.

    python -m benchmarks.page.soak --workspace DIR --scene desk

The server is a process of its own. Clients are the page's two websockets and its pictures, without a page: the live
line with the commands, and viser's line, which is drained and through which clicks in 3D come. Memory is measured
when every visit so far is at rest and only the clients are there: once after a warm-up, once at the end.
"""

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import psutil
import tyro
import viser
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.common.tables import markdown, write_result
from liftlab.engine.lab import Lab
from liftlab.machine.signals import Stopped

READY = re.compile(r"LiftLab ready at (http://\S+)")
START_SECS = 120.0
ANSWER_SECS = 60.0
REST_SECS = 2.0
"""After which a closed visit holds nothing heavy any more; a minute for people."""
SETTLE_SECS = 6.0
"""Pause before a measurement, in which all closed visits come to rest."""
SAMPLE_SECS = 5.0
OBJECTS_MAX = 5
"""Of one client; then one is deleted again."""
CAMERA = {
    "type": "ViewerCameraMessage", "wxyz": [1.0, 0.0, 0.0, 0.0], "position": [0.0, 0.0, -1.0], "fov": 0.8, "near": 0.01,
    "far": 60.0, "image_height": 600, "image_width": 800, "look_at": [0.0, 0.0, 0.0], "up_direction": [0.0, -1.0, 0.0],
}  # fmt: skip
TONES = ("photo", "objects", "depth", "normals")


@dataclass(frozen=True)
class Sample:
    """The server at one moment."""

    secs: float
    """Since the clients began."""
    clicks: int
    """Answered so far."""
    visits: int
    """Closed so far."""
    resident_bytes: int
    handles: int
    """Open file descriptors."""
    threads: int


@dataclass
class Soak:
    """What has happened so far, and how the server stood."""

    process: psutil.Process
    started: float = field(default_factory=time.monotonic)
    clicks: int = 0
    visits: int = 0
    click_ms: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def measure(self) -> Sample:
        with self.process.oneshot():
            sample = Sample(
                time.monotonic() - self.started, self.clicks, self.visits,
                self.process.memory_info().rss, self.process.num_fds(), self.process.num_threads(),
            )  # fmt: skip
        self.samples.append(sample)
        return sample


class Client:
    """One browser: a cookie, the live line, viser's line."""

    def __init__(self, url: str, soak: Soak, seed: int) -> None:
        self._url, self._soak = url, soak
        self._origin = url.split("/?", maxsplit=1)[0]
        self._rng = random.Random(seed)
        self.cookie = ""
        self.state: dict[str, Any] = {}
        self._live: ClientConnection | None = None
        self._viser: ClientConnection | None = None
        self._drain: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """As a page does: its cookie (kept when it comes back), its lines, its pictures."""
        async with httpx.AsyncClient(timeout=ANSWER_SECS) as http:
            if not self.cookie:
                await http.get(self._url)
                (await http.get(self._origin + "/")).raise_for_status()
                self.cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
            ws, headers = self._origin.replace("http", "ws"), {"cookie": self.cookie}
            self._live = await connect(
                ws + "/lab/live", additional_headers=headers, origin=self._origin, max_size=None  # type: ignore[arg-type]
            )  # fmt: skip
            await self._wait(lambda state: state["phase"] == "ready")
            self._viser = await connect(
                ws + "/viser", additional_headers=headers, origin=self._origin,  # type: ignore[arg-type]
                subprotocols=[f"viser-v{viser.__version__}"], max_size=None, compression=None,  # type: ignore[list-item]
            )  # fmt: skip
            self._drain = asyncio.create_task(_drain(self._viser))
            await self._viser.send(
                msgspec.msgpack.encode(CAMERA)
            )  # a browser's first word; without it no click counts
            for photo in self.state["photos"]:
                await http.get(f"{self._origin}/lab/photo/{photo['name']}?w=160", headers=headers)
            await http.get(f"{self._origin}/lab/photo/{self.state['show']}?w=1600", headers=headers)

    async def close(self) -> None:
        for line in (self._live, self._viser):
            if line is not None:
                await line.close()
        if self._drain is not None:
            self._drain.cancel()

    async def ask(self, command: str, **fields: Any) -> None:
        """Send a command and wait for the first newer state."""
        assert self._live is not None
        before = self.state["version"]
        await self._live.send(json.dumps({"do": command, **fields}))
        await self._wait(lambda state: state["version"] != before)

    async def act(self) -> None:
        """One random thing that a person does; most are clicks."""
        draw, objects = self._rng.random(), self.state["objects"]
        if len(objects) > OBJECTS_MAX:
            await self.ask("delete", id=self._rng.choice(objects)["id"])
        elif draw < 0.62:
            await self.click()
        elif draw < 0.72:
            await self.click_in_3d()
        elif draw < 0.80:
            await self.ask("new_object")
        elif draw < 0.86 and self.state["can_undo"]:
            await self.ask("undo")
        elif draw < 0.90 and self.state["can_redo"]:
            await self.ask("redo")
        elif draw < 0.93 and objects:
            await self.ask("select", id=self._rng.choice(objects)["id"])
        elif draw < 0.95 and objects:
            await self.ask("granularity", value=self._rng.random())
        else:
            surface = self._rng.choice(["points", "splats"] if self.state["splats"] else ["points"])
            rest = self._rng.choice(["shown", "dimmed", "hidden"])
            await self.ask("look_3d", surface=surface, tone=self._rng.choice(TONES), rest=rest)

    async def click(self) -> None:
        photo = self._rng.choice([photo for photo in self.state["photos"] if photo["registered"]])
        started = time.perf_counter()
        await self.ask(
            "click", photo=photo["name"], x=self._rng.uniform(0, photo["width"]),
            y=self._rng.uniform(0, photo["height"]), positive=self._rng.random() < 0.8,
        )  # fmt: skip
        self._soak.click_ms.append(1e3 * (time.perf_counter() - started))
        self._soak.clicks += 1
        if self._rng.random() < 0.2:
            async with httpx.AsyncClient(timeout=ANSWER_SECS) as http:
                at = f"{photo['name']}?w=1280&scene={self.state['scene_key']}"
                await http.get(f"{self._origin}/lab/overlay/{at}", headers={"cookie": self.cookie})
                layer = self._rng.choice(self.state["layers"])
                await http.get(f"{self._origin}/lab/layer/{layer}/{at}", headers={"cookie": self.cookie})

    async def click_in_3d(self) -> None:
        """A ray from above the middle of the scene, viewer's frame, somewhere into it."""
        assert self._viser is not None
        before = self.state["version"]
        origin = np.array([self._rng.uniform(-0.5, 0.5) for _ in range(3)]) * 2
        target = np.array([self._rng.uniform(-0.2, 0.2) for _ in range(3)])
        direction = (target - origin) / np.linalg.norm(target - origin)
        message = {
            "type": "ScenePointerMessage", "event_type": "click", "ray_origin": origin.tolist(),
            "ray_direction": direction.tolist(), "screen_pos": [[0.5, 0.5]], "modifier": None,
        }  # fmt: skip
        await self._viser.send(msgspec.msgpack.encode(message))
        await self._wait(lambda state: state["version"] != before)
        self._soak.clicks += 1

    async def _wait(self, wanted: Any) -> None:
        assert self._live is not None
        async with asyncio.timeout(ANSWER_SECS):
            while True:
                message = json.loads(await self._live.recv())
                if message["type"] == "state":
                    self.state = message
                    if wanted(message):
                        return


async def _drain(line: ClientConnection) -> None:
    async for _ in line:
        pass


async def run_soak(
    url: str, process: int, *, clients: int, clicks: int, visits: int, warm_clicks: int, warm_visits: int
) -> Soak:
    """Warm up, measure, go on until `clicks` and `visits` are reached, measure; `samples` has both as its first of
    each phase.

    Args:
        process: Of the server.
    """
    soak = Soak(psutil.Process(process))
    stay = [Client(url, soak, seed) for seed in range(clients)]
    for client in stay:
        await client.open()
    await _phase(url, soak, stay, warm_clicks, warm_visits)
    soak.samples.clear()
    await asyncio.sleep(SETTLE_SECS)
    soak.measure()
    await _phase(url, soak, stay, clicks, visits)
    await asyncio.sleep(SETTLE_SECS)
    soak.measure()
    for client in stay:
        await client.close()
    return soak


async def _phase(url: str, soak: Soak, stay: list[Client], clicks: int, visits: int) -> None:
    """Until so many clicks and visits are done in all."""

    async def keep_clicking(client: Client) -> None:
        while soak.clicks < clicks:
            await client.act()

    async def keep_visiting() -> None:
        while soak.visits < visits:
            visitor = Client(url, soak, 1000 + soak.visits)
            await visitor.open()
            for _ in range(3):
                await visitor.act()
            await visitor.close()
            soak.visits += 1

    async def watch() -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECS)
            soak.measure()

    watching = asyncio.create_task(watch())
    await asyncio.gather(keep_visiting(), *(keep_clicking(client) for client in stay))
    watching.cancel()


def growth(soak: Soak) -> float:
    """Share by which resident memory grew between the measurement after the warm-up and the last one."""
    return soak.samples[-1].resident_bytes / soak.samples[0].resident_bytes - 1


@contextlib.contextmanager
def served(workspace: Path, scene: str, *, rest_secs: float = REST_SECS) -> Iterator[tuple[str, int]]:
    """The lab in a process of its own, letting go of visits soon; gives its address and its process id."""
    line = [
        sys.executable,
        "-m",
        "benchmarks.page.soak",
        "serve",
        "--workspace",
        str(workspace),
        "--scene",
        scene,
    ]
    process = subprocess.Popen(
        [*line, "--rest-secs", str(rest_secs)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        match = READY.search(said)
        assert match, f"the server did not start: {said}"
        yield match[1], process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:  # what was measured is not lost to a machine that has much to do
            process.kill()


def serve(workspace: Path, scene: str, rest_secs: float = REST_SECS) -> None:
    """Serve a workspace to the clients of a soak until this process is ended.

    Args:
        rest_secs: After which a closed visit holds nothing heavy any more.
    """
    from liftlab.web import server

    lab = Lab(workspace)
    with contextlib.suppress(Stopped), contextlib.closing(lab):
        server.run(lab, port=0, open_browser=False, initial_scene=scene, rest_secs=rest_secs)


def measure(
    workspace: Path, scene: str, clients: int = 8, clicks: int = 2000, visits: int = 200,
    warm_clicks: int = 200, warm_visits: int = 20, result: str = "soak",
) -> None:  # fmt: skip
    """Run a soak and write its table.

    Args:
        workspace: With a scene that can be clicked.
        clients: That stay and click all the time.
        result: Name of the table in benchmarks/results.
    """
    with served(workspace, scene) as (url, process):
        soak = asyncio.run(
            run_soak(
                url, process, clients=clients, clicks=clicks, visits=visits, warm_clicks=warm_clicks,
                warm_visits=warm_visits,
            )
        )  # fmt: skip
    rows = [
        [round(s.secs), s.clicks, s.visits, round(s.resident_bytes / 2**20), s.handles, s.threads]
        for s in soak.samples
    ]
    head = ["seconds", "clicks", "visits", "resident MiB", "file descriptors", "threads"]
    write_result(
        result,
        "A lab that stays up",
        [
            f"Scene {scene}; {clients} clients that click all the time, {visits} visits that come and go. The first "
            f"line is after {warm_clicks} clicks and {warm_visits} visits, the last one at the end, both with every "
            f"closed visit at rest. Resident memory grew by {100 * growth(soak):.1f} % between them. A click took "
            f"{np.median(soak.click_ms):.0f} ms until its state was back, median under this load.",
            markdown(head, rows),
        ],
    )


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"serve": serve, "measure": measure})
