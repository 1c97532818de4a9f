"""Holes in surfaces are closed by what surrounds them; holes in things stay open."""

import numpy as np
import pytest

from liftlab.components.masks.graph.hole_filling import fill_surfaces
from liftlab.components.masks.graph.scene_graph import SceneGraph

TABLE, WALL, THING = 0, 1, 2


def graph_seen_as(voxels: np.ndarray) -> SceneGraph:
    """Three voxels, one each of a table, a wall and a thing; one view that sees them as told (-1: no depth)."""
    nothing = np.zeros((3, 3), np.float32)
    return SceneGraph(
        scene_key="hand",
        scale=1.0,
        voxel=0.004,
        points=nothing,
        colors=nothing,
        normals=nothing,
        surface=np.array([0, 1, -1], np.int16),
        edges=np.zeros((0, 2), np.int32),
        leaf=np.arange(3, dtype=np.int32),
        component=np.array([-1, -1, 0], np.int32),
        voxel_of_pixel=voxels[None].astype(np.int32),
    )


def filled(voxels: np.ndarray, regions: np.ndarray | None = None) -> np.ndarray:
    regions = np.zeros(voxels.shape, np.uint16) if regions is None else regions.astype(np.uint16)
    return fill_surfaces(graph_seen_as(voxels), regions[None]).voxel_of_pixel[0]


@pytest.fixture
def table() -> np.ndarray:
    return np.full((40, 60), TABLE)


def test_a_hole_in_the_table_becomes_table(table: np.ndarray) -> None:
    table[10:25, 10:30] = -1
    assert (filled(table) == TABLE).all()


def test_a_hole_in_a_thing_stays(table: np.ndarray) -> None:
    table[5:30, 5:40] = THING
    table[12:20, 12:30] = -1
    assert np.array_equal(filled(table), table)


def test_a_thing_without_depth_that_colour_tells_from_the_table_stays_unknown(table: np.ndarray) -> None:
    table[5:30, 5:40] = THING  # its textured rim has depth ...
    table[8:27, 8:37] = -1  # ... its plain middle has none
    table[32:38, 40:59] = -1  # and the cloth beside it has none either
    table[26:33, 36:41] = -1  # a bridge of missing pixels joins the two holes
    regions = np.zeros(table.shape)
    regions[5:30, 5:40] = 1
    out = filled(table, regions)
    assert (out[8:27, 8:37] == -1).all() and (out[33:38, 41:59] == TABLE).all()


def test_each_pixel_takes_the_surface_most_of_the_rim_lies_on() -> None:
    voxels = np.full((40, 60), TABLE)
    voxels[:18] = WALL
    voxels[20:30, 20:40] = -1
    assert (filled(voxels)[20:30, 20:40] == TABLE).all()


def test_known_pixels_never_change_and_nothing_known_fills_nothing() -> None:
    rng = np.random.default_rng(0)
    voxels = rng.integers(-1, 3, (40, 60))
    out = filled(voxels, rng.integers(0, 3, (40, 60)))
    assert np.array_equal(out[voxels >= 0], voxels[voxels >= 0])
    assert (filled(np.full((40, 60), -1)) == -1).all()
