"""How each model stands, and the one sentence that says what to do about it."""

import importlib.util
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from liftlab.components.models.catalogue import ModelEntry
from liftlab.components.models.store import ModelStore

ModelState = Literal[
    "ready", "file found", "damaged", "not here", "downloadable", "unreachable", "package missing"
]


@dataclass(frozen=True)
class ModelStatus:
    """One model as the command line and the page show it."""

    entry: ModelEntry
    state: ModelState
    """"file found" lacks its package; "package missing" lacks both; "not here" was not asked for on the network."""
    sentence: str
    """What to do, with the command; for a ready model what it needs."""
    path: Path | None
    """Its file, where there is one."""


def model_status(store: ModelStore, entry: ModelEntry, *, reachable: bool | None = None) -> ModelStatus:
    """How an entry stands. `reachable` is what `probe.reachable` said of its address; None when nobody asked."""
    path = store.find(entry)
    code = has_code(entry, store.code_folder)
    get = f"liftlab models get {entry.name}"
    size = size_text(entry.megabytes)
    if path is not None and not store.intact(entry, path):
        sentence = f"{path.name} is not whole: remove it and run `{get}`."
        return ModelStatus(entry, "damaged", sentence, path)
    if path is not None and code:
        return ModelStatus(
            entry, "ready", f"Ready; needs {size_text(entry.memory_megabytes)} of memory.", path
        )
    if path is not None:
        return ModelStatus(entry, "file found", f"Its code is missing: run `{install_command(entry)}`.", path)
    if not code:
        sentence = f"Its code is missing: run `{install_command(entry)}`, then `{get}` ({size})."
        return ModelStatus(entry, "package missing", sentence, None)
    if reachable is None:
        return ModelStatus(entry, "not here", f"Run `{get}` ({size}).", None)
    if reachable:
        return ModelStatus(entry, "downloadable", f"Run `{get}` ({size}).", None)
    sentence = (
        f"Its address does not answer: run `{get}` ({size}) with a network, or put {entry.file} into "
        f"{store.folders[0]}."
    )
    return ModelStatus(entry, "unreachable", sentence, None)


def has_code(entry: ModelEntry, code_folder: Path | None) -> bool:
    """Whether the module that runs a model can be imported, from the environment or from a clone."""
    if _importable(entry.module):
        return True
    if entry.repository is None or code_folder is None:
        return False
    return any((folder / entry.module).is_dir() for folder in (code_folder, code_folder / "dust3r"))


def _importable(module: str) -> bool:
    if module in sys.modules:  # None there means that it was barred
        return sys.modules[module] is not None
    return importlib.util.find_spec(module) is not None


def install_command(entry: ModelEntry) -> str:
    """The exact command that brings a model's code into this environment."""
    pip = f"{shlex.quote(sys.executable)} -m pip install {' '.join(entry.packages)}"
    if entry.repository is None:
        return pip
    folder = entry.repository.rstrip("/").rsplit("/", 1)[-1]
    return f"git clone --recursive {entry.repository} && {pip}` and start the lab with `--mast3r {folder}"


def size_text(megabytes: float) -> str:
    """ "156 MB", "2.6 GB"."""
    return f"{megabytes / 1024:.1f} GB" if megabytes >= 1000 else f"{megabytes:.0f} MB"
