"""Masks and label maps as PNG, and as COCO annotations with names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt16

from liftlab.components.files import atomic_write, write_json
from liftlab.components.png import png_bytes
from liftlab.components.text.names import kind_of
from liftlab.components.types import Array


@dataclass(frozen=True)
class NamedMasks:
    """One object's masks."""

    name: str
    """A number at its end counts objects of one category: "mug 1" and "mug 2" are two mugs."""
    masks: Mapping[str, Bool[Array, "_ _"]]
    """Photo file name to mask, photo pixels; photos without the object may be left out."""


def write_mask_png(path: Path, mask: Bool[Array, "h w"]) -> None:
    """8-bit grey PNG: 255 inside, 0 outside."""
    _write_png(path, mask.astype(np.uint8) * np.uint8(255))


def write_label_png(path: Path, labels: UInt16[Array, "h w"]) -> None:
    """16-bit grey PNG: object ids, 0 = none."""
    _write_png(path, labels)


def coco_of(photos: Mapping[str, tuple[int, int]], objects: Sequence[NamedMasks]) -> dict[str, Any]:
    """COCO detection JSON with compressed RLE.

    Args:
        photos: File name to (width, height) of every photo, photo pixels.
        objects: In order; their names without a number at the end are the categories, and each is an instance of
            its own, the same in all photos.

    Raises:
        ValueError: A mask is not its photo's size.
    """
    from pycocotools import mask as rle

    category_of = [kind_of(entry.name) for entry in objects]
    category_ids = {name: number for number, name in enumerate(dict.fromkeys(category_of), start=1)}
    image_ids = {name: number for number, name in enumerate(photos, start=1)}
    annotations: list[dict[str, Any]] = []
    for instance, (category, entry) in enumerate(zip(category_of, objects, strict=True), start=1):
        for name, mask in entry.masks.items():
            if mask.shape != photos[name][::-1]:
                raise ValueError(
                    f"masks must have their photo's size {photos[name][::-1]} (h, w); got {mask.shape} "
                    f"for {name}."
                )
            if not mask.any():
                continue
            encoded = rle.encode(np.asfortranarray(mask.view(np.uint8)))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_ids[name],
                    "category_id": category_ids[category],
                    "object": entry.name,
                    "instance_id": instance,
                    "segmentation": {
                        "size": [int(side) for side in encoded["size"]],
                        "counts": str(encoded["counts"], "ascii"),  # type: ignore[call-overload]  # bytes
                    },
                    "area": int(rle.area(encoded)),
                    "bbox": [float(value) for value in rle.toBbox(encoded)],
                    "iscrowd": 0,
                }
            )
    return {
        "info": {"description": "LiftLab object masks", "version": "1"},
        "licenses": [],
        "images": [
            {"id": image_ids[name], "file_name": name, "width": width, "height": height}
            for name, (width, height) in photos.items()
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": "object"} for name, number in category_ids.items()
        ],
        "annotations": annotations,
    }


def write_coco(path: Path, photos: Mapping[str, tuple[int, int]], objects: Sequence[NamedMasks]) -> None:
    """Write `coco_of`."""
    write_json(path, coco_of(photos, objects))


def _write_png(path: Path, image: Array) -> None:
    with atomic_write(path) as file:
        file.write(png_bytes(image))
