"""Data types and the functions on them, by topic."""

import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

# torch and numba each keep a pool of threads that by default spin for a while after every parallel loop. Two
# spinning pools on few cores starve each other: a training step took eight times as long. OpenMP reads this when
# it is loaded, so it is set before any component imports torch or numba; a value set by the person wins.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def loaded_when_used(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package (PEP 562) whose public names are loaded when they are first used, so that
    importing it costs next to nothing.

    Args:
        package: Its name.
        homes: Where each of these names lives: a module below the package, and after a colon what it is called there.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        module, _, other = homes[name].partition(":")
        value = getattr(import_module(f"{package}.{module}"), other or name)
        setattr(sys.modules[package], name, value)
        return value

    return find
