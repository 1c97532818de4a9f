"""What is installed, what is missing, and what will therefore be used."""

import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from liftlab.components.errors import InputError
from liftlab.components.models import ModelStore
from liftlab.engine.model_choices import REGISTRIES
from liftlab.machine.device import about_device, has_card, render_device
from liftlab.pipelines.choices.record import missing

NEEDED = (
    "av", "gradio", "gsply", "jaxtyping", "numba", "numpy", "opencv-python-headless", "pillow",
    "pycocotools", "pycolmap", "scikit-image", "scipy", "torch", "trimesh", "tyro", "viser",
)  # fmt: skip
OPTIONAL = {
    "sam2": "SAM 2.1 proposals, clicks and tracks; without it masks come from colour and geometry",
    "mast3r": "MASt3R pairs (a clone named by --mast3r DIR counts); without it depth comes from multi-view stereo",
    "open_clip": "search by any words; without it words are colours, sizes, shapes, places and given names",
}
"""What each optional package is for; `liftlab models` says which weights are here."""
FREE_BYTES_MIN = 2 << 30


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    detail: str
    optional: bool = False


def examine(root: Path | None = None) -> list[Check]:
    """Look at Python, processor, packages, graphics card and workspace (which is made when missing)."""
    from liftlab.engine.workspace import Workspace

    python = sys.version_info
    checks = [
        Check(
            "python", (3, 11) <= python[:2] < (3, 14), f"{platform.python_version()} (3.11 to 3.13 needed)"
        ),
        Check("processor", True, f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"),
    ]
    for package in NEEDED:
        try:
            checks.append(Check(package, True, version(package)))
        except PackageNotFoundError:
            checks.append(Check(package, False, f"missing: pip install {package}"))
    for module, use in OPTIONAL.items():
        found = importlib.util.find_spec(module) is not None
        checks.append(
            Check(module, found, f"{'installed' if found else 'not installed'}: {use}", optional=True)
        )
    checks += [
        _graphics(), _renderer(), Check("device", True, about_device(render_device())), *_choices(),
    ]  # fmt: skip
    try:
        workspace = Workspace(root)
        free = shutil.disk_usage(workspace.root).free
        checks.append(
            Check("workspace", free > FREE_BYTES_MIN, f"{free / 1e9:.0f} GB free in {workspace.root}")
        )
    except InputError as error:
        checks.append(Check("workspace", False, str(error)))
    return [*checks, *_exports()]


def _choices() -> list[Check]:
    """Every entry of the registries that people choose from: what it is, or how to get what it needs."""
    checks = []
    try:
        store = ModelStore.open(os.environ)
        for registry in REGISTRIES:
            for entry in registry.records():
                lack = missing(entry, store)
                checks.append(
                    Check(f"{registry.kind} {entry.name}", not lack, lack or entry.summary, optional=True)
                )
    except InputError as error:  # a catalogue that cannot be read, a plug-in that cannot be loaded
        checks.append(Check("choices", False, str(error)))
    return checks


def _graphics() -> Check:
    import torch

    if has_card():
        return Check("graphics card", True, torch.cuda.get_device_name(0), optional=True)
    return Check("graphics card", False, "no CUDA device: everything runs on the processor", optional=True)


def _renderer() -> Check:
    """What splats will be trained and drawn with."""
    if render_device() == "cuda":
        return Check("splats", True, "gsplat on the graphics card")
    import numba

    threads = numba.get_num_threads()
    return Check("splats", True, f"compiled kernels on the processor, {threads} threads")


def _exports() -> list[Check]:
    """Export formats of other packages, and those that cannot be loaded."""
    from liftlab.export.formats import EXPORT_FORMATS

    others = [
        Check(f"export {record.name}", True, f"{record.summary}; from {package}", optional=True)
        for record in EXPORT_FORMATS.records()
        if (package := EXPORT_FORMATS.package_of(record))
    ]
    return [*others, *(Check("export", False, str(error), optional=True) for error in EXPORT_FORMATS.broken)]
