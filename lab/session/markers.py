"""Where a person clicked, to be drawn in 3D and in a photo."""

from dataclasses import dataclass

import numpy as np

from liftlab.components.clicks import best_view_of_point
from liftlab.components.geometry.projection import photo_from_view, view_from_photo
from liftlab.components.types import Scene
from liftlab.session.prompts import PhotoBox, PromptClick, WorldClick

SEARCH_PX = 8
"""A photo click's marker in 3D is taken from the nearest pixel with a point within this many view pixels."""


@dataclass(frozen=True)
class ClickMarker:
    """Where a person clicked."""

    positive: bool
    world: tuple[float, float, float] | None
    """World point under the click; None where the photo has no depth."""
    image: str | None
    """Photo in which to draw it; None when no photo sees the point."""
    xy: tuple[float, float] | None
    """Photo pixels; of a box its centre."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in photo pixels."""


def marker_of(scene: Scene, click: PromptClick) -> ClickMarker:
    """The marker of a click, whose photo is in the scene."""
    if isinstance(click, WorldClick):
        seen = best_view_of_point(scene, np.array(click.world))
        if seen is None:
            return ClickMarker(click.positive, click.world, None, None)
        view = scene.views[seen[0]]
        x, y = photo_from_view(view, np.array(seen[1:])).tolist()
        return ClickMarker(click.positive, click.world, view.name, (x, y))
    if isinstance(click, PhotoBox):
        x, y = (click.box[0] + click.box[2]) / 2, (click.box[1] + click.box[3]) / 2
        return ClickMarker(
            click.positive, _world_at(scene, click.image, x, y), click.image, (x, y), click.box
        )
    return ClickMarker(
        click.positive, _world_at(scene, click.image, click.x, click.y), click.image, (click.x, click.y)
    )


def _world_at(scene: Scene, image: str, x: float, y: float) -> tuple[float, float, float] | None:
    """World point at a photo pixel, from the nearest view pixel that has one."""
    index = scene.view_index(image)
    column, row = view_from_photo(scene.views[index], np.array([x, y], np.float64))
    height, width = scene.views[index].image.shape[:2]
    r0, c0 = int(np.clip(row, 0, height - 1)), int(np.clip(column, 0, width - 1))
    top, left = max(0, r0 - SEARCH_PX), max(0, c0 - SEARCH_PX)
    bottom, right = min(height, r0 + SEARCH_PX + 1), min(width, c0 + SEARCH_PX + 1)
    found = np.argwhere(scene.pointmap.valid[index, top:bottom, left:right])
    if len(found) == 0:
        return None
    offsets = found + np.array([top - r0, left - c0])
    r, c = found[np.argmin((offsets**2).sum(axis=1))]
    px, py, pz = scene.pointmap.pts3d[index, top + r, left + c].tolist()
    return px, py, pz
