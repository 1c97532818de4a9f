"""ORACLE masks: the truth of the training photos, spoilt the way proposals are. Only benchmarks may use it."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Int32

from benchmarks.common.images import read_ids
from benchmarks.common.truth_scenes import STRUCTURE_ID
from liftlab.components.geometry.projection import photo_from_view, pixel_centers
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array, Scene, View

DROPPED = 0.1
"""Share of the masks of every view that are left out."""
JITTER_PX = 2
"""Boundaries move in or out by up to so many pixels."""
MIN_PIXELS = 20


def instance_maps(folder: Path) -> dict[str, Int32[Array, "h w"]]:
    """Instance ids by photo stem, photo pixels; structure keeps its ids."""
    maps = {}
    for path in sorted((folder / "instance").glob("*.png")):
        maps[path.stem] = read_ids(path).astype(np.int32)
    return maps


def oracle_masks(scene: Scene, truth: Path, *, seed: int) -> MaskCache:
    """Masks of every instance with ids shuffled per view, a tenth of them dropped, and boundaries jittered.

    Things are objects, structure (table, floor, walls) is planes, as a segmenter of everything would mask both.

    Args:
        truth: The capture's `truth` folder.
        seed: Of shuffling, dropping and jitter.
    """
    rng = np.random.default_rng(seed)
    maps = instance_maps(truth)
    labels = [in_view(view, maps[view.stem]) if view.stem in maps else None for view in scene.views]
    things, structure = [], []
    for image in labels:
        ids = [] if image is None else [int(i) for i in np.unique(image) if i > 0]
        things.append(_some([image == i for i in ids if i < STRUCTURE_ID], rng))  # type: ignore[operator]
        structure.append(_some([image == i for i in ids if i >= STRUCTURE_ID], rng))  # type: ignore[operator]
    masks: list[list[np.ndarray]] = []
    kinds: list[str] = []
    for per_view, kind in ((things, "object"), (structure, "plane")):
        for slot in range(max(map(len, per_view))):
            masks.append(
                [
                    found[slot] if slot < len(found) else np.zeros(view.image.shape[:2], bool)
                    for view, found in zip(scene.views, per_view, strict=True)
                ]
            )
            kinds.append(kind)
    return MaskCache.build(
        scene.key,
        masks,
        sizes=[view.image.shape[:2] for view in scene.views],
        kinds=kinds,
        foreground=[kind == "object" for kind in kinds],
        scores=[1.0] * len(kinds),
    )


def in_view(view: View, labels: Int32[Array, "h w"]) -> Int32[Array, "H W"]:
    """A label map in photo pixels as the view sees it, nearest pixel."""
    height, width = view.image.shape[:2]
    xy = np.floor(photo_from_view(view, pixel_centers(width, height))).astype(np.intp)
    inside = (xy >= 0).all(axis=-1) & (xy[..., 0] < labels.shape[1]) & (xy[..., 1] < labels.shape[0])
    x, y = (np.clip(xy[..., i], 0, labels.shape[1 - i] - 1) for i in range(2))
    return np.where(inside, labels[y, x], 0).astype(np.int32)


def _some(masks: list[Bool[Array, "H W"]], rng: np.random.Generator) -> list[Bool[Array, "H W"]]:
    """The masks in random order, some dropped, each with its boundary moved."""
    kept = [masks[i] for i in rng.permutation(len(masks)) if rng.random() >= DROPPED]
    jittered = [_jittered(mask, rng) for mask in kept if mask.sum() >= MIN_PIXELS]
    return [mask for mask in jittered if mask.sum() >= MIN_PIXELS]


def _jittered(mask: Bool[Array, "H W"], rng: np.random.Generator) -> Bool[Array, "H W"]:
    """The outline moved by a smooth random amount of up to `JITTER_PX` pixels in or out."""
    field = cv2.GaussianBlur(rng.normal(size=mask.shape), (0, 0), 6)
    shift = np.clip(JITTER_PX * field / field.std(), -JITTER_PX, JITTER_PX)
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return (inner - outer + shift) > 0.5
