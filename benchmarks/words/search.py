"""Queries in words against truth: how often the best answer is right, by kind of query.

    python -m benchmarks.words.search assets/captures/desk assets/captures/shelf --workspace DIR

Queries are made from templates and each capture's truth, which also says what the right answers are. No names of
objects are loaded. Two rows per capture: on the objects that the default masks give, and (ORACLE) on the truth's own
masks, which shows what the words cost and what the masks cost.

With `--plumbing ARCHITECTURE` the same list is asked of OpenCLIP with random weights: that shows that it runs and what
it costs, and nothing about quality, so no accuracy is reported.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import torch
import tyro

from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import read_truth
from benchmarks.words.search_queries import TruthQuery, make_queries, read_objects
from liftlab.components.geometry.projection import photo_from_view, pixel_centers
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.text.attributes import measure
from liftlab.components.text.encoder import CropConfig, TextImageEncoder, embed_objects
from liftlab.components.text.open_clip import build
from liftlab.components.types import Scene, View
from liftlab.engine.lab import Lab
from liftlab.pipelines.search import (
    SearchIndex,
    build_index,
    masks_from_labels,
    masks_of,
    search,
    search_by_model,
)
from liftlab.pipelines.steps.masks import MasksConfig

HIT_IOU = 0.5
METHOD = "wildseg3d"
PLUMBING_VIEWS = 2
"""Pictures of each object for a model that knows nothing."""


@dataclass(frozen=True)
class Outcome:
    """One query's score."""

    capture: str
    query: TruthQuery
    hit: bool
    iou: float
    """Of the best answer with the expected object it overlaps most; 0 without an answer."""
    reachable: bool
    """Whether any object of the index overlaps an expected one by more than `HIT_IOU`."""
    unknown_right: bool
    """Whether exactly the words that should be unknown were reported."""


def truth_labels(view: View, instance: np.ndarray) -> np.ndarray:
    """Truth ids at every view pixel."""
    xy = photo_from_view(view, pixel_centers(view.camera.width, view.camera.height))
    x = np.clip(xy[..., 0].astype(int), 0, instance.shape[1] - 1)
    y = np.clip(xy[..., 1].astype(int), 0, instance.shape[0] - 1)
    return instance[y, x].astype(np.uint16)


def oracle_index(scene: Scene, labels: Sequence[np.ndarray]) -> SearchIndex:
    """The truth's masks as they are, measured; nothing is put together or split."""
    masks = masks_from_labels(scene.key, labels)
    objects = measure(scene, masks, masks.object_ids.tolist())
    return SearchIndex(masks, objects, np.ones(objects.count))


def overlaps(index: SearchIndex, truth: Sequence[np.ndarray]) -> dict[tuple[int, int], float]:
    """IoU pooled over the views of every pair of an object of the index and a truth object that touch."""
    length = max(int(ids.max()) for ids in truth) + 1
    other = np.sum([np.bincount(ids.ravel(), minlength=length) for ids in truth], axis=0)
    out = {}
    for a in index.objects.object_ids.tolist():
        both, own = np.zeros(length, np.int64), 0
        for view, ids in enumerate(truth):
            if index.masks.area(view, a):
                inside = ids[index.mask(view, a)]
                both += np.bincount(inside, minlength=length)
                own += len(inside)
        for b in (np.flatnonzero(both[1:]) + 1).tolist():
            out[a, b] = float(both[b] / (own + other[b] - both[b]))
    return out


def score(
    capture: str, index: SearchIndex, truth: Sequence[np.ndarray], queries: Sequence[TruthQuery]
) -> list[Outcome]:
    """Ask every query."""
    table = overlaps(index, truth)
    ids = index.objects.object_ids.tolist()
    out = []
    for query in queries:
        result = search(index, query.text)
        wanted = query.expected
        answers = [found.object_id for found in result.found[: query.count]]
        ious = [max((table.get((a, b), 0.0) for b in wanted), default=0.0) for a in answers]
        if wanted:
            hit = len(ious) == query.count and all(iou > HIT_IOU for iou in ious)
        else:  # nonsense: right is to find nothing
            hit = not answers
        reachable = not wanted or any(table.get((a, b), 0.0) > HIT_IOU for a in ids for b in wanted)
        out.append(
            Outcome(
                capture, query, hit, ious[0] if ious else 0.0, reachable,
                set(result.query.unknown) == set(query.unknown),
            )
        )  # fmt: skip
    return out


def indexes_of(
    lab: Lab, name: str, folder: Path, *, default: bool = True
) -> tuple[Scene, dict[str, SearchIndex], list[np.ndarray]]:
    """The scene, its index on default (where wanted) and on truth masks, and the truth at view pixels."""
    if name not in lab.scenes():
        lab.import_capture(folder / "images", name)
    scene = lab.reconstruct(name)
    truth = read_truth(folder)
    labels = [truth_labels(view, truth.labels[view.stem]) for view in scene.views]
    indexes = {}
    if default:
        lab.masks(name, MasksConfig())  # not what an older run in this workspace recorded
        prepared = lab.prepare(name, METHOD)
        indexes["default masks"] = build_index(scene, masks_of(lab.segmenter(METHOD), prepared))
    return scene, {**indexes, "ORACLE masks": oracle_index(scene, labels)}, labels


def rows_of(outcomes: Sequence[Outcome]) -> list[list[object]]:
    """Per kind: number of queries, accuracy, accuracy where the masks have the object, mean IoU, words."""
    rows: list[list[object]] = []
    kinds = list(dict.fromkeys(outcome.query.kind for outcome in outcomes))
    for kind in [*kinds, "all"]:
        chosen = [o for o in outcomes if kind in ("all", o.query.kind)]
        reachable = [o for o in chosen if o.reachable]
        with_answer = [o.iou for o in chosen if o.query.expected]
        rows.append(
            [
                kind,
                len(chosen),
                float(np.mean([o.hit for o in chosen])),
                float(np.mean([o.hit for o in reachable])) if reachable else float("nan"),
                float(np.mean(with_answer)) if with_answer else float("nan"),
                float(np.mean([o.unknown_right for o in chosen])),
            ]
        )
    return rows


def plumbing_row(
    capture: str, scene: Scene, index: SearchIndex, queries: Sequence[TruthQuery], encoder: TextImageEncoder
) -> list[object]:
    """What every query costs, and whether it is answered at all, with an image-text model."""
    ids = index.objects.object_ids.tolist()
    started = time.perf_counter()
    embeddings = embed_objects(
        scene,
        index.masks,
        ids,
        encoder,
        CropConfig(max_views=PLUMBING_VIEWS),
        progress=no_progress,
        cancel=CancelToken(),
    )
    embedded = time.perf_counter() - started
    answered, seconds = 0, []
    for query in queries:
        started = time.perf_counter()
        found = search_by_model(index, embeddings, encoder, query.text).found
        seconds.append(time.perf_counter() - started)
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
        answered += bool(found)
    return [capture, len(ids), len(queries), answered, embedded, 1e3 * float(np.median(seconds))]


def plumbing(captures: Sequence[Path], workspace: Path, architecture: str, result: str, seed: int) -> None:
    """Ask the whole list of a model with random weights, on the objects of the truth's masks."""
    encoder = build(architecture, device=torch.device("cpu"), weights=None)
    rows, lab = [], Lab(workspace)
    try:
        for folder in captures:
            scene, indexes, _ = indexes_of(lab, folder.name, folder, default=False)
            queries = make_queries(read_objects(folder, scene.views[0].stem), seed=seed)
            rows.append(plumbing_row(folder.name, scene, indexes["ORACLE masks"], queries, encoder))
    finally:
        lab.close()
    head = ["capture", "objects", "queries", "with an answer", "all objects embedded, s", "median query, ms"]
    note = (
        f"**Plumbing only, random weights.** {architecture} knows nothing here: which object comes first is chance, so "
        "no accuracy is given. The table says that the same list of queries runs end to end through crops, embeddings, "
        "relevancy and ranking, and what that costs. Objects are those of the truth's masks, "
        f"{PLUMBING_VIEWS} pictures each."
    )
    write_result(
        result, "Search by an image-text model: plumbing only, random weights", [note, markdown(head, rows)]
    )


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    result: str | None = "search",
    wrong: bool = False,
    seed: int = 0,
    architecture: Annotated[str | None, tyro.conf.arg(name="plumbing")] = None,
) -> None:
    """Ask all queries of captures with truth.

    Args:
        captures: Capture folders with `images/` and `truth/`.
        workspace: Where reconstructions and masks are kept between runs.
        result: Name of the table in benchmarks/results; nothing is written without one.
        wrong: Print the queries that were answered wrongly.
        seed: Of the choice among templates.
        architecture: Ask OpenCLIP of this architecture with random weights: plumbing, no accuracy.
    """
    if architecture is not None:
        plumbing(captures, workspace, architecture, "search_plumbing", seed)
        return
    lab = Lab(workspace)
    found: dict[str, list[Outcome]] = defaultdict(list)
    try:
        for folder in captures:
            scene, indexes, labels = indexes_of(lab, folder.name, folder)
            objects = read_objects(folder, scene.views[0].stem)
            queries = make_queries(objects, seed=seed)
            for kind, index in indexes.items():
                found[kind] += score(folder.name, index, labels, queries)
    finally:
        lab.close()
    head = ["kind", "queries", "top-1", "top-1 where the masks have it", "IoU", "unknown words right"]
    blocks = []
    for kind, outcomes in found.items():
        blocks.append(f"{kind}:\n\n{markdown(head, rows_of(outcomes))}")
        per_capture = [
            [name, *rows_of([o for o in outcomes if o.capture == name])[-1][1:]]
            for name in dict.fromkeys(o.capture for o in outcomes)
        ]
        blocks.append(markdown(["capture", *head[1:]], per_capture))
        for o in outcomes if wrong else ():
            if not o.hit or not o.unknown_right:
                why = "" if o.reachable else " (the masks do not have it)"
                print(
                    f"{kind} {o.capture} [{o.query.kind}] {o.query.text} -> expected {o.query.expected}{why}"
                )
    print("\n\n".join(blocks))
    if result is not None:
        write_result(result, "Finding objects by words (attributes encoder, no names)", blocks)


if __name__ == "__main__":
    cv2.setNumThreads(2)
    tyro.cli(main)
