"""A disk that is full or may only be read, told from whatever a library makes of it, and said in a sentence."""

import contextlib
import errno
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

from liftlab.components.errors import InputError

log = logging.getLogger("liftlab")


@contextlib.contextmanager
def disk_full_explained(root: Path) -> Iterator[None]:
    """Turn "no space left", in whatever form a library raises it, and "read only" into a sentence.

    Args:
        root: The workspace that is written.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            log.warning("The workspace cannot be written: %s", error)
            raise InputError(
                "The workspace may only be read, so nothing was kept; change its permissions, or choose another "
                f"with --workspace: {root}"
            ) from error
        if not is_disk_full(error, root):
            raise
        log.warning("Disk full: %s", error)
        raise InputError(
            "The disk of the workspace is full, so nothing was kept; free some space "
            f"(`liftlab workspace prune` may help) and run it again: {root}"
        ) from error


def is_disk_full(error: BaseException, root: Path) -> bool:
    """Whether `error` (or its cause) comes from a full disk; numpy and others raise it without an errno."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left" in str(error) or "Disk quota exceeded" in str(error):
        return True
    if isinstance(error, OSError) and error.errno is None:
        return shutil.disk_usage(root).free < (1 << 20)
    return error.__cause__ is not None and is_disk_full(error.__cause__, root)
