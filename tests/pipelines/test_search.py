"""Words to objects over the masks of a method, and the index on disk."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.text.grammar import separate_texts
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.wildseg3d import WildSeg3D
from liftlab.pipelines.search import (
    SearchIndex,
    build_index,
    load_index,
    masks_from_labels,
    masks_of,
    object_prior,
    save_index,
    search,
    search_by_model,
)
from tests.components.text.test_encoder import ColourEncoder
from tests.toy import Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(views=3, width=160, height=120)


@pytest.fixture(scope="module")
def index(toy: Toy) -> SearchIndex:
    return build_index(toy.scene, toy.masks)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("the red box", 1), ("the blue thing", 2), ("something green", 3), ("the tallest thing", 3),
        ("the leftmost thing", 1), ("the thing left of the blue one", 1), ("the thing right of the blue one", 3),
        ("the second thing from the left", 2), ("the largest thing that is not red", 3),
    ],
)  # fmt: skip
def test_words_find_the_boxes(index: SearchIndex, toy: Toy, text: str, box: int) -> None:
    best = search(index, text).found[0]
    for view in range(3):
        found, truth = index.mask(view, best.object_id), toy.instance[view] == box
        assert (found & truth).sum() / (found | truth).sum() > 0.95


def test_results_are_ranked_and_nothing_is_listed_for_nonsense(index: SearchIndex) -> None:
    scores = [found.score for found in search(index, "the large red thing").found]
    assert scores == sorted(scores, reverse=True) and 0 < scores[0] <= 1
    nonsense = search(index, "wug")
    assert nonsense.found == () and "'wug'" in nonsense.message
    assert search(index, "red").message == ""


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("two things", 2, ""),
        ("three things", 3, ""),
        ("two red things", 2, "You asked for 2, and 1 fits."),
        ("one red thing", 1, ""),
        ("9 things", None, "You asked for 9, and 3 fit."),
        (
            "two red wugs",
            2,
            "I don't know 'wugs' without a name you give, guessed names or a text model; used: two, red. "
            "You asked for 2, and 1 fits.",
        ),
    ],
)
def test_a_number_asks_for_so_many_and_is_said_when_it_does_not_fit(
    index: SearchIndex, text: str, count: int | None, message: str
) -> None:
    result = search(index, text)
    assert result.message == message
    assert len(result.found) <= int("".join(c for c in text if c.isdigit()) or 3)
    assert count is None or len(result.found) == count or "1 fits" in message


def test_what_was_left_out_is_not_found_first(index: SearchIndex, toy: Toy) -> None:
    for text, box in (("anything but the red box", 1), ("all but the blue one", 2)):
        best = search(index, text).found[0]
        for view in range(3):
            assert not (index.mask(view, best.object_id) & (toy.instance[view] == box)).mean() > 0.001
    both = {found.object_id for found in search(index, "red box, blue box").found[:2]}
    assert both == {search(index, text).found[0].object_id for text in ("red box", "blue box")}


def test_what_is_tiny_or_lies_in_the_table_counts_less(index: SearchIndex) -> None:
    boxes = index.objects.rows([0, 1, 2])
    size = np.array([[0.4, 0.3, 0.5]] * 3)
    boxes = replace(
        boxes,
        extent=size,
        low=np.zeros((3, 3)),
        high=size,
        ground=0.0,
        over_ground=np.ones(3),
        share=np.ones((3, 3)),
    )
    assert (object_prior(boxes, np.ones(3)) > 0.99).all()
    crumb = replace(boxes, extent=size * [[0.3], [1], [1]])
    assert object_prior(crumb, np.ones(3))[0] < 0.45 and (object_prior(crumb, np.ones(3))[1:] > 0.99).all()
    shadow = replace(boxes, high=size * [[1, 1, 0.01], [1, 1, 1], [1, 1, 1]])
    assert object_prior(shadow, np.ones(3))[0] < 0.3 and (object_prior(shadow, np.ones(3))[1:] > 0.99).all()


def test_an_index_is_the_same_after_saving(index: SearchIndex, tmp_path) -> None:
    save_index(index, tmp_path)
    loaded = load_index(tmp_path)
    for text in ("red", "the largest thing", "next to the blue one", "left of the green thing"):
        before, after = search(index, text).found, search(loaded, text).found
        assert [found.object_id for found in before] == [found.object_id for found in after]
        assert np.allclose([f.score for f in before], [f.score for f in after], atol=1e-4)
    assert np.array_equal(loaded.mask(0, 1), index.mask(0, 1))


def test_labels_become_masks(toy: Toy) -> None:
    labels = [np.where(image <= 3, image, 0).astype(np.uint16) for image in toy.instance]
    masks = masks_from_labels("key", labels)
    assert masks.object_ids.tolist() == [1, 2, 3]
    for view in range(3):
        assert np.array_equal(masks.mask(view, 2), toy.instance[view] == 2)
    assert masks_from_labels("key", [np.zeros((4, 5), np.uint16)]).object_ids.size == 0


def test_a_method_is_searched_through_its_own_masks(toy: Toy) -> None:
    entry = get_method("wildseg3d")
    method = entry.make(entry.config_class(), device=torch.device("cpu"))
    prepared = method.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )
    assert masks_of(method, prepared) is toy.masks

    class LabelsOnly(WildSeg3D):
        search_masks = None

    labelled = LabelsOnly(entry.config_class(), device=torch.device("cpu"))
    assert masks_of(labelled, prepared).object_ids.tolist() == [1, 2, 3]


def test_a_scene_without_objects_finds_nothing(toy: Toy) -> None:
    index = build_index(toy.scene, masks_from_labels(toy.scene.key, [np.zeros((120, 160), np.uint16)] * 3))
    assert search(index, "the red thing").found == ()
    assert search(index, "the red thing").message == "Nothing in this scene fits these words."


def test_names_beat_the_model_and_its_words_are_all_used(index: SearchIndex) -> None:
    embeddings = np.eye(3, dtype=np.float32)[np.arange(index.objects.count) % 3]
    result = search_by_model(index, embeddings, ColourEncoder(), "the red", names={})
    assert result.query.used == ("red",) and result.query.unknown == () and result.found
    named = search_by_model(index, embeddings, ColourEncoder(), "my lamp", names={3: "my lamp"})
    assert named.found[0].object_id == 3 and named.found[0].score == 1.0


def test_an_image_text_model_is_asked_for_each_thing_between_commas(index: SearchIndex) -> None:
    """The best of several texts counts: one text of both fits neither."""
    asked: list[str] = []

    class Listening(ColourEncoder):
        def encode_texts(self, texts):
            asked.extend(texts)
            return super().encode_texts(texts)

    embeddings = np.eye(3, dtype=np.float32)[np.arange(index.objects.count) % 3]
    alone = [
        search_by_model(index, embeddings, ColourEncoder(), text) for text in ("red gizmo", "blue gadget")
    ]
    both = search_by_model(index, embeddings, Listening(), "red gizmo; blue gadget")
    assert {"red gizmo", "blue gadget"} <= set(asked)
    best = {}
    for result in alone:
        for found in result.found:
            best[found.object_id] = max(best.get(found.object_id, 0.0), found.score)
    assert {found.object_id: found.score for found in both.found} == pytest.approx(best)
    assert both.query.used == ("red", "gizmo", "blue", "gadget") and both.query.number is None


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("coffee mug, stapler", ["coffee mug", "stapler"]),
        ("a red thing; a stapler, and the old phone", ["a red thing", "a stapler", "the old phone"]),
        ("Large, red ball", ["Large, red ball"]),
        ("mug, not the blue one", ["mug, not the blue one"]),
        ("mug, next to the ball", ["mug, next to the ball"]),
        ("mug, without a handle", ["mug, without a handle"]),
        ("mug, with a handle", ["mug, with a handle"]),
        ("mug,", ["mug,"]),
        ("; ,", ["; ,"]),
        ("red; green", ["red", "green"]),
    ],
)
def test_what_separates_texts(text: str, texts: list[str]) -> None:
    assert separate_texts(text) == texts
