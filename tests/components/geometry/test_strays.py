"""Points of an object that are few and lie apart."""

import numpy as np

from liftlab.components.geometry.strays import stray_points


def ring(count: int, seed: int = 0) -> np.ndarray:
    """A thin ring with a bar that touches it: hollow, long, unevenly dense."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, count)
    circle = np.stack([np.cos(angle), np.sin(angle), rng.normal(0, 0.01, count)], axis=1)
    bar = np.stack([rng.uniform(1, 3, count // 10), *rng.normal(0, 0.01, (2, count // 10))], axis=1)
    return np.concatenate([circle, bar])


def test_a_handful_far_away_is_stray_and_the_object_whole() -> None:
    whole = ring(5000)
    far = np.array([[9, 0, 0], [9.1, 0, 0], [0, -40, 3], [0, 0, 1e6], [np.nan, 0, 0]])
    found = stray_points(np.concatenate([whole, far]))
    assert not found[: len(whole)].any()
    assert found[len(whole) :].all()


def test_two_halves_of_an_object_and_a_near_outlier_stay() -> None:
    rng = np.random.default_rng(1)
    halves = np.concatenate(
        [rng.normal(0, 0.1, (900, 3)), rng.normal(0, 0.1, (100, 3)) + np.array([3, 0, 0])]
    )
    assert not stray_points(halves).any(), "a tenth of the points, however far, is a part"
    near = np.concatenate([ring(2000), [[1.1, 0.05, 0.05]]])
    assert not stray_points(near).any()


def test_too_few_to_tell_and_none_at_all() -> None:
    assert not stray_points(np.array([[0.0, 0, 0]] * 8 + [[9, 9, 9]])).any()
    assert stray_points(np.zeros((0, 3))).shape == (0,)
    assert not stray_points(np.zeros((100, 3))).any()
