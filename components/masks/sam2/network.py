"""SAM 2.1 as functions: a photo to its embedding, prompts on an embedding to masks, masks on one view to all views.

The network is Meta's (package `sam2`); it is held without any state of its own, so threads may share it. Source:
Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024 (arXiv:2408.00714).
"""

import hashlib
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor
from torch.nn import functional as F

from liftlab.components.errors import InputError
from liftlab.components.files import content_key
from liftlab.components.models.checkpoint import load_checkpoint, load_weights
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.types import Array

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the photos the network was trained on, RGB in [0, 1]."""
BOX_CORNERS = (2, 3)
"""Labels that mark two points as the corners of a box."""
_BUILDING = threading.Lock()


@dataclass(frozen=True)
class Embedding:
    """What the image encoder makes of one photo; all that prompts and tracking need of it."""

    levels: tuple[Float[Tensor, "1 C1 H1 W1"], Float[Tensor, "1 C2 H2 W2"], Float[Tensor, "1 C3 H3 W3"]]
    """Feature maps at 1/4, 1/8 and 1/16 of the network's image side; the last without the no-memory vector."""
    size: tuple[int, int]
    """(height, width) of the photo, pixels."""


@dataclass(frozen=True)
class Sam2Network:
    """The network on its device, with what it computed before."""

    model: Any
    """`sam2.modeling.sam2_base.SAM2Base` in evaluation mode."""
    identity: str
    """Names the weights and the image side in keys of kept results."""
    results: ResultCache = field(default_factory=lambda: ResultCache(None), repr=False)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def image_side(self) -> int:
        """Photos are resized to a square of this side, pixels."""
        return int(self.model.image_size)

    @property
    def mask_side(self) -> int:
        """Side of the logits that the decoder gives, pixels."""
        return self.image_side // 4

    def running(self) -> ExitStack:
        """Context of every pass: no gradients, bfloat16 where the network is not hurt by it."""
        stack = ExitStack()
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(self.device.type, dtype=torch.bfloat16))
        return stack

    def embed(self, image: UInt8[Array, "H W 3"]) -> Embedding:
        """The photo's embedding, kept by its pixels: the slow part of every use, done once per photo."""
        found = self.results.get(self.key_of("embedding", digest_of(image)), lambda: self._encode(image))
        levels = tuple(found[f"level_{i}"].to(self.device) for i in range(3))
        return Embedding(levels, (image.shape[0], image.shape[1]))  # type: ignore[arg-type]

    def key_of(self, what: str, *inputs: Any) -> str:
        """Key of a result of this network."""
        return content_key("sam2", self.identity, what, *inputs)

    def _encode(self, image: UInt8[Array, "H W 3"]) -> dict[str, Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].to(self.device)
        square = F.interpolate(
            pixels.float() / 255,
            size=(self.image_side,) * 2,
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        mean, std = (torch.tensor(value, device=self.device).view(1, 3, 1, 1) for value in (MEAN, STD))
        with self.running():
            levels = self.model.forward_image((square - mean) / std)["backbone_fpn"][-3:]
        return {f"level_{i}": level.to(torch.bfloat16) for i, level in enumerate(levels)}

    def decode(
        self,
        embedding: Embedding,
        points: Float[Array, "B P 2"],
        labels: Int[Array, "B P"],
        *,
        box: Float[Array, "B 4"] | None = None,
        mask_logits: Float[Tensor, "B 1 h h"] | None = None,
        several: bool = False,
    ) -> tuple[Float[Tensor, "B M h h"], Float[Tensor, "B M"]]:
        """Masks for B prompts on one photo, in one pass.

        Args:
            embedding: Of the photo.
            points: xy in photo pixels, pixel centres at +0.5; P may be 0 beside a box.
            labels: 1 inside, 0 outside, -1 to be ignored (fills up rows).
            box: xyxy in photo pixels.
            mask_logits: An earlier answer to start from, of side `mask_side`.
            several: Three masks per prompt (part, object, whole) instead of one.

        Returns:
            Logits of the masks, positive inside, M = 3 or 1; and the network's own estimate of their IoU.
        """
        height, width = embedding.size
        scale = torch.tensor([self.image_side / width, self.image_side / height], device=self.device)
        coords = (
            torch.as_tensor(np.ascontiguousarray(points), dtype=torch.float32, device=self.device) * scale
        )
        marks = torch.as_tensor(np.ascontiguousarray(labels), dtype=torch.int32, device=self.device)
        if box is not None:
            corners = torch.as_tensor(np.ascontiguousarray(box), dtype=torch.float32, device=self.device)
            coords = torch.cat([corners.view(-1, 2, 2) * scale, coords], dim=1)
            corner_marks = torch.tensor(BOX_CORNERS, dtype=torch.int32, device=self.device)
            marks = torch.cat([corner_marks.expand(len(corners), 2), marks], dim=1)
        with self.running():
            last = embedding.levels[2]
            if self.model.directly_add_no_mem_embed:
                last = last + self.model.no_mem_embed.view(1, -1, 1, 1)
            sparse, dense = self.model.sam_prompt_encoder(
                points=(coords, marks), boxes=None, masks=mask_logits
            )
            logits, quality, _, _ = self.model.sam_mask_decoder(
                image_embeddings=last,
                image_pe=self.model.sam_prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
                multimask_output=several,
                repeat_image=len(coords) > 1,
                high_res_features=list(embedding.levels[:2]),
            )
        return logits.float().clone(), quality.float().clone()

    def positions(self, embedding: Embedding) -> list[Tensor]:
        """Position encodings of the embedding's levels; the same for every photo."""
        encode = self.model.image_encoder.neck.position_encoding
        return [encode(level).to(level.dtype) for level in embedding.levels]


def load_sam2(
    checkpoint: Path,
    config: str,
    *,
    device: torch.device,
    overrides: Sequence[str] = (),
    identity: str = "",
    results: ResultCache | None = None,
) -> Sam2Network:
    """Build the network and fill it with a checkpoint's weights.

    Args:
        checkpoint: A file as Meta publishes them.
        config: Configuration inside the package, for example "configs/sam2.1/sam2.1_hiera_t.yaml".
        device: Where it runs.
        overrides: Settings of the configuration as "++model.NAME=VALUE", for smaller networks.
        identity: Names the weights in keys of kept results.
        results: Where results are kept.

    Raises:
        InputError: The package is missing, or the file is damaged, holds code, or belongs to another network.
    """
    network = build_sam2(config, device=device, overrides=overrides)
    load_weights(network, load_checkpoint(checkpoint, nested="model"), checkpoint)
    name = f"{identity or checkpoint.name} {network.image_size} {list(overrides)}"
    return Sam2Network(network, name, results or ResultCache(None))


def build_sam2(config: str, *, device: torch.device, overrides: Sequence[str] = ()) -> Any:
    """The network with random weights, in evaluation mode. Raises InputError without the package `sam2`."""
    for setting in overrides:
        if not setting.startswith("++model.") or "_target_" in setting:
            raise InputError(f"A setting of SAM 2 must look like ++model.NAME=VALUE; got '{setting}'.")
    with _BUILDING:  # hydra keeps its configuration in a global
        try:
            from sam2.build_sam import build_sam2 as build
        except ImportError as error:
            raise InputError(
                "SAM 2 needs its package: run `pip install rf-sam-2`, or take the proposer 'regions'."
            ) from error
        return build(config, None, device=str(device), hydra_overrides_extra=list(overrides))


def digest_of(image: UInt8[Array, "H W 3"]) -> str:
    """Name of a photo by its pixels."""
    hashed = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(image).tobytes())
    return hashed.hexdigest()


def masks_of_logits(logits: Float[Tensor, "M h h"], size: tuple[int, int]) -> Bool[Array, "M H W"]:
    """Masks in photo size from the decoder's logits, bilinear."""
    full = F.interpolate(logits[None], size=size, mode="bilinear", align_corners=False)[0]
    return (full > 0).cpu().numpy()
