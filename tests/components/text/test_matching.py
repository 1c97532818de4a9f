"""Grades and orders on a hand-placed scene, and laws that hold for any."""

import dataclasses

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.text.attributes import Attributes
from liftlab.components.text.colours import NAMES
from liftlab.components.text.grammar import parse
from liftlab.components.text.matching import rank
from liftlab.components.text.names import callable_names

# name: colour, (right, away) of the centre, base height, (length, width, height)
THINGS = {
    1: ("red", (-1.0, 0.0), 0.0, (0.4, 0.4, 0.4)),
    2: ("red", (1.0, 0.0), 0.0, (0.2, 0.2, 0.2)),
    3: ("blue", (0.0, 0.0), 0.0, (0.3, 0.3, 0.1)),
    4: ("green", (0.0, 0.0), 0.1, (0.1, 0.1, 0.1)),
    5: ("yellow", (0.0, 1.0), 0.0, (0.1, 0.1, 0.6)),
    6: ("white", (0.1, -1.0), 0.0, (0.5, 0.4, 0.05)),
}
VIEWS = 3


def scene() -> Attributes:
    count = len(THINGS)
    colours = np.full((count, len(NAMES)), 0.0)
    rng = np.random.default_rng(0)
    low, high, extent, clouds = [], [], [], []
    for row, (colour, (x, y), base, (length, width, height)) in enumerate(THINGS.values()):
        colours[row, NAMES.index(colour)] = 0.9
        colours[row, NAMES.index("grey")] = 0.1
        size = np.array([length, width, height])
        corner = np.array([x - length / 2, y + 3 - width / 2, base])
        low.append(corner)
        high.append(corner + size)
        extent.append(size)
        clouds.append(corner + rng.random((200, 3)) * size)
    low, high, extent = np.array(low), np.array(high), np.array(extent)
    center = (low + high) / 2
    return Attributes(
        object_ids=np.array(list(THINGS)), colours=colours, lightness=np.linspace(20, 80, count), low=low, high=high,
        center=center, extent=extent, clouds=tuple(clouds),
        image_x=np.tile(0.5 + 0.2 * center[:, 0] / center[:, 1], (VIEWS, 1)), depth=np.tile(center[:, 1], (VIEWS, 1)),
        share=np.full((VIEWS, count), 0.01), roundness=np.full(count, 0.5), boxness=np.full(count, 0.9),
        solidity=np.full(count, 0.95), over_ground=np.ones(count), ground=0.0,
        photos=tuple(f"{v:03d}.jpg" for v in range(VIEWS)),
    )  # fmt: skip


def best(text: str, objects: Attributes | None = None, **options) -> int:
    objects = objects or scene()
    scores = rank(parse(text, names=set(options.get("names", {}).values())), objects, **options)
    return int(objects.object_ids[scores.argmax()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the blue thing", 3),
        ("the large red thing", 1),
        ("the small red thing", 2),
        ("the largest thing", 1),
        ("the second largest red thing", 2),
        ("the smallest thing", 4),
        ("the tallest thing", 5),
        ("the flattest thing", 6),
        ("something flat and white", 6),
        ("the tall thin thing", 5),
        ("the thing on the blue one", 4),
        ("the thing under the green one", 3),
        ("the red thing left of the blue thing", 1),
        ("the red thing right of the blue thing", 2),
        ("the thing behind the blue thing", 5),
        ("the thing in front of the blue thing", 6),
        ("the thing between the two red ones", 3),
        ("the leftmost thing", 1),
        ("the first thing from the right", 2),
        ("the last thing from the left", 2),
        ("the thing at the back", 5),
        ("the nearest thing", 6),
        ("the farthest thing", 5),
        ("the thing nearest to the green one", 3),
        ("the red thing that is not large", 2),
        ("the largest thing that is not red", 6),
        ("the red thing left of the thing under the green one", 1),
        ("the highest red thing", 1),
        ("the darkest red one", 1),
    ],
)
def test_the_best_answer(text: str, expected: int) -> None:
    assert best(text) == expected


def fitting(text: str) -> set[int]:
    """Things that fit at least half as well as the best."""
    scores = rank(parse(text), scene())
    return set(scene().object_ids[scores >= 0.5 * scores.max()].tolist()) if scores.any() else set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anything but red", {3, 4, 5, 6}),
        ("all but the red ones", {3, 4, 5, 6}),
        ("everything other than red and blue", {4, 5, 6}),
        ("all things apart from the green one", {1, 2, 3, 5, 6}),
        ("all things except the largest", {2, 3, 4, 5, 6}),
        ("red thing, blue thing", {1, 2, 3}),
        ("the green one; the yellow one", {4, 5}),
        ("six things", {1, 2, 3, 4, 5, 6}),
        ("things", set()),
    ],
)
def test_which_things_fit(text: str, expected: set[int]) -> None:
    assert fitting(text) == expected


@pytest.mark.parametrize(
    "text", ["red", "the large thing", "left of the blue one", "not red", "largest", "two red things"]
)
def test_scores_are_shares_and_do_not_depend_on_the_order_of_objects(text: str) -> None:
    objects = scene()
    scores = rank(parse(text), objects)
    assert ((scores >= 0) & (scores <= 1)).all()
    turned = objects.rows([3, 5, 0, 1, 4, 2])
    assert np.allclose(rank(parse(text), turned), scores[[3, 5, 0, 1, 4, 2]])


@pytest.mark.parametrize(
    "text", ["the largest red thing left of the blue one", "the tallest thing", "next to the green one"]
)
def test_the_scale_of_the_scene_does_not_matter(text: str) -> None:
    objects, factor = scene(), 37.0
    grown = dataclasses.replace(
        objects, low=objects.low * factor, high=objects.high * factor, center=objects.center * factor,
        extent=objects.extent * factor, depth=objects.depth * factor,
        clouds=tuple(cloud * factor for cloud in objects.clouds),
    )  # fmt: skip
    assert np.allclose(rank(parse(text), grown), rank(parse(text), objects), atol=2e-3)


def test_negation_turns_the_order_of_a_colour_round() -> None:
    red, others = rank(parse("red"), scene()), rank(parse("not red"), scene())
    assert set(np.flatnonzero(red > 0.5)) == {0, 1}
    assert others[[0, 1]].max() < others[2:].min()


def test_what_is_unlikely_to_be_meant_comes_last() -> None:
    prior = np.array([1, 0.1, 1, 1, 1, 1.0])
    assert best("the small red thing", prior=prior) == 1
    assert best("the rightmost red thing", prior=prior) == 1


def painted(shares: dict[int, dict[str, float]]) -> Attributes:
    """The scene with other colours for some objects."""
    objects = scene()
    colours = objects.colours.copy()
    for object_id, own in shares.items():
        colours[object_id - 1] = [own.get(name, 0.0) for name in NAMES]
    return dataclasses.replace(objects, colours=colours)


def test_light_on_a_paint_is_not_another_paint() -> None:
    """A brown thing shines orange; a thing with an orange part has less orange, but means it."""
    objects = painted({1: {"brown": 0.45, "orange": 0.3, "beige": 0.25}, 3: {"blue": 0.75, "orange": 0.25}})
    assert best("the orange thing", objects) == 3
    assert best("the brown thing", objects) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("the white thing", 3), ("the teal thing", 1), ("something grey", 3)]
)
def test_paint_names_a_thing_before_white_does(text: str, expected: int) -> None:
    """A teal clock has a larger white face than a white can has light on it."""
    clock = {"teal": 0.3, "yellow": 0.2, "white": 0.4, "grey": 0.1}
    objects = painted({1: clock, 3: {"white": 0.3, "grey": 0.5, "beige": 0.1, "green": 0.1}, 6: {"red": 1.0}})
    assert best(text, objects) == expected


def test_a_colour_outweighs_a_size() -> None:
    """The only blue thing is large; something small has a little blue."""
    objects = painted({1: {"blue": 0.9, "grey": 0.1}, 3: {"red": 1.0}, 4: {"green": 0.9, "blue": 0.1}})
    assert best("the small blue thing", objects) == 1


def test_named_objects_are_landmarks_and_answers() -> None:
    names = {5: "lamp", 3: "plate"}
    assert best("the lamp", names=names) == 5
    assert best("the thing on the plate", names=names) == 4


def test_left_is_that_of_the_photo_meant() -> None:
    objects = scene()
    mirrored = objects.image_x.copy()
    mirrored[2] = 1 - mirrored[2]
    objects = dataclasses.replace(objects, image_x=mirrored)
    assert best("the leftmost red thing", objects) == 1
    assert best("the leftmost red thing in photo 002", objects) == 2
    assert best("the leftmost red thing in the last photo", objects) == 2
    with pytest.raises(InputError, match="There is no photo '007'"):
        best("the left thing in photo 007", objects)


def test_nothing_used_scores_nothing_and_no_objects_are_no_error() -> None:
    assert not rank(parse("flurbish"), scene()).any()
    assert rank(parse("red"), scene().rows([])).shape == (0,)


def test_an_object_without_points_is_found_by_its_colour() -> None:
    objects = scene()
    nothing = np.full(3, np.nan)
    for name in ("low", "high", "center", "extent"):
        getattr(objects, name)[2] = nothing
    objects = dataclasses.replace(
        objects, clouds=tuple(np.zeros((0, 3)) if i == 2 else c for i, c in enumerate(objects.clouds))
    )
    assert best("the blue thing", objects) == 3
    for text in (
        "left of the red one",
        "the largest thing",
        "next to the green one",
        "on the blue one",
        "alone",
    ):
        assert np.isfinite(rank(parse(text), objects)).all()


def test_real_lengths_pick_by_measured_size() -> None:
    def fits(text: str, metres_per_unit: float) -> set[int]:
        scores = rank(parse(text), scene(), metres_per_unit=metres_per_unit)
        return set(scene().object_ids[scores > 0.5].tolist())

    assert fits("taller than 30 cm", 1.0) == {1, 5}
    assert fits("shorter than 15 cm", 1.0) == {3, 4, 6}
    assert fits("not shorter than 15 cm", 1.0) == {1, 2, 5}
    assert fits("10 cm tall", 0.5) == {2}
    assert fits("wider than 1 m", 3.0) == {1, 6}


@pytest.mark.parametrize("factor", [0.01, 30.0])
def test_lengths_mean_the_same_in_any_unit(factor: float) -> None:
    """Scaling the scene and its scale together changes nothing."""
    objects = scene()
    scaled = dataclasses.replace(objects, extent=objects.extent / factor)
    query = parse("wider than 25 cm")
    own = rank(query, objects, metres_per_unit=1.0)
    assert np.allclose(own, rank(query, scaled, metres_per_unit=factor))


def test_a_kind_finds_all_that_are_numbered() -> None:
    names = {1: "mug 1", 3: "Mug 2", 5: "mugshot", 6: "2"}
    query = parse("the mugs", names=callable_names(names.values()))
    scores = rank(query, scene(), names=names)
    assert scene().object_ids[scores > 0.5].tolist() == [1, 3]
    (only,) = np.flatnonzero(rank(parse("mug 2", names=callable_names(names.values())), scene(), names=names))
    assert scene().object_ids[only] == 3
