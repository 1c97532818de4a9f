"""IoU after 1, 3 and 5 simulated clicks and of "segment everything", from photos alone.

    python -m benchmarks.masks.segmentation assets/captures/desk assets/captures/shelf --workspace DIR

Reconstructions, masks and prepared methods stay in the workspace, so a second run with the same code only
clicks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import tyro

from benchmarks.common.images import read_bgr
from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import CaptureTruth, read_truth
from liftlab.components.clicks import clicks_of
from liftlab.components.geometry.projection import mask_in_photo
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.clicks.pieces import GraphCutConfig
from liftlab.components.masks.clicks.solver import GraphCutSolver
from liftlab.components.metrics import pooled_iou
from liftlab.components.types import Prompt, Scene
from liftlab.engine.lab import Lab
from liftlab.pipelines.benchmarking.simulated_user import (
    SimulatedClick,
    SimulatedRun,
    scorable_objects,
    simulate,
)
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.pipelines.steps.masks import MasksConfig

ROUNDS = (1, 3, 5)
LOSS = 0.02
"""IoU a later click may lose before it counts as harmful."""


@dataclass(frozen=True)
class CaptureScores:
    """What was measured on one capture."""

    name: str
    runs: list[SimulatedRun]
    everything: dict[int, float]
    """Per truth object: IoU of the best matching label of "segment everything"."""
    num_labels: int
    """Labels that "segment everything" gave."""
    missing: int
    """Photos that were not registered; their masks are empty."""
    names: dict[int, str]
    ceiling: dict[int, float]
    """Per object: IoU of the best cached candidate under the first click; what choosing better could reach."""
    last_masks: dict[int, list[np.ndarray]]
    first_masks: dict[int, list[np.ndarray]]

    def mean_after(self, clicks: int) -> float:
        return float(np.mean([run.iou_after(clicks) for run in self.runs]))

    @property
    def harmful_clicks(self) -> int:
        """Later clicks that lost more than `LOSS` of IoU."""
        return sum(after < before - LOSS for run in self.runs for before, after in pairwise(run.object_ious))


def prompts_of(scene: Scene, photos: Sequence[str], clicks: Sequence[SimulatedClick]) -> list[Prompt]:
    """One prompt per click, in order; clicks in photos that were not registered are left out."""
    names = [view.name for view in scene.views]
    return [
        Prompt(
            view=names.index(photos[click.view]),
            point_coords=np.array([[click.x, click.y]]),
            point_labels=np.array([click.positive]),
        )
        for click in clicks
        if photos[click.view] in names
    ]


def masks_in_photos(
    scene: Scene,
    photos: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    mask_of_view: Callable[[int], np.ndarray],
) -> list[np.ndarray]:
    """View masks as photo masks; all False for photos that were not registered."""
    names = [view.name for view in scene.views]
    out = []
    for photo, size in zip(photos, sizes, strict=True):
        if photo in names:
            index = names.index(photo)
            out.append(mask_in_photo(scene.views[index], mask_of_view(index)))
        else:
            out.append(np.zeros(size, bool))
    return out


def answerer(
    lab: Lab, name: str, scene: Scene, cache: MaskCache, answer: str
) -> Callable[[Sequence[Prompt]], Callable[[int], np.ndarray]]:
    """Prompts to masks by view, through the real method or by the click solver alone."""
    if answer == "solver":
        solver = GraphCutSolver(scene, cache, GraphCutConfig())
        return lambda prompts: solver.solve(clicks_of(scene, prompts)).masks.__getitem__
    config = WildSeg3DConfig(alignment="reconstruction")  # alignment moves points, not masks
    prepared = lab.prepare(name, "wildseg3d", config)
    method = lab.segmenter("wildseg3d", config)
    return lambda prompts: method.segment(prepared, prompts).mask_of_view


def score_capture(lab: Lab, folder: Path, *, cameras: bool, answer: str, clicks: int) -> CaptureScores:
    """Import, reconstruct, build masks (or take them from the workspace), then click on every object."""
    name = folder.name + ("-cameras" if cameras else "")
    imported = lab.import_capture(
        folder / "images", name, cameras=folder / "truth/cameras.json" if cameras else None
    )
    scene = lab.reconstruct(name, capture=imported.name)
    cache = lab.masks(name, MasksConfig())  # not what an older run in this workspace recorded
    truth = read_truth(folder)
    photos = [path.name for path in sorted((folder / "images").iterdir()) if path.stem in truth.labels]
    labels = [truth.labels[Path(photo).stem] for photo in photos]
    sizes = [label.shape for label in labels]
    ask = answerer(lab, name, scene, cache, answer)
    runs, first, last = [], {}, {}
    for object_id in scorable_objects(labels):
        answers: list[list[np.ndarray]] = []

        def segment(given: Sequence[SimulatedClick]) -> list[np.ndarray]:
            prompts = prompts_of(scene, photos, given)
            mask_of_view = (
                ask(prompts) if prompts else lambda view: np.zeros(scene.views[view].image.shape[:2], bool)
            )
            answers.append(masks_in_photos(scene, photos, sizes, mask_of_view))  # noqa: B023
            return answers[-1]  # noqa: B023

        runs.append(simulate(labels, object_id, segment, clicks=clicks))
        first[object_id], last[object_id] = answers[0], answers[-1]
    method = lab.segmenter("wildseg3d", WildSeg3DConfig(alignment="reconstruction"))
    prepared = lab.prepare(name, "wildseg3d", WildSeg3DConfig(alignment="reconstruction"))
    everything, num_labels = score_everything(scene, photos, labels, method.decompose(prepared))
    missing = len(set(photos) - {view.name for view in scene.views})
    ceiling = {run.object_id: best_candidate(scene, cache, photos, labels, run) for run in runs}
    return CaptureScores(
        folder.name, runs, everything, num_labels, missing, truth.names, ceiling, last, first
    )


def best_candidate(
    scene: Scene, cache: MaskCache, photos: Sequence[str], labels: Sequence[np.ndarray], run: SimulatedRun
) -> float:
    """IoU, pooled over the photos, of the best cached candidate under the first click of an object."""
    clicks = clicks_of(scene, prompts_of(scene, photos, run.clicks[:1])).clicks
    truths, sizes = [label == run.object_id for label in labels], [label.shape for label in labels]
    voids = [label < 0 for label in labels]
    best = 0.0
    for candidate in (i for click in clicks for i in cache.at(click.view, click.x, click.y).tolist()):
        masks = masks_in_photos(scene, photos, sizes, lambda view, i=candidate: cache.mask(view, i))
        best = max(best, pooled_iou(truths, [m & ~v for m, v in zip(masks, voids, strict=True)]))
    return best


def score_everything(
    scene: Scene, photos: Sequence[str], labels: Sequence[np.ndarray], predicted: Sequence[np.ndarray]
) -> tuple[dict[int, float], int]:
    """For every scorable object the IoU, pooled over the photos, of the label that matches it best."""
    sizes = [label.shape for label in labels]
    ids = sorted({int(i) for image in predicted for i in np.unique(image) if i > 0})
    masks = {i: masks_in_photos(scene, photos, sizes, lambda v, i=i: predicted[v] == i) for i in ids}
    best = {}
    for object_id in scorable_objects(labels):
        truths = [label == object_id for label in labels]
        rivals = [i for i in ids if any((t & m).any() for t, m in zip(truths, masks[i], strict=True))]
        best[object_id] = max((pooled_iou(truths, masks[i]) for i in rivals), default=0.0)
    return best, len(ids)


def save_worst(
    scores: CaptureScores, folder: Path, truth: CaptureTruth, out: Path, *, count: int = 4
) -> None:
    """Pictures of the worst objects after one click and after the last: missed in blue, wrongly taken in
    red.
    """
    out.mkdir(parents=True, exist_ok=True)
    photos = [path for path in sorted((folder / "images").iterdir()) if path.stem in truth.labels]
    for run in sorted(scores.runs, key=lambda run: run.iou_after(1))[:count]:
        rows = []
        areas = [int((truth.labels[path.stem] == run.object_id).sum()) for path in photos]
        for index in np.argsort(areas)[::-1][:3]:
            image = read_bgr(photos[index])
            target = truth.labels[photos[index].stem] == run.object_id
            shown = [image]
            for masks in (scores.first_masks, scores.last_masks):
                picture = image.copy()
                picture[masks[run.object_id][index] & target] = (0, 200, 0)
                picture[~masks[run.object_id][index] & target] = (255, 80, 0)
                picture[masks[run.object_id][index] & ~target] = (0, 0, 255)
                shown.append(cv2.addWeighted(picture, 0.6, image, 0.4, 0))
            rows.append(np.hstack(shown))
        name = scores.names.get(run.object_id, str(run.object_id)).replace(" ", "_")
        cv2.imwrite(str(out / f"{scores.name}-{name}.png"), np.vstack(rows))


def main(
    captures: tyro.conf.Positional[tuple[Path, ...]],
    workspace: Path,
    cameras: bool = False,
    answer: str = "wildseg3d",
    clicks: int = 5,
    pictures: Path | None = None,
    result: str = "segmentation",
) -> None:
    """Score captures with truth.

    Args:
        captures: Capture folders.
        workspace: Where reconstructions and masks are kept between runs.
        cameras: Use the true cameras instead of photos alone (marked in the table).
        answer: "wildseg3d" (the method) or "solver" (the click solver alone).
        clicks: Clicks per object.
        pictures: Folder for pictures of the worst objects.
        result: Name of the table in benchmarks/results.
    """
    lab = Lab(workspace)
    rows, details = [], []
    try:
        for folder in captures:
            scores = score_capture(lab, folder, cameras=cameras, answer=answer, clicks=clicks)
            found = np.array(list(scores.everything.values()))
            rows.append(
                [
                    scores.name,
                    len(scores.runs),
                    *(scores.mean_after(k) for k in ROUNDS),
                    float(np.mean([*scores.ceiling.values()])),
                    scores.harmful_clicks,
                    float(found.mean()),
                    float((found > 0.5).mean()),
                    scores.num_labels,
                    scores.missing,
                ]
            )
            for run in scores.runs:
                ious = [run.iou_after(k) for k in ROUNDS]
                label = scores.names.get(run.object_id, str(run.object_id))
                found_by = scores.ceiling[run.object_id], scores.everything[run.object_id]
                details.append([scores.name, label, *ious, *found_by])
            if pictures is not None:
                save_worst(scores, folder, read_truth(folder), pictures)
            source = "known cameras" if cameras else "photos alone"
            done = f"{len(rows)} of {len(captures)} captures scored"
            write_table(result, f"Method: {answer}, {source}, {done}.", rows, details)
    finally:
        lab.close()


def write_table(
    result: str, about: str, rows: Sequence[Sequence[object]], details: Sequence[Sequence[object]]
) -> None:
    """Write the table of the captures scored so far; after each one, so that a run that is stopped leaves its work."""
    rounds = [f"IoU {k}" for k in ROUNDS]
    head = [
        "capture",
        "objects",
        *rounds,
        "best candidate",
        "harmful clicks",
        "everything",
        "recall@0.5",
        "labels",
        "unregistered",
    ]
    write_result(
        result,
        "Segmentation: object IoU after simulated clicks, and of segment everything",
        [
            f"{about} Object IoU pooled over all photos with truth, mean over objects. Harmful clicks: later ones that "
            f"lost more than {LOSS} IoU. Best candidate: of the cached ones under the first "
            "click. Everything: IoU of the best matching label per object.",
            markdown(head, rows),
            markdown(["capture", "object", *rounds, "best candidate", "everything"], details),
        ],
    )


if __name__ == "__main__":
    tyro.cli(main)
