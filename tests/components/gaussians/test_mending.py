"""A table with a box on it: without the box there is a table, and neither a hole nor a shadow."""

import numpy as np
import pytest

from liftlab.components.gaussians.mending import mend, standing_on
from liftlab.components.gaussians.selection import joined, subset
from liftlab.components.types import DEGREE_0, Gaussians, Plane

TABLE = Plane(normal=np.array([0.0, 0.0, 1.0]), offset=0.0, support=0.5)
WALL = Plane(normal=np.array([0.0, 1.0, 0.0]), offset=-3.0, support=0.2)
SIZE = 0.4
"""Of the box."""


def flat_splats(points: np.ndarray, colours: np.ndarray, width: float = 0.02) -> Gaussians:
    count = len(points)
    return Gaussians(
        means=points.astype(np.float32),
        quats=np.tile([1.0, 0, 0, 0], (count, 1)).astype(np.float32),
        scales=np.tile([width, width, 0.002], (count, 1)).astype(np.float32),
        opacities=np.full(count, 0.9, np.float32),
        sh=((colours[:, None] - 0.5) / DEGREE_0).astype(np.float32),
    )


def wood(points: np.ndarray) -> np.ndarray:
    """Colour of the table: stripes along x, brighter to one side."""
    x, y = points[:, 0], points[:, 1]
    grey = 0.6 + 0.05 * np.sin(40 * y) + 0.04 * x
    return grey[:, None] * np.array([1.0, 0.85, 0.7])


def block(center: tuple[float, float], size: float, colour: tuple[float, float, float]) -> Gaussians:
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (900, 3)) * size
    points[np.arange(900), rng.integers(0, 3, 900)] = size * rng.choice([-0.5, 0.5], 900)  # on its sides
    points += [*center, size / 2]
    return flat_splats(points, np.tile(colour, (900, 1)))


def table() -> np.ndarray:
    x, y = np.meshgrid(np.arange(-2, 2, 0.025), np.arange(-2, 2, 0.025), indexing="ij")
    return np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)


@pytest.fixture
def rest() -> Gaussians:
    """What stays when the box is taken out: a hole, black splats beneath it, a shadow, another box."""
    points = table()
    colours = wood(points)
    shadow = np.linalg.norm((points - [0.15, 0.1, 0])[:, :2] / [0.4, 0.3], axis=1) < 1
    colours[shadow] *= 0.55
    hole = (np.abs(points[:, :2]) < SIZE / 2).all(axis=1)
    below = points[hole] - [0, 0, 0.02]
    left = joined(flat_splats(points[~hole], colours[~hole]), flat_splats(below, np.zeros((len(below), 3))))
    return joined(left, block((1.0, 0.9), 0.3, (0.2, 0.3, 0.8)))


@pytest.fixture
def box() -> Gaussians:
    return block((0, 0), SIZE, (0.8, 0.1, 0.1))


def on_table(gaussians: Gaussians, within: float) -> tuple[np.ndarray, np.ndarray]:
    near = (np.abs(gaussians.means[:, :2]) < within).all(axis=1) & (np.abs(gaussians.means[:, 2]) < 0.03)
    return gaussians.means[near], gaussians.sh[near, 0] * DEGREE_0 + 0.5


def test_hole_and_shadow_become_table(rest: Gaussians, box: Gaussians) -> None:
    before, dark = on_table(rest, 0.6)
    assert np.abs(dark - wood(before)).max() > 0.2
    whole = mend(rest, [box], [WALL, TABLE]).applied(rest)
    points, colours = on_table(whole, 0.6)
    wrong = np.abs(colours - wood(points)).mean(axis=1)
    assert np.quantile(wrong, 0.95) < 0.08 and wrong.max() < 0.15
    wanted = table()
    wanted = wanted[(np.abs(wanted[:, :2]) < 0.5).all(axis=1)]
    gaps = np.linalg.norm(wanted[:, None] - points[None], axis=2).min(axis=1)
    assert gaps.max() < 0.04, "no hole is left"


def test_what_is_not_the_place_stays_as_it_is(rest: Gaussians, box: Gaussians) -> None:
    found = mend(rest, [box], [TABLE])
    gone = rest.means[found.hidden]
    assert np.linalg.norm(gone[:, :2], axis=1).max() < 0.75
    assert not (gone[:, 2] > 0.05).any(), "the other box stands as it did"
    assert np.linalg.norm(found.added.means[:, :2], axis=1).max() < 0.75
    assert np.abs(found.added.means[:, 2]).max() < 0.03, "nothing of the other box is copied"


def test_the_same_twice(rest: Gaussians, box: Gaussians) -> None:
    first, second = (mend(rest, [box], [TABLE]) for _ in range(2))
    np.testing.assert_array_equal(first.hidden, second.hidden)
    np.testing.assert_array_equal(first.added.means, second.added.means)
    np.testing.assert_array_equal(first.added.sh, second.added.sh)


def test_where_nothing_is_left_to_copy_the_colours_around_are_taken(rest: Gaussians, box: Gaussians) -> None:
    near = np.asarray((np.abs(rest.means[:, :2]) < 0.62).all(axis=1))
    small = subset(rest, near)
    points, colours = on_table(mend(small, [box], [TABLE]).applied(small), 0.3)
    assert np.abs(colours - wood(points)).mean() < 0.1
    assert np.linalg.norm(points - [0, 0, 0], axis=1).min() < 0.03


def test_what_an_object_stands_on_is_found_where_the_scene_has_no_plane_of_it(
    rest: Gaussians, box: Gaussians
) -> None:
    whole = mend(rest, [box], [WALL]).applied(rest)
    points, colours = on_table(whole, 0.6)
    assert np.quantile(np.abs(colours - wood(points)).mean(axis=1), 0.95) < 0.08


def test_remains_of_the_object_go_with_it(rest: Gaussians, box: Gaussians) -> None:
    speckled = joined(rest, subset(box, np.arange(0, 900, 30)))
    kept = subset(box, np.setdiff1d(np.arange(900), np.arange(0, 900, 30)))
    found = mend(speckled, [kept], [TABLE])
    assert found.hidden[-30:].all()


def test_an_object_in_the_air_leaves_its_place_as_it_is(rest: Gaussians) -> None:
    lifted = block((0, 0), SIZE, (0.8, 0.1, 0.1))
    lifted.means[:, 2] += 0.3
    assert standing_on(lifted, [TABLE]) is None
    found = mend(rest, [lifted], [TABLE])
    assert not found.hidden.any() and len(found.added.means) == 0


def test_two_objects_one_after_the_other(rest: Gaussians, box: Gaussians) -> None:
    other = block((1.0, 0.9), 0.3, (0.2, 0.3, 0.8))
    bare = subset(rest, np.arange(len(rest.means) - 900))
    whole = mend(bare, [box, other], [TABLE]).applied(bare)
    points, colours = on_table(whole, 1.3)
    assert np.quantile(np.abs(colours - wood(points)).mean(axis=1), 0.99) < 0.1
    assert len(mend(bare, [], [TABLE]).added.means) == 0
