"""Surfaces, regions, comparisons and sweeps by themselves."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from liftlab.components.pointmaps.completion.comparing import AGREE, APART, colour_costs, votes_on
from liftlab.components.pointmaps.completion.photos import Photos, photos_side_by_side
from liftlab.components.pointmaps.completion.regions import regions_of
from liftlab.components.pointmaps.completion.surfaces import (
    PLANE,
    SHEET,
    fit_surface,
    surfaces_through,
)
from liftlab.components.pointmaps.completion.sweeping import large_planes
from liftlab.components.types import Plane
from tests.components.pointmaps.completion.bare import BOARD as PLANE_OF_BOARD
from tests.components.pointmaps.completion.bare import HEIGHT, WIDTH, bare_board

BOARD = bare_board()


@pytest.fixture(scope="module")
def photos() -> Photos:
    found = photos_side_by_side(BOARD.images, BOARD.cameras, BOARD.pointmap)
    assert found is not None
    return found


def plane_points(rng: np.random.Generator, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    xy = rng.uniform([20, 30], [90, 80], (count, 2))
    return xy, 1 / (0.4 + 0.002 * xy[:, 0] - 0.001 * xy[:, 1])


def test_the_plane_that_most_points_lie_on_is_found_beside_many_that_do_not() -> None:
    rng = np.random.default_rng(0)
    xy, depth = plane_points(rng)
    spoilt = depth.copy()
    spoilt[:150] *= rng.uniform(1.05, 1.5, 150)
    plane = fit_surface(xy, spoilt, PLANE, rng)
    assert plane is not None and not plane.curved
    far = np.array([[5.0, 5.0], [150.0, 110.0]])
    assert np.allclose(plane.depth(far), 1 / (0.4 + 0.002 * far[:, 0] - 0.001 * far[:, 1]), rtol=1e-6)
    assert plane.holds(xy, spoilt).sum() == 250


def test_two_planes_come_one_after_the_other() -> None:
    rng = np.random.default_rng(1)
    xy, depth = plane_points(rng)
    other = xy[:, 0] < 45
    depth[other] = 1 / (0.7 - 0.004 * xy[other, 0])
    found = list(surfaces_through(xy, depth, rng))
    held = [surface.holds(xy, depth) for surface in found if not surface.curved]
    assert len(held) == 2
    assert (held[0] ^ other).mean() > 0.98 and (held[1] == other).mean() > 0.98


def test_a_sheet_follows_what_is_curved() -> None:
    rng = np.random.default_rng(2)
    xy, _ = plane_points(rng)
    depth = 1 / (0.5 - 0.00012 * (xy[:, 0] - 55) ** 2)
    sheet, plane = (fit_surface(xy, depth, terms, rng) for terms in (SHEET, PLANE))
    assert sheet is not None and sheet.curved and sheet.holds(xy, depth).mean() > 0.95
    assert plane is None or plane.holds(xy, depth).mean() < 0.6


def test_points_on_a_line_or_too_few_give_no_plane() -> None:
    rng = np.random.default_rng(3)
    along = np.linspace(0, 50, 60)
    assert fit_surface(np.stack([along, 2 * along], axis=1), np.full(60, 2.0), PLANE, rng) is None
    xy, depth = plane_points(rng, 20)
    assert fit_surface(xy, depth, PLANE, rng) is None


def test_behind_the_camera_a_surface_has_no_depth() -> None:
    rng = np.random.default_rng(4)
    xy, depth = plane_points(rng)
    plane = fit_surface(xy, depth, PLANE, rng)
    assert plane is not None and plane.depth(np.array([[-400.0, 0.0]]))[0] == 0


def test_smallest_regions_cover_the_photo_and_each_region_comes_once() -> None:
    boundary = np.zeros((70, 90), np.float32)
    cv2.circle(boundary, (45, 35), 22, 1.0, 2)
    regions = regions_of(boundary, (0.1, 0.3))
    assert regions.smallest.shape == boundary.shape
    assert (np.unique(regions.smallest) == np.arange(regions.count)).all()
    found = [tuple(members.tolist()) for members in regions.nested()]
    assert len(found) == len(set(found))
    for parent in regions.levels:
        inside = parent[regions.smallest[35, 45]]
        assert inside == parent[regions.smallest[30, 50]] and inside != parent[regions.smallest[3, 3]]


def literal_cost(photos: Photos, view: int, pixel: tuple[int, int], depth: float) -> float:
    costs = []
    camera = photos.cameras[view]
    for other in photos.others(view):
        there = photos.cameras[other]
        ray = np.linalg.inv(camera.K) @ [pixel[1] + 0.5, pixel[0] + 0.5, 1]
        world = camera.camera_to_world @ np.append(ray * depth, 1)
        q = there.world_to_camera @ world
        uv = (there.K @ q[:3] / q[2])[:2] - 0.5
        if q[2] <= 0 or (uv < 0).any() or (uv > np.array([WIDTH, HEIGHT]) - 1.001).any():
            continue
        measured = photos.depths[other][int(uv[1] + 0.5), int(uv[0] + 0.5)]
        if 0 < measured < q[2] * (1 - APART):
            continue
        patch = cv2.remap(
            photos.colours[other],
            np.array([[uv[0]]], np.float32),
            np.array([[uv[1]]], np.float32),
            cv2.INTER_LINEAR,
        )[0, 0]
        difference = np.abs(patch - photos.colours[view][pixel]).sum() / photos.limit
        costs.append(1.0 if measured > q[2] * (1 + APART) else min(difference, 1.0))
    return 1.0 if len(costs) < 2 else float(np.mean(sorted(costs)[: (len(costs) + 1) // 2]))


def test_colour_costs_are_the_literal_ones(photos: Photos) -> None:
    rng = np.random.default_rng(6)
    pixels = np.stack([rng.integers(0, HEIGHT, 60), rng.integers(0, WIDTH, 60)], axis=1)
    true = BOARD.depths[1][tuple(pixels.T)]
    depths = np.stack([true, true * 0.97, true * 1.1, np.zeros(60)]).astype(np.float32)
    found = colour_costs(photos, 1, pixels, depths)
    for d, p in np.ndindex(*found.shape):
        expected = (
            1.0 if depths[d, p] == 0 else literal_cost(photos, 1, tuple(pixels[p]), float(depths[d, p]))
        )
        assert found[d, p] == pytest.approx(expected, abs=0.04), (d, p)  # OpenCV interpolates in 1/32 pixels
    textured = ~BOARD.bare[1][tuple(pixels.T)]
    assert found[0].mean() < 0.6 * found[2].mean() and found[2][textured].mean() > 0.6


def test_votes_count_who_agrees_who_shows_the_same_and_who_sees_through(photos: Photos) -> None:
    depths = BOARD.depths.astype(np.float32)
    votes = votes_on(photos, 1, depths)
    inner = BOARD.bare[1] & (cv2.erode(BOARD.bare[1].astype(np.uint8), np.ones((9, 9))) > 0)
    assert (votes.agree[inner] >= 2).mean() > 0.9 and (votes.alike[inner] == votes.agree[inner]).mean() > 0.8
    assert not votes.agree[~BOARD.bare[1]].any()  # measured pixels are not in question
    near = np.where(BOARD.bare, depths * (1 - 2 * APART), depths)
    near[[0, 2, 3]] = depths[[0, 2, 3]]
    against = votes_on(photos, 1, near)
    assert (against.against[inner] >= 2).mean() > 0.9 and not against.agree[inner].any()
    apart = np.where(BOARD.bare, depths * (1 + (AGREE + APART) / 2), depths)
    apart[[0, 2, 3]] = depths[[0, 2, 3]]
    unsure = votes_on(photos, 1, apart)
    assert not unsure.agree[inner].any() and not unsure.against[inner].any()


def test_exposures_are_brought_together() -> None:
    gains = (1.0, 0.7, 1.2, 0.9)
    dark = bare_board(gains=gains)
    same, other = (
        photos_side_by_side(images, BOARD.cameras, BOARD.pointmap) for images in (BOARD.images, dark.images)
    )
    assert same is not None and other is not None
    spread = [np.ptp(_middles(photos), axis=0).max() for photos in (same, other)]
    assert spread[1] < 0.1 * np.ptp([20 * np.log(gain) for gain in gains]) and spread[0] < 0.5


def _middles(photos: Photos) -> np.ndarray:
    """Mean colour of the bare middle in each photo."""
    return np.stack(
        [colour[bare].mean(axis=0) for colour, bare in zip(photos.colours, BOARD.bare, strict=True)]
    )


def test_a_region_is_placed_on_the_plane_of_the_scene_and_on_one_that_lies_alike(photos: Photos) -> None:
    rows, columns = np.divmod(np.arange(0, HEIGHT * WIDTH, 151), WIDTH)
    pixels, xy = np.stack([rows, columns], axis=1), np.stack([columns, rows], axis=1) + 0.5
    edge_on = Plane(np.array([1.0, 0, 0]), 0.0, 0.1)
    lower = replace(PLANE_OF_BOARD, offset=1.3 * PLANE_OF_BOARD.offset)
    off, rises = {}, {}
    for planes in ([PLANE_OF_BOARD], [edge_on, lower]):
        for found in large_planes(photos, 1, pixels, planes, (0.8, 4.0)):
            key = len(planes), found.swept
            off[key] = np.median(np.abs(found.surface.depth(xy) / BOARD.depths[1][rows, columns] - 1))
            rises[key] = found.rise
    assert off[1, False] < 1e-6 and rises[1, False] > 0.1
    assert off[2, True] < 0.01 and rises[2, True] > 0.1  # its distance was looked for
    assert off[2, False] > 0.2 and rises[2, False] < 0.05
    assert not list(large_planes(photos, 1, pixels, [], (0.8, 4.0)))
