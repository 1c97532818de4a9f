"""What is said about a model in each state; the catalogue; memory; the question whether an address answers."""

import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from liftlab.components.errors import InputError
from liftlab.components.models import (
    ModelEntry,
    ModelStore,
    load_catalogue,
    memory_advice,
    model_status,
    reachable,
)
from liftlab.components.models.catalogue import MIB
from liftlab.components.models.states import has_code
from tests.model_host import model_host

ENTRY = ModelEntry(
    name="m", task="masks", summary="", file="m.pt", address="http://host/m.pt", megabytes=156.0, licence="MIT",
    licence_address="", module="json", packages=("some-package",), memory_megabytes=2048.0,
)  # fmt: skip
MISSING = replace(ENTRY, module="a_module_that_nobody_has")


@pytest.mark.parametrize(
    ("entry", "here", "answer", "state", "words"),
    [
        (ENTRY, True, None, "ready", ["2.0 GB of memory"]),
        (MISSING, True, None, "file found", [f"`{sys.executable} -m pip install some-package`"]),
        (ENTRY, False, True, "downloadable", ["`liftlab models get m` (156 MB)"]),
        (ENTRY, False, None, "not here", ["`liftlab models get m` (156 MB)"]),
        (ENTRY, False, False, "unreachable", ["does not answer", "`liftlab models get m`", "put m.pt into"]),
        (
            MISSING,
            False,
            False,
            "package missing",
            ["pip install some-package`, then `liftlab models get m`"],
        ),
    ],
)
def test_each_state_has_one_sentence_with_its_command(
    entry: ModelEntry, here: bool, answer: bool | None, state: str, words: list[str], tmp_path: Path
) -> None:
    if here:
        (tmp_path / "m.pt").write_bytes(b"x")
    status = model_status(ModelStore((tmp_path,), (entry,)), entry, reachable=answer)
    assert status.state == state
    assert all(word in status.sentence for word in words), status.sentence
    assert status.sentence.endswith(".") and "\n" not in status.sentence


def test_code_of_a_clone_counts(tmp_path: Path) -> None:
    entry = replace(MISSING, repository="https://host/mast3r", module="a_cloned_module")
    assert not has_code(entry, None) and not has_code(entry, tmp_path)
    (tmp_path / "a_cloned_module").mkdir()
    assert has_code(entry, tmp_path)
    nested = replace(entry, module="dust3r_of_a_clone")
    (tmp_path / "dust3r" / "dust3r_of_a_clone").mkdir(parents=True)
    assert has_code(nested, tmp_path)


def test_the_bundled_catalogue_is_complete() -> None:
    entries = load_catalogue()
    assert {"sam2.1-tiny", "sam2.1-small", "sam2.1-base-plus", "sam2.1-large", "mast3r", "dust3r"} <= {
        entry.name for entry in entries
    }
    assert {entry.task for entry in entries} == {"masks", "pointmaps", "text"}
    assert len({entry.file for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.address.startswith("https://") and entry.licence_address.startswith("https://")
        assert entry.memory_megabytes > entry.megabytes > 0
        assert entry.non_commercial == ("NC" in entry.licence or "research" in entry.licence)
        assert entry.packages and entry.summary


def test_a_folder_brings_its_own_entries(tmp_path: Path) -> None:
    own = [{**vars(ENTRY), "name": "mine"}]
    (tmp_path / "catalogue.json").write_text(json.dumps(own))
    store = ModelStore.open({"LIFTLAB_MODELS": str(tmp_path)})
    assert store.entry("mine").file == "m.pt" and store.folders[0] == tmp_path
    with pytest.raises(InputError, match=r"no model 'min'. Did you mean 'mine'"):
        store.entry("min")


@pytest.mark.parametrize(
    "text", ["{", '[{"name": 3}]', json.dumps([{**vars(ENTRY), "file": "../m.pt"}]),
             json.dumps([{**vars(ENTRY), "name": "mast3r"}])],
)  # fmt: skip
def test_a_bad_catalogue_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_text(text)
    with pytest.raises(InputError):
        load_catalogue(tmp_path)


def test_a_licence_is_confirmed_once_per_folder(tmp_path: Path) -> None:
    free, bound = ENTRY, replace(ENTRY, non_commercial=True, licence="NC")
    store = ModelStore((tmp_path,), (free, bound))
    assert store.accepted(free) and not store.accepted(bound)
    store.accept(bound)
    assert ModelStore((tmp_path,), ()).accepted(bound)
    assert not store.accepted(replace(bound, licence="another NC"))


def test_a_smaller_model_is_proposed_when_memory_is_short() -> None:
    sizes = [replace(ENTRY, name=f"m{gb}", memory_megabytes=gb * 1024.0) for gb in (1, 2, 5)]
    large = sizes[-1]
    assert memory_advice(large, sizes, 6 * 1024 * MIB) == ""
    assert "take 'm2' (2.0 GB)" in memory_advice(large, sizes, 3 * 1024 * MIB)
    assert "close other programs" in memory_advice(large, sizes, 500 * MIB)


def test_addresses_are_asked_once_each() -> None:
    with model_host() as host:
        host.files["here.pt"] = b"x"
        refused = "http://127.0.0.1:9/refused.pt"
        answers = reachable([host.url("here.pt"), host.url("gone.pt"), refused], timeout_secs=30.0)
        assert answers == {host.url("here.pt"): True, host.url("gone.pt"): False, refused: False}
        assert sorted(host.requests) == [("HEAD", None)] * 2


def test_silence_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes the connection and says nothing
        silent = f"http://127.0.0.1:{server.getsockname()[1]}/silent.pt"
        assert reachable([silent], timeout_secs=0.2) == {silent: False}
