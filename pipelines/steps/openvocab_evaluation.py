"""Scores of a trained network on records it never saw: instance AP, names, calibration (docs/methods/metrics.md
section 6).

Equation numbers are those of docs/methods/ovseg3r.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from liftlab.components.metrics.instances import (
    InstanceScene,
    average_precision,
    frequency_groups,
    mean_of_group,
)
from liftlab.components.openvocab.inference import InferenceConfig, best_of_each
from liftlab.components.openvocab.records import SceneRecord, load_record
from liftlab.components.openvocab.segmenting import SegmentedCloud, named, segment_cloud, superpoints_of
from liftlab.components.openvocab.weights import Trained
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.text.word_vectors import TextEncoder
from liftlab.components.types import Array

MIN_POINTS = 30
"""Truth instances with fewer sampled points are ignored (docs/methods/metrics.md section 6, lab scenes)."""
NAMED_IOU = 0.5
"""An object's name is asked for where an object of the network overlaps it by at least this IoU."""
TEMPERATURES = tuple(round(0.5 + 0.1 * step, 1) for step in range(36))
"""Tried for the calibration of names."""
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the calibration curve."""


@dataclass(frozen=True)
class NameTrial:
    """One true thing that the network found."""

    truth: str
    logits: Float[Array, "K"]
    """Similarity with every name, times the sharpness of the class logits."""


@dataclass(frozen=True)
class Scores:
    """What a network, or something beside it, reaches on a set of records."""

    scenes: int
    things: int
    """Truth instances that were scored."""
    ap: float
    """Class-agnostic, mean over IoU 0.50 to 0.90."""
    ap50: float
    ap25: float
    by_class: dict[str, float]
    """mAP over classes: "all", "head", "common", "tail", "base", "novel", and the same at AP50 as "all50" and so
    on."""
    named: int
    """Things that were found well enough to be named."""
    first: float
    """Of those, share whose first name is right."""
    among_three: float
    """Share whose name is among the first three."""
    first_base: float
    first_novel: float
    curve: tuple[tuple[float, float, int], ...]
    """Calibration: mean score, share that is right, number, per bin of the first name's score."""


def evaluate(
    trained: Trained,
    files: Sequence[Path],
    encoder: TextEncoder,
    *,
    config: InferenceConfig | None = None,
    counts: Mapping[str, int] | None = None,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Scores:
    """Score a network on records with truth.

    Args:
        trained: The network.
        files: Records.
        encoder: Of names.
        config: How predictions become objects.
        counts: Instances of each name in training, for head and tail.
        progress: Told after every scene.
        cancel: Asked before every scene.
    """
    cancel = cancel or CancelToken()
    text = encoder.encode_texts(list(trained.names))
    column = {name: place for place, name in enumerate(trained.names)}
    agnostic, classed, trials = [], [], []
    for done, file in enumerate(files):
        cancel.check()
        record = load_record(file)
        found = segment_cloud(trained, record, text, config or InferenceConfig())
        truth_classes = {i: column[name] for i, name in record.truth_names.items() if name in column}
        agnostic.append(agnostic_scene(record, found))
        classed.append(_classed_scene(record, found, truth_classes))
        trials += name_trials(trained, record, found, text)
        progress((done + 1) / len(files), f"Scored {record.name}")
    whole = average_precision(agnostic, min_points=MIN_POINTS)
    return _scores(trained, whole.num_truth, len(files), whole, classed, trials, counts or {})


def _scores(
    trained: Trained,
    things: int,
    scenes: int,
    whole,
    classed: list[InstanceScene],
    trials: list[NameTrial],
    counts: Mapping[str, int],
) -> Scores:
    by_name = average_precision(classed, min_points=MIN_POINTS)
    at_half = {label: replace(one, mean=one.at[0.5]) for label, one in by_name.classes.items()}
    half = replace(by_name, classes=at_half)
    groups = {"all": list(range(len(trained.names)))}
    groups["novel"] = [k for k, name in enumerate(trained.names) if name in trained.novel]
    groups["base"] = [k for k, name in enumerate(trained.names) if name not in trained.novel]
    frequency = frequency_groups({k: counts.get(name, 0) for k, name in enumerate(trained.names)})
    for group in ("head", "common", "tail"):
        groups[group] = [k for k, own in frequency.items() if own == group]
    by_class = {group: mean_of_group(by_name, labels) for group, labels in groups.items()}
    by_class |= {f"{group}50": mean_of_group(half, labels) for group, labels in groups.items()}
    ranks = [_rank(trained, trial) for trial in trials]
    novel = np.array([trial.truth in trained.novel for trial in trials], bool)
    first = np.array([rank == 0 for rank, _ in ranks], bool)
    three = np.array([rank < 3 for rank, _ in ranks], bool)
    return Scores(
        scenes, things, whole.mean, whole.ap50, whole.ap25, by_class, len(trials), _mean(first), _mean(three),
        _mean(first[~novel]), _mean(first[novel]), calibration_curve([score for _, score in ranks], first),
    )  # fmt: skip


def agnostic_scene(record: SceneRecord, found: SegmentedCloud) -> InstanceScene:
    """All objects and all things as one class."""
    return InstanceScene(
        found.objects.masks[:, found.superpoint],
        np.ones(len(found.objects.scores), np.int64),
        found.objects.scores.astype(np.float64),
        record.truth,
        {int(i): 1 for i in np.unique(record.truth[record.truth > 0])},
    )


def _classed_scene(
    record: SceneRecord, found: SegmentedCloud, truth_classes: dict[int, int]
) -> InstanceScene:
    """Every object by its best name."""
    objects = found.objects
    best = objects.names.argmax(axis=1) if len(objects.scores) else np.zeros(0, np.int64)
    scores = objects.scores * objects.names.max(axis=1, initial=0)
    return InstanceScene(
        objects.masks[:, found.superpoint],
        best.astype(np.int64),
        scores.astype(np.float64),
        record.truth,
        truth_classes,
    )


def name_trials(
    trained: Trained, record: SceneRecord, found: SegmentedCloud, text: Float[Array, "K T"]
) -> list[NameTrial]:
    """What the network says of every thing of a record that it found."""
    gamma = float(trained.network.gamma.detach())
    masks = found.objects.masks[:, found.superpoint]
    out = []
    for i, name in sorted(record.truth_names.items()):
        own = record.truth == i
        if own.sum() < MIN_POINTS or name not in trained.names or len(masks) == 0:
            continue
        ious = (masks & own).sum(axis=1) / (masks | own).sum(axis=1)
        best = int(ious.argmax())
        if ious[best] >= NAMED_IOU:
            out.append(NameTrial(name, text @ found.objects.embeddings[best].astype(np.float64) * gamma))
    return out


def _rank(trained: Trained, trial: NameTrial) -> tuple[int, float]:
    """Place of the right name, from 0, and the calibrated score of the first."""
    right = trial.logits[trained.names.index(trial.truth)]
    p = np.exp((trial.logits - trial.logits.max()) / trained.calibration)
    return int((trial.logits > right).sum()), float(p.max() / p.sum())


def calibration_curve(
    scores: Sequence[float], right: Bool[Array, "M"]
) -> tuple[tuple[float, float, int], ...]:
    """Mean score, share that is right and number, per bin of score that has any."""
    values = np.asarray(scores, np.float64)
    out = []
    for low, high in pairwise(BINS):
        own = (values >= low) & (values < high if high < 1 else values <= 1)
        if own.any():
            out.append((float(values[own].mean()), float(right[own].mean()), int(own.sum())))
    return tuple(out)


def calibrated(trained: Trained, files: Sequence[Path], encoder: TextEncoder) -> Trained:
    """The network with the temperature under which its names of these records are likeliest.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017. The records must not be training's.
    """
    text = encoder.encode_texts(list(trained.names))
    trials: list[NameTrial] = []
    for file in files:
        record = load_record(file)
        trials += name_trials(trained, record, segment_cloud(trained, record, text, InferenceConfig()), text)
    if not trials:
        return trained
    return replace(trained, calibration=min(TEMPERATURES, key=lambda t: _surprise(trained, trials, t)))


def _surprise(trained: Trained, trials: Sequence[NameTrial], temperature: float) -> float:
    total = 0.0
    for trial in trials:
        logits = trial.logits / temperature
        right = logits[trained.names.index(trial.truth)]
        total += float(np.log(np.exp(logits - logits.max()).sum()) + logits.max() - right)
    return total / len(trials)


def superpoint_ceiling(trained: Trained, record: SceneRecord) -> InstanceScene:
    """The best that superpoints could do: each belongs to the thing most of it is."""
    superpoint = superpoints_of(record, trained.superpoints)
    return labels_scene(record, majority(superpoint, record.truth))


def superpoints_alone(trained: Trained, record: SceneRecord) -> InstanceScene:
    """Every superpoint an object by itself; larger ones first."""
    superpoint = superpoints_of(record, trained.superpoints)
    count = np.bincount(superpoint)
    return InstanceScene(
        np.arange(len(count))[:, None] == superpoint[None],
        np.ones(len(count), np.int64),
        count / max(count.max(initial=1), 1),
        record.truth,
        {int(i): 1 for i in np.unique(record.truth[record.truth > 0])},
    )


def lifted_only(record: SceneRecord, *, same: float = 0.5) -> InstanceScene:
    """Masks of views merged greedily where their points overlap, without any learning (SAM3D style).

    Every mask's points; of two that overlap by IoU above `same`, over the points that both views see, the union goes
    on.
    Score: number of views that agree.
    """
    count = len(record.points)
    visible = record.links.visible(record.num_views, count)
    ids = record.links.ids(record.maps, count)
    merged: list[tuple[Bool[Array, "N"], Bool[Array, "N"], int]] = []
    for view in range(record.num_views):
        for i in sorted(record.names[view]):
            own, seen = ids[view] == i, visible[view]
            if own.sum() == 0:
                continue
            kept = []
            votes = 1
            for mask, range_, number in merged:
                both = seen & range_
                union = ((own | mask) & both).sum()
                if union and ((own & mask) & both).sum() / union > same:
                    own, seen, votes = own | mask, seen | range_, votes + number
                else:
                    kept.append((mask, range_, number))
            merged = [*kept, (own, seen, votes)]
    return InstanceScene(
        np.array([mask for mask, _, _ in merged], bool).reshape(len(merged), count),
        np.ones(len(merged), np.int64),
        np.array([votes / record.num_views for _, _, votes in merged], np.float64),
        record.truth,
        {int(i): 1 for i in np.unique(record.truth[record.truth > 0])},
    )


def labels_scene(record: SceneRecord, labels: Int[Array, "N"]) -> InstanceScene:
    """Labels above 0 as objects of one class, all of one score."""
    ids = np.unique(labels[labels > 0])
    return InstanceScene(
        labels[None] == ids[:, None],
        np.ones(len(ids), np.int64),
        np.ones(len(ids)),
        record.truth,
        {int(i): 1 for i in np.unique(record.truth[record.truth > 0])},
    )


def majority(superpoint: Int[Array, "N"], truth: Int[Array, "N"]) -> Int[Array, "N"]:
    """Of every point the commonest truth in its superpoint."""
    ids, place = np.unique(truth, return_inverse=True)
    table = np.zeros((int(superpoint.max(initial=-1)) + 1, len(ids)), np.int64)
    np.add.at(table, (superpoint, place), 1)
    return ids[table.argmax(axis=1)][superpoint]


def segmented_labels(found: SegmentedCloud) -> Int[Array, "N"]:
    """Segment everything: the object of each point, 0 = none."""
    best = best_of_each(found.objects.masks, found.objects.scores)
    return best[found.superpoint] + 1


def names_of(trained: Trained, found: SegmentedCloud, text: Float[Array, "K T"]) -> list[str]:
    """The likeliest name of every object."""
    return [
        trained.names[int(named(trained, row.astype(np.float64), text).argmax())]
        for row in found.objects.embeddings
    ]


def _mean(values: Bool[Array, "M"]) -> float:
    return float(values.mean()) if len(values) else math.nan
