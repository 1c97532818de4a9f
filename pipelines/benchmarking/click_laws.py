"""What every method owes to a click, and the pixels in which an answer breaks it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool

from liftlab.components.clicks import CLICK_DISC_PX, Click
from liftlab.components.types import Array

TAKEN_OVER = 0.5
"""Share of a surface from which an answer holds it."""


def unheard(mask: Bool[Array, "H W"], clicks: Sequence[Click]) -> int:
    """Pixels of a photo's answer that do not follow the clicks near them.

    The pixels within `CLICK_DISC_PX` of a click answer as it says; where discs of both signs overlap, the nearer
    click counts and equal distances leave both free.

    Args:
        mask: Answer in one view.
        clicks: Of that view, view pixels.
    """
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    nearest = np.full((2, *mask.shape), np.inf)
    for click in clicks:
        distance = np.hypot(columns + 0.5 - click.x, rows + 0.5 - click.y)
        nearest[int(click.positive)] = np.minimum(nearest[int(click.positive)], distance)
    bound = [(nearest[sign] <= CLICK_DISC_PX) & (nearest[sign] < nearest[1 - sign]) for sign in (0, 1)]
    return int(np.count_nonzero(bound[1] & ~mask)) + int(np.count_nonzero(bound[0] & mask))


def taken_back(before: Bool[Array, "*V H W"], after: Bool[Array, "*V H W"], *, positive: bool) -> int:
    """Pixels that a positive click took away, or that a negative one added."""
    return int(np.count_nonzero(before & ~after if positive else after & ~before))


def surfaces_taken(
    before: Bool[Array, "H W"],
    after: Bool[Array, "H W"],
    surfaces: Sequence[Bool[Array, "H W"]],
    click: Click,
) -> int:
    """Surfaces that a click made the answer hold in its photo although it does not lie on them.

    Args:
        before: Answer in the photo of the click before it.
        after: The answer after it.
        surfaces: Masks of the scene's planes in that photo.
        click: In view pixels.
    """
    row, column = int(click.y), int(click.x)
    return sum(
        not surface[row, column] and _share(before, surface) < TAKEN_OVER <= _share(after, surface)
        for surface in surfaces
        if surface.any()
    )


def _share(answer: Bool[Array, "H W"], surface: Bool[Array, "H W"]) -> float:
    return float(np.count_nonzero(answer & surface)) / float(np.count_nonzero(surface))
