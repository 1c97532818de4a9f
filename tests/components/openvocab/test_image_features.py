"""Features of photos at points, and weights of networks that have fewer parts."""

from pathlib import Path

import pytest
import torch

from liftlab.components.openvocab.network import NetworkConfig, OpenVocabNetwork
from liftlab.components.openvocab.network.image_features import ImageFeatures
from liftlab.components.openvocab.weights import SuperpointConfig, Trained, load_trained, save_trained


@pytest.fixture
def given() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two photos, six points in them, one of which no photo shows."""
    generator = torch.Generator().manual_seed(0)
    at = torch.rand((6, 2), generator=generator) * 1.8 - 0.9
    at[5] = 3.0
    return torch.rand((2, 3, 48, 64), generator=generator) - 0.5, torch.tensor([0, 1, 0, 1, 0, 0]), at


def features(context: bool) -> ImageFeatures:
    torch.manual_seed(1)
    return ImageFeatures(8, context).eval()


def test_the_deeper_network_begins_by_adding_nothing(given: tuple[torch.Tensor, ...]) -> None:
    plain, deeper = features(False), features(True)
    left = deeper.load_state_dict(plain.state_dict(), strict=False)
    assert left.missing_keys and not left.unexpected_keys
    with torch.no_grad():
        torch.testing.assert_close(deeper(*given), plain(*given))


def test_all_of_the_deeper_network_learns(given: tuple[torch.Tensor, ...]) -> None:
    """After two steps away from nothing: two of its layers, one after the other, begin with zeros."""
    deeper = features(True)
    optimiser = torch.optim.SGD(deeper.parameters(), lr=0.01)
    for _ in range(3):
        optimiser.zero_grad()
        deeper(*given).square().sum().backward()
        optimiser.step()
    still = [
        name for name, one in deeper.named_parameters() if one.grad is None or not bool(one.grad.abs().any())
    ]
    assert not still


def test_what_is_far_in_a_photo_counts_with_the_deeper_network_alone(
    given: tuple[torch.Tensor, ...],
) -> None:
    images, view, at = torch.zeros((1, 3, 128, 128)), torch.zeros(1, dtype=torch.long), torch.zeros((1, 2))
    changed = images.clone()
    changed[:, :, 64:, 92:] = 1.0  # from 28 pixels beside the point on
    for context, reaches in ((False, False), (True, True)):
        network = features(context)
        with torch.no_grad():
            for norm in (module for module in network.modules() if isinstance(module, torch.nn.GroupNorm)):
                norm.weight.fill_(1.0)
            for one in network.parameters():
                one.add_(0.05 * torch.randn(one.shape, generator=torch.Generator().manual_seed(2)))
        # norms see the whole photo: without them, distance alone says what is seen
        for module in network.modules():
            for name, child in module.named_children():
                if isinstance(child, torch.nn.GroupNorm):
                    setattr(module, name, torch.nn.Identity())
        network.norms = torch.nn.ModuleList([torch.nn.Identity()] * 3)
        with torch.no_grad():
            same = torch.equal(network(images, view, at), network(changed, view, at))
        assert same is not reaches


def test_weights_without_the_deeper_network_are_read(tmp_path: Path) -> None:
    config = NetworkConfig(
        dim=16, point_dim=8, layers=1, heads=2, features=4, text_dim=3, looks=False, context=False
    )
    trained = Trained(OpenVocabNetwork(config), SuperpointConfig(), "words", ("mug",), (), 1.0, {})
    save_trained(trained, tmp_path / "weights.safetensors")
    assert not load_trained(tmp_path / "weights.safetensors").network.config.context
    strip_settings(tmp_path / "weights.safetensors", ("context", "looks"))
    read = load_trained(tmp_path / "weights.safetensors").network
    assert not read.config.context and not read.config.looks


def strip_settings(file: Path, names: tuple[str, ...]) -> None:
    """Make a file as one that was written before there were these settings."""
    import json

    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(file, framework="pt") as opened:
        about = json.loads(opened.metadata()["liftlab"])
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    about["network"] = {key: value for key, value in about["network"].items() if key not in names}
    save_file(tensors, file, metadata={"liftlab": json.dumps(about)})
