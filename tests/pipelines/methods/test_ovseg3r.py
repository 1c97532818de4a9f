"""OVSeg3R on the toy: how clicks are read, how superpoints reach every pixel, and what it costs."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.clicks import Click, ClickList
from liftlab.components.errors import InputError
from liftlab.components.openvocab.answers import Answers, answer_at
from liftlab.components.openvocab.cloud import cloud_of
from liftlab.components.openvocab.inference import Objects
from liftlab.components.openvocab.weights import WEIGHTS, load_trained
from liftlab.components.progress import CancelToken
from liftlab.components.text.word_vectors import word_vectors
from liftlab.components.types import Prompt
from liftlab.pipelines.base import seeded
from liftlab.pipelines.methods.ovseg3r import OvSeg3R, OvSeg3RConfig, OvSeg3RPrepared
from liftlab.pipelines.methods.ovseg3r.clicks import divided, object_in_box, select
from liftlab.pipelines.methods.ovseg3r.spreading import pixels_of, spread
from liftlab.pipelines.offers import SuggestsNames
from tests.toy import Toy, make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy()


@pytest.fixture(scope="module")
def method() -> OvSeg3R:
    return OvSeg3R(OvSeg3RConfig(), device=torch.device("cpu"))


@pytest.fixture(scope="module")
def prepared(toy: Toy, method: OvSeg3R) -> OvSeg3RPrepared:
    """With the objects replaced by hand: superpoint 1 to 3 of the boxes, 0 the floor; an object of each, and a
    pair."""
    made = method.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))
    own = np.where(toy.instance > 3, 0, toy.instance).astype(np.int32)
    masks = np.array([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 1]], bool)
    objects = Objects(
        masks, masks.astype(np.float32), np.array([0.9, 0.8, 0.7, 0.6], np.float32), np.full((4, 2), 0.5, np.float32),
        word_vectors().encode_texts(["mug", "book", "lamp", "chair"]), np.array([1, 2, 3, 2]),
    )  # fmt: skip
    valid = toy.scene.pointmap.valid
    return replace(
        made, point_superpoint=own[valid], pixel_superpoint=own, sizes=np.full(4, 100), objects=objects,
        pairs=np.array([[0, 1], [0, 2], [0, 3], [2, 3]]), answers=Answers(masks, objects.scores, objects.queries),
    )  # fmt: skip


def click(toy: Toy, box: int, view: int, positive: bool = True, granularity: float | None = None) -> Click:
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return Click(view, columns[middle] + 0.5, rows[middle] + 0.5, positive, granularity)


def chosen(prepared: OvSeg3RPrepared, *clicks: Click) -> list[int]:
    found = select(prepared, ClickList(clicks, ()))
    return np.flatnonzero(found.chosen).tolist()


def test_a_click_takes_the_best_object_and_granularity_steps_through_them(
    toy: Toy, prepared: OvSeg3RPrepared
) -> None:
    assert chosen(prepared, click(toy, 2, 0)) == [2]
    assert chosen(prepared, click(toy, 2, 0, granularity=1.0)) == [2, 3]
    found = select(prepared, ClickList((click(toy, 2, 0),), ()))
    assert found.candidates == (2, 4)


def test_negative_clicks_exclude_and_take_away(toy: Toy, prepared: OvSeg3RPrepared) -> None:
    both = click(toy, 2, 0, granularity=1.0)
    assert chosen(prepared, both, click(toy, 3, 1, positive=False)) == [2]
    assert chosen(prepared, click(toy, 3, 1, positive=False), both) == [2]
    assert chosen(prepared, click(toy, 1, 1, positive=False)) == []


def test_where_no_object_is_it_is_said(toy: Toy, prepared: OvSeg3RPrepared) -> None:
    floor = np.argwhere(toy.instance[0] > 3)[0]
    asked = Click(0, floor[1] + 0.5, floor[0] + 0.5, True)
    found = select(prepared, ClickList((asked,), ()))
    assert found.asked_again and np.flatnonzero(found.chosen).tolist() == [0]


def test_a_click_is_answered_by_its_own_query_without_what_must_not_be_in_it() -> None:
    # Superpoints 0 and 1 are one thing, 2 another that touches it; the query at 1 sees both, and is surer of it.
    masks = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 0], [0, 0, 1]], bool)
    answers = Answers(masks, np.array([0.6, 0.9, 0.1, 0.8], np.float32), np.array([0, 1, 1, 2]))
    sizes, touch = np.array([50, 50, 50]), np.array([0, 2])
    assert answer_at(answers, 0, sizes, touch) == 0
    assert answer_at(answers, 1, sizes, touch) == 1
    assert answer_at(answers, 1, sizes, touch, [0]) == 2  # its own, however poor
    assert answer_at(answers, 0, sizes, touch, [1]) is None
    assert answer_at(answers, 2, sizes, touch) == 3
    poor = Answers(masks, np.array([0.6, 0.0, 0.0, 0.8], np.float32), answers.starts)
    assert answer_at(poor, 1, sizes, touch) == 0  # that of one beside it


def test_clicks_of_both_kinds_divide_a_superpoint() -> None:
    places = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]])
    assert divided(places, places[:1], places[3:]).tolist() == [True, True, False, False]


def test_a_box_takes_the_object_that_fills_it(toy: Toy, method: OvSeg3R, prepared: OvSeg3RPrepared) -> None:
    rows, columns = np.nonzero(toy.instance[1] == 3)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)
    result = method.segment(prepared, [Prompt(1, box=box)])
    assert result.object_ids == (3,) and not result.empty
    nothing = method.segment(prepared, [Prompt(1, box=np.array([0, 0, 4, 4.0]))])
    assert nothing.empty and "box" in nothing.message
    from liftlab.components.clicks import Box

    assert object_in_box(prepared, Box(1, *box)) == 2


def test_everything_by_granularity(toy: Toy, method: OvSeg3R, prepared: OvSeg3RPrepared) -> None:
    fine, coarse = (method.decompose(prepared, g)[0] for g in (0.0, 1.0))
    assert set(np.unique(fine)) == {0, 1, 2, 3} and set(np.unique(coarse)) == {0, 1, 4}


def test_its_things_are_whole_and_named(toy: Toy, method: OvSeg3R, prepared: OvSeg3RPrepared) -> None:
    assert isinstance(method, SuggestsNames)
    things = method.named_things(prepared)
    areas = (prepared.objects.masks * prepared.sizes).sum(axis=1)
    assert len(things) < len(areas), "what better ones hold is left out"
    for thing in things:
        scores = [score for _, score in thing.names]
        assert len(scores) == 3 and scores == sorted(scores, reverse=True) and 0 < sum(scores) <= 1
    assert [thing.score for thing in things] == sorted((thing.score for thing in things), reverse=True)
    mug = next(t for t in things if (t.masks[0] == (toy.instance[0] == 1)).mean() > 0.99)
    assert mug.names[0][0] == "mug"


def test_superpoints_reach_every_point_and_pixel(toy: Toy) -> None:
    cloud = cloud_of(toy.scene, 3000)
    truth = toy.instance[toy.scene.pointmap.valid]
    spread_out = spread(toy.scene, cloud, truth[cloud.index].astype(np.int32))
    assert (spread_out == truth).mean() > 0.97
    holes = toy.scene.pointmap.valid.copy()
    holes[0, 30:40, 30:60] = False
    scene = replace(toy.scene, pointmap=replace(toy.scene.pointmap, valid=holes))
    pixels = pixels_of(scene, toy.instance[holes].astype(np.int32))
    assert (pixels >= 0).all() and (pixels == toy.instance).mean() > 0.98


def test_weights_ship_small_and_are_named(toy: Toy) -> None:
    assert WEIGHTS.stat().st_size <= 4 * 2**20
    trained = load_trained()
    assert trained.text_identity == word_vectors().identity and set(trained.novel) <= set(trained.names)
    with pytest.raises(InputError, match="no weights"):
        wrong = OvSeg3R(OvSeg3RConfig(weights="/nowhere.safetensors"), device=torch.device("cpu"))
        wrong.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))


def test_a_click_is_answered_in_milliseconds(toy: Toy, method: OvSeg3R, prepared: OvSeg3RPrepared) -> None:
    one = click(toy, 2, 1)
    prompt = Prompt(1, np.array([[one.x, one.y]]), np.array([True]))
    spent = []
    for _ in range(5):
        start = time.perf_counter()
        method.segment(prepared, [prompt])
        spent.append(time.perf_counter() - start)
    assert min(spent) < 0.05
