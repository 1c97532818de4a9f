"""Objects with one id over all views by SAM 2.1's video memory: each mask is followed through the photos, both ways."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor
from torch.nn import functional as F

from liftlab.components.bounds import Share, within
from liftlab.components.masks.sam2.network import Embedding, Sam2Network, digest_of, masks_of_logits
from liftlab.components.masks.sam2.proposer import packed, uncovered, unpacked
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array, MaskSet

REMEMBERED = ("maskmem_features", "maskmem_pos_enc", "pred_masks", "obj_ptr", "object_score_logits")
"""What later photos look at of an earlier one."""


@dataclass(frozen=True)
class Sam2TrackerConfig:
    """Choices of `Sam2VideoTracker`. Source: docs/methods/wildseg3d.md section 3.1."""

    key_view: Annotated[int, within(0, 100_000)] = 0
    """The view whose proposals are followed first."""
    min_new_share: Share = 0.5
    """A proposal of another view opens a new object when at least this share of it belongs to none yet."""
    min_new_area: Annotated[int, within(0, 100_000_000)] = 100
    """And when it has this many pixels."""
    objects_per_pass: Annotated[int, within(1, 4096)] | None = None
    """Objects followed together; None: 32 on a graphics card, 4 on a processor."""


@dataclass(frozen=True)
class TrackedObject:
    """One object in all views."""

    masks: tuple[Bool[Array, "_ _"], ...]
    """One per view, view pixels; empty where the network does not see it."""
    score: float
    """Of the proposal it started from."""
    first_view: int
    """The view of that proposal."""
    certainty: tuple[UInt8[Array, "h h"] | None, ...] = ()
    """Per view the sigmoid of the network's logits times 255, at the network's size; None in the first view, whose mask
    was given, and empty where what was followed is from before these were kept."""


class Sam2VideoTracker:
    """Follows the proposals of a key view through all others, then those of each view that belong to no object yet.

    The views count as a sequence in their order. Every followed object is kept under its photos, mask and model, so a
    stopped run goes on where it was.
    """

    def __init__(self, network: Sam2Network, config: Sam2TrackerConfig | None = None) -> None:
        self.network, self.config = network, config or Sam2TrackerConfig()

    def follow(
        self,
        images: Sequence[UInt8[Array, "_ _ 3"]],
        proposals: Sequence[MaskSet],
        *,
        progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> list[TrackedObject]:
        """Objects over all views; `images` and `proposals` have one entry per view.

        Raises:
            ValueError: The lists differ in length, or there is no such key view.
            Cancelled: `cancel` was set; objects that were followed to the end are kept for the next run.
        """
        if len(images) != len(proposals) or not 0 <= self.config.key_view < len(images):
            raise ValueError(
                f"images and proposals must have one entry per view, with key_view among them; got {len(images)} and "
                f"{len(proposals)}, key_view {self.config.key_view}."
            )
        cancel = cancel or CancelToken()
        names = [digest_of(image) for image in images]
        covered = [np.zeros(image.shape[:2], bool) for image in images]
        objects: list[TrackedObject] = []
        per_pass = self.config.objects_per_pass or (32 if self.network.device.type == "cuda" else 4)
        order = [*range(self.config.key_view, len(images)), *range(self.config.key_view - 1, -1, -1)]
        for done, view in enumerate(order):
            seeds = self._seeds(proposals[view], covered[view], first=done == 0)
            for start in range(0, len(seeds), per_pass):
                cancel.check()
                progress(
                    (done + start / len(seeds)) / len(order),
                    f"Following objects of photo {view + 1}: {start} of {len(seeds)}",
                )
                batch = seeds[start : start + per_pass]
                followed = self._followed(images, names, view, proposals[view].masks[batch], cancel)
                for seed, (masks, certainty) in zip(batch, followed, strict=True):
                    score = float(proposals[view].scores[seed])
                    objects.append(TrackedObject(masks, score, view, certainty))
                    covered = [known | mask for known, mask in zip(covered, masks, strict=True)]
        progress(1.0, f"{len(objects)} objects followed through {len(images)} photos")
        return objects

    def _seeds(self, proposals: MaskSet, covered: Bool[Array, "H W"], *, first: bool) -> list[int]:
        """Proposals of a view that open a new object."""
        config = self.config
        return [
            index
            for index, mask in enumerate(proposals.masks)
            if int(mask.sum()) >= config.min_new_area
            and (first or uncovered(mask, covered) >= config.min_new_share)
        ]

    def _followed(
        self,
        images: Sequence[UInt8[Array, "_ _ 3"]],
        names: Sequence[str],
        start: int,
        masks: Bool[Array, "B H W"],
        cancel: CancelToken,
    ) -> list[tuple[tuple[Bool[Array, "_ _"], ...], tuple[UInt8[Array, "h h"] | None, ...]]]:
        """Per object its masks and certainty in all views: kept ones as they are, the others computed together."""
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        keys = [
            self.network.key_of("track", list(names), start, packed(mask[None]).numpy().tobytes().hex())
            for mask in masks
        ]
        known = [self.network.results.peek(key) for key in keys]
        missing = [i for i, found in enumerate(known) if found is None]
        if missing:
            embeddings = [self.network.embed(image) for image in images]
            for i, per_view in zip(
                missing, self._follow(embeddings, start, masks[missing], cancel), strict=True
            ):
                bits = {f"view_{v}": packed(mask[None]) for v, (mask, _) in enumerate(per_view)}
                bits |= {f"sure_{v}": sure for v, (_, sure) in enumerate(per_view) if sure is not None}
                known[i] = self.network.results.get(keys[i], lambda bits=bits: bits)
        return [
            (
                tuple(unpacked(found[f"view_{v}"], 1, size)[0] for v, size in enumerate(sizes)),
                _certainty(found, len(sizes)),
            )
            for found in known
            if found is not None
        ]

    def _follow(
        self, embeddings: Sequence[Embedding], start: int, masks: Bool[Array, "B H W"], cancel: CancelToken
    ) -> list[list[tuple[Bool[Array, "_ _"], Tensor | None]]]:
        """Run the memory forward from `start`, then backward; masks with their certainty as `TrackedObject` has it."""
        memory: dict[str, dict[int, Any]] = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        out: list[list[tuple[Bool[Array, "_ _"], Tensor | None]]] = [[] for _ in masks]
        drawn: dict[int, Bool[Array, "B _ _"]] = {start: masks}
        sure: dict[int, Tensor] = {}
        side = (self.network.image_side,) * 2
        seeds = torch.from_numpy(masks[:, None].astype(np.float32)).to(self.network.device)
        square = F.interpolate(seeds, size=side, mode="bilinear", align_corners=False, antialias=True)
        steps = [(start, False), *((v, False) for v in range(start + 1, len(embeddings)))]
        steps += [(v, True) for v in range(start - 1, -1, -1)]
        for view, reverse in steps:
            cancel.check()
            given = (square >= 0.5).float() if view == start else None
            seen = self._step(embeddings[view], view, len(embeddings), memory, given, reverse=reverse)
            if view == start:
                memory["cond_frame_outputs"][view] = seen
            else:
                memory["non_cond_frame_outputs"][view] = seen
                logits = seen["pred_masks"][:, 0].float()
                drawn[view] = masks_of_logits(logits, embeddings[view].size)
                sure[view] = (logits.sigmoid() * 255).round().byte().cpu()
        for index, per_view in enumerate(out):
            per_view.extend(
                (drawn[view][index], sure[view][index] if view in sure else None)
                for view in range(len(embeddings))
            )
        return out

    def _step(
        self,
        embedding: Embedding,
        view: int,
        num_views: int,
        memory: dict[str, dict[int, Any]],
        given: Tensor | None,
        *,
        reverse: bool,
    ) -> dict[str, Any]:
        """One photo: the masks given there, or what the memory finds there; and what is remembered of it."""
        model, count = self.network.model, len(given) if given is not None else _batch_of(memory)
        with self.network.running():
            flat = [
                [level.expand(count, -1, -1, -1).flatten(2).permute(2, 0, 1) for level in levels]
                for levels in (embedding.levels, self.network.positions(embedding))
            ]
            out = model.track_step(
                frame_idx=view,
                is_init_cond_frame=given is not None,
                current_vision_feats=flat[0],
                current_vision_pos_embeds=flat[1],
                feat_sizes=[tuple(level.shape[-2:]) for level in embedding.levels],
                point_inputs=None,
                mask_inputs=given,
                output_dict=memory,
                num_frames=num_views,
                track_in_reverse=reverse,
            )
        return {name: out[name] for name in REMEMBERED}


def _certainty(found: dict[str, Tensor], num_views: int) -> tuple[UInt8[Array, "h h"] | None, ...]:
    """What was kept of the logits; empty where nothing was."""
    names = [f"sure_{v}" for v in range(num_views)]
    if not any(name in found for name in names):
        return ()
    return tuple(found[name].numpy() if name in found else None for name in names)


def _batch_of(memory: dict[str, dict[int, Any]]) -> int:
    return len(next(iter(memory["cond_frame_outputs"].values()))["obj_ptr"])
