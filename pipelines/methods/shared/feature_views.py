"""What a method has learnt, as a colour per Gaussian: for the viewer, and for any method that holds features."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, assert_never, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int, UInt8
from torch import Tensor

from liftlab.components.errors import InputError
from liftlab.components.features.colours import cluster_colours, likeness, likeness_colours, pca_colours
from liftlab.components.types import Array, Prompt
from liftlab.pipelines.methods.shared.gaussian_answers import GaussianViews, seen_clicks
from liftlab.pipelines.methods.shared.label_answers import Labelling

FeatureView = Literal["pca", "likeness", "clusters"]
"""The strongest directions of the features; how alike they are to the last click; the objects."""
OPAQUE = 0.1
"""Gaussians below this opacity have no say in the range of colours."""


@runtime_checkable
class HoldsFeatures(Protocol):
    """Prepared state of a method that has a feature for every Gaussian."""

    views: GaussianViews
    features: Float32[Tensor, "N D"]


@runtime_checkable
class DividesScene(Protocol):
    """Prepared state of a method that gives every Gaussian one object."""

    labelling: Labelling


@runtime_checkable
class HoldsClusters(Protocol):
    """Prepared state of a method whose objects are clusters of its features."""

    labels: Int[Array, "N"]
    """Per Gaussian, 0 = none."""


def holds_features(prepared: Any) -> bool:
    """Whether `feature_colours` can draw this state: methods of points and look-ups have nothing to show."""
    return isinstance(prepared, HoldsFeatures)


def feature_colours(prepared: Any, view: FeatureView, prompts: Sequence[Prompt] = ()) -> UInt8[Array, "_ 3"]:
    """A colour for every Gaussian of the scene.

    Args:
        prepared: State of a method; `holds_features` must hold for it.
        view: What to show.
        prompts: The current object's; "likeness" compares with the last click in them.

    Raises:
        InputError: "likeness" without a click on something solid, or a click outside its photo.
    """
    return prepared.views.of_scene(_colours(prepared, view, prompts))


def _colours(prepared: Any, view: FeatureView, prompts: Sequence[Prompt]) -> UInt8[Array, "N 3"]:
    """A colour for every Gaussian that has a feature."""
    features = prepared.features.cpu().numpy()
    if view == "pca":
        opacities = prepared.views.gaussians.opacities.cpu().numpy()
        return pca_colours(features, counted=opacities >= OPAQUE)
    if view == "clusters":
        return cluster_colours(_objects(prepared))
    if view == "likeness":
        clicks = seen_clicks(prepared.views, prompts)
        seen = clicks.positives or clicks.negatives
        if not seen:
            raise InputError("Click on something first: its features are compared with all others.")
        return likeness_colours(likeness(features, seen[-1].blend(prepared.features).cpu().numpy()))
    assert_never(view)


def _objects(prepared: Any) -> Int[Array, "N"]:
    """Object of every Gaussian, 0 = none: of methods that divide the scene, or by clusters; all 0 of others."""
    if isinstance(prepared, DividesScene):
        return prepared.labelling.gaussians
    if isinstance(prepared, HoldsClusters):
        return prepared.labels
    return np.zeros(len(prepared.features), np.int32)
