"""How well measured objects fit a `Query`: a score in [0, 1] for each, so that objects can be ranked.

Every condition of a description is a grade between 0 and 1 and they multiply. Colours and given names are strict;
size, shape and place are lenient (a floor), because people use them loosely and colours decide first. An order
("largest", "second from the left") is applied last, among the objects that satisfy the rest.
"""

from typing import assert_never

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from liftlab.components.errors import InputError, closest
from liftlab.components.text.attributes import Attributes
from liftlab.components.text.colours import BEIGE_IS_BROWN, NAMES, NEUTRAL, SPILLS
from liftlab.components.text.grammar import (
    Colour,
    Description,
    Length,
    Named,
    Not,
    Order,
    Place,
    Property,
    Query,
    Term,
)
from liftlab.components.text.names import answers_to
from liftlab.components.types import Array

Scores = Float[Array, "O"]

SOFT_FLOOR = 0.25
"""What is left of a score when a size, shape or place does not fit at all."""
BESIDE_COLOUR = 0.5
"""Exponent of the grade of a size or shape beside a colour: "the small brown thing" is the brown one, even where it is
not small, before something small with a little brown."""
COLOUR_HALF = 0.15
"""Share of an object that must have a colour for half of the full grade."""
PAINTS = [i for i, name in enumerate(NAMES) if name not in (*NEUTRAL, "beige")]
"""Columns of the colours that are neither neutral nor, as beige, nearly so."""
MATCHES = 0.5
"""Objects with at least this share of the best score count as satisfying a description."""
LENGTH_SOFTNESS = 0.04
"""Of the borders of real lengths, as a share: what is measured a few per cent wrong is in doubt."""
LENGTH_NEAR = 0.2
"""How far "10 cm tall" may be off, as a share, for a third of the full grade."""
FIRST_PHOTO_WEIGHT = 0.9
"""How much the photo that "left" and "behind" refer to counts against the mean of all."""


class Matcher:
    """Grades of the objects of one scene for the terms of one query."""

    def __init__(
        self,
        objects: Attributes,
        *,
        prior: Float[Array, "O"] | None = None,
        names: dict[int, str] | None = None,
        photo: str | None = None,
        metres_per_unit: float | None = None,
    ) -> None:
        """
        Args:
            objects: What was measured.
            prior: How likely each object is meant at all, in [0, 1]; None = all alike.
            names: Object id to the name a person gave.
            photo: Whose left and right are meant; None = the first.
            metres_per_unit: Metres of one scene unit; None while it is not known: real lengths then fit nothing.

        Raises:
            InputError: There is no such photo.
        """
        self.objects = objects
        self.metres_per_unit = metres_per_unit
        self.prior = np.ones(objects.count) if prior is None else prior
        self.names = names or {}
        self.view = _view_of(photo, objects.photos)
        self.size = np.cbrt(np.prod(np.nan_to_num(objects.extent) + 1e-6, axis=1))
        self.trees = [KDTree(cloud) if len(cloud) else None for cloud in objects.clouds]
        self.scale = float(np.median(self.size[self.prior > 0.5])) if (self.prior > 0.5).any() else 1.0

    def scores(self, wanted: Description) -> Scores:
        """Score of every object for a description."""
        return self._ordered(wanted, self._graded(wanted))

    def _graded(self, wanted: Description) -> Scores:
        out = self.prior.copy()
        coloured = any(isinstance(term, Colour) for term in wanted.terms)
        for term in wanted.terms:
            loose = coloured and isinstance(term, Property)
            out = out * self._grade(term) ** (BESIDE_COLOUR if loose else 1.0)
        return out

    def _ordered(self, wanted: Description, scores: Scores) -> Scores:
        for order in wanted.orders:
            values = self._measure(order)
            values = np.where(np.isfinite(values), values, np.inf)
            known = np.isfinite(values)
            meant = known & (scores >= MATCHES * scores[known].max(initial=0)) & (scores > 0)
            sequence = np.flatnonzero(meant)[np.argsort(values[meant], kind="stable")]
            if order.descending:
                sequence = sequence[::-1]
            if len(sequence) == 0:
                continue
            first = min(order.rank, len(sequence)) - 1 if order.rank > 0 else len(sequence) - 1
            distance = np.abs(np.arange(len(sequence)) - first) + np.where(
                np.arange(len(sequence)) < first, 0.5, 0
            )
            place = np.full(self.objects.count, np.inf)
            place[sequence] = distance
            grade = np.where(np.isfinite(place), 1 / (1 + place), 0.0)
            top = scores[meant].max()
            scores = np.where(meant, top * grade, scores * 0.1)
        return scores

    def _grade(self, term: Term) -> Scores:
        match term:
            case Colour(names):
                return np.max([self._colour(name) for name in names], axis=0)
            case Property(name):
                return _soft(self._property(name))
            case Length():
                return self._length(term)
            case Named(name):
                given = (self.names.get(int(i), "") for i in self.objects.object_ids)
                return np.array([float(name.casefold() in answers_to(one)) for one in given])
            case Place():
                return _soft(self._place(term))
            case Not(inner):
                return self._grade_of_not(inner)
        assert_never(term)

    def _grade_of_not(self, term: Term) -> Scores:
        if isinstance(term, Colour):
            most = np.maximum(self.objects.colours.max(axis=1), 1e-9)
            return 1 - _rising(np.max([self._share(name) for name in term.names], axis=0) / most, 0.55, 0.07)
        if isinstance(term, Property):
            return _soft(1 - self._property(term.name))
        if isinstance(term, Place):
            return _soft(1 - self._place(term))
        return 1 - self._grade(term)

    def _length(self, term: Length) -> Scores:
        """Grade of a real length: sure but for what measuring a few per cent wrong would change."""
        extent = np.sort(self.objects.extent, axis=1)
        length, width, height = self.objects.extent.T
        side = {
            "height": height, "length": length, "width": width, "thickness": extent[:, 0],
            "longest": extent[:, 2],
        }[term.measure]  # fmt: skip
        ratio = side * (self.metres_per_unit or np.nan) / term.metres
        match term.bound:
            case "below":
                grade = _rising(-np.log(np.maximum(ratio, 1e-6)), 0.0, LENGTH_SOFTNESS)
            case "above":
                grade = _rising(np.log(np.maximum(ratio, 1e-6)), 0.0, LENGTH_SOFTNESS)
            case "near":
                grade = _near(ratio, 1.0, LENGTH_NEAR)
        return np.nan_to_num(grade)

    # Colours

    def _share(self, name: str) -> Scores:
        share = self.objects.colours[:, NAMES.index(name)]
        if name == "brown":
            share = share + BEIGE_IS_BROWN * self.objects.colours[:, NAMES.index("beige")]
        return share

    def _colour(self, name: str) -> Scores:
        """Grade of a colour. Where a colour that it could be the shade of is commoner, only that share of it counts;
        of white, grey and black only the share that these together have beside paint.
        """
        share = self._share(name)
        spills = [self.objects.colours[:, NAMES.index(other)] for other in SPILLS[name]]
        share = share * share / np.maximum(np.max([share, *spills], axis=0), 1e-9)
        grade = share**2 / (share**2 + COLOUR_HALF**2)
        if name in NEUTRAL:
            neutral = self.objects.colours[:, [NAMES.index(other) for other in NEUTRAL]].sum(axis=1)
            paint = self.objects.colours[:, PAINTS].sum(axis=1)
            grade = grade * neutral / np.maximum(neutral + paint, 1e-9)
        return grade

    # Sizes, shapes, places in the photo

    def _property(self, name: str) -> Scores:
        o = self.objects
        length, width, height = np.maximum(np.nan_to_num(o.extent), 1e-6).T
        slim = height / np.sqrt(length * width)
        lying = np.sqrt(length * width) / height
        elongated = np.maximum(length, height) / np.maximum(np.minimum(width, height), 1e-6)
        match name:
            case "large":
                return self._rank(self.size)
            case "small":
                return self._rank(-self.size)
            case "tall":
                return np.maximum(self._rank(height), 0.8 * _rising(slim, 1.3, 0.25))
            case "short":
                return np.maximum(self._rank(-height), 0.8 * _rising(lying, 1.6, 0.3))
            case "wide":
                return self._rank(length)
            case "thin":
                return np.maximum(_rising(slim, 1.6, 0.3), _rising(lying, 3.0, 0.4))
            case "flat":
                return _rising(lying, 2.6, 0.35)
            case "long" | "stick_like":
                return _rising(elongated, 2.3, 0.4)
            case "upright":
                return _rising(slim, 1.2, 0.2)
            case "lying":
                return _rising(lying, 1.3, 0.2)
            case "round":
                return self._round()
            case "ball_like":
                return self._round() * _near(slim, 1.0, 0.45)
            case "disc_like":
                return self._round() * _rising(lying, 2.0, 0.4)
            case "ring_like":
                return self._round() * _rising(lying, 1.3, 0.3)
            case "cylindrical":
                return (
                    _near(length / width, 1.0, 0.5)
                    * _rising(slim, 0.9, 0.2)
                    * _rising(o.solidity, 0.88, 0.03)
                )
            case "box_like":
                return (
                    _rising(o.boxness, 0.88, 0.02)
                    * _rising(o.solidity, 0.86, 0.03)
                    * (1 - 0.5 * self._round())
                )
            case "dark":
                return self._rank(-o.lightness)
            case "light":
                return self._rank(o.lightness)
            case "colourful":
                return self._rank(-(o.colours**2).sum(axis=1))
            case "plain":
                return self._rank((o.colours**2).sum(axis=1))
            case "left":
                return self._rank(-self._x())
            case "right":
                return self._rank(self._x())
            case "front":
                return self._rank(-self._depth())
            case "back":
                return self._rank(self._depth())
            case "middle":
                return self._rank(-self._off_middle())
            case "corner":
                x, y = self._rank(self._x()) - 0.5, self._rank(self._depth()) - 0.5
                return np.minimum(4 * np.abs(x * y), 1.0)
            case "alone":
                return self._rank(self._gap_to_nearest())
        raise AssertionError(f"no measure for the property '{name}'")

    def _round(self) -> Scores:
        return _rising(self.objects.roundness, 0.66, 0.05)

    def _rank(self, values: Scores) -> Scores:
        """Place among the likely objects: 0 = smallest value, 1 = largest; ties share a place."""
        likely = (self.prior > 0.5) & np.isfinite(values)
        if likely.sum() < 2:
            return np.full(len(values), 0.5)
        reference = np.sort(values[likely])
        below = np.searchsorted(reference, values, "left") + np.searchsorted(reference, values, "right")
        return np.where(np.isfinite(values), np.clip((below - 1) / (2 * (len(reference) - 1)), 0, 1), 0.0)

    def _x(self) -> Scores:
        return _with_reference(self.objects.image_x, self.view)

    def _depth(self) -> Scores:
        return _with_reference(self.objects.depth, self.view)

    def _off_middle(self) -> Scores:
        likely = self.prior > 0.5
        center = self.objects.center[:, :2]
        return np.linalg.norm(
            center - np.nanmedian(center[likely] if likely.any() else center, axis=0), axis=1
        )

    # Relations

    def _place(self, term: Place) -> Scores:
        """Grade of a relation: the best over landmarks, each weighted by how well it fits its own description."""
        if len(term.landmarks) == 1 and term.landmarks[0].support:
            return self._on_ground() if term.relation in ("on", "above") else np.full(self.objects.count, 0.5)
        weights = []
        for landmark in term.landmarks:
            scores = self.scores(landmark)
            weights.append((scores / max(scores.max(initial=0), 1e-9)) ** 3)
        out = np.zeros(self.objects.count)
        if term.relation == "between":
            first, second = (np.argsort(-w, kind="stable")[:3] for w in (weights[0], weights[-1]))
            for a in first.tolist():
                for b in second.tolist():
                    if a != b:
                        out = np.maximum(out, weights[0][a] * weights[-1][b] * self._between(a, b))
            return out
        for j in np.flatnonzero(weights[0] > 0.1).tolist():
            grade = weights[0][j] * self._relative(term.relation, j)
            grade[j] = 0.0
            out = np.maximum(out, grade)
        return out

    def _relative(self, relation: str, j: int) -> Scores:
        """How well every object stands in a relation to object `j`."""
        o = self.objects
        match relation:
            case "left_of":
                return self._direction(j, sideways=-1)
            case "right_of":
                return self._direction(j, sideways=+1)
            case "in_front_of":
                return self._direction(j, away=-1)
            case "behind":
                return self._direction(j, away=+1)
            case "on":
                return self._rests(np.arange(o.count), j)
            case "under":
                return np.array([self._rests(np.array([j]), i)[0] for i in range(o.count)])
            case "above":
                return _rising(
                    o.low[:, 2] - o.high[j, 2], -0.2 * self.scale, 0.1 * self.scale
                ) * self._overlap(j)
            case "next_to":
                gap = self._gaps(j)
                return np.exp(-gap / (0.6 * self.scale)) * (1 - 0.5 * self._rests(np.arange(o.count), j))
            case "far_from":
                return self._rank(self._gaps(j))
            case "inside":
                inside = ((o.center > o.low[j]) & (o.center < o.high[j] + 0.3 * self.scale)).mean(axis=1)
                return inside * (self.size < self.size[j])
        raise AssertionError(f"no measure for the relation '{relation}'")

    def _direction(self, j: int, *, sideways: int = 0, away: int = 0) -> Scores:
        """Grade of lying to one side of object `j`, in the photo meant and in most others, and rather near it."""
        o = self.objects
        across = (o.center - o.center[j]) @ np.array([1.0, 0, 0])
        dx = sideways * (o.image_x - o.image_x[:, [j]])
        dz = away * (o.depth - o.depth[:, [j]])
        per_view = _rising(dx, 0.02, 0.015) if sideways else _rising(dz, 0.25 * self.scale, 0.15 * self.scale)
        sure = _with_reference(np.where(np.isfinite(per_view), per_view, np.nan), self.view)
        offset = o.center - o.center[j]
        distance = np.linalg.norm(offset[:, :2], axis=1)
        apart = np.abs(o.depth - o.depth[:, [j]])
        both = np.isfinite(apart)
        deep = np.where(both, apart, 0.0).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
        main = deep if away else np.abs(across)
        straight = np.clip(main / np.maximum(distance, 1e-9), 0, 1)
        return np.nan_to_num(sure) * (0.6 + 0.25 * straight + 0.15 * np.exp(-distance / (4 * self.scale)))

    def _between(self, a: int, b: int) -> Scores:
        center = self.objects.center[:, :2]
        line = center[b] - center[a]
        length = max(float(np.linalg.norm(line)), 1e-9)
        along = (center - center[a]) @ line / length**2
        aside = np.abs((center - center[a]) @ np.array([-line[1], line[0]])) / length**2
        grade = _rising(along, 0.15, 0.05) * _rising(1 - along, 0.15, 0.05) * np.exp(-((aside / 0.35) ** 2))
        grade[[a, b]] = 0.0
        return np.nan_to_num(grade)

    def _rests(self, above: np.ndarray, below: int) -> Scores:
        """How well objects stand on object `below`: their underside is at its top, over its footprint."""
        o = self.objects
        step = np.abs(o.low[above, 2] - o.high[below, 2]) / self.scale
        higher = _rising((o.center[above, 2] - o.center[below, 2]) / self.scale, 0.15, 0.08)
        grade = np.exp(-((step / 0.5) ** 2)) * higher * self._overlap(below)[above]
        return np.where(above == below, 0.0, np.nan_to_num(grade))

    def _overlap(self, j: int) -> Scores:
        """Share of each object's footprint that lies over that of object `j`, as boxes."""
        o = self.objects
        low, high = np.maximum(o.low[:, :2], o.low[j, :2]), np.minimum(o.high[:, :2], o.high[j, :2])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        own = np.prod(np.maximum(o.high[:, :2] - o.low[:, :2], 1e-9), axis=1)
        return np.nan_to_num(shared / np.minimum(own, np.nan_to_num(own[j], nan=1.0)))

    def _on_ground(self) -> Scores:
        if not np.isfinite(self.objects.ground):
            return np.full(self.objects.count, 0.5)
        step = np.abs(self.objects.low[:, 2] - self.objects.ground) / self.scale
        return np.nan_to_num(np.exp(-((step / 0.6) ** 2)))

    def _gaps(self, j: int) -> Scores:
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

    def _gap_to_nearest(self) -> Scores:
        likely = np.flatnonzero(self.prior > 0.5)
        out = np.full(self.objects.count, np.inf)
        for j in likely.tolist():
            gaps = self._gaps(j)
            gaps[j] = np.inf
            out = np.minimum(out, gaps)
        return out

    # Orders

    def _measure(self, order: Order) -> Scores:
        o = self.objects
        length, width, height = o.extent.T
        match order.measure:
            case "size":
                return self.size
            case "height":
                return height
            case "length":
                return np.fmax(length, height)
            case "width":
                return length
            case "thickness":
                return np.fmin(width, height)
            case "slimness":
                return height / np.sqrt(length * width)
            case "flatness":
                return np.sqrt(length * width) / height
            case "roundness":
                return o.roundness
            case "top":
                return o.high[:, 2]
            case "lightness":
                return o.lightness
            case "x":
                return self._x()
            case "depth":
                return self._depth()
            case "distance":
                return self._distance_to(order)
        if order.measure in NAMES:
            return self._share(order.measure)
        return self._property(order.measure)

    def _distance_to(self, order: Order) -> Scores:
        if order.landmark is None:
            return self._depth()
        scores = self.scores(order.landmark)
        j = int(np.argmax(scores))
        gaps = self._gaps(j) + 0.1 * np.linalg.norm(self.objects.center - self.objects.center[j], axis=1)
        gaps[j] = np.inf
        return gaps


def rank(
    query: Query,
    objects: Attributes,
    *,
    prior: Float[Array, "O"] | None = None,
    names: dict[int, str] | None = None,
    metres_per_unit: float | None = None,
) -> Float[Array, "O"]:
    """Score of every object for a query, in [0, 1]; all zero when nothing of the query could be used."""
    if query.wanted.empty or objects.count == 0:
        return np.zeros(objects.count)
    matcher = Matcher(objects, prior=prior, names=names, photo=query.photo, metres_per_unit=metres_per_unit)
    return np.clip(matcher.scores(query.wanted), 0, 1)


def _soft(grade: Scores) -> Scores:
    return SOFT_FLOOR + (1 - SOFT_FLOOR) * np.nan_to_num(grade)


def _rising(value: np.ndarray, middle: float, softness: float) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip((value - middle) / softness, -30, 30)))


def _near(value: Scores, target: float, tolerance: float) -> Scores:
    """1 at the target, falling off in the ratio to it."""
    return np.exp(-((np.log(np.maximum(value, 1e-6) / target) / tolerance) ** 2))


def _with_reference(per_view: Float[Array, "V O"], view: int) -> Scores:
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
