"""Fit the confidence of two-view stereo: `stereo_pairs.CALIBRATION`.

    python -m benchmarks.geometry.stereo_calibration SCENE_FOLDER [SCENE_FOLDER ...]

A scene folder is what `liftlab reconstruct` saves. Its multi-view depth, which other photos confirmed, stands in for
the truth, so the scenes must not be those that are scored. Prints the coefficients and how odds and outcomes agree.
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.common.tables import markdown, write_result
from liftlab.components.geometry.projection import project
from liftlab.components.pointmaps import stereo_pairs
from liftlab.components.pointmaps.pairs import PairFailure, nearby_graph
from liftlab.components.scenes import load_scene
from liftlab.components.types import Scene

TOLERANCE = 0.01
"""A depth counts as right within this share of the reconstruction's."""
PIXELS_PER_VIEW = 3000


@dataclass(frozen=True)
class Samples:
    """Evidence and outcome of pixels whose two matching directions agree."""

    evidence: np.ndarray
    """[K, 5] rows of `StereoDepth.evidence`."""
    right: np.ndarray
    """[K] bool."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenes", nargs="+", type=Path)
    parser.add_argument("--sides", nargs="+", type=int, default=[320, 480], help="image sizes, pixels")
    arguments = parser.parse_args()
    parts = [
        samples
        for folder in arguments.scenes
        for side in arguments.sides
        for samples in collect(load_scene(folder), side)
    ]
    evidence, right = np.concatenate([p.evidence for p in parts]), np.concatenate([p.right for p in parts])
    model = LogisticRegression(C=100.0, fit_intercept=False, max_iter=500).fit(evidence, right)
    log_odds = evidence @ model.coef_[0]
    rows = []
    borders = np.quantile(log_odds, np.linspace(0, 1, 11))
    for low, high in itertools.pairwise(borders):
        inside = (log_odds >= low) & (log_odds <= high)
        predicted = (1 / (1 + np.exp(-log_odds[inside]))).mean()
        conf = 1 + 0.5 * np.exp(np.median(log_odds[inside]))
        rows.append([float(conf), float(predicted), float(right[inside].mean()), int(inside.sum())])
    write_result(
        "stereo_calibration",
        "Confidence of two-view stereo",
        [
            f"CALIBRATION = {np.round(model.coef_[0], 3).tolist()} from {len(right)} pixels of "
            f"{len(arguments.scenes)} scene(s), {100 * right.mean():.1f} % of them within 1 %.",
            markdown(["median confidence", "predicted share within 1 %", "found", "pixels"], rows),
        ],
    )


def collect(scene: Scene, side: int) -> list[Samples]:
    """Samples of both views of every pair of neighbouring photos."""
    views = scene.views
    target = np.median(scene.pointmap.points[::100], axis=0).astype(np.float64)
    predictor = stereo_pairs.StereoPairPredictor(stereo_pairs.StereoPairConfig(max_side=side))
    out: list[Samples] = []
    for n, m in nearby_graph([view.camera for view in views], target, neighbours=3):
        pose = predictor.relative_pose(views[n], views[m])
        if isinstance(pose, PairFailure):
            continue
        found = stereo_pairs.stereo_depths(views[n], views[m], pose, predictor.config)
        if isinstance(found, PairFailure):
            continue
        rectified, *depths = found
        baseline = float(np.linalg.norm(views[n].camera.center - views[m].camera.center))
        for view, stereo, R in zip((n, m), depths, rectified.rotations, strict=True):
            along = stereo.rays / stereo.rays[..., 2:] * stereo.depth[..., None]
            depth = (along @ R)[..., 2]
            truth = reference_depth(scene, view, depth.shape)
            agreed = stereo.agreed & (truth > 0)
            if agreed.sum() < 500:
                continue
            # The scale of the pair is its own; its median against the scene removes the error of the baseline.
            ratio = truth[agreed] / (baseline * depth[agreed])
            error = np.abs(ratio / np.median(ratio) - 1)
            chosen = np.random.default_rng(0).permutation(len(error))[:PIXELS_PER_VIEW]
            out.append(Samples(stereo.evidence[agreed][chosen], error[chosen] < TOLERANCE))
    return out


def reference_depth(scene: Scene, view: int, shape: tuple[int, int]) -> np.ndarray:
    """Depth of the reconstruction at another image size; 0 where it is not valid."""
    camera = scene.views[view].camera
    _, depth = project(camera, scene.pointmap.pts3d[view, : camera.height, : camera.width])
    depth = np.where(scene.pointmap.valid[view, : camera.height, : camera.width], depth, 0)
    return cv2.resize(depth.astype(np.float32), shape[::-1], interpolation=cv2.INTER_NEAREST)


if __name__ == "__main__":
    main()
