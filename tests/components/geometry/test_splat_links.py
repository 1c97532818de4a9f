"""Points and Gaussians of one scene side by side."""

from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.geometry.splat_links import (
    adjusted_splats,
    nearest_points,
    points_under,
    values_for_gaussians,
)
from tests.toy import make_toy

TOY = make_toy()
GAUSSIANS = gaussians_from_pointmap(TOY.scene.pointmap, TOY.scene.views, count=1500)
SCENE = replace(TOY.scene, gaussians=GAUSSIANS, gaussians_key="g")
NEAREST = nearest_points(SCENE)
MASKS = [instance == 2 for instance in TOY.instance]


def test_a_gaussian_on_a_point_takes_after_a_point_there() -> None:
    assert (NEAREST >= 0).all()
    assert np.allclose(SCENE.pointmap.points[NEAREST], GAUSSIANS.means, atol=1e-6)


def test_a_gaussian_far_from_everything_takes_after_none_unless_it_covers_something() -> None:
    away = replace(GAUSSIANS, means=GAUSSIANS.means + np.float32(50))
    small = replace(SCENE, gaussians=replace(away, scales=np.full_like(away.scales, 0.01)))
    assert (nearest_points(small) == -1).all()
    large = replace(SCENE, gaussians=replace(away, scales=np.full_like(away.scales, 100.0)))
    assert (nearest_points(large) >= 0).all()
    assert not values_for_gaussians(
        np.ones(len(SCENE.pointmap.points), bool), nearest_points(small), default=False
    ).any()


def test_without_gaussians_or_points() -> None:
    with pytest.raises(ValueError, match="Train them first"):
        nearest_points(TOY.scene)
    bare = replace(SCENE, pointmap=replace(SCENE.pointmap, valid=np.zeros_like(SCENE.pointmap.valid)))
    assert (nearest_points(bare) == -1).all()
    assert (
        values_for_gaussians(np.zeros((0, 3), np.uint8), np.full(4, -1), default=7).tolist()
        == [[7, 7, 7]] * 4
    )


def test_points_under_masks_are_those_of_their_pixels() -> None:
    view, row, column = SCENE.pointmap.point_index.T
    assert (points_under(SCENE, MASKS) == (TOY.instance[view, row, column] == 2)).all()


def test_adjusting_to_the_same_masks_changes_nothing_and_back_and_forth_returns() -> None:
    selected = values_for_gaussians(points_under(SCENE, MASKS), NEAREST, default=False)
    nothing = [np.zeros_like(mask) for mask in MASKS]
    assert (adjusted_splats(SCENE, NEAREST, selected, MASKS, MASKS) == selected).all()
    assert not adjusted_splats(SCENE, NEAREST, selected, MASKS, nothing).any()
    emptied = np.zeros_like(selected)
    assert (adjusted_splats(SCENE, NEAREST, emptied, nothing, MASKS) == selected).all()
