"""A trained network with what it must be used with, as one safetensors file."""

import copy
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write
from liftlab.components.openvocab.network import NetworkConfig, OpenVocabNetwork

WEIGHTS = Path(__file__).with_name("weights.safetensors")
"""Made by `liftlab openvocab train --config cpu`; docs/ovseg3r.md says on what."""
SCHEMA_VERSION = 2


@dataclass(frozen=True)
class SuperpointConfig:
    """How a cloud is cut; the network is used with what it was trained with."""

    num_points: int = 12_000
    """Points that are sampled of a scene."""
    kappa: float = 0.1
    """Larger gives larger superpoints [ours]."""
    min_size: int = 6
    """Points of the smallest superpoints [ours]: a pen has some forty."""


@dataclass(frozen=True)
class Trained:
    """A network ready for use."""

    network: OpenVocabNetwork
    superpoints: SuperpointConfig
    text_identity: str
    """Of the text encoder it was trained with."""
    names: tuple[str, ...]
    """What it was taught to call things, novel names included."""
    novel: tuple[str, ...]
    """Names that had no 3D labels in training."""
    calibration: float
    """Temperature that divides the logits of names, so that a score of 0.7 is right 7 times in 10."""
    about: dict[str, object]
    """Of its training: configuration, steps, records, losses."""


def save_trained(trained: Trained, file: Path) -> None:
    """Write the weights, halved to 16 bits."""
    from safetensors.torch import save

    about = {
        "schema_version": SCHEMA_VERSION,
        "network": asdict(trained.network.config),
        "superpoints": asdict(trained.superpoints),
        "text": trained.text_identity,
        "names": list(trained.names),
        "novel": list(trained.novel),
        "calibration": trained.calibration,
        "about": trained.about,
    }
    tensors = {
        name: value.detach().half().contiguous() for name, value in trained.network.state_dict().items()
    }
    with atomic_write(file) as handle:
        handle.write(save(tensors, metadata={"liftlab": json.dumps(about)}))


def mean_of(first: Trained, second: Trained) -> Trained:
    """The first network with the mean of both networks' weights, one of which was trained on from the other.

    It keeps more of what the earlier one knew of scenes unlike those of the later training. Parts that only the first
    has stay as they are.

    Source: Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (one half is their choice where nothing
    is known of such scenes).
    """
    network = copy.deepcopy(first.network)
    own, other = first.network.state_dict(), second.network.state_dict()
    network.load_state_dict({name: (value + other.get(name, value)) / 2 for name, value in own.items()})
    return replace(first, network=network, about={**first.about, "mean": True})


def load_trained(file: Path = WEIGHTS, *, device: torch.device | None = None) -> Trained:
    """Read what `save_trained` wrote.

    Raises:
        InputError: There is no such file, or it is something else.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            about = json.loads((opened.metadata() or {})["liftlab"])
            state = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118
        if about["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"These weights have version {about['schema_version']}, not {SCHEMA_VERSION}: {file}"
            )
        network = OpenVocabNetwork(NetworkConfig(**{"looks": False, "context": False, **about["network"]}))
        network.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"These are no weights of OVSeg3R ({error}): {file}") from error
    network.eval().requires_grad_(False)
    if device is not None:
        network.to(device)
    return Trained(
        network,
        SuperpointConfig(**about["superpoints"]),
        about["text"],
        tuple(about["names"]),
        tuple(about["novel"]),
        float(np.float64(about["calibration"])),
        about["about"],
    )
