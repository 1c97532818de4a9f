"""Features as colours, for every registered method that holds features."""

import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.shared.feature_views import feature_colours, holds_features
from tests.toy import box_of_gaussians, gaussian_toy, make_toy


@pytest.fixture(scope="module", params=["saga", "unic_lift", "gaga", "proto_saga", "contrastive_lift"])
def prepared(request: pytest.FixtureRequest):
    entry, toy = get_method(request.param), gaussian_toy()
    method = entry.make(entry.quick, device=torch.device("cpu"))
    return method.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )


def at(box: int) -> Prompt:
    rows, columns = np.nonzero(gaussian_toy().instance[1] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return Prompt(1, np.array([[columns[middle] + 0.5, rows[middle] + 0.5]]), np.array([True]))


def test_every_view_gives_a_colour_per_gaussian(prepared) -> None:
    assert holds_features(prepared)
    owner = box_of_gaussians(gaussian_toy())
    for view in ("pca", "clusters", "likeness"):
        colours = feature_colours(prepared, view, [at(2)])
        assert colours.shape == (len(owner), 3) and colours.dtype == np.uint8
        assert np.array_equal(colours, feature_colours(prepared, view, [at(2)]))


def test_the_box_of_the_last_click_is_lightest(prepared) -> None:
    owner = box_of_gaussians(gaussian_toy())
    lightness = feature_colours(prepared, "likeness", [at(1), at(2)]).astype(float) @ [0.299, 0.587, 0.114]
    means = [lightness[owner == k].mean() for k in range(4)]
    assert np.argmax(means) == 2, means


def test_without_a_click_there_is_nothing_to_compare_with(prepared) -> None:
    with pytest.raises(InputError, match="Click on something first"):
        feature_colours(prepared, "likeness")


def test_look_ups_hold_no_features() -> None:
    entry, toy = get_method("wildseg3d"), make_toy()
    method = entry.make(entry.quick, device=torch.device("cpu"))
    state = method.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )
    assert not holds_features(state)
