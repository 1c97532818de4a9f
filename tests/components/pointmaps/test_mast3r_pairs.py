"""Pairs by a two-view network: a stand-in that knows the toy scene keeps the real networks' contract, and the real code
runs with random weights where a clone is named."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import project
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.pointmaps.alignment.solve import AlignmentConfig, align
from liftlab.components.pointmaps.mast3r_network import (
    CrocoPairNetwork,
    HeadOutput,
    PairNetwork,
    build_pair_network,
    import_code,
    load_pair_network,
)
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor, match
from liftlab.components.pointmaps.pairs import (
    BatchPairPredictor,
    PairFailure,
    PairPredictor,
    PairResult,
    pair_graph,
    predict_pairs,
    shrunk,
)
from liftlab.components.types import View
from tests.knowing_network import KnowingNetwork
from tests.toy import Toy, make_toy

CLONE = os.environ.get("LIFTLAB_MAST3R")
SMALL = {
    "image_side": 64, "enc_embed_dim": 96, "enc_depth": 2, "enc_num_heads": 3, "dec_embed_dim": 96, "dec_depth": 10,
    "dec_num_heads": 3,
}  # fmt: skip


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=96, height=70, views=3)  # 70 is no multiple of 16: 3 rows are lost on each side


@pytest.mark.parametrize("describes", [True, False])
def test_pairs_have_the_contract_of_every_predictor(toy: Toy, describes: bool) -> None:
    predictor = NetworkPairPredictor(
        KnowingNetwork(toy, describes=describes), NetworkPairConfig(max_side=96, match_stride=2)
    )
    assert isinstance(predictor, PairPredictor) and isinstance(predictor, BatchPairPredictor)
    view_1, view_2 = toy.scene.views[:2]
    result = predictor(view_1, view_2)
    assert isinstance(result, PairResult) and result.scale_known
    assert result.pts3d_1.shape == (70, 96, 3) and result.conf_2.shape == (70, 96)
    assert (
        (result.conf_1 >= 1).all() and (result.conf_1[:3] < 1.01).all() and (result.conf_1[-3:] < 1.01).all()
    )
    xy, depth = project(_at_origin(view_1), result.pts3d_1[3:-3].reshape(-1, 3).astype(np.float64))
    rows, columns = np.mgrid[3:67, 0:96].reshape(2, -1)
    sure = result.conf_1[3:-3].ravel() > 1.5
    assert (
        np.abs(xy[sure] - np.stack([columns, rows], axis=1)[sure] - 0.5).max() < 0.01
        and (depth[sure] > 0).all()
    )
    x1, y1, x2, y2 = result.matches.T
    assert len(result.matches) > 500
    points = toy.scene.pointmap.pts3d[0][np.floor(y1).astype(int), np.floor(x1).astype(int)]
    there, _ = project(view_2.camera, points.astype(np.float64))
    error = np.linalg.norm(there - np.stack([x2, y2], axis=1), axis=1)
    assert np.median(error) < 1.0 and np.percentile(error, 90) < 3.0


def _at_origin(view: View):
    from dataclasses import replace

    return replace(view.camera, world_to_camera=np.eye(4))


def test_each_photo_is_encoded_once_and_pairs_go_in_batches(toy: Toy) -> None:
    network = KnowingNetwork(toy)
    predictor = NetworkPairPredictor(network, NetworkPairConfig(max_side=96, pairs_at_once=4))
    edges = pair_graph(3, "complete")
    results, failures = predict_pairs(toy.scene.views, edges, predictor)
    assert sorted(network.encoded) == [0, 1, 2] and network.decoded == [4, 2]
    assert list(results) == edges and not failures
    alone = NetworkPairPredictor(KnowingNetwork(toy), NetworkPairConfig(max_side=96, pairs_at_once=1))
    for (n, m), result in results.items():
        single = alone(toy.scene.views[n], toy.scene.views[m])
        assert isinstance(single, PairResult)
        assert np.array_equal(result.pts3d_2, single.pts3d_2) and np.array_equal(
            result.matches, single.matches
        )


@pytest.mark.parametrize("kind", ["complete", "window", "one_to_all"])
def test_every_pair_graph_aligns(toy: Toy, kind: str) -> None:
    predictor = NetworkPairPredictor(KnowingNetwork(toy), NetworkPairConfig(max_side=96, match_stride=4))
    views = [shrunk(view, predictor.max_side) for view in toy.scene.views]
    pairs, _ = predict_pairs(toy.scene.views, pair_graph(3, kind, window=1), predictor)  # type: ignore[arg-type]
    config = AlignmentConfig(
        method="ga", conf_transform="log", cameras="known", iterations=40, pixel_stride=2
    )
    found = align(views, pairs, config)
    for view in range(3):
        truth, valid = toy.depth[view], found.valid[view]
        assert valid.mean() > 0.4
        assert np.median(np.abs(found.depths[view][valid] / truth[valid] - 1)) < 0.02


def test_photos_of_different_sizes_are_batched_by_size(toy: Toy) -> None:
    from dataclasses import replace

    first, second = toy.scene.views[0], toy.scene.views[1]
    small = replace(second, image=second.image[3:67], camera=replace(second.camera, height=64))
    network = KnowingNetwork(toy)
    predictor = NetworkPairPredictor(network, NetworkPairConfig(max_side=96, pairs_at_once=8))
    outcomes = predictor.predict([(first, small), (small, first), (first, small)])
    assert network.decoded == [3]
    assert [outcome.conf_1.shape for outcome in outcomes if isinstance(outcome, PairResult)] == [
        (70, 96), (64, 96), (70, 96)
    ]  # fmt: skip


def test_a_network_that_is_sure_of_nothing_fails_by_name(toy: Toy) -> None:
    class Unsure(KnowingNetwork):
        def _seen(self, view, first, second, size):
            seen = super()._seen(view, first, second, size)
            return HeadOutput(seen.pts3d, np.ones_like(seen.conf), seen.desc)

    outcome = NetworkPairPredictor(Unsure(toy), NetworkPairConfig(max_side=96))(*toy.scene.views[:2])
    assert isinstance(outcome, PairFailure) and outcome.reason == "no_overlap"


def test_a_sliver_of_a_photo_is_refused(toy: Toy) -> None:
    from dataclasses import replace

    view = toy.scene.views[0]
    sliver = replace(view, image=view.image[:12], camera=replace(view.camera, height=12))
    with pytest.raises(InputError, match=r"000\.png is too small"):
        NetworkPairPredictor(KnowingNetwork(toy))(sliver, sliver)


def test_matches_must_come_back_to_where_they_began() -> None:
    """Worked by hand: two pixels with one descriptor each, and two that share theirs."""
    desc_1 = np.eye(4, dtype=np.float32)[[0, 1, 2, 2]].reshape(1, 4, 4)
    desc_2 = np.eye(4, dtype=np.float32)[[1, 0, 3, 2]].reshape(1, 4, 4)
    heads = [
        HeadOutput(np.zeros((1, 4, 3), np.float32), np.full((1, 4), 3, np.float32), d)
        for d in (desc_1, desc_2)
    ]
    config = NetworkPairConfig(match_stride=1, match_tolerance_px=0.0)
    found = match(heads[0], heads[1], config, threshold=1.5)
    assert found.tolist() == [[0.5, 0.5, 1.5, 0.5], [1.5, 0.5, 0.5, 0.5], [2.5, 0.5, 3.5, 0.5]]
    assert len(match(heads[0], heads[1], config, threshold=3.5)) == 0


def test_missing_code_is_said(tmp_path: Path) -> None:
    if CLONE:
        pytest.skip("the code is there: LIFTLAB_MAST3R is set")
    with pytest.raises(InputError, match="code of mast3r is not usable"):
        import_code("mast3r", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not CLONE, reason="LIFTLAB_MAST3R names no clone of https://github.com/naver/mast3r")
@pytest.mark.parametrize("kind", ["mast3r", "dust3r"])
def test_the_real_code_with_random_weights(kind: str, tmp_path: Path) -> None:
    """Encoding once and decoding later gives what the network's own forward pass gives; a checkpoint loads."""
    assert CLONE
    torch.manual_seed(0)
    model = build_pair_network(kind, Path(CLONE), **SMALL).eval()  # type: ignore[arg-type]
    torch.save(
        {"args": __import__("argparse").Namespace(model="x"), "model": model.state_dict()}, tmp_path / "m.pth"
    )
    network = load_pair_network(
        tmp_path / "m.pth",
        {"network": kind, "metric": True, **SMALL},
        Path(CLONE),
        device=torch.device("cpu"),
    )
    assert isinstance(network, PairNetwork) and isinstance(network, CrocoPairNetwork)
    images = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), dtype=np.uint8) for i in range(2)]
    views = [
        {"img": torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1,
         "true_shape": torch.tensor([[48, 64]]), "idx": [i], "instance": [str(i)]}
        for i, image in enumerate(images)
    ]  # fmt: skip
    with network.running():
        res_1, res_2 = model(*views)
    features = [network.encode(image) for image in images]
    [(head_1, head_2)] = network.decode([features[0]], [features[1]], (48, 64), (48, 64))
    for ours, theirs in ((head_1.pts3d, res_1["pts3d"]), (head_2.pts3d, res_2["pts3d_in_other_view"])):
        reference = theirs[0].float().numpy()
        assert np.abs(ours - reference).max() < 0.05 * np.abs(reference).max()
    assert (head_1.conf >= 1).all() and (head_1.desc is None) == (kind == "dust3r")
    swapped = network.decode([features[1]], [features[0]], (48, 64), (48, 64))[0][0]
    assert np.abs(swapped.pts3d - head_1.pts3d).max() > 0
    upright = np.random.default_rng(3).integers(0, 255, (64, 48, 3), dtype=np.uint8)
    [(tall, wide)] = network.decode([network.encode(upright)], [features[0]], (64, 48), (48, 64))
    assert tall.pts3d.shape == (64, 48, 3) and wide.pts3d.shape == (48, 64, 3)


@pytest.mark.slow
@pytest.mark.skipif(not CLONE, reason="LIFTLAB_MAST3R names no clone of https://github.com/naver/mast3r")
def test_the_real_code_runs_pairs_of_the_toy(toy: Toy, tmp_path: Path) -> None:
    assert CLONE
    torch.manual_seed(0)
    model = build_pair_network("mast3r", Path(CLONE), **SMALL)
    network = CrocoPairNetwork(model, identity="random", metric=True)
    predictor = NetworkPairPredictor(
        network, NetworkPairConfig(max_side=64, pairs_at_once=2), results=ResultCache(tmp_path)
    )
    results, failures = predict_pairs(toy.scene.views[:2], pair_graph(2), predictor)
    assert len(results) + len(failures) == 2 and len(list(tmp_path.glob("*.safetensors"))) == 2
    for result in results.values():
        assert result.pts3d_1.shape == (*shrunk(toy.scene.views[0], 64).image.shape[:2], 3)
        assert np.isfinite(result.pts3d_1).all()
