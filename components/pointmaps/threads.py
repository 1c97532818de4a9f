"""Spread compiled kernels that release the GIL over all cores.

Plain threads instead of numba's `prange`: numba's own pool may not be entered from two threads at a time,
and the lab computes in several.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def num_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_blocks(work: Callable[[int, int], object], size: int, block: int) -> None:
    """Call `work(start, stop)` for consecutive blocks of range(size), on all cores; exceptions are passed
    on."""
    starts = range(0, size, block)
    threads = min(num_threads(), len(starts))
    if threads <= 1:
        for start in starts:
            work(start, min(start + block, size))
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, start, min(start + block, size)) for start in starts]:
            done.result()
