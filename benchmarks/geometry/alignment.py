"""GA against DGA against known cameras.

    python -m benchmarks.geometry.alignment [--captures assets/captures/desk ...] [--views 3 5 7 9]

Two parts. (1) Truth pointmaps: every pair gets a scale of its own, smooth relative depth noise, and depth five times as
wrong in blobs that are unsure (low confidence) and unmatched; this isolates what the weights do. (2) Two-view stereo of
the photos, as WildSeg3D uses it. Focals are known. Errors are against the truth after one similarity (none with known
cameras), relative to the median depth, at pixels the alignment calls valid. The soft mask of DGA covers the labelled
objects (an oracle for the cached foreground).
"""

import argparse
import itertools
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common.images import read_rgb
from benchmarks.common.tables import markdown, write_result
from benchmarks.common.truth_scenes import CaptureTruth, read_truth
from liftlab.components.geometry.projection import (
    pixel_centers,
    points_from_depth,
    register_similarity,
    transform,
)
from liftlab.components.masks.softening import SOFT_CUT, SOFT_SIGMA_PX
from liftlab.components.pointmaps.alignment.solve import Alignment, AlignmentConfig, align
from liftlab.components.pointmaps.pairs import Edge, PairResult, pair_graph, predict_pairs, shrunk
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig, StereoPairPredictor
from liftlab.components.types import Lens, View

METHODS: tuple[tuple[str, AlignmentConfig], ...] = (
    ("GA, weights C", AlignmentConfig(method="ga")),
    ("GA, weights ln C", AlignmentConfig(method="ga", conf_transform="log")),
    ("DGA", AlignmentConfig(method="dga")),
)
HEADERS = [
    "views",
    "pairs",
    "alignment",
    "median error %",
    "on objects %",
    "p90 %",
    "rotation deg",
    "seconds",
]


class Photos:
    """Evenly chosen photos of a capture with their truth, at the size of the alignment."""

    def __init__(self, capture: Path, count: int, side: int) -> None:
        truth = read_truth(capture)
        paths = sorted(
            p for p in (capture / "images").iterdir() if p.stem in truth.depth and p.stem in truth.labels
        )
        # Neighbours, not the whole ring: photos that see the same side of things can be matched.
        paths = paths[:count]
        self.full = [_view(path, truth) for path in paths]
        self.views = [shrunk(view, side) for view in self.full]
        sizes = [(view.camera.width, view.camera.height) for view in self.views]
        self.depths = [
            cv2.resize(truth.depth[p.stem], size, interpolation=cv2.INTER_NEAREST)
            for p, size in zip(paths, sizes, strict=True)
        ]
        self.objects = [
            cv2.resize((truth.labels[p.stem] > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
            for p, size in zip(paths, sizes, strict=True)
        ]

    def soft_masks(self) -> list[np.ndarray]:
        soft = [cv2.GaussianBlur(mask.astype(np.float32), (0, 0), SOFT_SIGMA_PX) for mask in self.objects]
        return [np.where(mask < SOFT_CUT, 0, mask).astype(np.float32) for mask in soft]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--captures", nargs="+", type=Path, default=[Path("assets/captures/desk")])
    parser.add_argument("--views", nargs="+", type=int, default=[3, 5, 7, 9])
    parser.add_argument(
        "--noise", nargs="+", type=float, default=[0.0, 0.01, 0.03, 0.1], help="relative depth noise"
    )
    parser.add_argument("--noise-views", type=int, default=5, help="views of the noise table")
    parser.add_argument("--side", type=int, default=240, help="long side of the pointmaps, pixels")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--name", default="alignment", help="of the file in benchmarks/results")
    arguments = parser.parse_args()
    sections = []
    for capture in arguments.captures:
        photos = Photos(capture, arguments.noise_views, arguments.side)
        rows = []
        for noise in arguments.noise:
            pairs = spoilt_pairs(photos, pair_graph(len(photos.views), symmetrise=False), noise)
            rows += [[noise, *row[2:]] for row in compared(photos, pairs, arguments.iterations)]
        heading = f"## {capture.name}: truth pointmaps, {len(photos.views)} views, noise per pair"
        sections.append(heading + "\n\n" + markdown(["noise", *HEADERS[2:]], rows))
        rows = []
        for count in arguments.views:
            photos = Photos(capture, count, arguments.side)
            if len(photos.views) < count:
                continue
            predictor = StereoPairPredictor(StereoPairConfig(max_side=arguments.side))
            edges = pair_graph(count, symmetrise=False)
            started = time.perf_counter()
            pairs, failures = predict_pairs(photos.full, edges, predictor)
            seconds = time.perf_counter() - started
            rows.append(
                [count, f"{len(pairs)} of {len(edges)}", "stereo of all pairs", "", "", "", "", seconds]
            )
            reasons = sorted({failure.reason for failure in failures.values()})
            if reasons:
                rows[-1][2] += f" (failed: {', '.join(reasons)})"
            rows += compared(photos, pairs, arguments.iterations)
        sections.append(f"## {capture.name}: two-view stereo\n\n" + markdown(HEADERS, rows))
    write_result(arguments.name, "Global alignment", [(__doc__ or "").split("\n\n", 2)[2].strip(), *sections])


def compared(photos: Photos, pairs: dict[Edge, PairResult], iterations: int) -> list[list[object]]:
    """One row per method."""
    rows: list[list[object]] = []
    for (label, base), cameras in itertools.product(METHODS, ("known_focal", "known")):
        config = replace(base, cameras=cameras, iterations=iterations, pixel_stride=2)
        soft = photos.soft_masks() if base.method == "dga" else None
        started = time.perf_counter()
        found = align(photos.views, pairs, config, soft_masks=soft)
        seconds = time.perf_counter() - started
        everywhere, objects, rotation = errors(found, photos, known=cameras == "known")
        rows.append(
            [
                len(photos.views),
                len(pairs),
                label + (", known cameras" if cameras == "known" else ""),
                100 * float(np.median(everywhere)),
                100 * float(np.median(objects)),
                100 * float(np.quantile(everywhere, 0.9)),
                rotation,
                seconds,
            ]
        )
    return rows


def errors(found: Alignment, photos: Photos, *, known: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Distances to the true points over the median depth, at valid pixels and at those of objects; and the mean error
    of the relative rotations between views, degrees.
    """
    truth = [
        points_from_depth(v.camera, d).astype(np.float64)
        for v, d in zip(photos.views, photos.depths, strict=True)
    ]
    good = [valid & (depth > 0) for valid, depth in zip(found.valid, photos.depths, strict=True)]
    got = np.concatenate([found.points(v)[good[v]] for v in range(len(good))]).astype(np.float64)
    want = np.concatenate([truth[v][good[v]] for v in range(len(good))])
    on_object = np.concatenate([photos.objects[v][good[v]] for v in range(len(good))])
    if not known:
        scale, R, t = _robust_similarity(got, want)
        got = scale * got @ R.T + t
    unit = np.median(np.concatenate([depth[depth > 0] for depth in photos.depths]))
    distance = np.linalg.norm(got - want, axis=1) / unit
    angles = []
    for a, view in enumerate(photos.views):
        for b in range(a):
            mine = found.cameras[a].world_to_camera[:3, :3] @ found.cameras[b].world_to_camera[:3, :3].T
            true = view.camera.world_to_camera[:3, :3] @ photos.views[b].camera.world_to_camera[:3, :3].T
            angles.append(np.degrees(np.arccos(np.clip((np.trace(mine @ true.T) - 1) / 2, -1, 1))))
    return distance, distance[on_object], float(np.mean(angles))


def spoilt_pairs(photos: Photos, edges: list[Edge], noise: float, seed: int = 0) -> dict[Edge, PairResult]:
    """True pointmaps in the frame of the first view: a scale per pair, smooth relative depth noise, and a quarter of
    the pixels in blobs five times as noisy, which have confidence 1 to 1.5 and no match; the rest 2 to 6 and one.
    """
    rng = np.random.default_rng(seed)
    pairs = {}
    for n, m in edges:
        first_from_world = photos.views[n].camera.world_to_camera
        scale = float(np.exp(rng.normal(scale=0.5)))
        points, confs, matches = [], [], []
        for view in (n, m):
            depth = photos.depths[view]
            blob = _smooth(rng, depth.shape, 12) > 0.67
            spread = noise * np.where(blob, 5, 1) * _smooth(rng, depth.shape, 2)
            spoilt = depth * np.exp(spread)
            world = points_from_depth(photos.views[view].camera, spoilt).astype(np.float64)
            points.append((scale * transform(first_from_world, world)).astype(np.float32))
            conf = np.where(blob, rng.uniform(1.0, 1.5, depth.shape), rng.uniform(2.0, 6.0, depth.shape))
            confs.append(np.where(depth > 0, np.maximum(conf, 1.001), 1.001).astype(np.float32))
            matches.append(pixel_centers(depth.shape[1], depth.shape[0])[~blob & (depth > 0)])
        outside = [np.full_like(xy, -1) for xy in matches]  # only which pixels are matched matters here
        both = np.concatenate([np.hstack([matches[0], outside[0]]), np.hstack([outside[1], matches[1]])])
        pairs[n, m] = PairResult(points[0], points[1], confs[0], confs[1], both.astype(np.float32))
    return pairs


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """Unit-variance noise, smooth over `sigma` pixels."""
    field = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma)
    return field / field.std()


def _robust_similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Similarity of the closer half of the points, re-chosen three times."""
    keep = np.ones(len(source), bool)
    for _ in range(4):
        scale, R, t = register_similarity(source[keep], target[keep])
        distance = np.linalg.norm(scale * source @ R.T + t - target, axis=1)
        keep = distance <= np.median(distance)
    return scale, R, t


def _view(path: Path, truth: CaptureTruth) -> View:
    camera = truth.cameras[path.stem]
    image = read_rgb(path)
    camera = replace(camera, width=image.shape[1], height=image.shape[0])
    return View(path.name, camera, image, Lens(camera.width, camera.height, camera.K))


if __name__ == "__main__":
    main()
