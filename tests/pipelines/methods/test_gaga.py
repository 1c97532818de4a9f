"""Gaga on the toy: association through splats, identities, and the files of both identity methods."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.association import AssociationConfig
from liftlab.components.errors import InputError
from liftlab.components.features.heads import ObjectHead
from liftlab.components.features.label_maps import paint
from liftlab.components.masks.cache import MaskCache
from liftlab.components.metrics import class_agnostic_panoptic_quality, match_scene_labels
from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.gaga import Gaga, GagaConfig
from liftlab.pipelines.methods.shared.gaussian_answers import gaussian_views
from liftlab.pipelines.methods.shared.identities import IdentityPrepared, read_identities
from tests.toy import FLOOR, Toy, box_of_gaussians, gaussian_toy

CPU = torch.device("cpu")
AXES = {0: (1.0, 0.0, 0.0), 1: (0.0, 1.0, 0.0), 2: (0.0, 0.0, 1.0), 3: (0.0, 0.3, 1.0)}
"""Features of the floor and the boxes; those of boxes 2 and 3 have a cosine of 0.958."""


@pytest.fixture(scope="module")
def gaga() -> Gaga:
    return Gaga(get_method("gaga").quick, device=CPU)


@pytest.fixture(scope="module")
def prepared(gaga: Gaga) -> IdentityPrepared:
    toy = gaussian_toy()
    return gaga.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))


def click(
    toy: Toy, box: int, view: int, *, positive: bool = True, granularity: float | None = None
) -> Prompt:
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    at = np.array([[columns[middle] + 0.5, rows[middle] + 0.5]])
    return Prompt(view, at, np.array([positive]), granularity=granularity)


def boxes_of(toy: Toy, selected: np.ndarray) -> set[int]:
    owner = box_of_gaussians(toy)
    return {k for k in range(4) if selected[owner == k].mean() > 0.5}


def by_hand(toy: Toy, weight: list[tuple[float, ...]], joined: Sequence[np.ndarray] = ()) -> IdentityPrepared:
    """Features along axes, and prototypes given by the test; entry 0 is no object."""
    features = torch.tensor([AXES[k] for k in box_of_gaussians(toy)])
    exists = torch.ones(len(weight), dtype=torch.bool)
    head = ObjectHead("prototypes", torch.tensor(weight), torch.zeros(len(weight)), exists)
    truth = [paint(toy.masks, view) for view in range(len(toy.scene.views))]
    return read_identities(
        toy.scene,
        gaussian_views(toy.scene, CPU),
        features,
        head,
        truth,
        toy.masks,
        {},
        CancelToken(),
        joined=joined,
    )


def test_an_entry_of_few_pixels_does_not_win_a_large_object() -> None:
    """Object 4 has one small mask inside box 1 in one photo, and the prototype nearest to the box's features."""
    toy = gaussian_toy()
    weight = [AXES[0], (0.2, 1.0, 0.0), AXES[2], AXES[3], AXES[1]]
    joined = [np.where(image <= 3, image, 0).astype(np.int32) for image in toy.instance]
    rows, columns = np.nonzero(joined[0] == 1)
    joined[0][rows[:9], columns[:9]] = 4
    alone, mended = by_hand(toy, weight), by_hand(toy, weight, joined)
    inside = toy.instance == 1
    assert (np.stack(alone.labelling.maps)[inside] == 4).mean() > 0.8
    assert (np.stack(mended.labelling.maps)[inside] == 1).mean() > 0.8
    assert not (np.stack(mended.labelling.maps) == 4).any()
    assert mended.about["unsupported"] == 1 and alone.about["unsupported"] == 0
    assert (np.stack(mended.labelling.maps)[toy.instance == 2] == 2).mean() > 0.8


def test_shuffled_masks_become_the_boxes(gaga: Gaga, prepared: IdentityPrepared) -> None:
    toy = gaussian_toy()
    maps = [image.astype(int) for image in gaga.decompose(prepared)]
    truth = [np.where(image == FLOOR, 0, image) for image in toy.instance]
    assert class_agnostic_panoptic_quality(truth, maps).pq > 0.9
    scores = match_scene_labels(truth, maps)
    assert scores.precision == scores.recall == 1.0
    assert prepared.about["objects"] == 4 and len(prepared.about["bank_sizes"]) == 4


def test_objects_of_gaussians_are_those_of_their_boxes(prepared: IdentityPrepared) -> None:
    owner, labels = box_of_gaussians(gaussian_toy()), prepared.labelling.gaussians
    own = [np.bincount(labels[owner == k]).argmax() for k in range(4)]
    assert len(set(own)) == 4
    assert np.mean([(labels[owner == k] == own[k]).mean() for k in range(4)]) > 0.9
    assert [bool(prepared.labelling.thing[label]) for label in own] == [False, True, True, True]


def test_a_view_never_trained_on_gets_the_same_objects(gaga: Gaga, prepared: IdentityPrepared) -> None:
    for view, expected in zip(gaussian_toy().scene.views, gaga.decompose(prepared), strict=True):
        assert np.array_equal(gaga.label_view(prepared, view.camera), expected)


def test_gaga_knows_depth_only() -> None:
    with pytest.raises(InputError, match="use proto_saga"):
        Gaga(GagaConfig(association=AssociationConfig(choose="both")), device=CPU)


def test_pixels_of_no_object_teach_no_object_or_nothing() -> None:
    toy = gaussian_toy()
    bare = MaskCache.build(
        toy.scene.key,
        [[image == number for image in toy.instance] for number in (1, 2, 3)],
        sizes=[toy.instance.shape[1:]] * len(toy.instance),
        kinds=["object"] * 3,
        foreground=[True] * 3,
        scores=[0.5] * 3,
    )
    quick = get_method("gaga").quick
    on_floor = {}
    for label_rest in (True, False):
        method = Gaga(replace(quick, label_rest=label_rest), device=CPU)
        found = method.prepare(toy.scene, bare, cancel=CancelToken(), generator=seeded(0))
        covered = np.stack([found.views.view(v).alpha.numpy() >= 0.5 for v in range(len(toy.instance))])
        on_floor[label_rest] = np.stack(found.labelling.maps)[covered & (toy.instance == FLOOR)]
    assert (on_floor[True] == 0).mean() > 0.9
    assert (on_floor[False] > 0).all()  # nothing says that there is no object here


def test_clicks_give_a_union_and_negative_clicks_take_away(gaga: Gaga) -> None:
    toy = gaussian_toy()
    state = by_hand(toy, [AXES[0], AXES[1], AXES[2], AXES[3]])
    two = gaga.segment(state, [click(toy, 1, 0), click(toy, 2, 1)])
    assert boxes_of(toy, two.selected) == {1, 2}
    one = gaga.segment(state, [click(toy, 1, 0), click(toy, 2, 1), click(toy, 3, 1, positive=False)])
    assert boxes_of(toy, one.selected) == {1, 2}


def test_granularity_joins_objects_of_like_features(gaga: Gaga) -> None:
    toy = gaussian_toy()
    state = by_hand(toy, [AXES[0], AXES[1], AXES[2], AXES[3]])
    alone = gaga.segment(state, [click(toy, 2, 1, granularity=0.0)])
    joined = gaga.segment(state, [click(toy, 2, 1, granularity=0.2)])  # cosine above 0.9
    assert boxes_of(toy, alone.selected) == {2} and boxes_of(toy, joined.selected) == {2, 3}
    fine, coarse = (np.stack(gaga.decompose(state, g)) for g in (0.0, 0.2))
    names = [[np.bincount(maps[toy.instance == k]).argmax() for k in (1, 2, 3)] for maps in (fine, coarse)]
    assert len(set(names[0])) == 3 and names[1] == [1, 2, 2]


def test_a_negative_click_on_the_same_object_splits_it_by_features(gaga: Gaga) -> None:
    toy = gaussian_toy()
    state = by_hand(toy, [AXES[0], AXES[1], AXES[2]])  # boxes 2 and 3 are one object
    assert boxes_of(toy, gaga.segment(state, [click(toy, 2, 1)]).selected) == {2, 3}
    corrected = gaga.segment(state, [click(toy, 2, 1), click(toy, 3, 1, positive=False)])
    assert boxes_of(toy, corrected.selected) == {2}


def test_a_click_on_no_object_selects_nothing_and_says_so(gaga: Gaga) -> None:
    toy = gaussian_toy()
    state = by_hand(toy, [AXES[0], AXES[1], AXES[2], AXES[3]])
    row, column = np.argwhere(toy.instance[1] == FLOOR)[-1] - [3, 3]  # the lower right corner is all floor
    assert toy.instance[1, row, column] == FLOOR
    result = gaga.segment(state, [Prompt(1, np.array([[column + 0.5, row + 0.5]]), np.array([True]))])
    assert result.empty and "click on another spot" in result.message
