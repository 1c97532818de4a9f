"""What every registry of choices promises, for our entries and for those of other packages."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from liftlab.cli.doctor import examine
from liftlab.cli.support import config_with
from liftlab.components.config_keys import key_record
from liftlab.components.errors import InputError
from liftlab.components.files import content_key
from liftlab.components.masks.clicks.solver import ClickSolver
from liftlab.components.masks.protocols import Proposer, Tracker
from liftlab.components.models import ModelStore
from liftlab.components.pointmaps.pairs import PairPredictor
from liftlab.components.registry import PluginError, Registry
from liftlab.components.text.encoder import TextImageEncoder
from liftlab.engine.model_choices import REGISTRIES
from liftlab.files.config_records import config_from_record, recorded_config, to_plain
from liftlab.files.settings import settings_of
from liftlab.page.cells.choices import options_of
from liftlab.page.cells.models import finders
from liftlab.pipelines.base import METHODS, OURS, get_method, list_methods
from liftlab.pipelines.choices.click_solvers import CLICK_SOLVERS
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import Needs, missing, settings_for
from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS
from liftlab.pipelines.choices.trackers import TRACKERS
from liftlab.pipelines.methods.wildseg3d import WildSeg3DConfig
from liftlab.pipelines.models import Sam2Config
from liftlab.pipelines.offers import HasGranularity, KeepsObjects, LabelsViews, OffersMasks
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from liftlab.pipelines.steps.reconstruct import ReconstructConfig
from tests.components.text.test_encoder import ColourEncoder
from tests.knowing_network import KnowingNetwork
from tests.not_none import not_none
from tests.tiny_sam2 import catalogue_entry, write_checkpoint
from tests.toy import make_toy

EXAMPLE = "tests.examples.bright_proposer"
SAM2 = Sam2Config(model="sam2.1-test")
ENTRIES = [(registry, entry) for registry in REGISTRIES for entry in registry.records()]
each = pytest.mark.parametrize(
    ("registry", "entry"), ENTRIES, ids=[f"{registry.kind} {entry.name}" for registry, entry in ENTRIES]
)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder that knows the tiny network and holds nothing."""
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "catalogue.json").write_text(json.dumps([catalogue_entry()]))
    monkeypatch.setenv("LIFTLAB_MODELS", str(folder))
    monkeypatch.setattr("liftlab.components.models.store.DEFAULT_FOLDER", folder)
    return folder


@pytest.fixture
def bright(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example, installed for one test."""
    point = EntryPoint("bright", EXAMPLE, "liftlab.proposers")
    monkeypatch.setattr(
        "liftlab.components.registry.entry_points",
        lambda *, group: [point] if group == "liftlab.proposers" else [],
    )
    sys.modules.pop(EXAMPLE, None)
    PROPOSERS.look_again()
    yield
    PROPOSERS.forget("bright")
    PROPOSERS.look_again()


@each
def test_every_entry_explains_itself(registry: Registry[Any], entry: Any, models: Path) -> None:
    assert entry.label and entry.licence and entry.summary.endswith(".") and entry.name.isidentifier()
    sentence = missing(entry)
    if entry.needs is None:
        assert sentence == ""
    else:
        assert f"'{entry.name}' needs the model {entry.needs.model}" in sentence
        assert f"liftlab models get {entry.needs.model}" in sentence


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda registry: registry.kind)
def test_an_unknown_name_is_said_with_the_nearest(registry: Registry[Any]) -> None:
    name = registry.names()[-1]
    with pytest.raises(InputError, match=f"Unknown {registry.kind} '{name}x'. Did you mean '{name}'"):
        registry.get(f"{name}x")
    with pytest.raises(ValueError, match=f"'{name}', taken by"):
        registry.register(registry.get(name))
    with pytest.raises(ValueError, match="must be one word; got 'two words'"):
        registry.register(replace(registry.get(name), name="two words"))
    assert registry.group.startswith("liftlab.") and registry.names() == [
        one.name for one in registry.records()
    ]


def test_every_entry_can_be_made(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiny random networks where there are some, and stand-ins for those that are too large."""
    write_checkpoint(models / "sam2.1-test.pt")
    toy = make_toy(width=160, height=120, views=3)
    monkeypatch.setattr("liftlab.pipelines.models.pair_predictor", lambda name, device: _predictor(toy))
    monkeypatch.setattr(
        "liftlab.components.text.open_clip.load_encoder", lambda store, *, device: ColourEncoder()
    )
    cpu, masks, wildseg3d = torch.device("cpu"), MasksConfig(sam2=SAM2), WildSeg3DConfig(sam2=SAM2)
    for registry, config, protocol, given in (
        (PROPOSERS, masks, Proposer, ()), (TRACKERS, masks, Tracker, ()),
        (PAIR_PREDICTORS, wildseg3d, PairPredictor, ()),
        (CLICK_SOLVERS, wildseg3d, ClickSolver, (toy.scene, build_masks(toy.scene, MasksConfig()))),
    ):  # fmt: skip
        for entry in registry.records():
            assert isinstance(entry.make(settings_for(entry, config), *given, device=cpu), protocol), (
                entry.name
            )
    for entry in TEXT_ENCODERS.records():
        made = entry.make(device=cpu)
        assert isinstance(made, TextImageEncoder) if entry.by_model else made is None


def _predictor(toy: Any) -> PairPredictor:
    from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor

    return NetworkPairPredictor(KnowingNetwork(toy), NetworkPairConfig(max_side=160))


def test_any_model_of_a_task_will_do(models: Path) -> None:
    assert "liftlab models get sam2.1-tiny" in missing(PROPOSERS.get("sam2"))
    write_checkpoint(models / "sam2.1-test.pt")
    assert missing(PROPOSERS.get("sam2")) == missing(TRACKERS.get("sam2")) == ""
    assert [e.name for e in Needs("mast3r").candidates(ModelStore.open(os.environ))] == ["mast3r"]


def test_methods_come_in_one_order_whoever_was_imported_first() -> None:
    ours = {entry.name: entry.make.__module__ for entry in list_methods() if entry.name in OURS}
    assert list(ours.items()) == list(OURS.items()) and METHODS.group == "liftlab.methods"


def test_a_name_of_ours_is_taken_before_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[Any] = Registry(
        "thing", group="liftlab.things", builtin={"wide": "tests.not_loaded_yet"}
    )
    with pytest.raises(ValueError, match=r"got 'wide', taken by tests\.not_loaded_yet"):
        registry.register(replace(PROPOSERS.get("sam2"), name="wide"))
    other = replace(PROPOSERS.get("sam2"), name="narrow")
    assert registry.register(other) is registry.get("narrow"), "and nothing of ours was loaded for it"
    with pytest.raises(ModuleNotFoundError):
        registry.get("wide")
    made = ModuleType("tests.not_loaded_yet")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    registry.register(replace(other, name="wide"))
    assert registry.names() == ["wide", "narrow"]


def test_a_plugin_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("shaky", "tests.examples.not_there", "liftlab.proposers")
    monkeypatch.setattr("liftlab.components.registry.entry_points", lambda *, group: [point])
    registry: Registry[Any] = Registry("proposer", group="liftlab.proposers")
    for error in (PluginError, InputError, ImportError):
        with pytest.raises(
            error, match=r"proposer plug-in 'shaky' \(tests.examples.not_there\) failed to load: No"
        ):
            registry.names()
    PROPOSERS.look_again()
    assert MasksConfig().proposer == "regions"  # ours are there all the same
    with pytest.raises(PluginError, match="shaky"):
        recorded_config(MasksConfig, {"proposer": "shaky"})
    monkeypatch.undo()
    assert "sam2" in PROPOSERS.names()


def test_choices_are_checked_where_a_configuration_is_made() -> None:
    for wrong in (
        lambda: MasksConfig(proposer="sam3"),
        lambda: config_with(MasksConfig, ["proposer=sam3"]),
        lambda: config_from_record(MasksConfig, {"proposer": "sam3"}),
    ):
        with pytest.raises(InputError, match=r"^Unknown proposer 'sam3'. Did you mean 'sam2'"):
            wrong()
    with pytest.raises(InputError, match="Unknown pair predictor 'master'"):
        ReconstructConfig(pointmaps="master")
    with pytest.raises(InputError, match="Unknown click solver 'sam'"):
        WildSeg3DConfig(click_solver="sam")
    with pytest.raises(InputError, match="Nothing called 'regions' takes options here"):
        MasksConfig(options={"regions": {}})
    assert recorded_config(MasksConfig, {"proposer": "of_a_package_that_is_gone"}) == MasksConfig()


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (ReconstructConfig(), "89d802df8f37b050"), (ReconstructConfig(pointmaps="mast3r"), "b5f74fcd85348cab"),
        (MasksConfig(), "f77c8c780a637eb9"), (WildSeg3DConfig(), "7f92ed81a77952b9"),
        (WildSeg3DConfig(click_solver="sam2", pairs="dust3r"), "41f01c0d174d526a"),
    ],
)  # fmt: skip
def test_keys_of_results_are_those_of_before(config: Any, key: str) -> None:
    assert content_key(key_record(config)) == key


def test_settings_list_the_entries() -> None:
    kinds = {s.name: (s.kind, s.options) for s in settings_of(MasksConfig)}
    assert kinds["proposer"] == ("choice", ("regions", "sam2")) and "options" not in kinds
    assert {s.name: s.options for s in settings_of(ReconstructConfig)}["pointmaps"] == (
        "stereo",
        "mast3r",
        "dust3r",
    )
    assert {s.name: s.options for s in settings_of(WildSeg3DConfig)}["click_solver"] == ("graph_cut", "sam2")


def test_what_our_methods_offer() -> None:
    offered = {entry.name: entry.make(entry.quick, device=torch.device("cpu")) for entry in list_methods()}
    lookup = {name for name, one in offered.items() if isinstance(one, HasGranularity)}
    assert lookup == {name for name, one in offered.items() if isinstance(one, KeepsObjects)} == {"wildseg3d"}
    assert lookup == {name for name, one in offered.items() if isinstance(one, OffersMasks)}
    # Points have no other views to be labelled in: both methods that select them do not offer it.
    on_points = {name for name, one in offered.items() if one.geometry == "points"}
    assert {name for name, one in offered.items() if isinstance(one, LabelsViews)} == set(offered) - on_points


def test_the_granularity_of_an_object_is_the_one_that_means_it() -> None:
    toy = make_toy(width=160, height=120, views=3)
    method = get_method("wildseg3d").make(WildSeg3DConfig(), device=torch.device("cpu"))
    assert isinstance(method, HasGranularity)
    rows, columns = np.nonzero(toy.instance[0] == 1)
    x, y = float(columns[len(columns) // 2]) + 0.5, float(rows[len(rows) // 2]) + 0.5
    steps = toy.masks.at(0, x, y).tolist()
    for place, object_id in enumerate(steps):
        granularity = method.granularity_of(toy.masks, object_id, 0, x, y)
        assert int(granularity * len(steps)) == place


def test_the_guide_shows_the_example_as_it_runs() -> None:
    root = Path(__file__).parents[3]
    code = (root / "tests/examples/bright_proposer.py").read_text(encoding="utf-8")
    assert code in (root / "docs/extend.md").read_text(encoding="utf-8")


# Entries of other packages --------------------------------------------------------------------------------


@pytest.mark.usefixtures("bright")
def test_a_proposer_of_another_package_is_offered_everywhere(tmp_path: Path) -> None:
    assert {s.name: s.options for s in settings_of(MasksConfig)}["proposer"] == ("regions", "sam2", "bright")
    assert ("Connected bright spots", "bright") in options_of(PROPOSERS)
    assert "bright geometry" in dict(finders()).values() and "bright sam2" not in dict(finders()).values()
    check = next(check for check in examine(tmp_path) if check.name == "proposer bright")
    assert check.ok and check.detail == "What is brighter than a grey value."
    chosen = config_with(MasksConfig, ["proposer=bright", "options.bright.level=120"])
    assert chosen == MasksConfig(proposer="bright", options={"bright": {"level": 120}})
    assert config_from_record(MasksConfig, to_plain(chosen)) == chosen
    assert (
        len({content_key(key_record(c)) for c in (chosen, MasksConfig(), MasksConfig(proposer="bright"))})
        == 3
    )
    with pytest.raises(InputError, match=r"'bright' has no option 'levle'. Did you mean 'level'"):
        config_with(MasksConfig, ["options.bright.levle=3"])
    with pytest.raises(
        InputError, match=r"SAM 2.1 follows its own proposals only: set proposer=sam2 as well"
    ):
        MasksConfig(proposer="bright", following="sam2").check_pair()


@pytest.mark.usefixtures("bright", "one_torch_thread")
def test_a_proposer_of_another_package_builds_masks() -> None:
    toy = make_toy(width=160, height=120, views=3)
    asked: list[int] = []
    make = PROPOSERS.get("bright").make
    object.__setattr__(
        PROPOSERS.get("bright"),
        "make",
        lambda config, *, device: asked.append(config.level) or make(config, device=device),
    )
    cache = build_masks(toy.scene, MasksConfig(proposer="bright", options={"bright": {"level": 70}}))
    assert asked == [70] and len(cache.object_ids) >= 3
    theirs, ours = not_none(cache.solver_state), not_none(build_masks(toy.scene, MasksConfig()).solver_state)
    assert not np.array_equal(theirs.tree.cost, ours.tree.cost)
    assert np.array_equal(theirs.regions, ours.regions)
