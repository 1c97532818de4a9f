"""Memory that this process does not need any more, back to the system."""

import contextlib
import ctypes

REST_SECS = 60.0
"""After which a browser without an open page holds nothing heavy any more."""


ARENAS_MAX = 4
_M_ARENA_MAX = -8
"""glibc's number of the setting, from its malloc.h."""


def share_arenas() -> None:
    """Let all threads of this process take memory from few heaps; call it before there are threads.

    glibc gives up to eight heaps to every core, and what is freed in one is of no use to the others. A server has
    dozens of threads that each work on large arrays for a moment.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS_MAX)


def give_back() -> None:
    """Return freed memory; where the C library is not glibc, that is left to it.

    glibc keeps what threads have freed in one heap per thread's arena. After a visit on a scene of millions of points
    that is some hundred megabytes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
