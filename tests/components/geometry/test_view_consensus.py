"""Points whose other views disagree are dropped, points nobody else sees are kept."""

import numpy as np

from liftlab.components.geometry.view_consensus import agreed_points
from liftlab.components.masks.graph.scene_graph import view_depths
from tests.toy import make_toy


def box_masks(toy):
    return [toy.masks.mask(view, 1) for view in range(len(toy.scene.views))]


def test_points_inside_every_mask_agree():
    toy = make_toy()
    masks = box_masks(toy)
    everything = [np.ones_like(mask) for mask in masks]
    ids = np.arange(len(toy.scene.pointmap.points), dtype=np.int32)
    assert agreed_points(toy.scene, view_depths(toy.scene), ids, everything).all()


def test_a_mask_that_leaks_in_one_view_adds_no_points():
    toy = make_toy()
    scene, masks = toy.scene, box_masks(toy)
    leaky = [np.ones_like(masks[0]), *masks[1:]]
    offsets = scene.pointmap.offsets
    height, width = masks[0].shape
    ids = np.arange(offsets[0], offsets[1], dtype=np.int32)
    inside = masks[0][scene.pointmap.valid[0, :height, :width]]
    agreed = agreed_points(scene, view_depths(scene), ids, leaky)
    assert agreed[inside].mean() > 0.9
    seen_elsewhere = agreed_points(scene, view_depths(scene), ids, [np.zeros_like(m) for m in masks])
    assert agreed[~inside & ~seen_elsewhere].mean() < 0.1


def test_points_no_other_view_sees_are_kept():
    toy = make_toy()
    depths = np.zeros_like(view_depths(toy.scene))
    ids = np.arange(50, dtype=np.int32)
    nothing = [np.zeros_like(mask) for mask in box_masks(toy)]
    assert agreed_points(toy.scene, depths, ids, nothing).all()


def test_no_points_give_no_answer():
    toy = make_toy()
    assert agreed_points(toy.scene, view_depths(toy.scene), np.zeros(0, np.int32), box_masks(toy)).shape == (
        0,
    )
