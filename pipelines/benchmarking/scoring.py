"""One method on one scene with truth: every object asked for in turn, then everything at once."""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int32

from liftlab.components.captures.benchmark_layouts import BenchmarkObject, PhotoPoint
from liftlab.components.errors import InputError
from liftlab.components.metrics import latency, one_class_each
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.types import Array
from liftlab.pipelines.benchmarking.answers import Answers
from liftlab.pipelines.benchmarking.evaluation import LabelScores, MaskScores, score_labels, score_masks
from liftlab.pipelines.benchmarking.simulated_user import SimulatedClick, replay_clicks, simulate


@dataclass(frozen=True)
class ObjectScore:
    """How one object went."""

    id: int
    name: str
    clicks: tuple[PhotoPoint, ...]
    """What was clicked, photo pixels; empty when words were the prompt."""
    ious: tuple[float, ...]
    """IoU pooled over the scored views after each click; one value when all points come at once."""
    view_ious: tuple[float, ...]
    """Mean over the scored views of the IoU, after each click."""
    last: MaskScores
    """Of the last answer's masks of the photos, as the method gives them: for a lookup, cached 2D masks."""
    message: str = ""
    """What the method had to say about its last answer."""
    new_views_iou: float | None = None
    """Of the last selection, pooled over the held-out views; None where there are none, or they do not show it."""
    projected: MaskScores | None = None
    """Of the last selection projected into the scored photos without prompts, own masks left out; None where all have
    prompts."""


@dataclass(frozen=True)
class SceneScore:
    """How one method went on one scene."""

    objects: tuple[ObjectScore, ...]
    everything: LabelScores | None
    """Of `decompose`, where the truth labels everything."""
    click_secs: float
    """Median seconds of an answer: points selected and the masks of all views, warm-ups left out; NaN when none."""
    click_p95_secs: float
    everything_secs: float | None
    unregistered: tuple[str, ...]
    """Scored photos that the reconstruction could not place; their masks are empty."""


def score_scene(
    answers: Answers,
    *,
    clicks: int,
    seed: int,
    saved: Mapping[str, Sequence[PhotoPoint]] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> SceneScore:
    """Ask for every object by the protocol of the scene, then for everything.

    Args:
        answers: The method on the scene.
        clicks: At most so many simulated clicks per object (protocol "clicks").
        seed: Draws the points of protocol "points".
        saved: Object name to clicks given before; these are given again instead of a simulated user's.
        progress: Share of the objects.
        cancel: Checked between objects.

    Raises:
        InputError: The scene has nothing to score, or `saved` lacks one of its objects.
        Cancelled: `cancel` was set.
    """
    bench, cancel = answers.bench, cancel or CancelToken()
    if not bench.objects:
        raise InputError(f"The truth of {bench.name} holds no object that is large enough to score.")
    generator = np.random.default_rng(seed)
    objects = []
    for number, entry in enumerate(bench.objects):
        cancel.check()
        progress(number / (len(bench.objects) + 1), f"Asking for {entry.name}")
        objects.append(_score_object(answers, entry, clicks, generator, saved))
    everything, everything_secs = None, None
    if bench.labels_of is not None:
        cancel.check()
        progress(len(bench.objects) / (len(bench.objects) + 1), "Segmenting everything")
        started = time.perf_counter()
        labels = answers.everything()
        everything_secs = time.perf_counter() - started
        said = answers.classes()
        classes = None if said is None else one_class_each(labels, said)
        everything = score_labels(bench, labels, classes)
    spent = latency(answers.seconds, warm_ups=min(3, max(len(answers.seconds) - 1, 0)))
    return SceneScore(
        tuple(objects), everything, spent.median, spent.p95, everything_secs, answers.unregistered
    )


def _score_object(
    answers: Answers,
    entry: BenchmarkObject,
    clicks: int,
    generator: np.random.Generator,
    saved: Mapping[str, Sequence[PhotoPoint]] | None,
) -> ObjectScore:
    bench = answers.bench
    if bench.protocol == "clicks":
        return _score_clicks(answers, entry, clicks, saved)
    points: tuple[PhotoPoint, ...] = ()
    if bench.protocol == "points":
        assert entry.points is not None
        points = tuple(_saved_clicks(saved, entry)) if saved else entry.points(generator)
        masks = answers.of_points(points)
    else:
        assert entry.text is not None
        masks = answers.of_text(entry.text)
    scores = score_masks(bench, entry, masks)
    return ObjectScore(
        entry.id, entry.name, points, (scores.iou,), (scores.view_iou,), scores, answers.message,
        answers.new_views_iou(entry.id), _projected(answers, entry, points),
    )  # fmt: skip


def _projected(answers: Answers, entry: BenchmarkObject, points: Sequence[PhotoPoint]) -> MaskScores | None:
    """Score of the last answer in 3D."""
    found = answers.projected({*answers.bench.prompted, *(point.photo for point in points)})
    return None if found is None else score_masks(found[0], entry, found[1])


def _score_clicks(
    answers: Answers,
    entry: BenchmarkObject,
    clicks: int,
    saved: Mapping[str, Sequence[PhotoPoint]] | None,
) -> ObjectScore:
    """A simulated user, or the clicks of one that were saved."""
    bench = answers.bench
    maps = [bench.truth_of(entry.id, photo) for photo in bench.scored]
    scales = [_photo_per_truth(answers, photo, m) for photo, m in zip(bench.scored, maps, strict=True)]
    last: list[list[Bool[Array, "_ _"]]] = []

    def in_photo(click: SimulatedClick) -> PhotoPoint:
        scale_x, scale_y = scales[click.view]
        return PhotoPoint(bench.scored[click.view], click.x * scale_x, click.y * scale_y, click.positive)

    def segment(given: Sequence[SimulatedClick]) -> list[Bool[Array, "_ _"]]:
        last[:] = [answers.of_points([in_photo(click) for click in given])]
        return last[0]

    if saved is None:
        run = simulate(maps, 1, segment, clicks=clicks)
    else:
        given = [_in_truth(point, bench.scored, scales) for point in _saved_clicks(saved, entry)]
        run = replay_clicks(maps, 1, segment, given[:clicks])
    points = tuple(in_photo(click) for click in run.clicks)
    return ObjectScore(
        entry.id, entry.name, points, run.object_ious, run.view_ious,
        score_masks(bench, entry, last[0]), answers.message, answers.new_views_iou(entry.id),
        _projected(answers, entry, points),
    )  # fmt: skip


def _photo_per_truth(answers: Answers, photo: str, truth: Int32[Array, "_ _"]) -> tuple[float, float]:
    """Photo pixels per truth pixel along x and y."""
    width, height = answers.photo_size(photo)
    return width / truth.shape[1], height / truth.shape[0]


def _in_truth(
    point: PhotoPoint, photos: Sequence[str], scales: Sequence[tuple[float, float]]
) -> SimulatedClick:
    if point.photo not in photos:
        raise InputError(f"A saved click is in {point.photo}, which is no photo with truth of this scene.")
    view = photos.index(point.photo)
    return SimulatedClick(view, point.x / scales[view][0], point.y / scales[view][1], point.positive)


def _saved_clicks(
    saved: Mapping[str, Sequence[PhotoPoint]] | None, entry: BenchmarkObject
) -> Sequence[PhotoPoint]:
    if saved is None or not saved.get(entry.name):
        raise InputError(
            f"The saved prompts have no clicks on {entry.name}; save them anew without --prompts."
        )
    return saved[entry.name]


def plain(score: SceneScore) -> dict[str, Any]:
    """JSON form: NaN becomes null."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [clean(entry) for entry in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return clean(dataclasses.asdict(score))
