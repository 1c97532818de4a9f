"""Which layouts there are, and which one a folder has."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from liftlab.components.captures.benchmark_layouts import (
    lerf_mask,
    liftlab,
    messy_rooms,
    nvos,
    ovs3d,
    replica_gaga,
    scannet,
    spin_nerf,
)
from liftlab.components.captures.benchmark_layouts.scene import BenchmarkScene
from liftlab.components.errors import InputError, closest
from liftlab.components.processes.untrusted import reading


@dataclass(frozen=True)
class Layout:
    """A folder layout of a benchmark."""

    name: str
    matches: Callable[[Path], bool]
    """Whether a folder looks like it."""
    open_scenes: Callable[[Path], list[BenchmarkScene]]
    """Every scene below the folder. InputError with a sentence naming what is missing."""


LAYOUTS: tuple[Layout, ...] = tuple(
    Layout(module.NAME, module.matches, module.open_scenes)
    for module in (liftlab, nvos, lerf_mask, replica_gaga, messy_rooms, ovs3d, scannet, spin_nerf)
)
"""In the order in which a folder is tried."""


def layout_names() -> list[str]:
    """Names that `open_benchmark` takes."""
    return [layout.name for layout in LAYOUTS]


def open_benchmark(folder: Path, layout: str | None = None) -> list[BenchmarkScene]:
    """The scenes with truth in a folder.

    Args:
        folder: A scene, or a folder of scenes.
        layout: One of `layout_names()`, large and small letters alike; None looks at the folder.

    Raises:
        InputError: The folder is missing, has no known layout, or lacks a part of its layout.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder here: {folder}")
    with reading(folder.name, f"Something in this folder is damaged or not as its layout says: {folder}"):
        return _opened(folder, layout)


def _opened(folder: Path, layout: str | None) -> list[BenchmarkScene]:
    if layout is not None:
        for known in LAYOUTS:
            if known.name.lower() == layout.lower():
                return known.open_scenes(folder)
        raise InputError(f"Unknown layout '{layout}'. {closest(layout, layout_names())}")
    for known in LAYOUTS:
        if known.matches(folder):
            return known.open_scenes(folder)
    raise InputError(
        "This folder has no truth to score against: expected images/ with truth/instance/, or the layout of "
        f"{', '.join(layout_names()[1:]) or 'a benchmark'} (name it with --layout): {folder}"
    )
