"""Fit how much completed depth is trusted: `completion.SURFACE_ODDS` and `completion.VOTE_ODDS`.

    python -m assets.make_training_captures --kind all --seeds 1 --photos 12 --width 480 --height 360 --out made
    python -m benchmarks.geometry.completion_calibration made/* --test assets/captures/desk

Captures have truth; their true cameras are used. Only seeds below 1000 may be fitted. Prints the coefficients, and how
odds and outcomes agree on the captures of `--test`, which are not fitted.
"""

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import read_truth
from benchmarks.geometry.reconstruction import reconstruct_copy
from liftlab.components.pointmaps.completion import completion
from liftlab.components.pointmaps.completion.comparing import votes_on
from liftlab.components.pointmaps.completion.photos import Photos, photos_side_by_side
from liftlab.components.pointmaps.completion.proposals import EVIDENCE, Proposals
from liftlab.components.types import Pointmap, Scene

TOLERANCE = 0.01
"""A depth is right within this share of the truth."""
MIN_PIXELS = 5
"""Unknown pixels with truth that a smallest region needs."""
PIXELS = 60_000
"""Per capture in the fit of the votes."""


@dataclass(frozen=True)
class Case:
    """A capture reconstructed, with what is proposed for it and what is true."""

    name: str
    photos: Photos
    proposed: Sequence[tuple[np.ndarray, Proposals]]
    truth: np.ndarray
    """[V, H, W] depth at the working size, in the unit of the scene; 0 where unknown."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--test", nargs="*", default=[], type=Path)
    arguments = parser.parse_args()
    fitted = [case_of(folder) for folder in arguments.captures]
    completion.SURFACE_ODDS.update(zip(EVIDENCE, fitted_surfaces(fitted).tolist(), strict=True))
    votes = [vote_samples(case) for case in fitted]
    found = fitted_odds(np.concatenate([x for x, _ in votes]), np.concatenate([y for _, y in votes]))
    completion.VOTE_ODDS = tuple(found.tolist())
    rows = [row for folder in arguments.test for row in outcome_rows(case_of(folder))]
    write_result(
        "completion_calibration",
        "Confidence of completed depth",
        [
            f"SURFACE_ODDS = { ({name: round(value, 2) for name, value in completion.SURFACE_ODDS.items()}) }",
            f"VOTE_ODDS = {tuple(np.round(completion.VOTE_ODDS, 2).tolist())}, from {len(fitted)} captures.",
            "Captures that were not fitted:",
            markdown(["capture", "predicted chance", "found within 1 %", "pixels"], rows),
        ],
    )


def case_of(folder: Path) -> Case:
    """Reconstruct a capture with its true cameras, without completion."""
    with tempfile.TemporaryDirectory():
        scene = reconstruct_copy(folder, known=True, max_side=640, complete=False).scene
    return case_from(folder, scene)


def case_from(folder: Path, scene: Scene) -> Case:
    """What is proposed for a scene that was measured only; truth is scaled to its unit by the median."""
    pointmap, images = scene.pointmap, [view.image for view in scene.views]
    photos = photos_side_by_side(images, [view.camera for view in scene.views], measured_only(pointmap))
    assert photos is not None
    proposed = [
        completion.view_proposals(photos, view, image, scene.planes) for view, image in enumerate(images)
    ]
    depths, truth = read_truth(folder).depth, np.zeros(pointmap.valid.shape, np.float32)
    for index, view in enumerate(scene.views):
        size = (view.camera.width, view.camera.height)
        true = cv2.resize(depths[view.stem], size, interpolation=cv2.INTER_NEAREST)
        truth[index, : size[1], : size[0]] = true
    both = (truth > 0) & (photos.depths > 0)
    return Case(folder.name, photos, proposed, truth * np.median(photos.depths[both] / truth[both]))


def measured_only(pointmap: Pointmap) -> Pointmap:
    return Pointmap(pointmap.pts3d, pointmap.conf, pointmap.measured)


def fitted_surfaces(cases: Sequence[Case]) -> np.ndarray:
    """Coefficients of `EVIDENCE`: is a surface right for the unknown pixels of a smallest region?"""
    evidence, right = [], []
    for case in cases:
        for view, (smallest, proposals) in enumerate(case.proposed):
            flat = smallest.ravel()
            members = np.split(np.argsort(flat, kind="stable"), np.cumsum(np.bincount(flat))[:-1])
            for row, region in enumerate(proposals.region.tolist()):
                rows, columns = np.divmod(members[region], smallest.shape[1])
                true = case.truth[view, rows, columns]
                asked = (case.photos.depths[view, rows, columns] == 0) & (true > 0)
                if asked.sum() < MIN_PIXELS:
                    continue
                xy = np.stack([columns[asked] + 0.5, rows[asked] + 0.5], axis=1)
                off = np.abs(proposals.surfaces[row].depth(xy) / true[asked] - 1)
                evidence.append(proposals.evidence[row])
                right.append(np.median(off) < TOLERANCE)
    return fitted_odds(np.array(evidence), np.array(right))


def vote_samples(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Evidence and outcome of pixels of the best surfaces."""
    evidence, right = vote_outcomes(case)
    chosen = np.random.default_rng(0).permutation(len(right))[:PIXELS]
    return evidence[chosen], right[chosen]


def vote_outcomes(case: Case) -> tuple[np.ndarray, np.ndarray]:
    guess = completion.best_guess(case.photos, case.proposed)
    both = np.where(case.photos.depths > 0, case.photos.depths, guess.depths)
    evidence, right = [], []
    for view in range(len(both)):
        asked = (guess.depths[view] > 0) & (case.truth[view] > 0)
        votes = votes_on(case.photos, view, both)
        evidence.append(completion.vote_evidence(votes, guess.log_odds[view], asked))
        right.append(np.abs(guess.depths[view] / np.maximum(case.truth[view], 1e-9) - 1)[asked] < TOLERANCE)
    return np.concatenate(evidence), np.concatenate(right)


def fitted_odds(evidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    model = LogisticRegression(C=10.0, fit_intercept=False, max_iter=2000)
    return model.fit(evidence, right).coef_[0]


def outcome_rows(case: Case) -> list[list[object]]:
    evidence, right = vote_outcomes(case)
    chance = 1 / (1 + np.exp(-(evidence @ np.array(completion.VOTE_ODDS))))
    rows: list[list[object]] = []
    for low, high in itertools.pairwise([0, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0]):
        inside = (chance >= low) & (chance < high)
        if inside.any():
            rows.append(
                [case.name, float(chance[inside].mean()), float(right[inside].mean()), int(inside.sum())]
            )
    return rows


if __name__ == "__main__":
    main()
