"""WildSeg3D's order: pairs, masks of the photos, then cameras and depth; by a knowing network and by stereo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liftlab.components.captures import import_capture, open_capture
from liftlab.components.captures.capture import Capture
from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import register_similarity
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.choices import PhotoAlignmentConfig
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.scenes import load_scene, save_scene
from liftlab.components.types import Scene
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from liftlab.pipelines.steps.reconstruct import ReconstructConfig, reconstruct
from liftlab.pipelines.steps.reconstruct import pairs as by_pairs
from tests.knowing_network import KnowingNetwork
from tests.not_none import not_none
from tests.toy import FLOOR, Toy, make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
ALIGNING = PhotoAlignmentConfig(iterations=60)
CONFIG = ReconstructConfig(pointmaps="mast3r", alignment="dga", aligning=ALIGNING)


def capture_of(toy: Toy, folder: Path) -> Capture:
    photos = folder / "photos"
    photos.mkdir()
    for view in toy.scene.views:
        Image.fromarray(view.image).save(photos / view.name)
    import_capture(photos, folder / "toy")
    return open_capture(folder / "toy")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120, views=3)


@pytest.fixture(scope="module")
def capture(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    return capture_of(toy, tmp_path_factory.mktemp("masks_first"))


@pytest.fixture
def knowing(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = NetworkPairPredictor(KnowingNetwork(toy), NetworkPairConfig(max_side=160))
    monkeypatch.setattr("liftlab.pipelines.models.pair_predictor", lambda name, device: predictor)


def position_error(scene: Scene, toy: Toy) -> float:
    """Mean distance of the cameras from the truth after one similarity, as a share of their spread."""
    found = np.stack([view.camera.center for view in scene.views])
    truth = np.stack([toy.scene.views[toy.scene.view_index(v.name)].camera.center for v in scene.views])
    scale, R, t = register_similarity(found, truth, np.ones(len(truth)))
    error = np.linalg.norm(scale * found @ R.T + t - truth, axis=1).mean()
    return float(error / np.linalg.norm(truth - truth.mean(axis=0), axis=1).mean())


def best_iou(masks: MaskCache, truth: np.ndarray) -> float:
    """Of the cached object that fits best, over all photos together."""
    found = []
    for number in masks.object_ids.tolist():
        drawn = np.stack([masks.mask(view, number) for view in range(masks.num_views)])
        found.append(float((drawn & truth).sum() / (drawn | truth).sum()))
    return max(found)


def test_masks_come_first_and_dga_finds_cameras_and_depth_with_them(
    toy: Toy, capture: Capture, knowing: None, tmp_path: Path
) -> None:
    scene, report = reconstruct(capture, CONFIG, key="k")
    assert [stage.name for stage in report.stages].index("masks of the photos") < [
        stage.name for stage in report.stages
    ].index("alignment")
    assert position_error(scene, toy) < 0.1 and report.confirmed_share > 0.3
    masks = scene.photo_masks
    assert isinstance(masks, MaskCache) and masks.scene_key == "k" and masks.soft is not None
    for box in (1, 2, 3):
        assert best_iou(masks, toy.instance == box) > 0.7
    floor = np.concatenate([s[i == FLOOR] for s, i in zip(masks.soft, toy.instance, strict=True)])
    boxes = np.concatenate([s[i != FLOOR] for s, i in zip(masks.soft, toy.instance, strict=True)])
    assert floor.mean() < 0.4 < boxes.mean()

    save_scene(scene, tmp_path)
    read = not_none(load_scene(tmp_path).photo_masks)
    assert isinstance(read, MaskCache) and np.array_equal(read.placement, masks.placement)

    cache = build_masks(scene, MasksConfig(following="photos"))
    kept = [np.stack([cache.mask(v, i) for v in range(3)]) for i in cache.object_ids.tolist()]
    own = [np.stack([masks.mask(v, i) for v in range(3)]) for i in masks.object_ids.tolist()]
    assert len(kept) == len(own) and all(np.array_equal(a, b) for a, b in zip(kept, own, strict=True))
    assert cache.solver_state is not None and cache.measured is not None


def test_the_alignment_weighs_by_the_soft_masks_the_matches_and_both_alphas(
    capture: Capture, knowing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights of the whole mode, literally and in float64: it fails with the matching map set to 1, with alpha_n = 0,
    and with the soft masks dropped."""
    seen = {}

    def watched(views, pairs, config, **given):
        seen["pairs"], seen["found"] = pairs, real(views, pairs, config, **given)
        return seen["found"]

    real = by_pairs.align
    monkeypatch.setattr(by_pairs, "align", watched)
    config = replace(CONFIG, aligning=replace(ALIGNING, iterations=1, alpha_p=0.3, alpha_n=0.7))
    scene, _ = reconstruct(capture, config, key="k")
    soft = not_none(scene.photo_masks.soft)  # type: ignore[union-attr]
    weights, phis = [], []
    for edge in seen["found"].pair_poses:
        pair = seen["pairs"][edge]
        for view, conf, phi in zip(edge, (pair.conf_1, pair.conf_2), pair.matched(), strict=True):
            F = 1 / (1 + np.exp(-soft[view].astype(np.float64) * conf))
            q, alpha = F * (1 - F), np.where(phi, 0.3, -0.7)
            A = (F + alpha * q) / (1 + np.abs(alpha) * q)
            weights.append(np.log(A / (1 - A)).ravel())
            phis.append(phi.ravel())
    W, phi = np.concatenate(weights), np.concatenate(phis)
    histogram = not_none(seen["found"].histogram)
    borders = np.linspace(0, 10, 41)
    for found, which in ((histogram.matched, phi), (histogram.unmatched, ~phi)):
        expected = np.histogram(np.clip(W[which], 0, 10), borders)[0]
        assert expected.any() and np.abs(found - expected).sum() <= 0.002 * expected.sum()
    assert abs(histogram.clamped - (W < 0).sum()) <= 0.002 * len(W) and (W < 0).any()


@pytest.mark.parametrize(
    ("changes", "method", "transform"),
    [
        ({"alignment": "ga", "masks_first": True}, "ga", "log"),
        ({"alignment": "ga", "masks_first": True, "aligning": PhotoAlignmentConfig(confidence="raw")}, "ga", "raw"),
        ({}, "dga", "raw"),
    ],
    ids=["GA, ln C", "GA, C", "DGA"],
)  # fmt: skip
def test_each_variant_reaches_the_alignment_with_free_cameras(
    capture: Capture, knowing: None, monkeypatch: pytest.MonkeyPatch, changes, method: str, transform: str
) -> None:
    class Reached(Exception):
        pass

    def caught(views, pairs, config, **given):
        assert (config.method, config.conf_transform, config.cameras) == (method, transform, "unknown")
        assert (given["soft_masks"] is None) == (method == "ga")
        raise Reached

    monkeypatch.setattr(by_pairs, "align", caught)
    with pytest.raises(Reached):
        reconstruct(capture, replace(CONFIG, **changes), key="k")


def test_by_matches_alone(toy: Toy, capture: Capture, knowing: None) -> None:
    scene, _ = reconstruct(capture, replace(CONFIG, alignment="sparse_ga", masks_first=True), key="k")
    assert scene.photo_masks is not None and position_error(scene, toy) < 0.15


def test_stereo_needs_neither_weights_nor_cameras(tmp_path: Path) -> None:
    toy = make_toy(width=240, height=180, views=3)
    config = ReconstructConfig(alignment="dga", aligning=ALIGNING, stereo=StereoPairConfig(max_side=240))
    scene, report = reconstruct(capture_of(toy, tmp_path), config, key="k")
    assert not report.cameras_known and report.sparse_points == 0
    assert position_error(scene, toy) < 0.3
    masks = scene.photo_masks
    assert isinstance(masks, MaskCache)
    assert np.mean([best_iou(masks, toy.instance == box) for box in (1, 2, 3)]) > 0.5


@pytest.mark.parametrize(("count", "end"), [(2, "bring more that overlap."), (10, "(alignment=ga).")])
def test_too_few_and_too_many_photos_are_refused_in_a_sentence(
    capture: Capture, count: int, end: str
) -> None:
    photos = (capture.photos * 4)[:count]
    with pytest.raises(InputError) as error:
        reconstruct(replace(capture, photos=photos), ReconstructConfig(alignment="dga"), key="k")
    assert str(error.value).startswith(
        f"Masks first (WildSeg3D) takes 3 to 9 photos; 'toy' has {count}: bring"
    )
    assert str(error.value).endswith(end)


def test_a_scene_without_masks_of_its_own_says_so(toy: Toy) -> None:
    with pytest.raises(InputError, match="reconstruct it with alignment=dga"):
        build_masks(toy.scene, MasksConfig(following="photos"))


def test_sam2_follows_its_own_proposals_only() -> None:
    from liftlab.pipelines.steps.reconstruct.config import PhotoMasksConfig

    with pytest.raises(InputError, match=r"photo_masks\.proposer=sam2"):
        PhotoMasksConfig(following="sam2").check_pair()
