"""Memory that this process does not need any more, back to the system."""

import contextlib
import ctypes

REST_SECS = 60.0
"""After which a browser without an open page holds nothing heavy any more."""


def give_back() -> None:
    """Return freed memory; where the C library is not glibc, that is left to it.

    glibc keeps what threads have freed in one heap per thread's arena. After a visit on a scene of millions of points
    that is some hundred megabytes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
