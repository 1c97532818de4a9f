"""What is measured of the toy's boxes, and which of its masks are things."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.masks.cache import MaskCache
from liftlab.components.text.attributes import Attributes, frame_of, measure
from liftlab.components.text.colours import NAMES
from liftlab.components.text.things import find_things, meetings, pieces_of_one_thing, put_together
from liftlab.components.types import Plane
from tests.toy import BOXES, FLOOR, GROUP, PLANE, TOP_OF_FIRST, Toy, make_toy

PIXEL = 2.0 / 150
"""Width of a pixel at the toy's distance."""


@pytest.fixture(scope="module")
def toy() -> Toy:
    toy = make_toy(views=3, width=160, height=120)
    floor = Plane(np.array([0.0, 0.0, 1.0]), 0.0, 0.8)
    return Toy(_with_plane(toy.scene, floor), toy.masks, toy.instance, toy.depth)


def _with_plane(scene, plane):
    return replace(scene, planes=(plane,))


@pytest.fixture(scope="module")
def boxes(toy: Toy) -> Attributes:
    return measure(toy.scene, toy.masks, [1, 2, 3])


def test_frames_are_right_handed_level_and_upright(toy: Toy) -> None:
    for view in range(3):
        frame = frame_of(toy.scene, view)
        assert np.allclose(frame[:3, :3] @ frame[:3, :3].T, np.eye(3), atol=1e-9)
        assert np.linalg.det(frame[:3, :3]) == pytest.approx(1)
        assert np.allclose(frame[:3, :3] @ toy.scene.up, [0, 0, 1])
        camera = toy.scene.views[view].camera
        assert np.allclose(frame[:3, :3] @ camera.center + frame[:3, 3], 0, atol=1e-9)


def test_colours_sizes_and_ground_are_those_of_the_boxes(boxes: Attributes) -> None:
    for row, (name, (low, high, _)) in enumerate(zip(("red", "blue", "green"), BOXES, strict=True)):
        assert NAMES[int(boxes.colours[row].argmax())] == name
        assert boxes.colours[row].sum() == pytest.approx(1, abs=1e-5)
        length, width, height = boxes.extent[row]
        assert height == pytest.approx((high - low)[2], abs=4 * PIXEL)
        assert max(length, width) == pytest.approx(max((high - low)[:2]), rel=0.25)
        assert boxes.low[row, 2] - boxes.ground == pytest.approx(0, abs=4 * PIXEL)  # the outline is left out
    assert (boxes.over_ground > 0.9).all()
    assert (boxes.image_x[:, 0] < boxes.image_x[:, 1]).all() and (
        boxes.image_x[:, 1] < boxes.image_x[:, 2]
    ).all()


def test_an_object_seen_nowhere_has_no_place_and_no_colour(toy: Toy) -> None:
    masks = toy.masks.with_object([np.zeros((120, 160), bool)] * 3)
    found = measure(toy.scene, masks, [int(masks.object_ids[-1])])
    assert np.isnan(found.extent).all() and not found.colours.any() and not found.share.any()
    assert measure(toy.scene, masks, []).count == 0


def test_things_are_the_whole_boxes_first(toy: Toy) -> None:
    things = find_things(toy.scene, toy.masks)
    ids = things.object_ids.tolist()
    assert ids[:3] == [1, 2, 3] and (things.weight[:3] == 1).all()
    assert set(ids[3:]) <= {TOP_OF_FIRST, GROUP} and (things.weight[3:] < 1).all()
    assert PLANE not in ids, "structure is no thing"


def cut(toy: Toy, along: np.ndarray) -> MaskCache:
    """A cache in which the first box is two pieces, by a mask [V, H, W] of one of them."""
    box = toy.instance == 1
    pieces = [box & along, box & ~along, toy.instance == 2, toy.instance == 3]
    return MaskCache.build(
        toy.scene.key, [list(piece) for piece in pieces], sizes=[(120, 160)] * 3, kinds=["object"] * 4,
        foreground=[True] * 4, scores=[0.9] * 4,
    )  # fmt: skip


def test_pieces_of_one_face_are_put_together_and_touching_boxes_are_not(toy: Toy) -> None:
    low, high, _ = BOXES[0]
    points = toy.scene.pointmap.pts3d
    masks = cut(toy, points[..., 0] > (low[0] + high[0]) / 2)
    things = find_things(toy.scene, masks)
    whole = things.object_ids[things.weight == 1].tolist()
    assert len(whole) == 3
    joined = next(i for i in whole if i > 4)
    for view in range(3):
        assert np.array_equal(things.masks.mask(view, joined), toy.instance[view] == 1)


def test_meetings_count_each_border_once(toy: Toy) -> None:
    label = np.zeros((40, 40), np.int32)
    label[10:30, 10:20], label[10:30, 20:30] = 1, 2
    met = meetings([label], np.full((1, 40, 40), 2.0, np.float32), [640.0])
    assert met.joined[1, 2] == 20 and met.apart[1, 2] == 0
    assert met.outline[1] == met.outline[2] == 60
    step = np.full((1, 40, 40), 2.0, np.float32)
    step[:, :, 20:] = 2.2
    assert meetings([label], step, [640.0]).apart[1, 2] == 20


def stacked(
    boxes: Attributes, lower: Sequence[float], upper: Sequence[float], *, gap: float = 0.0, aside: float = 0.0
) -> list[tuple[int, int]]:
    """`pieces_of_one_thing` for two boxes given by length, width and height, one over the other."""
    size = np.array([lower, upper])
    low = np.concatenate([-size[:, :2] / 2, [[0.0], [lower[2] + gap]]], axis=1)
    low[1, 0] += aside
    pair = boxes.rows([0, 1])
    return pieces_of_one_thing(replace(pair, low=low, high=low + size, center=low + size / 2, extent=size), 2)


def test_a_cap_on_its_stalk_is_one_thing_and_a_box_on_a_box_is_not(boxes: Attributes) -> None:
    cap = (0.4, 0.4, 0.2)
    assert stacked(boxes, (0.1, 0.1, 0.3), cap) == [(0, 1)]
    assert stacked(boxes, (0.1, 0.1, 0.3), cap, gap=0.2) == [(0, 1)], "the cap hides the top of its stalk"
    assert stacked(boxes, (0.1, 0.1, 0.3), cap, gap=0.4) == []
    assert stacked(boxes, (0.5, 0.5, 0.3), cap) == []


def test_what_stands_in_the_middle_of_a_round_base_is_one_thing_with_it(boxes: Attributes) -> None:
    plate, candle = (0.4, 0.38, 0.05), (0.2, 0.2, 0.4)
    assert stacked(boxes, plate, candle) == [(0, 1)]
    assert stacked(boxes, plate, candle, aside=0.1) == [], "put down on it"
    assert stacked(boxes, (0.6, 0.38, 0.05), candle) == [], "a book is longer than wide"
    assert stacked(boxes, plate, (0.2, 0.2, 0.1)) == [], "lies on it, as food on a plate"
    assert stacked(boxes, (0.4, 0.38, 0.3), candle) == [], "a box under it"


def test_two_pieces_in_one_place_are_one_thing_and_an_apple_in_its_bowl_is_not(boxes: Attributes) -> None:
    mug = (0.3, 0.3, 0.4)
    assert stacked(boxes, mug, (0.3, 0.2, 0.35), gap=-0.4) == [(0, 1)]
    assert stacked(boxes, mug, mug, gap=-0.4, aside=0.2) == [], "they touch"
    assert stacked(boxes, (0.5, 0.5, 0.2), (0.25, 0.25, 0.25), gap=-0.17) == []


def test_put_together_keeps_the_pieces_as_second_choices(toy: Toy) -> None:
    things = find_things(toy.scene, toy.masks)
    together = put_together(things, [(0, 1)])
    new = int(together.object_ids[0])
    assert (
        np.array_equal(together.masks.mask(0, new), toy.masks.mask(0, 1) | toy.masks.mask(0, 2))
        and not (toy.instance[0] == FLOOR)[together.masks.mask(0, new)].any()
    )
    weight = dict(zip(together.object_ids.tolist(), together.weight.tolist(), strict=True))
    assert weight[new] == weight[3] == 1 and weight[1] == weight[2] < 1
