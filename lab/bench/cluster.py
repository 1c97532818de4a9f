"""Cases on the machines of a Ray cluster; they share the workspace's folder and the captures'."""

import importlib.util
import socket
from pathlib import Path
from typing import Any

from liftlab.bench.plan import Case, Limits
from liftlab.bench.runner import Outcome, run_case
from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, Progress

LOCAL = "local"
"""Address that starts workers on this machine alone."""
_WAIT_SECS = 0.5
_KNOCK_SECS = 5.0


class Cluster:
    """A connection to Ray, closed at the end.

    Args:
        address: Of a running cluster ("HOST:PORT", "ray://HOST:PORT" or "auto"), or "local".
        workers: How many cases run at a time on a local cluster.

    Raises:
        InputError: Ray is not installed, or no cluster answers at the address.
    """

    def __init__(self, address: str, *, workers: int) -> None:
        if importlib.util.find_spec("ray") is None:
            raise InputError(
                '--cluster needs Ray, which is not installed; run: pip install "liftlab[cluster]"'
            )
        import ray  # type: ignore[import-not-found]

        self._ray = ray
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        try:
            if address == LOCAL:
                ray.init(num_cpus=workers, **quiet)
            else:
                _knock(address)
                ray.init(address=address, **{k: v for k, v in quiet.items() if k != "include_dashboard"})
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"No Ray cluster answers at '{address}'; start one with: ray start --head"
            ) from error
        as_task: Any = ray.remote(num_cpus=1, max_retries=2)
        self._task = as_task(run_case)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._ray.shutdown()

    def run(
        self,
        case: Case,
        workspace: Path,
        limits: Limits,
        *,
        threads: int,
        progress: Progress,
        cancel: CancelToken,
    ) -> Outcome:
        """`run_case` on some worker; the wait ends when `cancel` is set. Ray runs it again when a worker is lost."""
        waiting: Any = self._task.remote(case, workspace, limits, threads=threads)
        progress(0.0, "sent to the cluster")
        while True:
            done, _ = self._ray.wait([waiting], timeout=_WAIT_SECS)
            if done:
                return self._ray.get(waiting)
            if cancel.cancelled:
                self._ray.cancel(waiting, force=True)
                cancel.check()


def _knock(address: str) -> None:
    """Raise OSError at once where nothing listens: Ray itself tries for minutes. "auto" has no address to look at."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=_KNOCK_SECS).close()
