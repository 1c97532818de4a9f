"""Checkpoint files are read, never run; what does not fit is refused with one sentence."""

import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from liftlab.components.errors import InputError
from liftlab.components.models.checkpoint import load_checkpoint, load_weights


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("form", ["torch", "torch legacy", "plain pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(form: str, tmp_path: Path) -> None:
    path, mark = tmp_path / "evil.pt", tmp_path / "was-run"
    value = {"model": {"a": torch.zeros(2), "b": Bomb(mark)}}
    if form == "plain pickle":
        path.write_bytes(pickle.dumps(value))
    else:
        torch.save(value, path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(InputError, match="holds code"):
        load_checkpoint(path, nested="model")
    assert not mark.exists()


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("damage", ["empty", "cut", "noise"])
def test_a_damaged_file_is_said(suffix: str, damage: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "pt":
        torch.save({"model": {"a": torch.zeros(500)}}, path)
    else:
        save_file({"a": torch.zeros(500)}, path)
    whole = path.read_bytes()
    path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\x93" * 400}[damage])
    with pytest.raises(InputError, match=r"damaged|holds code"):
        load_checkpoint(path, nested="model" if suffix == "pt" else None)


def test_plain_settings_beside_the_weights_are_harmless(tmp_path: Path) -> None:
    torch.save({"args": argparse.Namespace(lr=0.1), "model": {"a": torch.ones(3)}}, tmp_path / "m.pth")
    assert load_checkpoint(tmp_path / "m.pth", nested="model")["a"].tolist() == [1, 1, 1]


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file({"a": torch.ones(3)}, tmp_path / "m.safetensors")
    assert load_checkpoint(tmp_path / "m.safetensors")["a"].tolist() == [1, 1, 1]


def test_a_file_of_another_program_is_said(tmp_path: Path) -> None:
    torch.save({"weights": {"a": torch.ones(3)}}, tmp_path / "m.pt")
    with pytest.raises(InputError, match="no weights under 'model'"):
        load_checkpoint(tmp_path / "m.pt", nested="model")


def test_weights_of_another_network_are_said_and_nothing_changes(tmp_path: Path) -> None:
    network = torch.nn.Linear(3, 2)
    before = network.weight.detach().clone()
    with pytest.raises(InputError, match="1 weights missing, 1 unknown, 1 of another shape"):
        load_weights(network, {"weight": torch.zeros(2, 4), "x": torch.zeros(1)}, tmp_path / "m.pt")
    assert torch.equal(network.weight, before)
    load_weights(network, {"weight": torch.zeros(2, 3), "bias": torch.ones(2)}, tmp_path / "m.pt")
    assert network(torch.ones(3)).tolist() == [1, 1]
