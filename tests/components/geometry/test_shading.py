"""Depth and normals as pictures."""

import numpy as np
import pytest

from liftlab.components.geometry.projection import points_from_depth
from liftlab.components.geometry.shading import NOTHING, depth_colours, normal_colours, normals_of
from tests.toy import make_toy

TOY = make_toy()


@pytest.mark.parametrize("view", range(len(TOY.scene.views)))
def test_normals_of_the_floor_point_up(view: int) -> None:
    normals = normals_of(TOY.scene.pointmap.pts3d[view], TOY.scene.views[view].camera)
    floor = TOY.instance[view] == 201
    inner = (
        floor & np.roll(floor, 1, 0) & np.roll(floor, -1, 0) & np.roll(floor, 1, 1) & np.roll(floor, -1, 1)
    )
    inner[[0, -1]], inner[:, [0, -1]] = False, False
    near = inner & (TOY.depth[view] < 4)
    assert near.sum() > 500
    assert np.allclose(normals[near], [0, 0, 1], atol=0.02)


def test_normals_look_at_the_camera_and_are_unit_or_zero() -> None:
    camera = TOY.scene.views[0].camera
    points = points_from_depth(camera, TOY.depth[0])
    normals = normals_of(points, camera)
    length = np.linalg.norm(normals, axis=-1)
    assert np.all((np.abs(length - 1) < 1e-4) | (length == 0))
    assert np.all(((points - camera.center) * normals).sum(axis=-1) <= 1e-6)


def test_missing_neighbours_give_no_normal() -> None:
    points = TOY.scene.pointmap.pts3d[0].copy()
    points[30, 40] = np.nan
    normals = normals_of(points, TOY.scene.views[0].camera)
    assert (normals[30, 39] == 0).all() and (normals[29, 40] == 0).all()
    assert (normal_colours(normals[:1]) == 128).all(), "the border has no neighbours either"


def test_axes_have_the_usual_colours() -> None:
    axes = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, -1]])
    assert normal_colours(axes).tolist() == [[255, 128, 128], [128, 255, 128], [128, 128, 255], [128, 128, 0]]


def test_near_is_warm_far_is_cool_and_unknown_grey() -> None:
    depth = np.linspace(1, 5, 200)
    known = depth < 4.9
    colours = depth_colours(depth, known).astype(int)
    assert (colours[~known] == NOTHING).all()
    assert colours[2, 0] > colours[2, 2] + 80 and colours[190, 2] > colours[190, 0]
    assert (depth_colours(depth, np.zeros(200, bool)) == NOTHING).all()
    assert (
        depth_colours(np.full(200, 3.0), np.ones(200, bool)) == depth_colours(np.full(200, 3.0), known | True)
    ).all()
