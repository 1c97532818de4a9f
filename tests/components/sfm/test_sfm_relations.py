"""Photos that contradict each other, and parts that were put together where equal things lie on each other."""

import cv2
import numpy as np
import pytest

from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.sfm.model import Matches
from liftlab.components.sfm.relations import Relations, angle_between, joined_by_links, relations_of
from tests.textured_scene import looking_at, render, room, walk

NOTHING = np.zeros((8, 8))
ALL = np.ones(8, bool)
FIRST_SIX = [True] * 6 + [False] * 2


def likeness(within: float, across: float, *, scene: float = 1.0) -> Relations:
    """Eight photos in two parts of six and two; everything compared, .8 usual in every pair."""
    side = np.arange(8) >= 6
    alike = scene * np.where(side[:, None] == side, within, across) * (1 - np.eye(8))
    return Relations(NOTHING, NOTHING, alike, 0.8 * (1 - np.eye(8)))


def test_the_photo_with_most_against_it_leaves_first() -> None:
    agree, conflict = np.ones((4, 4)) - np.eye(4), np.zeros((4, 4))
    conflict[3, :3] = conflict[:3, 3] = 1
    agree[3, :3] = agree[:3, 3] = 0
    zeros = np.zeros((4, 4))
    assert Relations(agree, conflict, zeros, zeros).consistent(np.ones(4, bool)).tolist() == [True] * 3 + [
        False
    ]
    assert Relations(agree, zeros, zeros, zeros).consistent(np.ones(4, bool)).all()


@pytest.mark.parametrize("scene", [1.0, 0.5])
def test_a_part_whose_links_are_weaker_than_its_place_lets_expect_is_doubted(scene: float) -> None:
    """Also in a scene whose photos all look half as alike as usual."""
    assert likeness(0.8, 0.64, scene=scene).main_part(ALL).all()
    assert likeness(0.8, 0.37, scene=scene).main_part(ALL).tolist() == FIRST_SIX
    assert likeness(0.8, 0.37, scene=scene).main_part(~np.array(FIRST_SIX)).sum() == 2


def test_one_chance_likeness_does_not_hold_a_part() -> None:
    relations = likeness(0.8, 0.2)
    relations.alike[5, 6] = relations.alike[6, 5] = 0.7
    assert relations.main_part(ALL).tolist() == FIRST_SIX


def test_a_part_that_nothing_compares_with_the_rest_stays_unless_something_contradicts_it() -> None:
    relations, conflict = likeness(0.8, 0.0), np.zeros((8, 8))
    relations.usual[:6, 6:] = relations.usual[6:, :6] = 0
    assert relations.main_part(ALL).all()
    conflict[0, 6] = conflict[6, 0] = 0.25
    against = Relations(NOTHING, conflict, relations.alike, relations.usual)
    assert against.main_part(ALL).tolist() == FIRST_SIX
    assert Relations(NOTHING, NOTHING, NOTHING, NOTHING).main_part(ALL).all()


def test_parts_are_joined_while_their_links_add_up() -> None:
    link = np.zeros((5, 5))
    for (a, b), weight in {(0, 1): 2.0, (2, 3): 1.5, (1, 2): 0.3, (0, 3): -0.2, (3, 4): -1.0}.items():
        link[a, b] = link[b, a] = weight
    assert joined_by_links(link, np.arange(5)) == [[0, 1, 2, 3], [4]]
    link[0, 3] = link[3, 0] = -0.4
    assert joined_by_links(link, np.arange(5)) == [[0, 1], [2, 3], [4]]
    assert joined_by_links(link, np.array([3, 4])) == [[3], [4]]


def views_of(cameras: list) -> list[DepthView]:
    out = []
    for camera in cameras:
        photo, depth, _ = render(room(), camera)
        grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        out.append(DepthView(grey, camera, depth))
    return out


def test_the_angle_between_views_is_that_of_their_places_seen_from_the_scene() -> None:
    # Round the middle of the wall at z = 5, three away from it.
    at = [(3 * np.sin(a), 0.0, 5 - 3 * np.cos(a)) for a in np.radians([0, 20])]
    first, second = views_of([looking_at(place, (0, 0, 5), 160, 120) for place in at])
    assert angle_between(first, second) == pytest.approx(20, abs=4)
    assert angle_between(first, first) == pytest.approx(0, abs=1e-3)
    away = views_of([looking_at((0, 0, -1), (0, 0, -9), 160, 120)])[0]
    assert angle_between(first, away) == 180


def test_right_views_are_one_part_and_look_as_alike_as_usual() -> None:
    views = views_of(walk(4, 160, 120))
    none = Matches(np.zeros((0, 2), int), np.zeros(1, int), np.zeros((0, 4), np.float32))
    partners = [[other for other in range(4) if other != view] for view in range(4)]
    relations = relations_of(views, partners, range(4), [], none, {})
    assert relations.main_part(np.ones(4, bool)).all()
    compared = relations.usual > 0
    assert compared.sum() == 12
    assert np.median(relations.alike[compared] / relations.usual[compared]) > 0.8
