"""SAM 2.1 with random weights: the answers of Meta's own classes, each photo encoded once, checkpoints that fit."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.masks.sam2.network import Sam2Network, build_sam2, load_sam2
from liftlab.components.models.result_cache import ResultCache
from tests.tiny_sam2 import CONFIG, CPU, OVERRIDES, write_checkpoint
from tests.toy import Toy


def test_an_answer_is_that_of_the_published_predictor(network: Sam2Network, toy: Toy) -> None:
    from sam2.sam2_image_predictor import SAM2ImagePredictor

    image = toy.scene.views[0].image
    predictor = SAM2ImagePredictor(network.model, disable_torch_jit=True)
    predictor._bb_feat_sizes = [(64, 64), (32, 32), (16, 16)]
    points, labels, box = (
        np.array([[30.0, 40.0], [70.0, 20.0]]),
        np.array([1, 0]),
        np.array([20.0, 10, 80, 60]),
    )
    with network.running():
        predictor.set_image(image)
        _, scores, logits = predictor.predict(points, labels, box=box, multimask_output=True)
    ours, quality = network.decode(
        network.embed(image), points[None], labels[None], box=box[None], several=True
    )
    assert np.allclose(ours[0].numpy(), logits, atol=0.02)
    assert np.allclose(quality[0].numpy(), scores, atol=0.01)
    assert float(np.std(logits)) > 0.03  # far from constant, so that agreement says something


def test_a_batch_is_answered_as_its_prompts_alone(network: Sam2Network, toy: Toy) -> None:
    embedding = network.embed(toy.scene.views[0].image)
    points = np.array([[[10.0, 10.0]], [[60.0, 40.0]]])
    labels = np.ones((2, 1), np.int64)
    both, _ = network.decode(embedding, points, labels, several=True)
    for i in range(2):
        alone, _ = network.decode(embedding, points[i : i + 1], labels[i : i + 1], several=True)
        assert torch.allclose(both[i], alone[0], atol=0.02)
    padded, _ = network.decode(
        embedding, np.concatenate([points, points], axis=1), np.array([[1, -1], [1, -1]]), several=True
    )
    assert padded.shape == both.shape


def test_a_photo_is_encoded_once_ever(network: Sam2Network, toy: Toy, encoded: list[int]) -> None:
    image = toy.scene.views[0].image
    first = network.embed(image)
    again = network.embed(image.copy())
    elsewhere = Sam2Network(network.model, "tiny", ResultCache(network.results.folder)).embed(image)
    assert encoded == [1]
    for a, b, c in zip(first.levels, again.levels, elsewhere.levels, strict=True):
        assert torch.equal(a, b) and torch.equal(a, c)
    Sam2Network(network.model, "other weights", network.results).embed(image)
    network.embed(toy.scene.views[1].image)
    assert encoded == [1, 1, 1]


def test_a_damaged_result_is_computed_again(network: Sam2Network, toy: Toy, encoded: list[int]) -> None:
    network.embed(toy.scene.views[0].image)
    folder = network.results.folder
    assert folder is not None
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    Sam2Network(network.model, "tiny", ResultCache(folder)).embed(toy.scene.views[0].image)
    assert encoded == [1, 1]


def test_a_checkpoint_fills_the_network(network: Sam2Network, toy: Toy, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "tiny.pt")
    loaded = load_sam2(tmp_path / "tiny.pt", CONFIG, device=CPU, overrides=OVERRIDES)
    image = toy.scene.views[0].image
    assert torch.equal(loaded.embed(image).levels[2], network.embed(image).levels[2])
    weights = dict(list(network.model.state_dict().items())[1:])
    torch.save({"model": weights}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"another network \(1 weights missing"):
        load_sam2(tmp_path / "other.pt", CONFIG, device=CPU, overrides=OVERRIDES)


def test_settings_of_the_network_cannot_name_code() -> None:
    for setting in ("++model._target_=os.system", "model.image_size=256", "++model.image_encoder._target_=x"):
        with pytest.raises(InputError, match=r"\+\+model\.NAME=VALUE"):
            build_sam2(CONFIG, device=CPU, overrides=[setting])


def test_without_its_package_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sam2.build_sam", None)
    with pytest.raises(InputError, match="pip install rf-sam-2"):
        build_sam2(CONFIG, device=CPU)
