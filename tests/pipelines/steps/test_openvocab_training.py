"""Records of a made capture, and training on them: deterministic, resumable, refused where it does not fit."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.openvocab.augmentation import NO_NOISE, STUFF, MaskNoise, spoilt_map
from liftlab.components.openvocab.network import NetworkConfig, neighbour_max
from liftlab.components.openvocab.records import load_record, save_record
from liftlab.components.openvocab.weights import SuperpointConfig, load_trained
from liftlab.components.progress import CancelToken
from liftlab.pipelines.steps.openvocab_data import DataConfig, make_records, read_truth
from liftlab.pipelines.steps.openvocab_examples import (
    SupervisionConfig,
    taught_scene,
    training_example,
)
from liftlab.pipelines.steps.openvocab_training import (
    PRESETS,
    TrainConfig,
    novel_names,
    rate_at,
    train,
    training_set,
)
from tests.toy import make_toy

pytestmark = pytest.mark.usefixtures("one_torch_thread")
TINY = TrainConfig(
    network=NetworkConfig(dim=16, point_dim=16, layers=1, heads=2, features=4, text_dim=3),
    superpoints=SuperpointConfig(num_points=500, min_size=4),
    supervision=SupervisionConfig(negatives=1, views=2),
    steps=4,
    scenes=1,
    warmup=2,
    novel_every=0,
    checkpoint_every=2,
)


class Letters:
    """A text encoder of three numbers."""

    identity = "letters"

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[len(text), ord(text[0]), ord(text[-1])] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy as two captures with truth."""
    toy = make_toy(views=3)
    root = tmp_path_factory.mktemp("captures")
    for name in ("one-0", "two-0"):
        truth = root / name / "truth"
        for folder in (truth / "depth", truth / "instance", root / name / "images"):
            folder.mkdir(parents=True)
        frames = []
        for view, one in enumerate(toy.scene.views):
            ids = np.where(toy.instance[view] > 3, 201, toy.instance[view]).astype(np.uint8)
            depth = np.where(np.isfinite(toy.depth[view]) & (toy.depth[view] < 6), toy.depth[view], 0)
            Image.fromarray(ids).save(truth / "instance" / f"{view:03d}.png")
            np.savez(truth / "depth" / f"{view:03d}.npz", depth=depth.astype(np.float32))
            Image.fromarray(one.image).save(root / name / "images" / f"{view:03d}.png")
            camera = one.camera
            frames.append(
                {"image": f"{view:03d}.png", "width": camera.width, "height": camera.height,
                 "K": camera.K.tolist(), "world_to_camera": camera.world_to_camera.tolist()}
            )  # fmt: skip
        (truth / "cameras.json").write_text(json.dumps({"frames": frames}))
        objects = [{"id": i, "category": name} for i, name in ((1, "mug"), (2, "bowl"), (3, "vase"))]
        (truth / "objects.json").write_text(json.dumps({"objects": objects}))
    return root


@pytest.fixture(scope="module")
def records(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_records(captures, tmp_path_factory.mktemp("records"), DataConfig("spoilt", num_points=500))


def test_a_record_comes_back_as_it_was_written(records: list[Path], tmp_path: Path) -> None:
    record = load_record(records[0])
    assert 300 < len(record.points) < 700 and set(np.unique(record.truth)) <= {0, 1, 2, 3}
    assert record.truth_names == {1: "mug", 2: "bowl", 3: "vase"} and record.maps.max() == STUFF
    save_record(record, tmp_path / "again.npz")
    again = load_record(tmp_path / "again.npz")
    for name in ("points", "rgb", "maps", "truth", "images", "neighbours"):
        assert np.array_equal(getattr(record, name), getattr(again, name))
    assert again.names == record.names and np.array_equal(again.links.point, record.links.point)


def test_points_lie_on_what_their_truth_says(records: list[Path]) -> None:
    record = load_record(records[0])
    visible = record.links.visible(record.num_views, len(record.points))
    ids = record.links.ids(record.maps, len(record.points))
    same = (ids == np.where(record.truth == 0, STUFF, record.truth))[visible]
    assert same.mean() > 0.95


def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no training record"):
        load_record(tmp_path / "no.npz")
    with pytest.raises(InputError, match="no capture"):
        make_records(tmp_path, tmp_path / "out", DataConfig())
    with pytest.raises(InputError, match="no complete truth"):
        read_truth(tmp_path)


def test_records_that_are_there_are_left_alone(captures: Path, records: list[Path]) -> None:
    before = [file.stat().st_mtime_ns for file in records]
    make_records(captures, records[0].parent, DataConfig("truth", num_points=500))
    assert [file.stat().st_mtime_ns for file in records] == before


def test_training_is_deterministic_and_goes_on_where_it_stopped(records: list[Path], tmp_path: Path) -> None:
    whole = train(records, tmp_path / "whole", TINY, Letters())
    train(records, tmp_path / "parts", TINY, Letters(), until=2)
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        train(records, tmp_path / "parts", TINY, Letters(), cancel=cancel)
    parts = train(records, tmp_path / "parts", TINY, Letters())
    first, second = load_file(whole), load_file(parts)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    lines = [json.loads(line) for line in (tmp_path / "parts" / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    trained = load_trained(whole)
    assert trained.names == ("bowl", "mug", "vase") and trained.text_identity == "letters"


def test_a_training_goes_on_from_other_weights_with_their_novel_names(
    records: list[Path], tmp_path: Path
) -> None:
    before = replace(TINY, network=replace(TINY.network, looks=False), novel_every=2)
    start = load_trained(train(records, tmp_path / "before", before, Letters()))
    assert start.novel == ("mug",) and start.network.look is None
    still = replace(TINY, rate=0.0)
    after = load_trained(train(records, tmp_path / "after", still, Letters(), start=start))
    assert after.novel == start.novel and after.network.look is not None
    for name, value in start.network.state_dict().items():
        assert torch.equal(value, after.network.state_dict()[name])
    wide = replace(TINY, network=replace(TINY.network, dim=32))
    with pytest.raises(InputError, match="other sizes"):
        train(records, tmp_path / "wide", wide, Letters(), start=start)


def test_another_configuration_does_not_go_on(records: list[Path], tmp_path: Path) -> None:
    train(records, tmp_path, TINY, Letters(), until=1)
    with pytest.raises(InputError, match="another configuration"):
        train(records, tmp_path, replace(TINY, seed=1), Letters())
    with pytest.raises(InputError, match="no training records"):
        train([], tmp_path, TINY, Letters())


def test_weights_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="no weights"):
        load_trained(tmp_path / "w.safetensors")


def test_novel_names_and_the_amount_of_lifted_data(records: list[Path]) -> None:
    assert novel_names(["a", "b", "c", "d"], 2) == {"b", "d"} and not novel_names(["a"], 0)
    many = [records[0]] * 10
    assert sum(training_set(many, TINY).labelled) == 5 and len(training_set(many, TINY).files) == 10
    none = training_set(many, replace(TINY, lifted_share=0.0))
    assert all(none.labelled) and len(none.files) == 5


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("vip", [True, False])
def test_an_example_knows_no_novel_name_from_3d_labels(
    records: list[Path], labelled: bool, vip: bool
) -> None:
    taught, names = SupervisionConfig(negatives=0, vip=vip, mask_noise=NO_NOISE), ["bowl", "mug", "vase"]
    scene = taught_scene(
        load_record(records[0]), taught, TINY.loss, TINY.superpoints, labelled=labelled, novel=frozenset({"mug"}),
        vocabulary=names, rng=np.random.default_rng(0),
    )  # fmt: skip
    assert scene is not None
    example = training_example(scene, taught, names, np.random.default_rng(0))
    assert ("mug" in example.names) == (not labelled)
    assert len(example.queries) == pytest.approx(len(example.inputs.centres) / 2, abs=1)
    for target in example.targets:
        assert target.covers.shape == (len(target.labels), len(target.columns))
        assert target.allowed.shape == (len(target.rows), len(target.labels))
        assert set(target.labels.tolist()) <= set(range(len(example.names)))
        own = example.queries[target.rows]  # a query's own superpoint says what it may answer for
        place = {int(s): k for k, s in enumerate(target.columns)}
        for row, superpoint in enumerate(own.tolist()):
            assert torch.equal(target.allowed[row], target.covers[:, place[superpoint]] > 0)


def test_the_rate_rises_stays_and_falls() -> None:
    held = replace(TINY, steps=100, warmup=10, hold=0.5, rate=1.0)
    assert [round(rate_at(step, held), 3) for step in (0, 4, 9, 30, 50)] == [0.1, 0.5, 1.0, 1.0, 1.0]
    assert 0 < rate_at(99, held) < 0.1 and rate_at(75, held) == pytest.approx(0.5**0.9)
    falling = replace(held, hold=0.0)
    assert rate_at(30, falling) == pytest.approx(0.7**0.9)
    # Made longer, a training is the same until the rate falls.
    longer = replace(held, steps=200, hold=0.75)
    assert all(rate_at(step, longer) == rate_at(step, held) for step in range(51))


def test_mask_noise_drops_splits_merges_and_swaps() -> None:
    ids = np.full((20, 40), STUFF, np.uint8)
    ids[4:16, 4:18] = 1
    ids[4:16, 18:34] = 2
    rng, names = np.random.default_rng(0), {1: "mug", 2: "bowl"}

    def spoilt(noise: MaskNoise) -> tuple[np.ndarray, dict[int, str]]:
        return spoilt_map(ids, names, noise, ["vase"], rng)

    same, called = spoilt(NO_NOISE)
    assert np.array_equal(same, ids) and called == names
    assert set(np.unique(spoilt(MaskNoise(1.0, 0.0, 0.0, 0, 0.0))[0])) == {0, STUFF}
    split, called = spoilt(MaskNoise(0.0, 1.0, 0.0, 0, 0.0))
    assert len(np.unique(split)) == 5 and sorted(called.values()) == ["bowl", "bowl", "mug", "mug"]
    assert len(np.unique(spoilt(MaskNoise(0.0, 0.0, 1.0, 0, 0.0))[0])) == 2
    assert set(spoilt(MaskNoise(0.0, 0.0, 0.0, 0, 1.0))[1].values()) == {"vase"}
    moved = spoilt(MaskNoise(0.0, 0.0, 0.0, 2, 0.0))[0]
    assert 0 < (moved != ids).mean() < 0.5 and set(np.unique(moved)) == {1, 2, STUFF}


def test_the_largest_of_neighbours_and_its_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    near = torch.randint(12, (12, 4), generator=generator)
    assert torch.equal(neighbour_max(x, near), x[near].amax(dim=1))
    assert torch.autograd.gradcheck(neighbour_max, (x, near))


def test_there_is_a_configuration_for_each_purpose() -> None:
    assert list(PRESETS) == ["tiny", "cpu", "ablation", "gpu"]
