"""A lock between threads and processes that a crash releases by itself."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without POSIX locks: a file with the owner's process id takes their place
    fcntl = None  # type: ignore[assignment]


class FileLock:
    """An exclusive lock on a file; the operating system drops it when the process ends, however it ends.

    Two `FileLock` objects on one path exclude each other, in one process as well.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; False when somebody holds it."""
        if fcntl is None:
            return self._acquire_by_file()
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def release(self) -> None:
        if self._handle is None:
            return
        os.close(self._handle)
        self._handle = None
        if fcntl is None:
            self._path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a lock that nobody else can want yet. Raises BlockingIOError when somebody does."""
        if not self.acquire():
            raise BlockingIOError(f"{self._path} is locked.")
        try:
            yield
        finally:
            self.release()

    def _acquire_by_file(self) -> bool:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            if _owner_alive(self._path):
                return False
            self._path.unlink(missing_ok=True)
            return False  # whoever comes first on the next try gets it
        os.write(handle, str(os.getpid()).encode())
        self._handle = handle
        return True


def _owner_alive(path: Path) -> bool:
    import psutil

    try:
        return psutil.pid_exists(int(path.read_text(encoding="ascii") or "0"))
    except (OSError, ValueError):
        return False


def lock_name(kind: str, name: str) -> str:
    """Keys lock under their own name; what people name (captures, scenes, notebooks) with its kind before
    it.
    """
    return name if kind in ("scene", "gaussians", "masks", "method") else f"{kind}-{name}"
