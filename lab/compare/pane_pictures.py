"""What a pane of the comparison shows in 3D: the answer lit, who agrees with it, or what its method has learnt."""

from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import UInt8

from liftlab.components.agreement import EVERYBODY, OTHERS, SELF
from liftlab.components.types import Array
from liftlab.pictures.palette import rgb
from liftlab.view3d.drawing import ShownObject
from liftlab.view3d.tones import offers_features

if TYPE_CHECKING:
    from collections.abc import Hashable

    from liftlab.compare.comparison import Comparison
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session
    from liftlab.view3d.surfaces import SurfaceName

PaneView = Literal["photo", "pca", "likeness", "clusters"]
"""Photo colours with the answer lit; or the features of the method, see `pipelines.methods.shared.feature_views`."""
STANDING = {
    EVERYBODY: ("#0072B2", "all agree"),
    SELF: ("#E69F00", "this method, not all"),
    OTHERS: ("#CC79A7", "only other methods"),
}
"""Colour and meaning of what is selected at all, in the agreement view; what nobody selects keeps its colour."""


def views_of(session: "Session") -> "list[PaneView]":
    """Views that a pane of this method offers."""
    return ["photo", "pca", "likeness", "clusters"] if offers_features(session) else ["photo"]


def answer_shown(state: "ObjectState | None", colour: str) -> tuple[ShownObject, ...]:
    """The pane's answer, lit in the object's colour; nothing without an answer."""
    if state is None or state.answer is None or not state.count:
        return ()
    return (ShownObject(state.id, state.answer, state.answer.selected, rgb(colour)),)


def standing_shown(comparison: "Comparison", pane: int, token: "Hashable") -> tuple[ShownObject, ...]:
    """What the answers select, as seen from one pane, in the colours of `STANDING`; nothing with fewer than two.

    Args:
        token: Another one when an answer changed.
    """
    found: dict[SurfaceName, np.ndarray | None] = {}

    def selected(surface: "SurfaceName", level: int) -> np.ndarray:
        if surface not in found:
            found[surface] = comparison.standing_in_3d(pane, surface)
        standing = found[surface]
        assert standing is not None
        return standing == level

    if comparison.standing_in_3d(pane, "points") is None:
        return ()
    return tuple(
        ShownObject(-level, (token, level), lambda s, level=level: selected(s, level), rgb(colour))
        for level, (colour, _) in STANDING.items()
    )


def feature_shades(
    session: "Session", state: "ObjectState | None", view: Literal["pca", "likeness", "clusters"]
) -> UInt8[Array, "N 3"]:
    """A colour per Gaussian. InputError for "likeness" without a click."""
    from liftlab.pipelines.methods.shared.feature_views import feature_colours

    return feature_colours(session.prepared, view, state.prompts if state is not None else ())
