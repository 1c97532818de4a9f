"""MASt3R and DUSt3R as functions: an image to its features, features of two images to their pointmaps.

The code is naver's (CC BY-NC-SA 4.0, not for commercial use): it is not part of this project but imported from a clone
that a person names. Source: Leroy et al., MASt3R, ECCV 2024 (arXiv:2406.09756); Wang et al., DUSt3R, CVPR 2024
(arXiv:2312.14132).
"""

import contextlib
import importlib
import io
import math
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.models.checkpoint import load_checkpoint, load_weights
from liftlab.components.types import Array

PATCH_PX = 16
"""Sides of images are multiples of this."""
_IMPORTING = threading.Lock()


@dataclass(frozen=True)
class HeadOutput:
    """What the network says about one image of a pair."""

    pts3d: Float[Array, "H W 3"]
    """In the camera frame of the pair's first image."""
    conf: Float[Array, "H W"]
    """1 + exp(.)."""
    desc: Float[Array, "H W d"] | None = None
    """Unit descriptors for matching, where the network has them."""


@runtime_checkable
class PairNetwork(Protocol):
    """A two-view network whose encoder looks at one image alone."""

    identity: str
    """Names the weights in keys of kept results."""
    metric: bool
    """True when its points are in metres."""

    def encode(self, image: UInt8[Array, "H W 3"]) -> Float[Tensor, "T C"]:
        """Features of one image whose sides are multiples of `PATCH_PX`."""
        ...

    def decode(
        self,
        firsts: Sequence[Float[Tensor, "T1 C"]],
        seconds: Sequence[Float[Tensor, "T2 C"]],
        size_1: tuple[int, int],
        size_2: tuple[int, int],
    ) -> list[tuple[HeadOutput, HeadOutput]]:
        """Pointmaps of pairs whose first images all have one size (height, width), and whose second ones too."""
        ...


class CrocoPairNetwork:
    """`PairNetwork` over naver's `AsymmetricMASt3R` or `AsymmetricCroCo3DStereo`."""

    def __init__(self, model: Any, *, identity: str, metric: bool) -> None:
        self.model, self.identity, self.metric = model.eval(), identity, metric
        self.device = next(model.parameters()).device

    def running(self, *, exact: bool = False) -> ExitStack:
        """Context of a pass: no gradients; bfloat16 but in the heads, which the authors run in float32."""
        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=not exact))
        return stack

    def encode(self, image: UInt8[Array, "H W 3"]) -> Float[Tensor, "T C"]:
        """Features of the image's patches, row by row."""
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].to(self.device)
        with self.running():
            features, _, _ = self.model._encode_image(pixels.float() / 127.5 - 1, _shape(image.shape[:2], 1))
        return features[0].to(torch.bfloat16)

    def decode(
        self,
        firsts: Sequence[Float[Tensor, "T1 C"]],
        seconds: Sequence[Float[Tensor, "T2 C"]],
        size_1: tuple[int, int],
        size_2: tuple[int, int],
    ) -> list[tuple[HeadOutput, HeadOutput]]:
        """Pointmaps of B pairs in one pass."""
        count = len(firsts)
        features = [torch.stack(list(given)).to(self.device) for given in (firsts, seconds)]
        with self.running():
            places = [self._places(size, count) for size in (size_1, size_2)]
            tokens = self.model._decoder(features[0], places[0], features[1], places[1])
        with self.running(exact=True):
            outputs = [
                self.model._downstream_head(number, [layer.float() for layer in layers], _shape(size, count))
                for number, layers, size in zip((1, 2), tokens, (size_1, size_2), strict=True)
            ]
        arrays = [{name: value.float().cpu().numpy() for name, value in out.items()} for out in outputs]
        return [(_head_output(arrays[0], i), _head_output(arrays[1], i)) for i in range(count)]

    def _places(self, size: tuple[int, int], count: int) -> Tensor:
        """Row and column of every patch, as the decoder's rotary encoding reads them."""
        rows, columns = size[0] // PATCH_PX, size[1] // PATCH_PX
        grid = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        return grid[None].expand(count, -1, -1).to(self.device)


def _shape(size: Sequence[int], count: int) -> Tensor:
    return torch.tensor([[int(size[0]), int(size[1])]]).expand(count, -1)


def _head_output(arrays: dict[str, Array], index: int) -> HeadOutput:
    desc = arrays.get("desc")
    return HeadOutput(arrays["pts3d"][index], arrays["conf"][index], None if desc is None else desc[index])


def build_pair_network(
    kind: Literal["mast3r", "dust3r"],
    code_folder: Path | None,
    *,
    image_side: int = 512,
    enc_embed_dim: int = 1024,
    enc_depth: int = 24,
    enc_num_heads: int = 16,
    dec_embed_dim: int = 768,
    dec_depth: int = 12,
    dec_num_heads: int = 12,
) -> Any:
    """The network with random weights; the numbers are those of the published "ViT-Large, base decoder, 512".

    Args:
        kind: Which of the two.
        code_folder: The clone; None when the code is installed.
        image_side: Longest side it was trained with, pixels.
        enc_embed_dim: Width of the encoder; the others likewise.
        enc_depth: Layers of the encoder.
        enc_num_heads: Attention heads of the encoder.
        dec_embed_dim: Width of the decoder.
        dec_depth: Layers of the decoder, above 9.
        dec_num_heads: Attention heads of the decoder.

    Raises:
        InputError: The code, or a package it needs, is not there.
    """
    found = import_code(kind, code_folder)
    size = {
        "img_size": (image_side, image_side),
        "enc_embed_dim": enc_embed_dim, "enc_depth": enc_depth, "enc_num_heads": enc_num_heads,
        "dec_embed_dim": dec_embed_dim, "dec_depth": dec_depth, "dec_num_heads": dec_num_heads,
    }  # fmt: skip
    common = {
        "pos_embed": "RoPE100", "patch_embed_cls": "PatchEmbedDust3R", "landscape_only": False,
        "depth_mode": ("exp", -math.inf, math.inf), "conf_mode": ("exp", 1, math.inf),
    }  # fmt: skip
    if kind == "dust3r":
        return found.AsymmetricCroCo3DStereo(head_type="dpt", output_mode="pts3d", **common, **size)
    return found.AsymmetricMASt3R(
        head_type="catmlp+dpt", output_mode="pts3d+desc24", two_confs=True, desc_conf_mode=("exp", 0, math.inf),
        **common, **size,
    )  # fmt: skip


def import_code(kind: Literal["mast3r", "dust3r"], code_folder: Path | None) -> Any:
    """The module that holds the network, from the environment or from a clone; its start-up messages are dropped."""
    with _IMPORTING:
        if code_folder is not None:
            # The inner dust3r folder comes first: the clone's own `dust3r` folder is not the package.
            for folder in (code_folder, code_folder / "dust3r"):
                if folder.is_dir() and str(folder) not in sys.path:
                    sys.path.insert(0, str(folder))
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                return importlib.import_module(f"{kind}.model")
        except ImportError as error:
            where = f"the clone {code_folder}" if code_folder else "this environment"
            raise InputError(
                f"The code of {kind} is not usable from {where} ({error}): run `liftlab models` for the command."
            ) from error


def load_pair_network(
    checkpoint: Path,
    settings: dict[str, Any],
    code_folder: Path | None,
    *,
    device: torch.device,
    identity: str = "",
) -> CrocoPairNetwork:
    """Build a network by a catalogue entry's settings and fill it with a checkpoint's weights.

    Raises:
        InputError: Code is missing, or the file is damaged, holds code, or belongs to another network.
    """
    numbers = {name: value for name, value in settings.items() if name not in ("network", "metric")}
    model = build_pair_network(settings["network"], code_folder, **numbers)
    load_weights(model, load_checkpoint(checkpoint, nested="model"), checkpoint)
    return CrocoPairNetwork(
        model.to(device), identity=identity or checkpoint.name, metric=bool(settings.get("metric", False))
    )
