"""Scenes with truth in the folder layouts of the field's benchmarks. Only scoring opens them."""

from liftlab.components.captures.benchmark_layouts.liftlab import scorable_objects
from liftlab.components.captures.benchmark_layouts.registry import LAYOUTS, layout_names, open_benchmark
from liftlab.components.captures.benchmark_layouts.scene import (
    BenchmarkObject,
    BenchmarkScene,
    HeldOut,
    PhotoPoint,
    thinned,
)

__all__ = [
    "LAYOUTS",
    "BenchmarkObject",
    "BenchmarkScene",
    "HeldOut",
    "PhotoPoint",
    "layout_names",
    "open_benchmark",
    "scorable_objects",
    "thinned",
]
