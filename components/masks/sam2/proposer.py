"""Object proposals of one view by SAM 2.1: a grid of clicks, answered in batches, and what is sure and new is kept."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from liftlab.components.bounds import Share, within
from liftlab.components.masks.boxes import box_iou
from liftlab.components.masks.protocols import ProposalInput
from liftlab.components.masks.sam2.network import Embedding, Sam2Network, digest_of, masks_of_logits
from liftlab.components.progress import CancelToken
from liftlab.components.types import Array, MaskSet


@dataclass(frozen=True)
class Sam2ProposerConfig:
    """Choices of `Sam2Proposer`; None takes what suits the device."""

    points_per_side: Annotated[int, within(1, 256)] | None = None
    """Clicks along each side of the photo; None: 32 on a graphics card (as published), 16 on a processor."""
    clicks_per_pass: Annotated[int, within(1, 4096)] | None = None
    """None: 128 on a graphics card, 32 on a processor."""
    min_quality: Share = 0.8
    """Masks whose IoU the network estimates lower are left out."""
    min_stability: Share = 0.95
    """Masks that change more than this (IoU) when the threshold moves by `stability_offset` are left out."""
    stability_offset: Annotated[float, within(0, 100)] = 1.0
    duplicate: Share = 0.7
    """Of masks whose bounding boxes overlap more than this (IoU) the best stays."""
    min_share: Share = 0.0004
    """Smallest mask, share of the photo."""
    max_masks: Annotated[int, within(1, 5000)] = 240
    """Best masks kept per view."""


class Sam2Proposer:
    """`Proposer` by SAM 2.1's automatic masks.

    Source: Kirillov et al., Segment Anything, ICCV 2023, section 5 and appendix B. We differ: masks are filtered at the
    decoder's resolution, before they are enlarged, and photos are not cropped.
    """

    def __init__(self, network: Sam2Network, config: Sam2ProposerConfig | None = None) -> None:
        self.network, self.config = network, config or Sam2ProposerConfig()

    def propose(self, photo: ProposalInput, *, cancel: CancelToken) -> MaskSet:
        """Masks of one photo, largest first; only its pixels are looked at.

        Raises:
            Cancelled: `cancel` was set; nothing of this photo is kept.
        """
        return self.masks_of(photo.image, cancel=cancel)

    def masks_of(self, image: UInt8[Array, "H W 3"], *, cancel: CancelToken | None = None) -> MaskSet:
        """Masks of an image, largest first; kept by its pixels.

        Raises:
            Cancelled: `cancel` was set; nothing of this image is kept.
        """
        settings = vars(self.config) | {"points_per_side": self._points_per_side}
        settings.pop("clicks_per_pass")  # changes no result
        key = self.network.key_of("proposals", digest_of(image), settings)
        size = (image.shape[0], image.shape[1])
        found = self.network.results.get(key, lambda: self._computed(image, cancel or CancelToken()))
        masks = unpacked(found["bits"], int(found["scores"].numel()), size)
        return MaskSet(masks=masks, scores=found["scores"].numpy())

    @property
    def _points_per_side(self) -> int:
        return self.config.points_per_side or (32 if self.network.device.type == "cuda" else 16)

    def _computed(self, image: UInt8[Array, "H W 3"], cancel: CancelToken) -> dict[str, Tensor]:
        cancel.check()
        embedding = self.network.embed(image)
        size = embedding.size
        per_pass = self.config.clicks_per_pass or (128 if self.network.device.type == "cuda" else 32)
        clicks = _grid(self._points_per_side, size)
        kept_logits, kept_scores = [], []
        for start in range(0, len(clicks), per_pass):
            cancel.check()
            logits, scores = self._answered(embedding, clicks[start : start + per_pass])
            kept_logits.append(logits)
            kept_scores.append(scores)
        logits, scores = torch.cat(kept_logits), torch.cat(kept_scores)
        chosen = _distinct(logits, scores, self.config)
        masks = masks_of_logits(logits[chosen], size) if len(chosen) else np.zeros((0, *size), bool)
        large = masks.sum(axis=(1, 2)) >= max(1, self.config.min_share * size[0] * size[1])
        masks, scores = masks[large], scores[chosen].cpu()[torch.from_numpy(large)]
        order = np.argsort(-masks.sum(axis=(1, 2)), kind="stable")
        return {"bits": packed(masks[order]), "scores": scores[torch.from_numpy(order)].clamp(0, 1)}

    def _answered(
        self, embedding: Embedding, clicks: Float[Array, "B 2"]
    ) -> tuple[Float[Tensor, "K h h"], Float[Tensor, "K"]]:
        """Sure and stable masks of a batch of clicks."""
        logits, quality = self.network.decode(
            embedding, clicks[:, None], np.ones((len(clicks), 1), np.int64), several=True
        )
        logits, quality = logits.flatten(0, 1), quality.flatten()
        sure = quality > self.config.min_quality
        logits, quality = logits[sure], quality[sure]
        offset = self.config.stability_offset
        inner, outer = ((logits > level).sum(dim=(1, 2)).float() for level in (offset, -offset))
        stable = (inner >= self.config.min_stability * outer) & (inner > 0)
        return logits[stable], quality[stable]


def _grid(per_side: int, size: tuple[int, int]) -> Float[Array, "B 2"]:
    """Clicks in the middle of equal cells, xy in photo pixels."""
    middle = (np.arange(per_side) + 0.5) / per_side
    x, y = np.meshgrid(middle * size[1], middle * size[0])
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _distinct(
    logits: Float[Tensor, "K h h"], scores: Float[Tensor, "K"], config: Sam2ProposerConfig
) -> list[int]:
    """Indices of the best masks none of whose bounding boxes overlap too much, best first."""
    inside = logits > 0
    boxes = torch.zeros(len(logits), 4)
    for axis, (low, high) in ((1, (0, 2)), (2, (1, 3))):  # columns, rows
        hit = inside.any(dim=axis).cpu().numpy()
        boxes[:, low] = torch.from_numpy(hit.argmax(axis=1).astype(np.float32))
        boxes[:, high] = torch.from_numpy((hit.shape[1] - hit[:, ::-1].argmax(axis=1)).astype(np.float32))
    order = torch.argsort(scores, descending=True, stable=True).tolist()
    kept: list[int] = []
    for index in order:
        if len(kept) == config.max_masks:
            break
        if not kept or float(box_iou(boxes[index], boxes[kept]).max()) <= config.duplicate:
            kept.append(index)
    return kept


def uncovered(mask: Bool[Array, "H W"], covered: Bool[Array, "H W"]) -> float:
    """Share of a mask that no other mask covers; 0 for an empty one."""
    return float((mask & ~covered).sum() / max(int(mask.sum()), 1))


def packed(masks: Bool[Array, "M H W"]) -> Tensor:
    """Masks as bits."""
    return torch.from_numpy(np.packbits(np.ascontiguousarray(masks).reshape(-1)))


def unpacked(bits: Tensor, count: int, size: tuple[int, int]) -> Bool[Array, "M H W"]:
    """What `packed` made of `count` masks of `size`."""
    flat = np.unpackbits(bits.numpy(), count=count * size[0] * size[1])
    return flat.view(bool).reshape(count, *size)
