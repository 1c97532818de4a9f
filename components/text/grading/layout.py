"""The objects of one scene as one query sees them: which are likely, where they are in the photo that is meant, how far
apart.
"""

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from liftlab.components.errors import InputError, closest
from liftlab.components.text.attributes import Attributes
from liftlab.components.text.grading.grades import Scores
from liftlab.components.types import Array

FIRST_PHOTO_WEIGHT = 0.9
"""How much the photo that "left" and "behind" refer to counts against the mean of all."""


class Layout:
    """Sizes, places and gaps of the objects of one scene, for one query."""

    def __init__(self, objects: Attributes, *, prior: Float[Array, "O"] | None, photo: str | None) -> None:
        """
        Args:
            objects: What was measured.
            prior: How likely each object is meant at all, in [0, 1]; None = all alike.
            photo: Whose left and right are meant; None = the first.

        Raises:
            InputError: There is no such photo.
        """
        self.objects = objects
        self.prior = np.ones(objects.count) if prior is None else prior
        self.view = _view_of(photo, objects.photos)
        self.size = np.cbrt(np.prod(np.nan_to_num(objects.extent) + 1e-6, axis=1))
        self.trees = [KDTree(cloud) if len(cloud) else None for cloud in objects.clouds]
        self.scale = float(np.median(self.size[self.prior > 0.5])) if (self.prior > 0.5).any() else 1.0

    def rank(self, values: Scores) -> Scores:
        """Place among the likely objects: 0 = smallest value, 1 = largest; ties share a place."""
        likely = (self.prior > 0.5) & np.isfinite(values)
        if likely.sum() < 2:
            return np.full(len(values), 0.5)
        reference = np.sort(values[likely])
        below = np.searchsorted(reference, values, "left") + np.searchsorted(reference, values, "right")
        return np.where(np.isfinite(values), np.clip((below - 1) / (2 * (len(reference) - 1)), 0, 1), 0.0)

    def x(self) -> Scores:
        """Place from left to right in the photo that is meant and, less, in the others."""
        return with_reference(self.objects.image_x, self.view)

    def depth(self) -> Scores:
        """Distance from the photographer, likewise."""
        return with_reference(self.objects.depth, self.view)

    def off_middle(self) -> Scores:
        """Distance on the ground from the middle of the likely objects."""
        likely = self.prior > 0.5
        center = self.objects.center[:, :2]
        return np.linalg.norm(
            center - np.nanmedian(center[likely] if likely.any() else center, axis=0), axis=1
        )

    def overlap(self, j: int) -> Scores:
        """Share of each object's footprint that lies over that of object `j`, as boxes."""
        o = self.objects
        low, high = np.maximum(o.low[:, :2], o.low[j, :2]), np.minimum(o.high[:, :2], o.high[j, :2])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        own = np.prod(np.maximum(o.high[:, :2] - o.low[:, :2], 1e-9), axis=1)
        return np.nan_to_num(shared / np.minimum(own, np.nan_to_num(own[j], nan=1.0)))

    def gaps(self, j: int) -> Scores:
        """Smallest distance between the points of each object and those of object `j`; inf where unknown."""
        tree = self.trees[j]
        out = np.full(self.objects.count, np.inf)
        if tree is None:
            return out
        for i, cloud in enumerate(self.objects.clouds):
            if len(cloud):
                near, _ = tree.query(cloud[:: max(1, len(cloud) // 400)])
                out[i] = np.percentile(near, 2)
        return out

    def gap_to_nearest(self) -> Scores:
        """Distance to the nearest likely object; inf where unknown."""
        likely = np.flatnonzero(self.prior > 0.5)
        out = np.full(self.objects.count, np.inf)
        for j in likely.tolist():
            gaps = self.gaps(j)
            gaps[j] = np.inf
            out = np.minimum(out, gaps)
        return out


def with_reference(per_view: Float[Array, "V O"], view: int) -> Scores:
    """Mean over the views, the one that is meant counting as much as all others; NaN where never seen."""
    seen = np.isfinite(per_view)
    weight = np.full(per_view.shape, (1 - FIRST_PHOTO_WEIGHT) / max(len(per_view) - 1, 1))
    weight[view] = FIRST_PHOTO_WEIGHT
    weight = np.where(seen, weight, 0.0)
    total = weight.sum(axis=0)
    sums = (np.where(seen, per_view, 0.0) * weight).sum(axis=0)
    return np.where(total > 0, sums / np.maximum(total, 1e-12), np.nan)


def _view_of(photo: str | None, photos: tuple[str, ...]) -> int:
    """Index of the photo that a text means by name, stem, number or place."""
    if photo is None:
        return 0
    if photo.startswith("#"):
        place = int(photo[1:])
        if place <= len(photos):
            return place - 1 if place > 0 else len(photos) - 1
    for index, name in enumerate(photos):
        stem = name.rsplit(".", 1)[0].casefold()
        if photo in (stem, name.casefold()) or (
            photo.isdigit() and stem.lstrip("0") == photo.lstrip("0") and stem.isdigit()
        ):
            return index
    raise InputError(f"There is no photo '{photo}' in this scene. {closest(photo, list(photos))}")
