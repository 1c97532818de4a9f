"""Data types and the functions on them, by topic."""

import os

# torch and numba each keep a pool of threads that by default spin for a while after every parallel loop. Two
# spinning pools on few cores starve each other: a training step took eight times as long. OpenMP reads this when
# it is loaded, so it is set before any component imports torch or numba; a value set by the person wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
