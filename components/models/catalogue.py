"""The catalogue of models: entries are data (`catalogue.json`); a folder of models may bring entries of its own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from liftlab.components.errors import InputError

CATALOGUE_FILE = "catalogue.json"
MIB = 1 << 20


@dataclass(frozen=True)
class ModelEntry:
    """One checkpoint that the lab can use."""

    name: str
    """What people type, for example "sam2.1-tiny"."""
    task: Literal["masks", "pointmaps", "text"]
    summary: str
    """One line on what it is for."""
    file: str
    """Name of the checkpoint file in a models folder."""
    address: str
    """Where it is downloaded from."""
    megabytes: float
    """Size of the file, MiB, as far as known before a download."""
    licence: str
    licence_address: str
    module: str
    """Import name of the code that runs it."""
    packages: tuple[str, ...]
    """What pip installs for it."""
    memory_megabytes: float
    """Memory it takes while it runs, weights included, MiB, for photos of the default size."""
    non_commercial: bool = False
    """True when its licence forbids commercial use: it must be confirmed once before a download."""
    sha256: str | None = None
    """Checksum of the file, where the publisher gives one; else the one of the first download counts."""
    repository: str | None = None
    """Address of a git repository when the code is no package: cloned by hand, its folder named by `--mast3r DIR`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the adapter needs to build the network, for example the name of its configuration."""


def load_catalogue(*extra_folders: Path) -> tuple[ModelEntry, ...]:
    """The bundled entries, then those of `catalogue.json` in each of the folders.

    Raises:
        InputError: A folder's catalogue is not readable as entries, or takes a name that is taken.
    """
    entries = list(_read(Path(__file__).with_name(CATALOGUE_FILE)))
    for folder in extra_folders:
        path = folder / CATALOGUE_FILE
        if path.is_file():
            entries.extend(_read(path))
    names = [entry.name for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two models are called '{twice[0]}': rename yours in {CATALOGUE_FILE}.")
    return tuple(entries)


_ENTRIES = msgspec.json.Decoder(list[ModelEntry])
"""Made once: msgspec must not meet a class for the first time in two threads at once."""


def _read(path: Path) -> list[ModelEntry]:
    try:
        entries = _ENTRIES.decode(path.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"This catalogue of models cannot be read ({error}): {path}") from error
    for entry in entries:
        if Path(entry.file).name != entry.file or entry.file.startswith("."):
            raise InputError(f"The file of model '{entry.name}' must be a plain file name: {path}")
    return entries
