"""Smooth surfaces through measured depth of a region of a photo."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from liftlab.components.types import Array

PLANE, SHEET = 3, 6
"""Terms of a plane and of a curved sheet."""
TOLERANCE = 0.006
"""A point lies on a surface within this share of its depth (docs/notes.md 7)."""
TRIALS = 64
"""Random samples per surface; with a third of the points on a plane, one of them is clean in nine of ten cases."""
JUDGES = 600
"""At most so many points judge the trials."""
MIN_POINTS = 30
"""On a surface."""
MIN_SHARE = 0.1
"""Of the points on a plane, for it to be worth a look."""
MAX_PLANES = 3
"""Of a region."""
MIN_SHEET = 0.3
"""Share of the points on a curved sheet: it bends to anything."""


@dataclass(frozen=True)
class Surface:
    """1 / depth as a polynomial of image coordinates: of degree 1 exactly a plane, of degree 2 a curved sheet."""

    coefficients: Float[Array, "C"]
    """Of 1, x, y and for a sheet of x², xy, y², about `center` and in units of `reach`."""
    center: Float[Array, "2"]
    reach: float

    @property
    def curved(self) -> bool:
        return len(self.coefficients) > PLANE

    def depth(self, xy: Float[Array, "N 2"]) -> Float[Array, "N"]:
        """Along +Z at image points; 0 where the surface lies behind the camera."""
        inverse = _terms((xy - self.center) / self.reach, len(self.coefficients)) @ self.coefficients
        return np.where(inverse > 0, 1 / np.maximum(inverse, 1e-12), 0)

    def holds(self, xy: Float[Array, "N 2"], depth: Float[Array, "N"]) -> Bool[Array, "N"]:
        """Which points of known depth lie on it."""
        return np.abs(self.depth(xy) / depth - 1) < TOLERANCE


def surfaces_through(
    xy: Float[Array, "N 2"], depth: Float[Array, "N"], rng: np.random.Generator
) -> Iterator[Surface]:
    """Planes one after the other, each through what the ones before leave, and a curved sheet through all.

    Args:
        xy: Image points.
        depth: Along +Z, > 0.
        rng: Of the random samples.
    """
    left = np.ones(len(xy), bool)
    for _ in range(MAX_PLANES):
        plane = fit_surface(xy[left], depth[left], PLANE, rng)
        if plane is None:
            break
        on = plane.holds(xy, depth) & left
        if on.sum() < max(MIN_POINTS, MIN_SHARE * len(xy)):
            break
        yield plane
        left &= ~on
    sheet = fit_surface(xy, depth, SHEET, rng)
    if sheet is not None and sheet.holds(xy, depth).mean() >= MIN_SHEET:
        yield sheet


def fit_surface(
    xy: Float[Array, "N 2"], depth: Float[Array, "N"], terms: int, rng: np.random.Generator
) -> Surface | None:
    """The surface that most points lie on; None where there are fewer than `MIN_POINTS` or they lie on a line.

    Source: Fischler and Bolles, CACM 1981 (random sample consensus); then least squares of what agrees, twice.
    """
    if len(xy) < MIN_POINTS:
        return None
    center = xy.mean(axis=0)
    reach = max(float(np.abs(xy - center).max()), 1e-6)
    basis, inverse = _terms((xy - center) / reach, terms), 1 / depth
    judges = rng.choice(len(xy), JUDGES, replace=False) if len(xy) > JUDGES else np.arange(len(xy))
    drawn = judges[rng.integers(0, len(judges), (TRIALS, terms))]
    sound = np.abs(np.linalg.det(basis[drawn])) > 1e-9
    if not sound.any():
        return None
    found = np.linalg.solve(basis[drawn[sound]], inverse[drawn[sound]][..., None])[..., 0]
    off = np.abs(found @ basis[judges].T * depth[judges] - 1)
    best = found[np.argmin(np.minimum(off, TOLERANCE).sum(axis=1))]
    for _ in range(2):
        on = np.abs(basis @ best * depth - 1) < TOLERANCE
        if on.sum() < 2 * terms:
            return None
        weighted = basis[on] * depth[on, None]  # relative errors count alike
        best = np.linalg.lstsq(weighted, np.ones(on.sum()), rcond=None)[0]
    return Surface(best, center, reach)


def _terms(xy: Float[Array, "N 2"], terms: int) -> Float[Array, "N C"]:
    x, y = xy.T
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y][:terms], axis=1)
