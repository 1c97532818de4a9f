"""A mask as a short text: run lengths as COCO compresses them."""

import numpy as np
from jaxtyping import Bool

from liftlab.components.types import Array


def runs_of(mask: Bool[Array, "H W"]) -> str:
    """COCO's compressed run lengths of a mask, column by column; the mask's size is not part of them."""
    from pycocotools import mask as rle

    return str(rle.encode(np.asfortranarray(mask.view(np.uint8)))["counts"], "ascii")  # type: ignore[call-overload]


def mask_of_runs(runs: str, height: int, width: int) -> Bool[Array, "H W"]:
    """The mask whose `runs_of` are these.

    Raises:
        ValueError: They are of a mask of another size, or cut off.
    """
    from pycocotools import mask as rle

    refusal = f"runs must be those of a mask of {width} x {height} pixels."
    try:
        decoded = rle.decode({"size": [height, width], "counts": runs.encode("ascii")})
    except ValueError as error:
        raise ValueError(refusal) from error
    mask = np.ascontiguousarray(decoded).astype(bool)
    if runs_of(mask) != runs:  # what too few runs leave open, pycocotools fills with whatever memory holds
        raise ValueError(refusal)
    return mask
