"""Objects by number: what clicks choose, what is a thing, and what teaches."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from liftlab.components.errors import InputError
from liftlab.components.features.label_maps import LabelMap
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views, seen_clicks
from liftlab.pipelines.methods.shared.label_answers import (
    Labelling,
    are_things,
    chosen_objects,
    depth_inside,
    labels_by_votes,
    meant_objects,
    nearer_part,
    packed,
    select,
    supervision,
    unpacked,
    without_structure,
)
from tests.toy import box_of_gaussians, gaussian_toy

DISTANCE = np.array(
    [[0, 9, 9, 9, 9], [9, 0, 1, 2, 9], [9, 1, 0, 1, 9], [9, 2, 1, 0, 9], [9, 9, 9, 9, 0]], float
)


def choose(yes: list[int], no: list[int], tolerance: float) -> list[int]:
    return np.flatnonzero(chosen_objects(yes, no, lambda rows: DISTANCE[rows], tolerance)).tolist()


@pytest.mark.parametrize(
    ("yes", "no", "tolerance", "expected"),
    [
        ([2], [], 0.0, [2]),
        ([2, 4], [], 0.0, [2, 4]),
        ([2], [], 1.0, [1, 2, 3]),
        ([0], [], 5.0, []),
        ([], [2], 5.0, []),
        ([2], [3], 1.0, [1, 2]),
        ([1], [3], 2.0, [1, 2]),  # object 2 is as near to either: it stays
        ([2], [2], 0.0, [2]),  # to be split
        ([2, 2], [0], 0.0, [2]),
    ],
)
def test_chosen_objects(yes: list[int], no: list[int], tolerance: float, expected: list[int]) -> None:
    assert choose(yes, no, tolerance) == expected


@pytest.fixture(scope="module")
def instances() -> Labelling:
    """The toy's boxes as things 1..3, all else as surroundings 4."""
    toy = gaussian_toy()
    maps = tuple(np.where(np.isin(image, (1, 2, 3)), image, 4).astype(np.uint16) for image in toy.instance)
    return Labelling(np.zeros(0, np.int32), maps, np.array([False, True, True, True, False]))


def spot(labelling: Labelling, label: int, *, rim: bool) -> tuple[float, float]:
    """A pixel of an object in view 1: the farthest from its border, or one beside it."""
    inside = np.pad(labelling.maps[1] == label, 1).astype(np.uint8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.argwhere((distance == 1) if rim else (distance == distance.max()))[0]
    return float(x) + 0.5, float(y) + 0.5


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([(1, False), (4, False)], [1, 0]),  # a thing does not grow into surroundings
        ([(1, False), (2, True)], [1, 0]),  # nor on its rim into what lies behind
        ([(1, False), (2, False)], [1, 2]),  # but into another thing that is clicked in its middle
        ([(1, False), (1, True)], [1, 1]),  # its own rim is its own
        ([(4, False), (1, True)], [4, 1]),  # whoever began with the table means all of everything
        ([], []),
    ],
)
def test_further_clicks_on_rims_take_nothing_else(
    instances: Labelling, given: list[tuple[int, bool]], expected: list[int]
) -> None:
    spots = np.array([spot(instances, label, rim=rim) for label, rim in given]).reshape(-1, 2)
    prompts = [Prompt(1, spots, np.ones(len(given), bool))] if given else []
    clicks = seen_clicks(gaussian_views(gaussian_toy().scene, torch.device("cpu")), prompts)
    assert len(clicks.positives) == len(given)
    assert meant_objects([label for label, _ in given], clicks.positives, instances) == expected


@pytest.mark.parametrize(("radius", "expected"), [(1, 1), (100, 0)])
def test_a_click_in_a_small_hole_means_what_is_around_it(
    instances: Labelling, radius: int, expected: int
) -> None:
    x, y = spot(instances, 1, rim=False)
    holed = instances.maps[1].copy()
    rows, columns = np.indices(holed.shape)
    holed[np.hypot(rows + 0.5 - y, columns + 0.5 - x) < radius] = 0
    maps = (instances.maps[0], holed, *instances.maps[2:])
    prompt = Prompt(1, np.array([[x, y]]), np.ones(1, bool))
    clicks = seen_clicks(gaussian_views(gaussian_toy().scene, torch.device("cpu")), [prompt])
    assert meant_objects([0], clicks.positives, replace(instances, maps=maps)) == [expected]


def depth_at(labelling: Labelling, at: tuple[float, float], label: int) -> float:
    prompt = Prompt(1, np.array([at]), np.ones(1, bool))
    clicks = seen_clicks(gaussian_views(gaussian_toy().scene, torch.device("cpu")), [prompt])
    return depth_inside(labelling, clicks.positives[0], label)


def test_depth_inside_is_measured_by_the_object_in_all_photos(instances: Labelling) -> None:
    middle = spot(instances, 1, rim=False)
    assert 0.8 < depth_at(instances, middle, 1) < 1.25
    assert depth_at(instances, spot(instances, 1, rim=True), 1) < 0.5
    assert depth_at(instances, middle, 2) == 0


def test_the_middle_of_a_sliver_of_another_thing_is_no_middle(instances: Labelling) -> None:
    """A few pixels of box 2 lie where box 1 is, as where two learnt objects meet."""
    x, y = spot(instances, 1, rim=False)
    spoilt = instances.maps[1].copy()
    spoilt[int(y) - 3 : int(y) + 4, int(x)] = 2
    split = replace(instances, maps=(instances.maps[0], spoilt, *instances.maps[2:]))
    assert depth_at(split, (x, y), 2) < 0.5


def test_gaussians_take_the_object_that_most_of_their_pixels_show(instances: Labelling) -> None:
    toy = gaussian_toy()
    views = gaussian_views(toy.scene, torch.device("cpu"))
    cameras = [view.camera for view in toy.scene.views]
    nowhere = torch.full((len(views.gaussians),), 2)
    labels = labels_by_votes(views.gaussians, cameras, instances.maps, nowhere, 4)
    owner = box_of_gaussians(toy)
    seen = np.isin(np.arange(len(owner)), np.flatnonzero(owner))
    assert (labels[seen] == owner[seen]).mean() > 0.8
    blank = [np.zeros_like(image) for image in instances.maps]
    assert set(labels_by_votes(views.gaussians, cameras, blank, nowhere, 4)) <= {0, 2}
    assert (labels_by_votes(views.gaussians, [], [], nowhere, 4) == 2).all()


def test_only_contested_objects_are_split() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2], np.int32)
    asked: list[list[int]] = []

    def keep(own, positives, negatives):
        asked.append(own.tolist())
        return own == 4

    spots = np.argwhere(gaussian_toy().instance[1] == 2)[[0, 40, 80], ::-1] + 0.5
    prompt = Prompt(1, spots, np.array([True, True, False]))
    clicks = seen_clicks(gaussian_views(gaussian_toy().scene, torch.device("cpu")), [prompt])
    assert len(clicks.positives) == 2 and len(clicks.negatives) == 1
    chosen = np.array([False, True, True])
    score = select(labels, chosen, clicks, [1, 2], [2], keep)
    assert asked == [[3, 4, 5]] and score.tolist() == [0, 1, 1, 0, 1, 0]


def boxes_left(joined: list[int], yes: int, no: int, *, rim: bool) -> dict[int, float]:
    """Share of each box that stays when boxes are one object, and `yes` is clicked positively, `no` negatively."""
    toy = gaussian_toy()
    owner = box_of_gaussians(toy)
    maps = tuple(np.where(np.isin(image, joined), 1, 0).astype(np.uint16) for image in toy.instance)
    labels = np.where(np.isin(owner, joined), 1, 0).astype(np.int32)
    alone = Labelling(labels, tuple(image.astype(np.uint16) for image in toy.instance), np.ones(9, bool))
    spots = np.array([spot(alone, yes, rim=False), spot(alone, no, rim=rim)])
    views = gaussian_views(toy.scene, torch.device("cpu"))
    clicks = seen_clicks(views, [Prompt(1, spots, np.array([True, False]))])
    own = np.flatnonzero(labels)
    object_of_all = Labelling(labels, maps, np.array([False, True]))
    kept = nearer_part(object_of_all, views.gaussians.means, own, clicks.positives, clicks.negatives)
    return {box: float(kept[owner[own] == box].mean()) for box in joined}


def test_a_negative_click_in_the_middle_of_a_joined_thing_takes_it_away() -> None:
    left = boxes_left([1, 2], 1, 2, rim=False)
    assert left[1] > 0.9 and left[2] < 0.1


def test_a_negative_click_on_the_rim_takes_little() -> None:
    assert 0.85 < boxes_left([1], 1, 1, rim=True)[1] < 1.0


def test_an_object_without_gaussians_has_no_part_to_keep(instances: Labelling) -> None:
    none = np.zeros(0, np.int64)
    assert nearer_part(instances, torch.zeros((0, 3)), none, [], []).shape == (0,)


def test_things_are_objects_mostly_on_masks_of_things() -> None:
    truth = LabelMap(np.array([[1, 1, 1, 2, 2, 0]], np.int32), np.array([False, True, False]))
    image = np.array([[1, 1, 2, 2, 2, 0]], np.uint16)
    assert are_things([image], [truth], 3).tolist() == [False, True, False, False]
    labelling = Labelling(np.zeros(2, np.int32), (image,), np.array([False, True, False, False]))
    assert without_structure(labelling)[0].tolist() == [[1, 1, 0, 0, 0, 0]]


def test_files_keep_maps_of_different_sizes() -> None:
    maps = (np.array([[1, 65535]], np.uint16), np.arange(6, dtype=np.uint16).reshape(3, 2))
    before = Labelling(np.array([3, 0], np.int32), maps, np.array([False, True]))
    after = unpacked(packed(before))
    assert all(np.array_equal(a, b) for a, b in zip(before.maps, after.maps, strict=True))
    assert np.array_equal(before.gaussians, after.gaussians) and np.array_equal(before.thing, after.thing)
    assert after.maps[0].dtype == np.uint16 and after.count == 1


def test_ids_of_the_views_are_unrelated() -> None:
    toy = gaussian_toy()
    maps = supervision(toy.scene, toy.masks, label_rest=False, generator=seeded(1))
    of_first = {int(np.bincount(m.labels[toy.instance[v] == 1]).argmax()) for v, m in enumerate(maps)}
    assert len(of_first) > 1
    again = supervision(toy.scene, toy.masks, label_rest=False, generator=seeded(1))
    assert all(np.array_equal(a.labels, b.labels) for a, b in zip(maps, again, strict=True))


@pytest.mark.parametrize("name", ["unic_lift", "gaga", "proto_saga"])
def test_without_masks_there_is_nothing_to_learn(name: str) -> None:
    toy = gaussian_toy()
    sizes = [image.shape for image in toy.instance]
    empty = MaskCache.build(toy.scene.key, [], sizes=sizes, kinds=[], foreground=[], scores=[])
    entry = get_method(name)
    method = entry.make(entry.quick, device=torch.device("cpu"))
    with pytest.raises(InputError, match="No photo has a mask to learn from"):
        method.prepare(toy.scene, empty, progress=no_progress, cancel=CancelToken(), generator=seeded(0))


@pytest.mark.parametrize("name", ["gaga", "proto_saga"])
def test_splats_behind_no_mask_are_reported(name: str) -> None:
    toy = gaussian_toy()
    away = replace(toy.gaussians, means=toy.gaussians.means + np.float32(50))
    scene = replace(toy.scene, gaussians=away, gaussians_key="away")
    entry = get_method(name)
    method = entry.make(entry.quick, device=torch.device("cpu"))
    with pytest.raises(InputError, match=r"splat behind it|mask to learn from"):
        method.prepare(scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0))
