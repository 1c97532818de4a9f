"""How well measured objects fit a `Query`: a score in [0, 1] for each, so that objects can be ranked.

Every condition of a description is a grade between 0 and 1 and they multiply. Colours and given names are strict;
size, shape and place are lenient (a floor), because people use them loosely and colours decide first. An order
("largest", "second from the left") is applied last, among the objects that satisfy the rest.
"""

from typing import assert_never

import numpy as np
from jaxtyping import Float

from liftlab.components.text.attributes import Attributes
from liftlab.components.text.colours import BEIGE_IS_BROWN, NAMES, NEUTRAL, SPILLS
from liftlab.components.text.grading.grades import Scores, near, rising, soft
from liftlab.components.text.grading.layout import Layout
from liftlab.components.text.grading.properties import property_grade
from liftlab.components.text.grading.relations import between_grade, on_ground_grade, relation_grade
from liftlab.components.text.names import answers_to
from liftlab.components.text.query import (
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
    Whole,
)
from liftlab.components.types import Array

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
        self.layout = Layout(objects, prior=prior, photo=photo)
        self.metres_per_unit = metres_per_unit
        self.names = names or {}

    def scores(self, wanted: Description) -> Scores:
        """Score of every object for a description."""
        return self._ordered(wanted, self._graded(wanted))

    def _graded(self, wanted: Description) -> Scores:
        out = self.layout.prior.copy()
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
                return soft(property_grade(self.layout, name))
            case Length():
                return self._length(term)
            case Named(name):
                given = (self.names.get(int(i), "") for i in self.objects.object_ids)
                return np.array([float(name.casefold() in answers_to(one)) for one in given])
            case Place():
                return soft(self._place(term))
            case Not(inner):
                return self._grade_of_not(inner)
            case Whole(description):
                return self._membership(description)
        assert_never(term)

    def _membership(self, description: Description) -> Scores:
        """Whether objects are what a description says; of an order, the first by it alone."""
        if description.orders:
            scores = self.scores(description)
            return ((scores == scores.max(initial=0)) & (scores > 0)).astype(np.float64)
        return np.prod([self._grade(term) for term in description.terms], axis=0)

    def _grade_of_not(self, term: Term) -> Scores:
        if isinstance(term, Whole):
            if term.description.orders:
                return 1 - self._membership(term.description)
            return np.max([self._grade(Not(inner)) for inner in term.description.terms], axis=0)
        if isinstance(term, Not):
            return self._grade(term.term)
        if isinstance(term, Colour):
            most = np.maximum(self.objects.colours.max(axis=1), 1e-9)
            return 1 - rising(np.max([self._share(name) for name in term.names], axis=0) / most, 0.55, 0.07)
        if isinstance(term, Property):
            return soft(1 - property_grade(self.layout, term.name))
        if isinstance(term, Place):
            return soft(1 - self._place(term))
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
                grade = rising(-np.log(np.maximum(ratio, 1e-6)), 0.0, LENGTH_SOFTNESS)
            case "above":
                grade = rising(np.log(np.maximum(ratio, 1e-6)), 0.0, LENGTH_SOFTNESS)
            case "near":
                grade = near(ratio, 1.0, LENGTH_NEAR)
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

    # Relations

    def _place(self, term: Place) -> Scores:
        """Grade of a relation: the best over landmarks, each weighted by how well it fits its own description."""
        if len(term.landmarks) == 1 and term.landmarks[0].support:
            return (
                on_ground_grade(self.layout)
                if term.relation in ("on", "above")
                else np.full(self.objects.count, 0.5)
            )
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
                        out = np.maximum(
                            out, weights[0][a] * weights[-1][b] * between_grade(self.layout, a, b)
                        )
            return out
        for j in np.flatnonzero(weights[0] > 0.1).tolist():
            grade = weights[0][j] * relation_grade(self.layout, term.relation, j)
            grade[j] = 0.0
            out = np.maximum(out, grade)
        return out

    # Orders

    def _measure(self, order: Order) -> Scores:
        o = self.objects
        length, width, height = o.extent.T
        match order.measure:
            case "size":
                return self.layout.size
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
                return self.layout.x()
            case "depth":
                return self.layout.depth()
            case "distance":
                return self._distance_to(order)
        if order.measure in NAMES:
            return self._share(order.measure)
        return property_grade(self.layout, order.measure)

    def _distance_to(self, order: Order) -> Scores:
        if order.landmark is None:
            return self.layout.depth()
        scores = self.scores(order.landmark)
        j = int(np.argmax(scores))
        gaps = self.layout.gaps(j) + 0.1 * np.linalg.norm(
            self.objects.center - self.objects.center[j], axis=1
        )
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
    wanted = [one for one in (query.wanted, *query.others) if one.asks]
    if not wanted or objects.count == 0:
        return np.zeros(objects.count)
    matcher = Matcher(objects, prior=prior, names=names, photo=query.photo, metres_per_unit=metres_per_unit)
    return np.clip(np.max([matcher.scores(one) for one in wanted], axis=0), 0, 1)
