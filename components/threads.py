"""One lock for compiled kernels that use all cores."""

import threading

PARALLEL_KERNELS = threading.RLock()
"""Held while a parallel numba kernel runs. numba's fallback threading layer, in use where OpenMP is missing,
aborts the process when two threads enter it; and two kernels that share the cores gain nothing."""
