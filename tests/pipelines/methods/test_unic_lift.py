"""UniC-Lift on toy scenes: from shuffled masks to codes, and what clicks do with them.

Equation numbers are those of docs/methods/unic_lift.md.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from liftlab.components.features.code_objects import CodeObjects, merged
from liftlab.components.features.codes import codes_of
from liftlab.components.features.label_maps import paint
from liftlab.components.features.losses.triplets import sample_triplets, triplet_pixels
from liftlab.components.features.neighbours import neighbour_pairs, unit_length
from liftlab.components.gaussians.training.density import DensityConfig
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import (
    class_agnostic_panoptic_quality,
    classed_panoptic_quality,
    collision_rate,
    one_class_each,
)
from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views
from liftlab.pipelines.methods.shared.joint_trainer import JointStep, SplatsAndFeatures
from liftlab.pipelines.methods.shared.label_answers import Labelling, supervision
from liftlab.pipelines.methods.shared.photo_masks import PhotoMasks
from liftlab.pipelines.methods.unic_lift.learning import _JointLoss, _Losses, taught
from liftlab.pipelines.methods.unic_lift.method import UniCLift, UniCLiftPrepared, decode
from tests import toy as toys
from tests.not_none import not_none
from tests.toy import BOXES, FLOOR, Toy, box_of_gaussians, gaussian_toy, make_toy, with_gaussians

FOURTH = (np.array([-0.45, -0.75, 0.0]), np.array([-0.15, -0.5, 0.2]), (210, 190, 60))
CPU = torch.device("cpu")
D = 12


def method(**changes) -> UniCLift:
    return UniCLift(replace(get_method("unic_lift").quick, **changes), device=CPU)


def train(unic: UniCLift, toy: Toy, *, seed: int = 0) -> UniCLiftPrepared:
    return unic.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(seed))


def click(
    toy: Toy, box: int, view: int, *, positive: bool = True, granularity: float | None = None
) -> Prompt:
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    at = np.array([[columns[middle] + 0.5, rows[middle] + 0.5]])
    return Prompt(view, at, np.array([positive]), granularity=granularity)


@pytest.fixture(scope="module")
def boxes() -> Toy:
    """Four coloured boxes on a floor, seen from twelve sides; every box and the floor have a mask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toys, "BOXES", (*BOXES, FOURTH))
        toy = make_toy(views=12, key="four-boxes", width=128, height=96)
    ids = [1, 2, 3, 4, FLOOR]
    masks = MaskCache.build(
        "four-boxes",
        [[image == number for image in toy.instance] for number in ids],
        sizes=[toy.instance.shape[1:]] * 12,
        kinds=["object"] * 4 + ["plane"],
        foreground=[True] * 4 + [False],
        scores=[0.5] * 5,
    )
    return with_gaussians(replace(toy, masks=masks), every=16)


def test_every_box_gets_a_code_of_its_own_from_shuffled_ids(boxes: Toy) -> None:
    """docs/methods/unic_lift.md section 10, end to end."""
    training = FeatureTrainConfig(iterations=350, max_side=128, rate=3e-2, final_rate=0.3)
    unic = method(train=training, split_components=False)
    prepared = train(unic, boxes)
    maps = unic.decompose(prepared)
    truth = [np.where(image == FLOOR, 0, image) for image in boxes.instance]
    score = class_agnostic_panoptic_quality(truth, [image.astype(int) for image in maps])
    assert score.pq > 0.9
    codes = prepared.objects.codes[np.concatenate([image.ravel() for image in prepared.labelling.maps])]
    assert collision_rate(boxes.instance.ravel(), codes) == 0.0
    assert prepared.about["collision_rate"] == 0.0


def by_hand(codes_per_box: dict[int, int], toy: Toy, **changes) -> tuple[UniCLift, UniCLiftPrepared]:
    """State whose Gaussians carry given codes, without training."""
    unic = method(**changes)
    code = np.vectorize(codes_per_box.get)(box_of_gaussians(toy))
    V = np.where((code[:, None] >> np.arange(D)) & 1, 6.0, -6.0).astype(np.float32)
    assert np.array_equal(codes_of(V), code)
    views = gaussian_views(toy.scene, CPU)
    truth = [paint(toy.masks, view) for view in range(len(toy.scene.views))]
    prepared = unic._read_off(
        toy.scene, views, torch.from_numpy(V), truth, PhotoMasks(toy.masks), 0.9, CancelToken()
    )
    return unic, prepared


def selected_boxes(toy: Toy, selected: np.ndarray) -> set[int]:
    """Boxes most of whose Gaussians are selected; 0 is the floor."""
    owner = box_of_gaussians(toy)
    return {k for k in range(4) if selected[owner == k].mean() > 0.5}


def test_a_click_selects_the_code_under_it_and_several_clicks_the_union() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    one = unic.segment(prepared, [click(toy, 2, 1)])
    assert selected_boxes(toy, one.selected) == {2}
    assert np.array_equal(one.selected, box_of_gaussians(toy) == 2)
    two = unic.segment(prepared, [click(toy, 2, 1), click(toy, 1, 0)])
    assert selected_boxes(toy, two.selected) == {1, 2}


def test_code_zero_is_an_object_and_an_empty_pixel_is_not() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 7, 1: 5, 2: 0, 3: 4095}, toy)
    assert selected_boxes(toy, unic.segment(prepared, [click(toy, 2, 1)]).selected) == {2}
    empty = np.zeros((2, 2, prepared.channels.shape[1]), np.float32)
    alpha = np.array([[0.0, 0.49], [0.5, 1.0]], np.float32)
    zero = prepared.objects.objects_of(empty.reshape(4, -1))[0]
    assert zero > 0
    assert decode(prepared.objects, empty, alpha).tolist() == [[0, 0], [zero, zero]]


def test_tolerance_accepts_codes_a_few_bits_away() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0b111111000000, 1: 0b000011, 2: 0b000111, 3: 0b011111}, toy)
    chosen = [
        selected_boxes(toy, unic.segment(prepared, [click(toy, 2, 1, granularity=g)]).selected)
        for g in (0.0, 1 / 3, 2 / 3, 1.0)
    ]
    assert chosen == [{2}, {1, 2}, {1, 2, 3}, {1, 2, 3}]
    no = unic.segment(
        prepared, [click(toy, 2, 1, granularity=1.0), click(toy, 3, 1, positive=False, granularity=1.0)]
    )
    assert selected_boxes(toy, no.selected) == {1, 2}


def test_segment_everything_leaves_the_floor_out_and_merges_by_tolerance() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0b111111000000, 1: 0b000011, 2: 0b000111, 3: 0b111111}, toy)
    fine, coarse = (np.stack(unic.decompose(prepared, g)) for g in (None, 0.4))
    assert (fine[toy.instance == FLOOR] == 0).mean() > 0.9
    labels = [np.bincount(fine[toy.instance == k]).argmax() for k in (1, 2, 3)]
    assert len(set(labels)) == 3 and 0 not in labels
    joined = [np.bincount(coarse[toy.instance == k]).argmax() for k in (1, 2, 3)]
    assert joined[0] == joined[1] == min(labels[:2]) and joined[2] == labels[2]


def test_objects_with_one_code_collide_unless_their_places_tell_them_apart() -> None:
    """docs/methods/unic_lift.md section 8, items 2 and 3: the first and the third box are apart in space."""
    toy = gaussian_toy()
    codes = {0: 0b111111000000, 1: 0b000011, 2: 0b000111, 3: 0b000011}
    faithful, one = by_hand(codes, toy, split_components=False)
    assert selected_boxes(toy, faithful.segment(one, [click(toy, 1, 0)]).selected) == {1, 3}
    assert one.about == {} and len(set(one.objects.codes[1:].tolist())) == 3
    split, two = by_hand(codes, toy)
    assert selected_boxes(toy, split.segment(two, [click(toy, 1, 0)]).selected) == {1}
    assert selected_boxes(toy, split.segment(two, [click(toy, 3, 0)]).selected) == {3}
    labels = np.stack(split.decompose(two))
    first, third = (np.bincount(labels[toy.instance == k]).argmax() for k in (1, 3))
    assert first != third and two.objects.codes[first] == two.objects.codes[third]


def test_a_negative_click_on_the_same_code_splits_it_in_space() -> None:
    toy = gaussian_toy()
    codes = {0: 0b111111000000, 1: 0b000011, 2: 0b000111, 3: 0b000011}
    unic, prepared = by_hand(codes, toy, split_components=False)
    corrected = unic.segment(prepared, [click(toy, 1, 0), click(toy, 3, 1, positive=False)])
    assert selected_boxes(toy, corrected.selected) == {1}


def test_a_negative_click_within_one_part_takes_what_is_nearer_to_it() -> None:
    """Boxes 2 and 3 touch, so no component tells them apart."""
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0b111111000000, 1: 0b000011, 2: 0b000111, 3: 0b000111}, toy)
    both = unic.segment(prepared, [click(toy, 2, 1)])
    assert selected_boxes(toy, both.selected) == {2, 3}
    no = click(toy, 3, 1, positive=False)
    corrected = unic.segment(prepared, [click(toy, 2, 1), no])
    assert selected_boxes(toy, corrected.selected) == {2}
    column, row = no.point_coords[0].astype(int)
    assert both.mask_of_view(1)[row, column] and not corrected.mask_of_view(1)[row, column]


def test_a_negative_click_elsewhere_changes_nothing() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    plain = unic.segment(prepared, [click(toy, 2, 1)])
    other = unic.segment(prepared, [click(toy, 2, 1), click(toy, 1, 0, positive=False)])
    assert np.array_equal(plain.selected, other.selected)


def test_rare_codes_are_snapped_only_when_asked() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    assert prepared.objects.book.codes.tolist() == [0, 5, 9, 4095]
    V = prepared.features.numpy().copy()
    one_of_first = int(np.flatnonzero(box_of_gaussians(toy) == 1)[0])
    V[one_of_first] = np.where((0b0111 >> np.arange(D)) & 1, 1.0, -1.0)  # one bit away from 5
    views = gaussian_views(toy.scene, CPU)
    truth = [paint(toy.masks, view) for view in range(len(toy.scene.views))]
    raw = method(snap_codes=False, split_components=False)
    kept, snapped = (
        one._read_off(
            toy.scene, views, torch.from_numpy(V), truth, PhotoMasks(toy.masks), 0.9, CancelToken()
        ).objects
        for one in (raw, unic)
    )
    assert kept.codes[kept.labels[one_of_first]] == 0b0111
    assert snapped.codes[snapped.labels[one_of_first]] == 5


def test_a_view_never_trained_on_gets_the_same_objects() -> None:
    toy = gaussian_toy()
    unic, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    for view, expected in zip(toy.scene.views, unic.decompose(prepared), strict=True):
        assert np.array_equal(unic.label_view(prepared, view.camera), expected)
    between = toys.toy_cameras(3)[0]
    labels = unic.label_view(prepared, between)
    assert set(np.unique(labels)) == set(np.unique(np.stack(unic.decompose(prepared))))


def test_merging_follows_chains_of_codes() -> None:
    unic, prepared = by_hand({0: 0, 1: 1, 2: 3, 3: 7}, gaussian_toy(), split_components=False)
    objects: CodeObjects = prepared.objects
    thing = np.array([False, False, True, True, True])
    assert merged(objects, thing, 1).tolist() == [0, 1, 2, 2, 2]
    assert merged(objects, thing, 0).tolist() == [0, 1, 2, 3, 4]
    assert merged(objects, np.zeros(5, bool), 3).tolist() == [0, 1, 2, 3, 4]
    assert unic.config.max_tolerance == 3


def test_uncovered_pixels_are_one_segment_more_or_teach_nothing() -> None:
    toy = gaussian_toy()
    bare = MaskCache.build(
        toy.scene.key,
        [[image == number for image in toy.instance] for number in (1, 2, 3)],
        sizes=[toy.instance.shape[1:]] * len(toy.instance),
        kinds=["object"] * 3,
        foreground=[True] * 3,
        scores=[0.5] * 3,
    )
    for label_rest, given in ((True, 4), (False, 3)):
        maps = supervision(toy.scene, bare, label_rest=label_rest, generator=seeded(0))
        assert {len(np.unique(own.labels[own.labels > 0])) for own in maps} == {given}
        assert {int(own.foreground.sum()) for own in maps} == {3}


def test_labels_hold_both_ways_between_pixels_and_gaussians() -> None:
    toy = gaussian_toy()
    _, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    labelling: Labelling = prepared.labelling
    for box in (1, 2, 3):
        of_gaussians = np.bincount(labelling.gaussians[box_of_gaussians(toy) == box]).argmax()
        of_pixels = np.bincount(np.stack(labelling.maps)[toy.instance == box]).argmax()
        assert of_gaussians == of_pixels and labelling.thing[of_gaussians]


def with_classes(toy: Toy, class_of: dict[int, int]) -> Toy:
    """Masks that carry classes: of each cached object that of its box, 0 of the floor, and unknown ones of others."""
    table = np.array([class_of.get(i, -1) for i in toy.masks.object_ids.tolist()], np.int16)
    return replace(toy, masks=replace(toy.masks, classes=np.tile(table, (toy.masks.num_views, 1))))


CLASSES = {1: 1, 2: 2, 3: 1, 6: 0}
"""The first and the third box are of one class; 6 is the plane."""


def test_a_second_vector_learns_the_classes_that_masks_carry(tmp_path: Path) -> None:
    toy = with_classes(gaussian_toy(), CLASSES)
    unic = method()
    prepared = train(unic, toy)
    camera = toy.scene.views[1].camera
    found = not_none(unic.class_view(prepared, camera))
    expected = np.vectorize({1: 1, 2: 2, 3: 1, FLOOR: 0}.get)(toy.instance[1])
    assert (found == expected)[found >= 0].mean() > 0.95
    plain = train(unic, gaussian_toy())
    assert plain.semantics is None and unic.class_view(plain, camera) is None
    unic.save(prepared, tmp_path)
    loaded = unic.load(tmp_path, toy.scene, toy.masks)
    assert np.array_equal(not_none(unic.class_view(loaded, camera)), found)
    without = method(semantic_weight=0.0)
    assert without.class_view(train(without, toy), camera) is None


def test_joint_training_from_points_finds_the_boxes(tmp_path: Path) -> None:
    """The paper's single stage, with the codes read as they are."""
    toy = with_classes(gaussian_toy(), CLASSES)
    joint = SplatsAndFeatures(
        iterations=240, max_side=64, embedding_rate=5e-2, start="points", start_count=800, densify_every=20,
        density=DensityConfig(gradient_min=5e-5, count_max=1500),
    )  # fmt: skip
    unic = method(training="joint", joint=joint, split_components=False)
    prepared = train(unic, toy)
    assert prepared.about["psnr"] > 15 and len(prepared.features) == len(prepared.views.gaussians)
    truth = [np.where(image == FLOOR, 0, image) for image in toy.instance]
    maps = [image.astype(int) for image in unic.decompose(prepared)]
    assert class_agnostic_panoptic_quality(truth, maps).pq > 0.8
    classes = [not_none(unic.class_view(prepared, view.camera)) for view in toy.scene.views]
    true = [np.select([image == 2, image > 0], [2, 1]) for image in truth]
    assert np.mean([(ours == theirs).mean() for ours, theirs in zip(classes, true, strict=True)]) > 0.95
    score = classed_panoptic_quality(truth, {1: 1, 2: 2, 3: 1}, maps, one_class_each(maps, classes))
    assert sum(one.true_positives for one in score.classes.values()) == 3, (
        "a speck more costs half of a class"
    )
    assert score.pq > 0.6
    answer = unic.segment(prepared, [click(toy, 2, 1)])
    assert selected_boxes(toy, answer.selected) == {2}
    unic.save(prepared, tmp_path)
    loaded = unic.load(tmp_path, toy.scene, toy.masks)
    assert np.array_equal(unic.segment(loaded, [click(toy, 2, 1)]).selected, answer.selected)


def joint_step(toy: Toy, seen: torch.Tensor, features: torch.Tensor, *, done: float) -> JointStep:
    means = torch.from_numpy(toy.gaussians.means)
    alpha = torch.ones(seen.shape[:2])
    Wm = torch.eye(4) + 0.1 * torch.randn((4, 4), generator=seeded(5))
    return JointStep(1, 0, done, seen, alpha, features, means, {"Wm": Wm}, seeded(0))


def test_the_joint_loss_is_the_paper_s_sum() -> None:
    """Eq. 7 without the photo's term, pixel by pixel and pair by pair in float64, each term from when it begins."""
    toy = gaussian_toy()
    config = replace(
        method().config,
        dimensions=4,
        triplets=60,
        neighbour_pairs=10**7,
        triplets_from=0.3,
        neighbours_from=0.6,
    )
    truth = taught(supervision(toy.scene, toy.masks, label_rest=False, generator=seeded(0)), config)
    labels = [torch.from_numpy(m.labels.astype(np.int64)) for m in truth]
    loss = _JointLoss(_Losses(config, [None] * len(truth)), labels, toy.scene)
    seen = torch.randn((*truth[1].labels.shape, 4), generator=seeded(1))
    features = torch.randn((len(toy.gaussians.means), 4), generator=seeded(2))
    got = [float(not_none(loss(joint_step(toy, seen, features, done=done)))) for done in (0.0, 0.4, 0.7)]
    Y = 1 / (1 + np.exp(-8 * np.tanh(seen.double().numpy() / 8)))
    image = truth[1].labels
    segments = [Y[image == k] for k in np.unique(image[image > 0])]
    means = [s.mean(axis=0) for s in segments]
    K = len(segments)
    cluster = sum(((s - m) ** 2).sum(axis=1).mean() for s, m in zip(segments, means, strict=True)) / K
    apart = [((means[i] - means[j]) ** 2).sum() for i in range(K) for j in range(i + 1, K)]
    cluster -= 2 / (K * (K - 1)) * sum(apart)
    assert got[0] == pytest.approx(0.1 * cluster, rel=1e-5)
    Wm = joint_step(toy, seen, features, done=0.4).extra["Wm"].double().numpy()
    drawn = sample_triplets(triplet_pixels(image), config.triplets, seeded(0)).numpy()
    a, p, n = ((Y.reshape(-1, 4) @ Wm.T)[drawn[:, i]] for i in range(3))
    hinge = np.maximum(0, ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 1).mean()
    pull = 1e-4 * ((Wm - np.eye(4)) ** 2).sum()
    assert got[1] == pytest.approx(0.1 * cluster + 0.1 * hinge + pull, rel=1e-5)
    v, unit = (
        features.double().numpy(),
        unit_length([view.camera for view in toy.scene.views], np.zeros((0, 3))),
    )
    pairs = neighbour_pairs(toy.gaussians.means, radius=0.1 * unit, at_most=8)  # held by a test of its own
    smooth = np.mean([((v[i] - v[j]) ** 2).sum() for i, j in pairs.tolist()])
    assert got[2] == pytest.approx(0.1 * (cluster + hinge + smooth) + pull, rel=1e-5)


def test_a_share_of_the_photos_teaches_and_coarser_masks_do() -> None:
    toy = gaussian_toy()
    truth = supervision(toy.scene, toy.masks, label_rest=False, generator=seeded(0))
    config = method().config
    whole = taught(truth, config)
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(whole, truth, strict=True))
    one = taught(truth, replace(config, mask_share=0.05))
    assert [bool(m.labels.any()) for m in one].count(True) == 1
    half = taught(truth, replace(config, mask_share=0.5))
    assert [bool(m.labels.any()) for m in half].count(True) == 2
    quarter = taught(truth, replace(config, mask_scale=0.25))[0].labels
    blocks = quarter.reshape(quarter.shape[0] // 4, 4, quarter.shape[1] // 4, 4)
    assert (blocks == blocks[:, :1, :, :1]).all() and set(np.unique(quarter)) <= set(
        np.unique(truth[0].labels)
    )
    assert np.array_equal(quarter[::4, ::4], truth[0].labels[2::4, 2::4])
