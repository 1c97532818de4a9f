"""Reading checkpoint files without running anything that is in them."""

import argparse
import pickle
from pathlib import Path
from typing import Any

import torch

from liftlab.components.errors import InputError

SAFE_TYPES = (argparse.Namespace,)
"""Plain containers that published checkpoints hold beside tensors (MASt3R keeps its command line in one)."""


def load_checkpoint(path: Path, *, nested: str | None = None) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, on the processor.

    `.safetensors` files hold nothing else; others are read with `weights_only=True`, which refuses code.

    Args:
        path: The file.
        nested: Key under which the tensors lie, as "model" in SAM 2's and MASt3R's files.

    Raises:
        InputError: The file holds something else than tensors (it is not run), or is damaged.
    """
    found: Any
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(list(SAFE_TYPES)):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            "This checkpoint holds code beside its weights and was not loaded: take the file from its publisher. "
            f"{path}"
        ) from error
    except Exception as error:  # both libraries meet damage with exceptions of many types
        raise InputError(
            f"This checkpoint is damaged and cannot be read: remove it and get it again. {path}"
        ) from error
    tensors = found.get(nested) if nested is not None and isinstance(found, dict) else found
    if not isinstance(tensors, dict) or not all(torch.is_tensor(value) for value in tensors.values()):
        raise InputError(
            f"This file holds no weights under '{nested}': it belongs to another program. {path}"
        )
    return tensors


def load_weights(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Put tensors into a network; every one must fit.

    Raises:
        InputError: The file belongs to another network; says how many names or shapes differ.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    foreign = [name for name in tensors if name not in own]
    shapes = [name for name in own if name in tensors and own[name].shape != tensors[name].shape]
    if missing or foreign or shapes:
        raise InputError(
            f"This checkpoint belongs to another network ({len(missing)} weights missing, {len(foreign)} unknown, "
            f"{len(shapes)} of another shape): get the file of this model. {path}"
        )
    module.load_state_dict(tensors)
