"""A tiny SAM 2.1 with random weights, and what it is asked about."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from liftlab.components.masks.sam2.network import Sam2Network
from liftlab.components.models.result_cache import ResultCache
from tests.tiny_sam2 import tiny_sam2
from tests.toy import Toy, make_toy


@pytest.fixture(scope="session")
def toy() -> Toy:
    return make_toy()


@pytest.fixture(scope="session")
def model() -> object:
    return tiny_sam2().model


@pytest.fixture
def network(model, tmp_path: Path) -> Sam2Network:
    return Sam2Network(model, "tiny", ResultCache(tmp_path / "results"))


@pytest.fixture
def encoded(network: Sam2Network, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry per pass of the image encoder."""
    passes: list[int] = []
    forward = network.model.forward_image

    def counted(batch):
        passes.append(len(batch))
        return forward(batch)

    monkeypatch.setattr(network.model, "forward_image", counted)
    yield passes
