"""The voxel graph of the toy scene: surfaces apart, things connected, pixels know their voxels."""

from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.masks.graph.scene_graph import (
    SceneGraph,
    SceneGraphConfig,
    build_scene_graph,
    surface_of_leaves,
    trusted_pixels,
)
from liftlab.components.types import Pointmap, Scene
from tests.toy import FLOOR, Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120)


@pytest.fixture(scope="module")
def graph(toy: Toy) -> SceneGraph:
    return build_scene_graph(toy.scene, SceneGraphConfig())


def test_the_floor_is_a_surface_and_the_boxes_are_not(toy: Toy, graph: SceneGraph) -> None:
    seen = graph.labels_in_view(0, graph.surface.astype(int), -1)
    known = graph.voxel_of_pixel[0] >= 0
    assert (seen[known & (toy.instance[0] == FLOOR)] >= 0).mean() > 0.9
    boxes = known & (toy.instance[0] != FLOOR)
    assert (seen[boxes] >= 0).mean() < 0.15  # only their feet


def test_boxes_that_touch_are_one_component_and_the_free_one_is_its_own(toy: Toy, graph: SceneGraph) -> None:
    seen = graph.labels_in_view(0, graph.component, -1)
    names = [np.bincount(seen[(toy.instance[0] == box) & (seen >= 0)]).argmax() for box in (1, 2, 3)]
    assert names[0] != names[1] == names[2]


def test_voxels_lie_on_the_surface_they_were_made_from(toy: Toy, graph: SceneGraph) -> None:
    ids = graph.voxel_of_pixel[1]
    own = (ids >= 0) & toy.scene.pointmap.valid[1]
    off = np.linalg.norm(graph.points[ids[own]] - toy.scene.pointmap.pts3d[1][own], axis=1)
    assert np.quantile(off, 0.95) < 2 * graph.voxel * graph.scale


def test_normals_of_the_floor_point_up(graph: SceneGraph) -> None:
    assert np.median(graph.normals[graph.surface == 0] @ np.array([0, 0, 1.0])) > 0.95


def test_a_leaf_lies_on_one_surface_and_in_one_component(graph: SceneGraph) -> None:
    for field in (graph.surface, graph.component):
        for leaf in range(0, graph.num_leaves, 7):
            assert len(np.unique(field[graph.leaf == leaf])) == 1
    assert (surface_of_leaves(graph) == -1).any() and (surface_of_leaves(graph) == 0).any()


def test_equal_scenes_give_equal_graphs(toy: Toy, graph: SceneGraph) -> None:
    again = build_scene_graph(toy.scene, SceneGraphConfig())
    assert np.array_equal(again.leaf, graph.leaf) and np.array_equal(
        again.voxel_of_pixel, graph.voxel_of_pixel
    )


def test_save_and_load(graph: SceneGraph, tmp_path: Path) -> None:
    graph.save(tmp_path)
    back = SceneGraph.load(tmp_path, scene_key=graph.scene_key)
    assert isinstance(back.voxel_of_pixel, np.memmap)
    for name in ("points", "leaf", "edges", "surface"):
        assert np.array_equal(getattr(back, name), getattr(graph, name))
    assert back.scale == graph.scale and back.planes[0].offset == graph.planes[0].offset


def test_the_rim_of_a_depth_step_is_not_trusted() -> None:
    depth = np.ones((20, 30), np.float32)
    depth[:, 15:] = 2.0
    depth[3, 3] = 0
    trusted = trusted_pixels(depth, jump=0.03, rim_px=2)
    assert not trusted[:, 13:17].any() and not trusted[3, 3]
    assert trusted[10, :12].all() and trusted[10, 18:].all()
    slope = np.tile(np.linspace(1, 1.2, 30, dtype=np.float32), (20, 1))  # 0.6 % per pixel: a table, no step
    assert trusted_pixels(slope, jump=0.03, rim_px=2).all()


def test_a_scene_without_depth_is_refused_with_a_sentence(toy: Toy) -> None:
    nothing = Pointmap(
        toy.scene.pointmap.pts3d, toy.scene.pointmap.conf, np.zeros_like(toy.scene.pointmap.valid)
    )
    with pytest.raises(InputError, match="Too few pixels"):
        build_scene_graph(Scene(toy.scene.views, nothing, "empty"), SceneGraphConfig())
