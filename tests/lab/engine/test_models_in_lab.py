"""Models through the lab: `liftlab models` with nothing here, and a scene whose masks and clicks come from SAM 2.1."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from liftlab.cli import main as cli
from liftlab.components.errors import InputError
from liftlab.components.masks.sam2.proposer import Sam2ProposerConfig
from liftlab.components.models import ModelStore
from liftlab.components.models.result_cache import ResultCache
from liftlab.engine.lab import Lab
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.pipelines.models import Sam2Config, sam2_network
from liftlab.pipelines.steps.masks import MasksConfig
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from tests.model_host import model_host
from tests.not_none import not_none
from tests.tiny_sam2 import catalogue_entry, write_checkpoint
from tests.toy import Toy
from tests.toy_workspace import NAME, box_center

SAM2 = Sam2Config(
    model="sam2.1-test",
    proposals=Sam2ProposerConfig(
        points_per_side=3,
        min_quality=0.0,
        min_stability=0.0,
        stability_offset=0.0,
        duplicate=1.0,
        max_masks=3,
    ),
)
MASKS = MasksConfig(proposer="sam2", following="sam2", sam2=SAM2)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder that knows the tiny network and holds nothing."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "catalogue.json").write_text(json.dumps([catalogue_entry()]))
    monkeypatch.setenv("LIFTLAB_MODELS", str(folder))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", folder)
    monkeypatch.setenv("LIFTLAB_MAST3R", "")
    for module in ("mast3r", "dust3r"):  # another test may have imported them from a clone
        monkeypatch.setitem(sys.modules, module, None)
    return folder


@pytest.fixture
def with_file(models: Path) -> Path:
    write_checkpoint(models / "sam2.1-test.pt")
    return models


@pytest.fixture
def liftlab(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any], str]]:
    """Run a command in this process: exit code, JSON of the last line, stderr."""

    def run(*arguments: object) -> tuple[int, dict[str, Any], str]:
        with pytest.raises(SystemExit) as stopped:
            cli.main([*(str(a) for a in arguments), "--json"])
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), json.loads(captured.out.strip().splitlines()[-1]), captured.err

    return run


def test_the_listing_says_of_each_model_what_to_do(liftlab, models: Path, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "liftlab.cli.models.reachable",
        lambda addresses: asked.extend(addresses) or dict.fromkeys(asked, False),
    )
    code, found, _ = liftlab("models")
    assert code == 0 and found["folder"] == str(models)
    states = {model["name"]: model for model in found["models"]}
    assert states["sam2.1-tiny"]["state"] == "unreachable" and len(asked) == len(states)
    assert states["mast3r"]["state"] == "package missing" and "git clone" in states["mast3r"]["sentence"]
    assert all(model["sentence"].count(f"liftlab models get {name}`") == 1 for name, model in states.items())
    code, found, _ = liftlab("models", "--offline")
    assert {m["state"] for m in found["models"]} == {"not here", "package missing"} and len(asked) == len(
        states
    )


def test_folders_are_named_on_the_command_line(liftlab, models: Path, tmp_path: Path) -> None:
    other, clone = tmp_path / "other", tmp_path / "clone"
    other.mkdir()
    (other / "sam2.1_hiera_tiny.pt").write_bytes(b"x")
    (clone / "mast3r").mkdir(parents=True)
    code, found, _ = liftlab("models", "--offline", "--models", other, "--mast3r", clone)
    states = {model["name"]: model["state"] for model in found["models"]}
    assert code == 0 and found["folder"] == str(other)
    assert states["sam2.1-tiny"] == "ready" and states["mast3r"] == "not here"
    assert "sam2.1-test" in states  # the default folder is searched as well


def test_a_model_is_brought_and_listed_as_ready(liftlab, models: Path) -> None:
    with model_host() as host:
        write_checkpoint(models / "made.pt")
        host.files["tiny.pt"] = (models / "made.pt").read_bytes()
        (models / "catalogue.json").write_text(json.dumps([catalogue_entry(host.url("tiny.pt"))]))
        code, got, said = liftlab("models", "get", "sam2.1-test")
        assert code == 0 and got["state"] == "ready" and "is in" in said
        code, _, said = liftlab("models", "get", "sam2.1-test")
        assert code == 0 and "here already" in said and len([m for m, _ in host.requests if m == "GET"]) == 1
    code, checked, _ = liftlab("models", "verify")
    assert checked["models"] == [{"name": "sam2.1-test", "sound": True, "sentence": ""}]
    (models / "sam2.1-test.pt").write_bytes(b"x")
    code, checked, _ = liftlab("models", "verify", "sam2.1-test")
    assert not checked["models"][0]["sound"]


def test_kept_results_are_told_and_cleared_and_models_stay(liftlab, models: Path, with_file: Path) -> None:
    cache = ResultCache(ModelStore.open(os.environ).kept_folder)
    for number in range(3):
        cache.get(f"r{number}", lambda: {"level_0": torch.zeros(2500)})
    listed = liftlab("models", "--offline")[1]
    assert listed["kept_bytes"] == sum(f.stat().st_size for f in not_none(cache.folder).iterdir()) > 30_000
    here = [model["name"] for model in listed["models"] if model["path"]]
    code, cleared, _ = liftlab("models", "clear")
    assert (code, cleared["bytes_removed"]) == (0, listed["kept_bytes"])
    after = liftlab("models", "--offline")[1]
    assert after["kept_bytes"] == 0 and [m["name"] for m in after["models"] if m["path"]] == here != []
    assert liftlab("models", "clear", "sam2.1-tiny")[0] == 2


def test_a_licence_is_shown_and_confirmed_before_a_download(liftlab, models: Path) -> None:
    bound = {**catalogue_entry("http://127.0.0.1:9/tiny.pt"), "non_commercial": True, "licence": "NC-1"}
    (models / "catalogue.json").write_text(json.dumps([bound]))
    code, refused, said = liftlab("models", "get", "sam2.1-test")
    assert code == 2 and "--accept-licence" in refused["error"] and "not for commercial use" in said
    code, tried, _ = liftlab("models", "get", "sam2.1-test", "--accept-licence")
    assert code == 2 and "does not answer" in tried["error"]
    code, tried, said = liftlab("models", "get", "sam2.1-test")
    assert "does not answer" in tried["error"] and "not for commercial use" not in said


def test_a_scene_by_sam2_from_proposals_to_replay(
    lab: Lab, with_file: Path, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = lab.masks(NAME, MASKS)
    assert len(cache.object_ids) >= 1 and cache.solver_state is not None
    assert len(cache.solver_state.leaves) == len(cache.object_ids)
    assert {cache.sizes[v] for v in range(cache.num_views)} == {toy.instance.shape[1:]}
    assert list((with_file / "cache").glob("*.safetensors"))
    config = WildSeg3DConfig(click_solver="sam2", sam2=SAM2)
    lab.prepare(NAME, "wildseg3d", config)
    network = sam2_network(SAM2, torch.device("cpu"))
    passes: list[int] = []
    monkeypatch.setattr(network.model, "forward_image", lambda batch: passes.append(len(batch)))
    session = Session(lab)
    session.open(NAME)
    session.set_method("wildseg3d", config)
    session.new_object("thing")
    session.click("001.png", *box_center(toy, 1, 1))
    state = session.click("000.png", *box_center(toy, 0, 2), positive=False)
    assert state.result is not None and state.result.provenance.slow_path
    assert session.photo_mask(state.id, "001.png").any()
    assert passes == []  # no click waits for the encoder
    session.notebook().save(tmp_path / "notebook.json")
    replayed = replay(Notebook.load(tmp_path / "notebook.json"), lab)
    assert replayed.identical


def test_proposals_of_sam2_are_tied_by_geometry(lab: Lab, with_file: Path) -> None:
    regions, sam2 = lab.masks(NAME, MasksConfig()), lab.masks(NAME, MasksConfig(proposer="sam2", sam2=SAM2))
    assert len(sam2.object_ids) >= 3 and regions.scene_key == sam2.scene_key
    assert lab.step_records(NAME)["masks"]["config"]["sam2"]["model"] == "sam2.1-test"


def test_a_model_that_is_not_here_is_said_with_its_command(lab: Lab, models: Path) -> None:
    with pytest.raises(InputError, match=r"'sam2.1-test' is not here: run `liftlab models get sam2.1-test`"):
        lab.masks(NAME, MASKS)
    with pytest.raises(InputError, match="proposer=sam2 as well"):
        lab.masks(NAME, MasksConfig(following="sam2"))
    with pytest.raises(InputError, match=r"Did you mean 'sam2.1-test'"):
        sam2_network(Sam2Config(model="sam2.1-tst"), torch.device("cpu"))
    with pytest.raises(InputError, match="no SAM 2 model"):
        sam2_network(Sam2Config(model="mast3r"), torch.device("cpu"))


def test_a_checkpoint_with_code_never_reaches_the_network(lab: Lab, models: Path, tmp_path: Path) -> None:
    import os

    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'was-run'}",)

    torch.save({"model": {"a": Bomb()}}, models / "sam2.1-test.pt")
    with pytest.raises(InputError, match="holds code"):
        lab.masks(NAME, MASKS)
    assert not (tmp_path / "was-run").exists()


def test_too_little_memory_names_a_smaller_model(with_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liftlab.pipelines.models.free_memory", lambda device: 100 << 20)
    with pytest.raises(InputError, match="300 MB of memory and 100 MB are free"):
        sam2_network(SAM2, torch.device("cpu"))
