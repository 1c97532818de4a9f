"""The folder in which results of networks are kept: how large it is, and emptying it. Everything in it can be computed
again.
"""

import contextlib
from pathlib import Path

FOLDER = "cache"
"""Of the first models folder."""


def kept_files(folder: Path) -> list[tuple[int, int, Path]]:
    """Time of the last use (ns), size and path of every kept result, the one not used for longest first."""
    found = []
    for path in folder.glob("*.safetensors"):
        with contextlib.suppress(FileNotFoundError):  # another process made room
            stat = path.stat()
            found.append((stat.st_mtime_ns, stat.st_size, path))
    return sorted(found)


def kept_bytes(folder: Path) -> int:
    """Size of all kept results; 0 without the folder."""
    return sum(size for _, size, _ in kept_files(folder))


def clear_kept(folder: Path) -> int:
    """Remove every kept result; what is needed again is computed again.

    Returns:
        Bytes removed.
    """
    gone = 0
    for _, size, path in kept_files(folder):
        path.unlink(missing_ok=True)
        gone += size
    return gone
