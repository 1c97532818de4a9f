"""Splats of a scene that was rearranged: nothing is lost, nothing is doubled that was not asked for."""

import numpy as np
import pytest

from liftlab.components.types import Gaussians
from liftlab.export.arranged_splats import add_objects, arranged, rearranged_object, within
from liftlab.session.arrangement import Placement

LEFT, RIGHT = np.arange(6) < 3, np.arange(6) >= 4
"""Rows of two objects; row 3 is nobody's."""


def six() -> Gaussians:
    """Six Gaussians at x = 0, 1, 2, 3, 4, 5."""
    means = np.zeros((6, 3), np.float32)
    means[:, 0] = np.arange(6)
    return Gaussians(
        means=means,
        quats=np.tile(np.array([1, 0, 0, 0], np.float32), (6, 1)),
        scales=np.ones((6, 3), np.float32),
        opacities=np.ones(6, np.float32),
        sh=np.zeros((6, 1, 3), np.float32),
    )


def places(gaussians: Gaussians) -> list[tuple[float, float, float]]:
    return sorted(tuple(row) for row in gaussians.means.tolist())


def test_what_was_not_touched_stays_as_it_is() -> None:
    whole, theirs = arranged(six(), [(LEFT, Placement(1)), (RIGHT, Placement(2))], None)
    assert (whole.means == six().means).all()
    assert (theirs[0] == LEFT).all() and (theirs[1] == RIGHT).all()


def test_without_objects_the_scene_is_whole() -> None:
    whole, theirs = arranged(six(), [], None)
    assert (whole.means == six().means).all() and theirs == []


@pytest.mark.parametrize(
    ("placement", "wanted"),
    [
        (Placement(1, removed=True, copies=((9.0, 0.0, 0.0),)), []),
        (Placement(1, offset=(0.0, 2.0, 0.0)), [(x, 2.0, 0.0) for x in (0.0, 1.0, 2.0)]),
        (
            Placement(1, copies=((0.0, 0.0, 1.0),)),
            [(x, 0.0, z) for x in (0.0, 1.0, 2.0) for z in (0.0, 1.0)],
        ),
        (
            Placement(1, offset=(0.0, 2.0, 0.0), copies=((0.0, 0.0, 1.0),)),
            [(x, 2.0, z) for x in (0.0, 1.0, 2.0) for z in (0.0, 1.0)],
        ),
    ],
)
def test_an_object_stands_where_it_was_put(
    placement: Placement, wanted: list[tuple[float, float, float]]
) -> None:
    whole, theirs = arranged(six(), [(LEFT, placement), (RIGHT, Placement(2))], None)
    rest = [(3.0, 0.0, 0.0), (4.0, 0.0, 0.0), (5.0, 0.0, 0.0)]
    assert places(whole) == sorted([*wanted, *rest])
    mine = whole.means[theirs[0]]
    assert sorted(map(tuple, mine.tolist())) == sorted(wanted)
    assert sorted(whole.means[theirs[1]][:, 0].tolist()) == [4, 5]


def test_the_file_of_an_object_holds_it_also_when_it_is_taken_out() -> None:
    assert places(rearranged_object(six(), Placement(1, removed=True, copies=((9.0, 0.0, 0.0),)))) == places(
        six()
    )
    twice = rearranged_object(six(), Placement(1, offset=(1.0, 0.0, 0.0), copies=((0.0, 5.0, 0.0),)))
    assert places(twice) == sorted((x + 1.0, y, 0.0) for x in range(6) for y in (0.0, 5.0))


def test_a_double_alone_is_added_to_a_scene_that_has_the_object() -> None:
    whole = add_objects(six(), [(six(), Placement(1, copies=((0.0, 1.0, 0.0),)))])
    assert places(whole) == sorted((float(x), y, 0.0) for x in range(6) for y in (0.0, 1.0))


def test_a_crop_keeps_what_lies_in_it_after_the_move() -> None:
    crop = ((0.5, -1.0, -1.0), (3.5, 2.5, 1.0))
    whole, theirs = arranged(six(), [(LEFT, Placement(1, offset=(0.0, 2.0, 0.0)))], crop)
    assert places(whole) == [(1.0, 2.0, 0.0), (2.0, 2.0, 0.0), (3.0, 0.0, 0.0)]
    assert theirs[0].sum() == 2
    assert within(six(), crop).tolist() == [False, True, True, True, False, False]
