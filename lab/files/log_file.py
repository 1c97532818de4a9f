"""The log of a process in the folder of its workspace."""

import contextlib
import logging
import os
import sys
from pathlib import Path

from liftlab.components.files import put_in_place

LOG_BYTES_MAX = 5 << 20


class _LogFile(logging.FileHandler):
    """A log that does without what a full disk does not take."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def open_log(path: Path) -> None:
    """Send the log of this process to the log file of a workspace (once per process and file)."""
    logger = logging.getLogger("liftlab")
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename) == path:
            return
    with contextlib.suppress(OSError):
        if path.exists() and path.stat().st_size > LOG_BYTES_MAX:
            put_in_place(path, path.with_suffix(".log.1"))
    if not os.access(path.parent, os.W_OK):  # a workspace to be read only
        return
    handler = _LogFile(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
