"""Is a confidence of 1.5 even odds of a depth within 1 %? Fit the odds and compare them with what was observed.

    python -m benchmarks.depth_calibration GENERATED_SCENE ... $LIFTLAB_DATA/sparse5

The captures given must not be those whose scores are reported. The fitted numbers are `ODDS` in
components/pointmaps/multiview.py. True cameras are used, so that only depth is judged.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.tables import markdown, write_result
from benchmarks.truth_scenes import read_truth
from components.geometry import undistort_photo
from components.pointmaps.consistency import agreement_of
from components.pointmaps.multiview import MAX_VOTES, ODDS, MultiviewOptions, measure_depths
from components.progress import CancelToken
from components.sfm import reduced_photo, triangulate_known
from components.sfm.undistort import working_camera
from components.types import Lens

EDGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("captures", type=Path, nargs="+")
    parser.add_argument("--max-side", type=int, default=640)
    options = parser.parse_args()
    samples = {folder.name: measure(folder, options.max_side) for folder in options.captures}
    features = np.concatenate([x for x, _ in samples.values()])
    good = np.concatenate([y for _, y in samples.values()])
    weight = np.concatenate([np.full(len(y), 1 / len(y)) for _, y in samples.values()])
    fit = LogisticRegression(C=1e4, max_iter=500).fit(features, good, sample_weight=weight * len(weight))
    fitted = [float(fit.intercept_[0]), *(float(value) for value in fit.coef_[0])]
    names = ["constant", "confirming view", "contradicting view", "similarity"]
    observed = [[name, *shares(x, y)] for name, (x, y) in samples.items()]
    bins = [f"{low:.0%} to {high:.0%}" for low, high in pairwise(EDGES)]
    write_result(
        "reconstruction_calibration",
        "Confidence of depth",
        [
            "Log odds of a depth within 1 % of the truth.",
            markdown(["term", "in use", "fitted"], list(zip(names, ODDS, fitted, strict=True))),
            "Share of pixels within 1 %, by the probability predicted with the odds in use; in brackets the share "
            "of pixels in that bin.",
            markdown(["capture", *bins], observed),
        ],
    )


def measure(folder: Path, max_side: int) -> tuple[np.ndarray, np.ndarray]:
    """Features [N, 3] (votes, contradictions, similarity) of all pixels with truth, and whether depth is right."""
    truth = read_truth(folder)
    paths = sorted(path for path in (folder / "images").iterdir() if path.stem in truth.depth)
    photos = [cv2.imread(str(path))[..., ::-1].copy() for path in paths]
    given = [truth.cameras[path.stem] for path in paths]
    lenses = [Lens(camera.width, camera.height, camera.K) for camera in given]
    model = triangulate_known(
        [reduced_photo(path.name, photo) for path, photo in zip(paths, photos, strict=True)],
        lenses,
        np.stack([camera.world_to_camera for camera in given]),
    )
    cameras = [
        working_camera(lens, camera.world_to_camera, max_side)
        for lens, camera in zip(lenses, given, strict=True)
    ]
    images = [undistort_photo(*each) for each in zip(photos, lenses, cameras, strict=True)]
    found = measure_depths(
        images, cameras, model.points, model.visible, MultiviewOptions(), cancel=CancelToken()
    )
    features, right = [], []
    for index, (path, camera) in enumerate(zip(paths, cameras, strict=True)):
        agreement = agreement_of(index, found.depth, cameras, others=range(len(cameras)))
        rows, columns = slice(0, camera.height), slice(0, camera.width)
        size = (camera.width, camera.height)
        true = cv2.resize(truth.depth[path.stem], size, interpolation=cv2.INTER_NEAREST)
        known = true > 0
        votes = np.minimum(agreement.confirmed[rows, columns], MAX_VOTES)
        against = np.minimum(agreement.contradicted[rows, columns], MAX_VOTES)
        stack = np.stack([votes, against, found.similarity[index, rows, columns]], axis=-1)
        features.append(stack[known])
        right.append((np.abs(agreement.fused[rows, columns] - true) < 0.01 * true)[known])
    return np.concatenate(features).astype(np.float64), np.concatenate(right)


def shares(features: np.ndarray, good: np.ndarray) -> list[str]:
    """Observed share of right depths per bin of the predicted probability."""
    odds = np.exp(ODDS[0] + features @ np.array(ODDS[1:]))
    probability = odds / (1 + odds)
    cells = []
    for low, high in pairwise(EDGES):
        inside = (probability >= low) & ((probability < high) | (high == 1.0))
        cells.append(f"{good[inside].mean():.2f} ({inside.mean():.2f})" if inside.any() else "-")
    return cells


if __name__ == "__main__":
    main()
