"""UniC-Lift on toy scenes: from shuffled masks to codes, and what clicks do with them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.features.code_objects import CodeObjects, merged
from liftlab.components.features.codes import codes_of
from liftlab.components.features.label_maps import paint
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import class_agnostic_panoptic_quality, collision_rate
from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views
from liftlab.pipelines.methods.shared.label_answers import Labelling, supervision
from liftlab.pipelines.methods.shared.photo_masks import PhotoMasks
from liftlab.pipelines.methods.unic_lift.method import UniCLift, UniCLiftPrepared, decode
from tests import toy as toys
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
    for label_rest, taught in ((True, 4), (False, 3)):
        maps = supervision(toy.scene, bare, label_rest=label_rest, generator=seeded(0))
        assert {len(np.unique(own.labels[own.labels > 0])) for own in maps} == {taught}
        assert {int(own.foreground.sum()) for own in maps} == {3}


def test_labels_hold_both_ways_between_pixels_and_gaussians() -> None:
    toy = gaussian_toy()
    _, prepared = by_hand({0: 0, 1: 5, 2: 9, 3: 4095}, toy)
    labelling: Labelling = prepared.labelling
    for box in (1, 2, 3):
        of_gaussians = np.bincount(labelling.gaussians[box_of_gaussians(toy) == box]).argmax()
        of_pixels = np.bincount(np.stack(labelling.maps)[toy.instance == box]).argmax()
        assert of_gaussians == of_pixels and labelling.thing[of_gaussians]
