"""A scene from pairs of a two-view network that knows the toy: cameras and depths are those of the truth."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liftlab.components.captures import import_capture, open_capture
from liftlab.components.captures.capture import Capture
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor
from liftlab.components.progress import CancelToken
from liftlab.pipelines.steps.reconstruct import ReconstructConfig, reconstruct
from liftlab.pipelines.steps.reconstruct import pairs as pair_reconstruct
from liftlab.pipelines.steps.reconstruct.pairs import graph_of
from tests.knowing_network import KnowingNetwork
from tests.toy import Toy, make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
CONFIG = ReconstructConfig(pointmaps="mast3r")


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120, views=3)


@pytest.fixture(scope="module")
def capture(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Capture:
    photos = tmp_path_factory.mktemp("photos")
    for view in toy.scene.views:
        Image.fromarray(view.image).save(photos / view.name)
    folder = tmp_path_factory.mktemp("capture") / "toy"
    import_capture(photos, folder)
    return open_capture(folder)


@pytest.fixture
def network(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> KnowingNetwork:
    network = KnowingNetwork(toy)
    predictor = NetworkPairPredictor(network, NetworkPairConfig(max_side=160))
    monkeypatch.setattr("liftlab.pipelines.models.pair_predictor", lambda name, device: predictor)
    monkeypatch.setattr(pair_reconstruct, "ITERATIONS", 80)
    return network


@pytest.mark.parametrize(("alignment", "limit"), [("ga", 0.02), ("sparse_ga", 0.04)])
def test_cameras_and_depths_are_found_up_to_a_similarity(
    toy: Toy, capture: Capture, network: KnowingNetwork, alignment, limit
) -> None:
    """Matches are whole pixels, of a small photo here: by them alone depths come out less exact."""
    scene, report = reconstruct(capture, replace(CONFIG, alignment=alignment), key="k")
    assert scene.key == "k" and report.registered == tuple(view.name for view in toy.scene.views)
    assert sorted(network.encoded) == [0, 1, 2] and not report.missing and not report.cameras_known
    ratios = []
    for found, true in zip(scene.views, toy.scene.views, strict=True):
        assert found.camera.width == 160 and found.lens.width == 160
        assert abs(found.camera.K[0, 0] / true.camera.K[0, 0] - 1) < 0.05
        index = scene.view_index(found.name)
        valid = scene.pointmap.valid[index] & toy.scene.pointmap.valid[index]
        assert valid.mean() > 0.4
        in_camera = scene.pointmap.pts3d[index][valid] @ found.camera.world_to_camera[2, :3]
        depth = in_camera + found.camera.world_to_camera[2, 3]
        ratios.append(depth / toy.depth[index][valid])
    scale = np.median(np.concatenate(ratios))
    assert all(np.median(np.abs(r / scale - 1)) < limit for r in ratios)
    distance = [np.linalg.norm(v.camera.center - scene.views[0].camera.center) for v in scene.views]
    truth = [np.linalg.norm(v.camera.center - toy.scene.views[0].camera.center) for v in toy.scene.views]
    assert np.allclose(np.array(distance[1:]) / scale, truth[1:], rtol=0.1)


def test_what_is_missing_is_said_before_anything_is_computed(
    capture: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIFTLAB_MODELS", str(tmp_path))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", tmp_path)
    monkeypatch.delenv("LIFTLAB_MAST3R", raising=False)
    monkeypatch.setitem(sys.modules, "mast3r", None)  # another test may have imported it from a clone
    with pytest.raises(InputError, match=r"code of 'mast3r' is missing: run `git clone"):
        reconstruct(capture, CONFIG, key="k")


def test_it_can_be_stopped(capture: Capture, network: KnowingNetwork) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        reconstruct(capture, CONFIG, key="k", cancel=token)


def test_many_photos_look_at_their_neighbours_only() -> None:
    assert len(graph_of(10)) == 90 and len(graph_of(5)) == 20
    assert len(graph_of(40)) < 40 * 8 + 1
