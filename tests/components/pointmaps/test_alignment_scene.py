"""The alignment of a scene weighs every pixel as eq. (1) to (5) say, literally, and its options reach the weights."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import pixel_centers, transform
from liftlab.components.pointmaps.alignment.scene import SceneAlignmentConfig, align_scene
from liftlab.components.pointmaps.alignment.weights import WeightHistogram
from liftlab.components.pointmaps.pairs import PairResult
from liftlab.components.types import View
from tests.not_none import not_none
from tests.toy import HEIGHT, WIDTH, Toy, make_toy

CONFIDENCES = (1.02, 1.4, 3.0)
"""Of the left, middle and right third of every photo of a pair; the upper half of a photo has matches."""


@dataclass
class TruthPairs:
    """A pair predictor that knows the truth."""

    toy: Toy
    max_side: int = WIDTH
    symmetric: bool = False
    conf_valid_threshold: float = 1.5

    def __call__(self, view_1: View, view_2: View) -> PairResult:
        index = {view.name: i for i, view in enumerate(self.toy.scene.views)}
        world = [self.toy.scene.pointmap.pts3d[index[view.name]] for view in (view_1, view_2)]
        points = [transform(view_1.camera.world_to_camera, p.astype(np.float64)) for p in world]
        conf = np.repeat(np.array(CONFIDENCES, np.float32), WIDTH // 3)[None].repeat(HEIGHT, axis=0)
        xy = pixel_centers(WIDTH, HEIGHT)[: HEIGHT // 2].reshape(-1, 2)
        matches = np.concatenate([xy, xy], axis=1).astype(np.float32)
        return PairResult(points[0].astype(np.float32), points[1].astype(np.float32), conf, conf, matches)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy()


def literal(
    toy: Toy, edges: list[tuple[int, int]], *, alpha_p=0.5, alpha_n=0.9, epsilon=0.0, scope=(1, 2, 3)
):
    """Histogram of W by eq. (1) to (5), pixel by pixel and in float64, of both photos of every pair."""
    weights, matched = [], []
    for edge in edges:
        for view in edge:
            inside = np.isin(toy.instance[view], scope).astype(np.uint8)
            to_edge = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) - 0.5
            from_edge = 0.5 - cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            distance = np.where(inside, to_edge, from_edge).astype(np.float64)
            S = 1 / (1 + np.exp(-distance * np.pi / (np.sqrt(3) * 5)))
            S = np.where(S < 0.05, 0.0, S) if scope else np.ones(inside.shape)
            C = np.repeat(CONFIDENCES, WIDTH // 3)[None].repeat(HEIGHT, axis=0)
            phi = np.arange(HEIGHT)[:, None].repeat(WIDTH, axis=1) < HEIGHT // 2
            F = 1 / (1 + np.exp(-S * C))
            q = F * (1 - F)
            alpha = np.where(phi, alpha_p, -alpha_n)
            A = (F + alpha * q) / (1 + np.abs(alpha) * q + epsilon)
            weights.append(np.log(A / (1 - A)).ravel())
            matched.append(phi.ravel())
    W, phi = np.concatenate(weights), np.concatenate(matched)
    edges_of_bins = np.linspace(0, 10, 41)
    counts = [np.histogram(np.clip(W[which], 0, 10), edges_of_bins)[0] for which in (phi, ~phi)]
    return counts, int((W < 0).sum())


def histogram(toy: Toy, **options) -> tuple[WeightHistogram, list[tuple[int, int]]]:
    config = SceneAlignmentConfig(iterations=0, pixel_stride=8, **options)
    found = align_scene(toy.scene, toy.masks, TruthPairs(toy), method="dga", config=config)
    return not_none(found.alignment.histogram), sorted(found.alignment.pair_poses)


@pytest.mark.parametrize(
    "options",
    [{}, {"alpha_p": -0.5, "alpha_n": 0.5}, {"alpha_p": 0.9, "alpha_n": -0.9}, {"epsilon": 0.01}],
    ids=["default", "matched lose", "unmatched gain", "epsilon"],
)
def test_weights_of_a_scene_are_those_of_the_printed_equations(toy: Toy, options: dict[str, float]) -> None:
    """It fails with the matching map set to 1, with alpha_n = 0, and with the soft masks dropped or blurred."""
    found, edges = histogram(toy, **options)
    (matched, unmatched), clamped = literal(toy, edges, **options)
    assert np.abs(found.matched - matched).sum() <= 4  # float32 confidences at the borders of bins
    assert np.abs(found.unmatched - unmatched).sum() <= 4
    assert abs(found.clamped - clamped) <= 4
    assert matched.any() and unmatched.any()


def test_the_complete_graph_pairs_all_photos_in_both_orders(toy: Toy) -> None:
    assert len(histogram(toy, graph="complete")[1]) == 12
    assert len(histogram(toy)[1]) < 12


def test_masks_of_one_object_or_of_none(toy: Toy) -> None:
    for options, scope in (({"mask_scope": "target", "mask_target": 2}, (2,)), ({"mask_scope": "none"}, ())):
        found, edges = histogram(toy, **options)
        (matched, _), clamped = literal(toy, edges, scope=scope)
        assert np.abs(found.matched - matched).sum() <= 4 and abs(found.clamped - clamped) <= 4
    with pytest.raises(InputError, match="no object 99 in the masks"):
        histogram(toy, mask_scope="target", mask_target=99)


def test_other_adjustments_and_confidences_reach_the_weights(toy: Toy) -> None:
    usual = histogram(toy)[0]
    for options in (
        {"adjustment": "arctan"}, {"adjustment": "logistic", "steepness": 3.0}, {"adjustment": "log"},
        {"confidence": "log"}, {"confidence": "minus_one"}, {"softening": "blur"},
    ):  # fmt: skip
        other = histogram(toy, **options)[0]
        assert not np.array_equal(other.matched, usual.matched), options
    steep = [histogram(toy, adjustment="arctan", steepness=s)[0].matched for s in (2.0, 20.0)]
    assert not np.array_equal(steep[0], steep[1])
    assert replace(SceneAlignmentConfig(), alpha_n=-0.9).alpha_n == -0.9
