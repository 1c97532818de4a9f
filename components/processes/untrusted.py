"""What every reader of a file of unknown origin has in common: one sentence whatever is wrong with the file."""

import contextlib
import errno
import logging
from collections.abc import Callable, Iterator

from liftlab.components.errors import Cancelled, InputError, printable

log = logging.getLogger("liftlab.readers")

OF_THE_PLACE = (
    errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE,
)  # fmt: skip
"""Errors of the operating system that say nothing about the file."""

_listeners: list[Callable[[str], None]] = []
_names: list[str] = []


@contextlib.contextmanager
def reading(name: str, damaged: str = "") -> Iterator[None]:
    """Everything that goes wrong inside is one sentence about the file.

    Args:
        name: Of the file; if the process ends inside, it is known to have been the reason.
        damaged: The sentence for content that makes no sense to the reader.

    Raises:
        InputError: As it was raised inside, or in place of any exception but `Cancelled` and those of the disk:
            libraries meet nonsense with exceptions of every type. Which one it was goes to the log.
    """
    _names.append(name)
    _tell(name)
    try:
        yield
    except (InputError, Cancelled):
        raise
    except MemoryError as error:
        raise InputError(f"{name} needs more memory than there is for it; make it smaller.") from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in OF_THE_PLACE:
            raise
        log.warning("%s was refused", printable(name), exc_info=True)
        raise InputError(
            damaged or f"{name} is damaged and cannot be read; export or copy it again."
        ) from error
    finally:
        _names.pop()
        _tell(_names[-1] if _names else "")


def listen(listener: Callable[[str], None]) -> None:
    """Call `listener` with the name of the file that is being read from now on, each time that it changes."""
    _listeners.append(listener)


def _tell(name: str) -> None:
    for listener in _listeners:
        listener(name)
