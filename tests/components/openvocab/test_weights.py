"""Weights as files: what is kept, and the mean of two."""

from dataclasses import replace

import pytest
import torch

from liftlab.components.openvocab.network import NetworkConfig, OpenVocabNetwork
from liftlab.components.openvocab.weights import SuperpointConfig, Trained, mean_of

SMALL = NetworkConfig(
    dim=16, point_dim=8, layers=1, heads=2, features=4, text_dim=3, looks=False, context=False
)


def trained(seed: int, config: NetworkConfig = SMALL) -> Trained:
    torch.manual_seed(seed)
    return Trained(OpenVocabNetwork(config), SuperpointConfig(), "words", ("mug",), (), 1.0, {"steps": seed})


@pytest.fixture(autouse=True)
def _own_randomness():
    with torch.random.fork_rng(devices=[]):
        yield


def test_the_mean_lies_half_way_and_changes_neither() -> None:
    first, second = trained(1), trained(2)
    before = {name: value.clone() for name, value in first.network.state_dict().items()}
    mean = mean_of(first, second)
    for name, value in mean.network.state_dict().items():
        assert torch.equal(first.network.state_dict()[name], before[name])
        assert torch.allclose(value, (before[name] + second.network.state_dict()[name]) / 2)
    assert any(not torch.equal(value, before[name]) for name, value in mean.network.state_dict().items())
    assert mean.about == {"steps": 1, "mean": True}


def test_what_only_the_first_has_stays_as_it_is() -> None:
    deeper = trained(1, replace(SMALL, context=True))
    own = deeper.network.state_dict()
    only = own.keys() - trained(2).network.state_dict().keys()
    mean = mean_of(deeper, trained(2)).network.state_dict()
    assert only and all(torch.equal(mean[name], own[name]) for name in only)
