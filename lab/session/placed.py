"""Whether the scene knows where in 3D an answer lies. Where it does not, there are the clicked photos alone."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from liftlab.components.types import Array, Scene, Segmentation
from liftlab.session.prompts import ObjectPrompts, WorldClick, photo_name

KNOWN_SHARE = 0.5
"""An answer has a place in 3D when the depth of at least this share of its pixels is known in a photo that was clicked:
below it most of what would be shown in other photos and in 3D is a guess."""
IN_PHOTO_ONLY = (
    "There is no reliable depth here (sky, glass, a plain or moving surface), so this is the outline in this photo "
    "only. To have it in another photo, click there too; Brush paints it by hand."
)


def known_share(scene: Scene, view: int, mask: Bool[Array, "H W"]) -> float:
    """Share of a mask's pixels (view pixels) whose depth is known; 1 for an empty mask."""
    height, width = mask.shape
    known = scene.pointmap.valid[view, :height, :width]
    return float(known[mask].mean()) if mask.any() else 1.0


def kept_to_photos(
    scene: Scene, found: Segmentation, masks: Sequence[Bool[Array, "_ _"]], asked: ObjectPrompts
) -> tuple[Segmentation, tuple[Bool[Array, "_ _"], ...], bool]:
    """An answer without what is a guess: where it has no place in 3D, only its masks in the photos that a person
    pointed at, and nothing in 3D.

    Args:
        masks: Of every view, view pixels.

    Returns:
        The answer, its masks, and whether it was kept to photos. An answer that a click in 3D is part of has a place.
    """
    if any(isinstance(click, WorldClick) and click.positive for click in asked.clicks):
        return found, tuple(masks), False
    names = {click.image for click in asked.clicks if click.positive and not isinstance(click, WorldClick)}
    pointed = {scene.view_index(photo_name(scene, name)) for name in names}
    pointed = {view for view in pointed if masks[view].any()}
    if not pointed or any(known_share(scene, view, masks[view]) >= KNOWN_SHARE for view in pointed):
        return found, tuple(masks), False
    painted = {scene.view_index(photo_name(scene, stroke.image)) for stroke in asked.strokes}
    shown = tuple(
        mask if view in pointed | painted else np.zeros_like(mask) for view, mask in enumerate(masks)
    )
    nothing = np.zeros_like(found.selected)
    return replace(found, selected=nothing, message=IN_PHOTO_ONLY), shown, True
