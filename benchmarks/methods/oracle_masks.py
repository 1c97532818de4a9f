"""ORACLE masks: the truth of the training photos, spoilt the way proposals are. Only benchmarks may use it."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Int32

from benchmarks.common.images import read_ids
from benchmarks.common.truth_scenes import STRUCTURE_ID
from liftlab.components.captures.benchmark_layouts.liftlab import classes_of
from liftlab.components.geometry.projection import photo_from_view, pixel_centers
from liftlab.components.masks.cache import MaskCache
from liftlab.components.types import Array, Scene, View

DROPPED = 0.1
"""Share of the masks of every view that are left out."""
JITTER_PX = 2
"""Boundaries move in or out by up to so many pixels."""
MIN_PIXELS = 20
UNKNOWN = -1
"""Class of what has none."""


def instance_maps(folder: Path) -> dict[str, Int32[Array, "h w"]]:
    """Instance ids by photo stem, photo pixels; structure keeps its ids."""
    maps = {}
    for path in sorted((folder / "instance").glob("*.png")):
        maps[path.stem] = read_ids(path).astype(np.int32)
    return maps


def oracle_masks(scene: Scene, truth: Path, *, seed: int) -> MaskCache:
    """Masks of every instance with ids shuffled per view, a tenth of them dropped, and boundaries jittered.

    They carry the classes of their instances where the truth names them. Things are objects, structure (table, floor,
    walls) is planes, as a segmenter of everything would mask both.

    Args:
        truth: The capture's `truth` folder.
        seed: Of shuffling, dropping and jitter.
    """
    rng = np.random.default_rng(seed)
    maps = instance_maps(truth)
    class_of = _classes(truth / "objects.json")
    labels = [in_view(view, maps[view.stem]) if view.stem in maps else None for view in scene.views]
    things, structure = [], []
    for image in labels:
        seen = [] if image is None else [(int(i), image == i) for i in np.unique(image) if i > 0]
        own = [(mask, class_of.get(i, UNKNOWN)) for i, mask in seen if i < STRUCTURE_ID]
        things.append(_some(own, rng))
        structure.append(_some([(mask, 0) for i, mask in seen if i >= STRUCTURE_ID], rng))
    masks: list[list[np.ndarray]] = []
    kinds: list[str] = []
    classes: list[list[int]] = []
    for per_view, kind in ((things, "object"), (structure, "plane")):
        for slot in range(max(map(len, per_view))):
            masks.append(
                [
                    found[slot][0] if slot < len(found) else np.zeros(view.image.shape[:2], bool)
                    for view, found in zip(scene.views, per_view, strict=True)
                ]
            )
            classes.append([found[slot][1] if slot < len(found) else UNKNOWN for found in per_view])
            kinds.append(kind)
    cache = MaskCache.build(
        scene.key,
        masks,
        sizes=[view.image.shape[:2] for view in scene.views],
        kinds=kinds,
        foreground=[kind == "object" for kind in kinds],
        scores=[1.0] * len(kinds),
    )
    if not class_of:
        return cache
    return replace(cache, classes=np.array(classes, np.int16).reshape(-1, len(scene.views)).T)


def _classes(path: Path) -> dict[int, int]:
    """Class of every instance; empty where the truth names none."""
    if not path.is_file():
        return {}
    listed = json.loads(path.read_text(encoding="utf-8"))
    return classes_of(listed["objects"] if isinstance(listed, dict) else listed) or {}


def in_view(view: View, labels: Int32[Array, "h w"]) -> Int32[Array, "H W"]:
    """A label map in photo pixels as the view sees it, nearest pixel."""
    height, width = view.image.shape[:2]
    xy = np.floor(photo_from_view(view, pixel_centers(width, height))).astype(np.intp)
    inside = (xy >= 0).all(axis=-1) & (xy[..., 0] < labels.shape[1]) & (xy[..., 1] < labels.shape[0])
    x, y = (np.clip(xy[..., i], 0, labels.shape[1 - i] - 1) for i in range(2))
    return np.where(inside, labels[y, x], 0).astype(np.int32)


def _some(
    masks: list[tuple[Bool[Array, "H W"], int]], rng: np.random.Generator
) -> list[tuple[Bool[Array, "H W"], int]]:
    """Masks and their classes in random order, some dropped, each with its boundary moved."""
    kept = [masks[i] for i in rng.permutation(len(masks)) if rng.random() >= DROPPED]
    jittered = [(_jittered(mask, rng), own) for mask, own in kept if mask.sum() >= MIN_PIXELS]
    return [(mask, own) for mask, own in jittered if mask.sum() >= MIN_PIXELS]


def _jittered(mask: Bool[Array, "H W"], rng: np.random.Generator) -> Bool[Array, "H W"]:
    """The outline moved by a smooth random amount of up to `JITTER_PX` pixels in or out."""
    field = cv2.GaussianBlur(rng.normal(size=mask.shape), (0, 0), 6)
    shift = np.clip(JITTER_PX * field / field.std(), -JITTER_PX, JITTER_PX)
    inner = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outer = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return (inner - outer + shift) > 0.5
