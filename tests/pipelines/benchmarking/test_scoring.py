"""Scoring of a method on the toy: protocols, sizes of the truth, photos that were not placed, saved clicks."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liftlab.components.captures.benchmark_layouts import BenchmarkObject, BenchmarkScene, PhotoPoint
from liftlab.components.captures.benchmark_layouts.scene import resized_labels, scene_of_labels
from liftlab.components.errors import InputError
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.text.attributes import measure
from liftlab.components.types import Scene
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.benchmarking.answers import Answers
from liftlab.pipelines.benchmarking.evaluation import score_labels
from liftlab.pipelines.benchmarking.scoring import plain, score_scene
from liftlab.pipelines.offers import VotedObject
from liftlab.pipelines.search import SearchIndex
from tests.toy import FLOOR, Toy, make_toy

NAMES = {1: "red box", 2: "blue box", 3: "green box"}


@dataclass(frozen=True)
class Setting:
    toy: Toy
    segmenter: Any
    prepared: Any

    def answers(self, bench: BenchmarkScene, scene: Scene | None = None) -> Answers:
        return Answers(scene or self.toy.scene, bench, self.segmenter, self.prepared)


@pytest.fixture(scope="module")
def setting() -> Setting:
    import torch

    toy = make_toy()
    entry = get_method("wildseg3d")
    segmenter = entry.make(entry.config_class(), device=torch.device("cpu"))
    prepared = segmenter.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )
    return Setting(toy, segmenter, prepared)


def bench_of(toy: Toy, *, scale: int = 1, extra: str | None = None) -> BenchmarkScene:
    """The toy's truth, `scale` times as large as its photos; `extra` names a further photo nobody placed."""
    labels = {
        view.name: np.where(instance == FLOOR, 0, instance).astype(np.int32)
        for view, instance in zip(toy.scene.views, toy.instance, strict=True)
    }
    labels = {name: np.kron(m, np.ones((scale, scale), np.int32)) for name, m in labels.items()}
    if extra is not None:
        labels[extra] = next(iter(labels.values()))
    return scene_of_labels(
        "toy", "LiftLab", Path("toy"), photos=tuple(Path(name) for name in labels), scored=tuple(labels),
        labels_of=labels.__getitem__, names=NAMES, objects=(1, 2, 3),
    )  # fmt: skip


def test_exact_masks_score_one(setting: Setting) -> None:
    score = score_scene(setting.answers(bench_of(setting.toy)), clicks=3, seed=0)
    assert [entry.name for entry in score.objects] == list(NAMES.values())
    assert all(entry.ious[0] > 0.95 for entry in score.objects)
    assert score.everything is not None and score.everything.recall == 1 and score.everything.pq > 0.9
    assert score.click_secs > 0 and score.unregistered == ()
    json.dumps(plain(score), allow_nan=False)


def test_a_truth_of_another_size_scores_alike(setting: Setting) -> None:
    """Clicks go to the same places and masks are compared in the truth's pixels."""
    small = score_scene(setting.answers(bench_of(setting.toy)), clicks=1, seed=0)
    large = score_scene(setting.answers(bench_of(setting.toy, scale=2)), clicks=1, seed=0)
    for one, other in zip(small.objects, large.objects, strict=True):
        assert other.ious == pytest.approx(one.ious)
        a, b = one.clicks[0], other.clicks[0]
        assert a.photo == b.photo and abs(a.x - b.x) <= 1 and abs(a.y - b.y) <= 1


def test_a_photo_that_was_not_placed_counts_as_empty(setting: Setting) -> None:
    score = score_scene(setting.answers(bench_of(setting.toy, extra="lost.png")), clicks=1, seed=0)
    assert score.unregistered == ("lost.png",)
    assert all(0.5 < entry.ious[0] < 0.9 for entry in score.objects)


def test_only_unplaced_photos_clicked_gives_nothing(setting: Setting) -> None:
    answers = setting.answers(bench_of(setting.toy))
    masks = answers.of_points([PhotoPoint("nowhere.png", 3.5, 3.5, True)])
    assert not any(mask.any() for mask in masks) and "could be placed" in answers.message


def test_saved_clicks_are_given_again(setting: Setting) -> None:
    bench = bench_of(setting.toy, scale=2)
    first = score_scene(setting.answers(bench), clicks=2, seed=0)
    saved = {entry.name: entry.clicks for entry in first.objects}
    again = score_scene(setting.answers(bench), clicks=2, seed=0, saved=saved)
    assert [entry.ious for entry in again.objects] == [entry.ious for entry in first.objects]
    del saved["blue box"]
    with pytest.raises(InputError, match="no clicks on blue box"):
        score_scene(setting.answers(bench), clicks=2, seed=0, saved=saved)
    saved["blue box"] = (PhotoPoint("other.png", 1.5, 1.5, True),)
    with pytest.raises(InputError, match=r"in other\.png, which is no photo"):
        score_scene(setting.answers(bench), clicks=2, seed=0, saved=saved)


def test_points_are_given_at_once_and_follow_the_seed(setting: Setting) -> None:
    base = bench_of(setting.toy)
    rows, columns = np.nonzero(base.truth_of(1, base.scored[0]) == 1)
    drawn: list[int] = []

    def points(generator: np.random.Generator) -> tuple[PhotoPoint, ...]:
        index = int(generator.integers(len(rows)))
        drawn.append(index)
        return (PhotoPoint(base.scored[0], columns[index] + 0.5, rows[index] + 0.5, True),)

    bench = replace(
        base, protocol="points", labels_of=None, scored=base.scored[1:],
        objects=(BenchmarkObject(1, "red box", points=points),),
    )  # fmt: skip
    for seed in (0, 0, 1):
        score = score_scene(setting.answers(bench), clicks=9, seed=seed)
        (entry,) = score.objects
        assert len(entry.ious) == 1 and entry.ious[0] > 0.95 and score.everything is None
    assert drawn[0] == drawn[1] != drawn[2]


def asked_by_words(setting: Setting, encoder: Any = None) -> Answers:
    """The toy's boxes, which words may find; made by hand so that no finding of things decides."""
    toy = setting.toy
    bench = replace(bench_of(toy), protocol="text")
    answers = Answers(toy.scene, bench, setting.segmenter, setting.prepared, encoder=encoder)
    with pytest.MonkeyPatch.context() as patch:
        index = SearchIndex(toy.masks, measure(toy.scene, toy.masks, [1, 2, 3]), np.ones(3))
        patch.setattr("liftlab.pipelines.benchmarking.answers.build_index", lambda *_: index)
        answers.of_text("anything")
    return answers


def test_words_find_the_object_that_fits(setting: Setting) -> None:
    answers = asked_by_words(setting)
    assert np.array_equal(answers.of_text("blue")[1], setting.toy.instance[1] == 2)
    assert answers.selection is not None and answers.selection.object_ids == (2,)
    assert not any(mask.any() for mask in answers.of_text("xyzzy")) and "xyzzy" in answers.message
    assert answers.selection is None


class Jeweller:
    """An image-text model that knows one colour by a name no list of colours has."""

    identity = "jeweller"

    def encode_images(self, images: Any) -> np.ndarray:
        return self._unit([image.reshape(-1, 3).mean(axis=0) - 127 for image in images])

    def encode_texts(self, texts: Any) -> np.ndarray:
        known = {"almandine": (1, -1, -1), "tsavorite": (-1, 1, -0.5)}
        return self._unit([known.get(text, (-1, -1, -1)) for text in texts])

    def _unit(self, rows: Any) -> np.ndarray:
        given = np.array(rows, np.float32)
        return given / np.linalg.norm(given, axis=1, keepdims=True)


def test_an_image_text_model_ranks_where_there_is_one(setting: Setting) -> None:
    answers = asked_by_words(setting, Jeweller())
    for text, box in (("almandine", 1), ("tsavorite", 3)):
        answers.of_text(text)
        assert answers.selection is not None and answers.selection.object_ids == (box,)
        found = answers.projected(())
        assert found is not None
        truth = setting.toy.instance[1] == box
        assert (found[1][1] & truth).sum() / (found[1][1] | truth).sum() > 0.7
    by_attributes = asked_by_words(setting)
    assert not any(mask.any() for mask in by_attributes.of_text("almandine"))


def test_a_method_that_votes_for_words_answers_by_itself(setting: Setting) -> None:
    """With an image-text model; its own selection is what is projected."""
    toy = setting.toy
    selected = toy.instance[toy.scene.pointmap.valid] == 2
    masks = tuple(view == 2 for view in toy.instance)

    class Voting(type(setting.segmenter)):
        def voter(self, prepared: Any, encoder: Any, *, cancel: CancelToken) -> Any:
            return lambda text, among: (VotedObject(0.9, selected, masks),) if text == "it" else ()

    method = Voting(setting.segmenter.config, device=setting.segmenter.device)
    bench = replace(bench_of(toy), protocol="text")
    answers = Answers(toy.scene, bench, method, setting.prepared, encoder=Jeweller(), votes=True)
    assert np.array_equal(answers.of_text("it")[1], masks[1])
    assert answers.selection is not None and np.array_equal(answers.selection.selected, selected)
    assert not any(mask.any() for mask in answers.of_text("other")) and answers.selection is None
    assert "agree on nothing" in answers.message
    assert asked_by_words(replace(setting, segmenter=method)).of_text("blue")[1].any()  # asked by attributes
    with pytest.raises(InputError, match="does not vote for words: choose saga"):
        Answers(toy.scene, bench, setting.segmenter, setting.prepared, encoder=Jeweller(), votes=True)


def test_a_scene_without_objects_is_refused(setting: Setting) -> None:
    with pytest.raises(InputError, match="no object that is large enough"):
        score_scene(setting.answers(replace(bench_of(setting.toy), objects=())), clicks=1, seed=0)


def test_resizing_keeps_labels() -> None:
    labels = np.arange(12, dtype=np.int32).reshape(3, 4)
    assert np.array_equal(resized_labels(resized_labels(labels, (6, 8)), (3, 4)), labels)
    assert set(np.unique(resized_labels(labels, (7, 5)))) <= set(range(12))


def test_labels_that_split_an_object_lower_pq_and_precision(setting: Setting) -> None:
    bench = bench_of(setting.toy)
    assert bench.labels_of is not None
    exact = [bench.labels_of(photo) for photo in bench.scored]
    split = [np.where((m == 1) & (np.arange(m.shape[1]) % 2 == 0), 9, m).astype(np.int32) for m in exact]
    perfect, broken = score_labels(bench, exact), score_labels(bench, split)
    assert perfect.pq == perfect.mean_iou == perfect.precision == perfect.ap50 == 1
    assert broken.pq < 0.9 and broken.precision < 1 and broken.best_iou < 1
