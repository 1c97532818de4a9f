"""SAM 2.1 with random weights: the same answers as Meta's own classes, each computed once, resumed after a stop."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.errors import Cancelled, InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.sam2.network import Embedding, Sam2Network, build_sam2, load_sam2
from liftlab.components.masks.sam2.proposer import Sam2Proposer, Sam2ProposerConfig
from liftlab.components.masks.sam2.solver import Sam2ClickSolver
from liftlab.components.masks.sam2.tracker import Sam2TrackerConfig, Sam2VideoTracker
from liftlab.components.models.result_cache import ResultCache
from liftlab.components.progress import CancelToken
from liftlab.components.types import MaskSet
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from tests.tiny_sam2 import CONFIG, CPU, OVERRIDES, tiny_sam2, write_checkpoint
from tests.toy import Toy, make_toy

SIDE = 288
OPEN = Sam2ProposerConfig(
    points_per_side=3, min_quality=0.0, min_stability=0.0, stability_offset=0.0, duplicate=1.0
)
"""Thresholds that let masks of random weights through."""


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy()


@pytest.fixture(scope="module")
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


def images_of(toy: Toy) -> list[np.ndarray]:
    return [view.image for view in toy.scene.views]


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


def test_the_folder_of_results_stays_within_its_bound(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path, memory_bytes=5000, disk_bytes=10_000)
    for i in range(8):
        cache.get(f"k{i}", lambda i=i: {"a": torch.full((500,), float(i))})
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 10_000
    kept = cache.peek("k7")
    assert kept is not None and kept["a"][0] == 7
    assert cache.peek("k0") is None


def test_proposals_are_distinct_sorted_and_kept(network: Sam2Network, toy: Toy, encoded: list[int]) -> None:
    image = toy.scene.views[0].image
    found = Sam2Proposer(network, OPEN).masks_of(image)
    areas = found.masks.sum(axis=(1, 2)).tolist()
    assert len(areas) >= 2 and areas == sorted(areas, reverse=True) and min(areas) > 0
    assert found.masks.shape[1:] == image.shape[:2]
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    again = Sam2Proposer(
        Sam2Network(network.model, "tiny", ResultCache(network.results.folder)), OPEN
    ).masks_of(image)
    assert np.array_equal(again.masks, found.masks) and encoded == [1]
    one = Sam2ProposerConfig(**{**vars(OPEN), "clicks_per_pass": 2})
    split = Sam2Proposer(Sam2Network(network.model, "tiny", ResultCache(None)), one).masks_of(image)
    assert split.masks.shape == found.masks.shape


def test_thresholds_only_take_masks_away(network: Sam2Network, toy: Toy) -> None:
    image = toy.scene.views[0].image
    count = [
        len(Sam2Proposer(network, Sam2ProposerConfig(**{**vars(OPEN), **change})).masks_of(image).masks)
        for change in ({}, {"duplicate": 0.3}, {"max_masks": 1}, {"min_quality": 0.99}, {"min_share": 0.9})
    ]
    assert count[0] >= count[1] >= 1 and count[2] == 1 and count[3] == 0 and count[4] <= count[0]


def empty_set(toy: Toy) -> MaskSet:
    return MaskSet(np.zeros((0, *toy.instance.shape[1:]), bool), np.zeros(0, np.float32))


def test_a_mask_is_followed_as_the_published_tracker_does(network: Sam2Network, toy: Toy) -> None:
    from sam2.build_sam import build_sam2_video_predictor

    images, start = images_of(toy), 1
    seed = toy.instance[start] == 1
    proposals = [empty_set(toy)] * 4
    proposals[start] = MaskSet(seed[None], np.ones(1, np.float32))
    tracked = Sam2VideoTracker(network, Sam2TrackerConfig(key_view=start)).follow(images, proposals)
    assert len(tracked) == 1 and np.array_equal(tracked[0].masks[start], seed)

    reference = build_sam2_video_predictor(CONFIG, None, device="cpu", hydra_overrides_extra=list(OVERRIDES))
    reference.load_state_dict(network.model.state_dict())
    reference.fill_hole_area = 0
    embeddings = [network.embed(image) for image in images]
    state = _state_of(reference, network, embeddings)
    found = {}
    with network.running():
        reference.add_new_mask(state, start, 1, seed)
        for reverse in (False, True):
            for frame, _, logits in reference.propagate_in_video(state, start, reverse=reverse):
                found[frame] = (logits[0, 0] > 0).float().numpy() > 0
    for view in (0, 2, 3):
        ours, theirs = tracked[0].masks[view], found[view]
        assert (ours == theirs).mean() > 0.97
    assert 0 < tracked[0].masks[0].mean() < 1
    sure = tracked[0].certainty
    assert sure[start] is None and sure[2] is not None
    grown = cv2.resize(sure[2], tracked[0].masks[2].shape[::-1], interpolation=cv2.INTER_LINEAR)
    assert ((grown > 127) == tracked[0].masks[2]).mean() > 0.97  # a half is the outline


def _state_of(predictor, network: Sam2Network, embeddings: list[Embedding]) -> dict:
    """The published tracker's own state, with our embeddings in place of its video reader's frames."""
    import collections

    state = {
        "images": [torch.zeros(3, 1, 1)] * len(embeddings), "num_frames": len(embeddings),
        "offload_video_to_cpu": False, "offload_state_to_cpu": False,
        "video_height": embeddings[0].size[0], "video_width": embeddings[0].size[1],
        "device": CPU, "storage_device": CPU, "constants": {}, "obj_ids": [],
        "obj_id_to_idx": collections.OrderedDict(), "obj_idx_to_id": collections.OrderedDict(),
    }  # fmt: skip
    for name in ("point_inputs_per_obj", "mask_inputs_per_obj", "output_dict_per_obj", "temp_output_dict_per_obj",
                 "frames_tracked_per_obj"):  # fmt: skip
        state[name] = {}
    state["cached_features"] = {
        i: (torch.zeros(1, 3, 1, 1), {"backbone_fpn": list(e.levels), "vision_pos_enc": network.positions(e)})
        for i, e in enumerate(embeddings)
    }
    return state


def test_objects_that_appear_later_are_opened_once(network: Sam2Network, toy: Toy) -> None:
    proposals = [empty_set(toy)] * 4
    first, second = toy.instance[0] == 1, toy.instance[2] == 3
    proposals[0] = MaskSet(first[None], np.array([0.9], np.float32))
    tracker = Sam2VideoTracker(network)
    alone = tracker.follow(images_of(toy), proposals)
    covered = alone[0].masks[2]
    speck = np.zeros_like(second)
    speck[:5, :5] = True
    proposals[2] = MaskSet(np.stack([second, covered | second, speck]), np.array([0.8, 0.7, 0.6], np.float32))
    objects = tracker.follow(images_of(toy), proposals)
    free = (second & ~covered).sum() / second.sum()
    assert [(o.first_view, round(o.score, 1)) for o in objects][:1] == [(0, 0.9)]
    later = [o for o in objects if o.first_view == 2]
    assert (len(later) > 0) == bool(
        free >= 0.5 or (second & ~covered).sum() >= 0.5 * (covered | second).sum()
    )
    assert all(o.masks[2].sum() >= 100 for o in later)


def test_a_stopped_run_goes_on_with_the_next_object(
    network: Sam2Network, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = np.stack([toy.instance[0] == 1, toy.instance[0] == 2, toy.instance[0] == 3])
    proposals = [MaskSet(masks, np.ones(3, np.float32))] + [empty_set(toy)] * 3
    steps: list[int] = []
    track = network.model.track_step

    def counted(**given):
        steps.append(given["frame_idx"])
        return track(**given)

    monkeypatch.setattr(network.model, "track_step", counted)
    token = CancelToken()

    def stop(share: float, text: str = "") -> None:
        if "1 of 3" in text:
            token.cancel()

    config = Sam2TrackerConfig(objects_per_pass=1)
    with pytest.raises(Cancelled):
        Sam2VideoTracker(network, config).follow(images_of(toy), proposals, progress=stop, cancel=token)
    assert len(steps) == 4
    fresh = Sam2Network(network.model, "tiny", ResultCache(network.results.folder))
    objects = Sam2VideoTracker(fresh, config).follow(images_of(toy), proposals)
    assert len(objects) == 3 and len(steps) == 12
    together = Sam2VideoTracker(Sam2Network(network.model, "tiny", ResultCache(None))).follow(
        images_of(toy), proposals
    )
    for a, b in zip(objects, together, strict=True):
        assert np.mean([(x == y).mean() for x, y in zip(a.masks, b.masks, strict=True)]) > 0.97


class Oracle(Sam2Network):
    """A network that knows the truth: it answers with the instance under the first positive click or in the box."""

    toy: Toy
    asked: list[tuple[int, list[list[list[float]]], list[list[int]], bool]]
    """Per pass: view, points, labels, and whether it started from a mask."""

    def __init__(self, toy: Toy) -> None:
        super().__init__(SimpleNamespace(device=CPU, image_size=4 * SIDE), "oracle")
        object.__setattr__(self, "toy", toy)
        object.__setattr__(self, "asked", [])

    def embed(self, image: np.ndarray) -> Embedding:
        view = next(i for i, v in enumerate(self.toy.scene.views) if v.image is image)
        level = torch.full((1, 1, 1, 1), float(view))
        return Embedding((level, level, level), (image.shape[0], image.shape[1]))

    def decode(self, embedding, points, labels, *, box=None, mask_logits=None, several=False):
        view = int(embedding.levels[0])
        self.asked.append((view, points.tolist(), labels.tolist(), mask_logits is not None))
        truth = self.toy.instance[view]
        if (labels == 1).any():
            xy = points[0][labels[0] == 1][0]
        else:
            assert box is not None
            xy = (box[0][:2] + box[0][2:]) / 2
        mask = truth == truth[int(xy[1]), int(xy[0])]
        for x, y in points[0][labels[0] == 0]:
            mask = mask & (truth != truth[int(y), int(x)])
        wide = torch.from_numpy(np.where(mask, 5.0, -5.0).astype(np.float32))[None]
        logits = torch.nn.functional.interpolate(wide[None], size=(SIDE, SIDE), mode="nearest")
        small = logits.clone()
        small[:, :, SIDE // 2 :] = -5
        return (torch.cat([logits, small, torch.full_like(logits, 5.0)], dim=1) if several else logits), (
            torch.tensor([[0.9, 0.5, 0.4]]) if several else torch.tensor([[0.9]])
        )


@pytest.fixture(scope="module")
def wide_toy() -> Toy:
    return make_toy(width=160, height=120)


@pytest.fixture(scope="module")
def cache(wide_toy: Toy) -> MaskCache:
    return build_masks(wide_toy.scene, MasksConfig())


@pytest.fixture
def oracle(wide_toy: Toy) -> Oracle:
    return Oracle(wide_toy)


@pytest.fixture
def solver(wide_toy: Toy, cache: MaskCache, oracle: Oracle) -> Sam2ClickSolver:
    return Sam2ClickSolver(wide_toy.scene, cache, oracle)


def middle_of(toy: Toy, view: int, box: int) -> tuple[float, float]:
    rows, columns = np.nonzero(toy.instance[view] == box)
    return float(np.median(columns)) + 0.5, float(np.median(rows)) + 0.5


def click(toy: Toy, view: int, box: int, positive: bool = True, granularity: float | None = None) -> Click:
    return Click(view, *middle_of(toy, view, box), positive, granularity)


@pytest.mark.parametrize("box", [1, 2, 3])
def test_the_clicked_photo_gets_the_networks_mask_and_the_others_follow(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle, box: int
) -> None:
    answer = solver.solve(ClickList((click(wide_toy, 1, box),), ()))
    truth = wide_toy.instance == box
    assert (answer.masks[1] == truth[1]).mean() > 0.995
    for view in (0, 2, 3):
        assert (answer.masks[view] & truth[view]).sum() > 0.75 * (answer.masks[view] | truth[view]).sum()
    assert len(oracle.asked) == 1 and len(answer.leaves)


def test_one_click_more_costs_one_pass_of_the_decoder(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle
) -> None:
    one, two = click(wide_toy, 0, 2), click(wide_toy, 3, 2)
    first = solver.solve(ClickList((one,), ()))
    assert [view for view, *_ in oracle.asked] == [0]
    solver.solve(ClickList((one, two), ()))
    assert [view for view, *_ in oracle.asked] == [0, 3]
    again = solver.solve(ClickList((one,), ()))
    assert len(oracle.asked) == 2
    assert all(np.array_equal(a, b) for a, b in zip(first.masks, again.masks, strict=True))


def test_a_negative_click_elsewhere_starts_from_what_is_seen_there(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle
) -> None:
    positive, negative = click(wide_toy, 0, 2), click(wide_toy, 2, 3, positive=False)
    answer = solver.solve(ClickList((positive, negative), ()))
    view, _, labels, started = oracle.asked[-1]
    assert (view, labels, started) == (2, [[0, 1]], True)
    x, y = middle_of(wide_toy, 2, 3)
    assert not answer.masks[2][int(y), int(x)]


def test_a_box_and_granularity_reach_the_decoder(wide_toy: Toy, solver: Sam2ClickSolver) -> None:
    rows, columns = np.nonzero(wide_toy.instance[0] == 1)
    box = Box(0, *(float(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
    boxed = solver.solve(ClickList((), (box,)))
    assert (boxed.masks[0] == (wide_toy.instance[0] == 1)).mean() > 0.99
    areas = [
        int(solver.solve(ClickList((click(wide_toy, 0, 1, granularity=g),), ())).masks[0].sum())
        for g in (0.0, 0.5, 1.0)
    ]
    assert areas == sorted(areas) and areas[0] < areas[1] < areas[2]


def test_nothing_positive_selects_nothing(wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle) -> None:
    answer = solver.solve(ClickList((click(wide_toy, 0, 1, positive=False),), ()))
    assert not any(mask.any() for mask in answer.masks) and oracle.asked == []


def test_without_a_scene_graph_only_the_clicked_photo_is_answered(wide_toy: Toy, oracle: Oracle) -> None:
    answer = Sam2ClickSolver(wide_toy.scene, wide_toy.masks, oracle).solve(
        ClickList((click(wide_toy, 0, 1),), ())
    )
    assert [bool(mask.any()) for mask in answer.masks] == [True, False, False, False]


def test_the_real_network_answers_clicks_the_same_way_twice(
    wide_toy: Toy, cache: MaskCache, network: Sam2Network, encoded: list[int]
) -> None:
    given = ClickList((click(wide_toy, 0, 1), click(wide_toy, 2, 3, positive=False)), ())
    answers = [Sam2ClickSolver(wide_toy.scene, cache, network).solve(given).masks for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))
    assert [mask.shape for mask in answers[0]] == [(120, 160)] * 4 and len(encoded) <= 2


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
