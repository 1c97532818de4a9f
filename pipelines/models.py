"""Models with weights as the pipelines use them: found in the models folder, loaded once per process.

The folder is named by the environment variable LIFTLAB_MODELS (`--models DIR` sets it), the code of MASt3R by
LIFTLAB_MAST3R (`--mast3r DIR`).
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch

from liftlab.components.bounds import Name, within
from liftlab.components.errors import InputError
from liftlab.components.masks.sam2.network import Sam2Network, load_sam2
from liftlab.components.masks.sam2.proposer import Sam2ProposerConfig
from liftlab.components.masks.sam2.solver import Sam2ClickConfig
from liftlab.components.masks.sam2.tracker import Sam2TrackerConfig
from liftlab.components.models import ModelEntry, ModelStore, memory_advice
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.models.states import has_code, install_command
from liftlab.components.models.store import read_record
from liftlab.components.pointmaps.mast3r_network import load_pair_network
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor
from liftlab.components.pointmaps.pairs import PairPredictor


@dataclass(frozen=True)
class Sam2Config:
    """Which SAM 2.1 is used, and how."""

    model: Name = "sam2.1-tiny"
    """See `liftlab models`."""
    image_side: Annotated[int, within(64, 4096)] | None = None
    """Photos are resized to this square; None takes what the network was trained with (1024). A smaller one is faster
    on a processor and coarser; multiple of 64."""
    proposals: Sam2ProposerConfig = field(default_factory=Sam2ProposerConfig)
    """Automatic masks."""
    tracking: Sam2TrackerConfig = field(default_factory=Sam2TrackerConfig)
    """Objects followed through the photos."""
    clicks: Sam2ClickConfig = field(default_factory=Sam2ClickConfig)
    """Answers to clicks."""


_loaded: dict[tuple[Any, ...], Any] = {}
_lock = threading.Lock()


def model_store() -> ModelStore:
    """The models folder of this process."""
    return ModelStore.open(os.environ)


def usable_file(store: ModelStore, entry: ModelEntry, device: torch.device) -> Path:
    """The checked file of a model that can run here.

    Raises:
        InputError: Its code or file is missing, its licence was not confirmed, its file is not the recorded one, or
            memory is too small. One sentence with the command, or with a smaller model.
    """
    if not has_code(entry, store.code_folder):
        raise InputError(f"The code of '{entry.name}' is missing: run `{install_command(entry)}`.")
    path = store.verified(entry)
    if not store.accepted(entry):
        raise InputError(
            f"'{entry.name}' comes under {entry.licence}, not for commercial use: read {entry.licence_address} and "
            f"confirm it once with `liftlab models get {entry.name} --accept-licence`."
        )
    advice = memory_advice(entry, store.entries, free_memory(device))
    if advice:
        raise InputError(advice[0].upper() + advice[1:])
    return path


def free_memory(device: torch.device) -> int:
    """Free memory of the device, bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def results_of(store: ModelStore) -> ResultCache:
    """Where results of networks are kept: in the first models folder, or in memory where that cannot be written."""
    folder = store.kept_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ResultCache(None)
    return ResultCache(folder)


def sam2_network(config: Sam2Config, device: torch.device) -> Sam2Network:
    """The network of a configuration, loaded once per process.

    Raises:
        InputError: As `usable_file`; or the file belongs to another network.
    """
    store = model_store()
    entry = store.entry(config.model)
    if entry.module != "sam2":
        raise InputError(f"'{entry.name}' is no SAM 2 model: take one whose name starts with sam2.")
    path = store.find(entry)
    key = (path, path and path.stat().st_mtime_ns, config.image_side, str(device))
    with _lock:
        if path is not None and key in _loaded:
            return _loaded[key]
        checked = usable_file(store, entry, device)
        record = read_record(checked)
        network = load_sam2(
            checked,
            str(entry.settings["config"]),
            device=device,
            overrides=[*entry.settings.get("overrides", ()), *_side_overrides(config.image_side)],
            identity=record.sha256 if record else "",
            results=results_of(store),
        )
        _loaded[key] = network
        return network


def pair_predictor(name: str, device: torch.device, config: NetworkPairConfig | None = None) -> PairPredictor:
    """MASt3R or DUSt3R as a predictor of pairs, the network loaded once per process.

    Raises:
        InputError: As `usable_file`; or the file belongs to another network.
    """
    store = model_store()
    entry = store.entry(name)
    if entry.task != "pointmaps":
        raise InputError(f"'{entry.name}' predicts no points from photos: take mast3r or dust3r.")
    path = store.find(entry)
    key = (path, path and path.stat().st_mtime_ns, str(store.code_folder), str(device))
    with _lock:
        if path is None or key not in _loaded:
            checked = usable_file(store, entry, device)
            record = read_record(checked)
            _loaded[key] = load_pair_network(
                checked,
                entry.settings,
                store.code_folder,
                device=device,
                identity=record.sha256 if record else "",
            )
        return NetworkPairPredictor(_loaded[key], config, results=results_of(store))


def _side_overrides(image_side: int | None) -> list[str]:
    """Settings that make the network look at smaller photos."""
    if image_side is None:
        return []
    if image_side < 256 or image_side % 64:
        raise InputError(f"The image side of SAM 2 must be a multiple of 64, at least 256; got {image_side}.")
    cells = f"[{image_side // 16},{image_side // 16}]"
    attention = "++model.memory_attention.layer"
    return [
        f"++model.image_size={image_side}",
        f"{attention}.self_attention.feat_sizes={cells}",
        f"{attention}.cross_attention.feat_sizes={cells}",
    ]
