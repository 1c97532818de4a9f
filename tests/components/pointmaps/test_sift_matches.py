"""Matching maps by SIFT: right where the photos show the same, nothing where they do not, and what D-DGA weighs by."""

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from liftlab.components.pointmaps.alignment import scene as aligning
from liftlab.components.pointmaps.alignment.scene import SceneAlignmentConfig, align_scene
from liftlab.components.pointmaps.alignment.sift import CELL_PX, with_sift_matches
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor
from liftlab.components.pointmaps.pairs import PairResult
from liftlab.components.types import Camera, Lens, View
from tests.knowing_network import KnowingNetwork
from tests.toy import Toy, make_toy

SIDE, SHIFT = 160, (12, -7)


def view_of(image: np.ndarray) -> View:
    camera = Camera(np.diag([100.0, 100, 1]), np.eye(4), SIDE, SIDE)
    return View("made.png", camera, image, Lens(SIDE, SIDE, camera.K))


def pair() -> PairResult:
    points, conf = np.zeros((SIDE, SIDE, 3), np.float32), np.full((SIDE, SIDE), 2, np.float32)
    return PairResult(points, points, conf, conf, np.zeros((0, 4), np.float32))


def textured() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(SIDE + 40, SIDE + 40, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip(128 + 60 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def test_a_shifted_photo_matches_by_its_shift() -> None:
    whole = textured()
    first = whole[20 : 20 + SIDE, 20 : 20 + SIDE]
    second = whole[20 - SHIFT[1] : 20 - SHIFT[1] + SIDE, 20 - SHIFT[0] : 20 - SHIFT[0] + SIDE]
    found = with_sift_matches([view_of(first), view_of(np.ascontiguousarray(second))], {(0, 1): pair()})[0, 1]
    moved = found.matches[:, 2:] - found.matches[:, :2]
    assert (np.abs(moved - SHIFT) <= 1).all(axis=1).mean() > 0.95
    phi, _ = found.matched()
    assert 0.3 < phi.mean() < 1.0
    assert len(found.matches) > 20 * CELL_PX**2 and (found.matches % 1 == 0.5).all()


def test_photos_of_different_things_hardly_match() -> None:
    first, second = (
        textured()[:SIDE, :SIDE],
        np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 3), np.uint8),
    )
    found = with_sift_matches([view_of(first), view_of(second)], {(0, 1): pair()})[0, 1]
    assert found.matched()[0].mean() < 0.1


def test_a_bare_photo_matches_nothing() -> None:
    bare = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert with_sift_matches([view_of(bare)] * 2, {(0, 1): pair()})[0, 1].matches.shape == (0, 4)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=192, height=144, views=3)


@pytest.mark.parametrize("matching", ["own", "sift"])
def test_d_dga_weighs_by_sift_and_nothing_else_changes(
    toy: Toy, matching: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network without descriptors, as DUSt3R: what the alignment is given."""
    given: dict[str, Any] = {}
    solve = aligning.align

    def align(views: Any, pairs: Any, config: Any, **rest: Any) -> Any:
        given.update(pairs=pairs, views=views)
        return solve(views, pairs, replace(config, iterations=1), **rest)

    monkeypatch.setattr(aligning, "align", align)
    predictor = NetworkPairPredictor(
        KnowingNetwork(toy, describes=False), NetworkPairConfig(max_side=192, match_stride=4)
    )
    config = SceneAlignmentConfig(matching=matching, pixel_stride=2)
    found = align_scene(toy.scene, toy.masks, predictor, method="dga", config=config)
    by_hand = with_sift_matches(given["views"], given["pairs"])
    alike = [np.array_equal(one.matches, by_hand[edge].matches) for edge, one in given["pairs"].items()]
    assert all(alike) == (matching == "sift")
    edge, one = next(iter(given["pairs"].items()))
    alone = predictor(*(toy.scene.views[view] for view in edge))
    assert isinstance(alone, PairResult)
    np.testing.assert_array_equal(one.pts3d_2, alone.pts3d_2)
    assert np.array_equal(one.matches, alone.matches) == (matching == "own")
    assert found.alignment.histogram is not None and found.alignment.histogram.matched.sum() > 0
