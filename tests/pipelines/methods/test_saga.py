"""SAGA on the toy: sizes, negative clicks, what its preparation learns, and what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.clicks import clicks_of
from liftlab.components.errors import InputError
from liftlab.components.masks.cache import MaskCache
from liftlab.components.progress import CancelToken
from liftlab.components.types import Prompt
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.saga.clicks import similarities
from liftlab.pipelines.methods.saga.method import Saga, SagaPrepared
from liftlab.pipelines.methods.saga.training import _view_masks, eroded
from liftlab.pipelines.methods.shared.feature_trainer import FeatureTrainConfig
from tests.toy import GROUP, Toy, box_of_gaussians, gaussian_toy

CPU = torch.device("cpu")


def saga(**changes) -> Saga:
    return Saga(replace(get_method("saga").quick, **changes), device=CPU)


def prepared_with(method: Saga, toy: Toy, masks: MaskCache | None = None) -> SagaPrepared:
    return method.prepare(toy.scene, masks or toy.masks, cancel=CancelToken(), generator=seeded(0))


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


@pytest.fixture(scope="module")
def prepared(toy: Toy) -> SagaPrepared:
    return prepared_with(saga(groups=True), toy)


def click(
    toy: Toy, box: int, view: int, *, positive: bool = True, granularity: float | None = None
) -> Prompt:
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    at = np.array([[columns[middle] + 0.5, rows[middle] + 0.5]])
    return Prompt(view, at, np.array([positive]), granularity=granularity)


def share_of(prepared: SagaPrepared, toy: Toy, selected: np.ndarray, box: int) -> float:
    own = box_of_gaussians(toy) == box
    return float(selected[own].mean())


def test_a_larger_size_takes_the_group(prepared: SagaPrepared, toy: Toy) -> None:
    small = saga().segment(prepared, [click(toy, 2, 1, granularity=0.3)]).selected
    large = saga().segment(prepared, [click(toy, 2, 1, granularity=0.75)]).selected
    assert share_of(prepared, toy, small, 2) > 0.6 and share_of(prepared, toy, small, 3) < 0.1
    assert share_of(prepared, toy, large, 2) > 0.6 and share_of(prepared, toy, large, 3) > 0.6
    assert share_of(prepared, toy, large, 1) < 0.2


def test_groups_teach_only_where_asked_for(toy: Toy) -> None:
    """Without them it is as if the cache had none; their size is still known, for clicks that mean one."""
    masks, short = toy.masks, FeatureTrainConfig(iterations=5, max_side=96)
    alone = [o for o in masks.object_ids.tolist() if masks.kinds[o - 1] != "group"]
    without = MaskCache.build(
        masks.scene_key,
        [[masks.mask(view, o) for view in range(masks.num_views)] for o in alone],
        sizes=masks.sizes,
        kinds=[masks.kinds[o - 1] for o in alone],
        foreground=[bool(masks.foreground[o - 1]) for o in alone],
        scores=[float(masks.scores[o - 1]) for o in alone],
    )
    plain, bare = (prepared_with(saga(train=short), toy, given) for given in (masks, without))
    taught = prepared_with(saga(train=short, groups=True), toy)
    assert torch.equal(plain.features, bare.features)
    assert not torch.equal(plain.features, taught.features)
    assert np.isfinite(plain.mask_scales[:, GROUP - 1]).any()


def test_the_scales_of_masks_are_those_of_the_boxes(prepared: SagaPrepared, toy: Toy) -> None:
    sizes = np.nanmedian(prepared.mask_scales, axis=0)
    assert sizes[GROUP - 1] > max(sizes[1], sizes[2])  # two boxes are larger than each
    assert sizes[5] == np.nanmax(sizes)  # the floor
    assert 0.2 < sizes[0] < 0.6  # box 1 is about 0.4 wide


def test_without_a_size_a_click_asks_for_the_mask_it_hits(prepared: SagaPrepared, toy: Toy) -> None:
    method = saga(click_query="pixel")
    own = prepared.quantiles(prepared.mask_scales[1:2, 1])[0]
    plain = method.segment(prepared, [click(toy, 2, 1)])
    asked = method.segment(prepared, [click(toy, 2, 1, granularity=float(own))])
    assert np.array_equal(plain.selected, asked.selected)
    middle = saga(click_scale="middle", click_query="pixel")
    half = middle.segment(prepared, [click(toy, 2, 1, granularity=0.5)])
    assert np.array_equal(middle.segment(prepared, [click(toy, 2, 1)]).selected, half.selected)


def own_and_others(prepared: SagaPrepared, toy: Toy, selected: np.ndarray, box: int) -> tuple[float, float]:
    others = [share_of(prepared, toy, selected, other) for other in (1, 2, 3) if other != box]
    return share_of(prepared, toy, selected, box), max(others)


def test_the_mask_under_a_click_stands_for_all_of_the_object(prepared: SagaPrepared, toy: Toy) -> None:
    """Where a pixel is like nothing else, its mask's mean feature still finds the object."""
    rng = np.random.default_rng(0)
    odd = prepared.features.clone()
    own = np.flatnonzero(box_of_gaussians(toy) == 2)
    some = rng.choice(own, len(own) // 3, replace=False)
    odd[some] = torch.nn.functional.normalize(odd[some] - 2 * odd[own].mean(dim=0), dim=1)
    split = replace(prepared, features=odd, squares=odd.square())
    seen = split.views.through(clicks_of(toy.scene, [click(toy, 2, 1)]).clicks[0]).gaussian_ids
    blind = odd.clone()
    blind[seen] = torch.nn.functional.normalize(torch.ones(odd.shape[1]), dim=0)  # the pixel says nothing
    split = replace(split, features=blind, squares=blind.square())
    by_pixel = saga(click_query="pixel").segment(split, [click(toy, 2, 1)]).selected
    by_mask = saga().segment(split, [click(toy, 2, 1)]).selected
    assert share_of(prepared, toy, by_mask, 2) > share_of(prepared, toy, by_pixel, 2) + 0.2


def test_a_mask_measured_too_large_is_asked_for_at_the_size_that_fits_it(
    prepared: SagaPrepared, toy: Toy
) -> None:
    """Pixels on what lies behind make a mask's size in 3D that of the group."""
    spoilt = prepared.mask_scales.copy()
    spoilt[1, 1] = prepared.mask_scales[1, GROUP - 1]
    state = replace(prepared, mask_scales=spoilt)
    as_measured = saga(click_query="pixel").segment(state, [click(toy, 2, 1)]).selected
    found = saga().segment(state, [click(toy, 2, 1)]).selected
    assert own_and_others(prepared, toy, as_measured, 2)[1] > 0.5
    own, other = own_and_others(prepared, toy, found, 2)
    assert own > 0.6 and other < 0.1
    again = saga().segment(state, [click(toy, 2, 1)]).selected
    assert np.array_equal(found, again) and len(state.asked) == 1


def test_a_negative_click_on_another_object_leaves_what_the_mask_stands_for(
    prepared: SagaPrepared, toy: Toy
) -> None:
    alone = saga().segment(prepared, [click(toy, 2, 1)]).selected
    both = saga().segment(prepared, [click(toy, 2, 1), click(toy, 1, 1, positive=False)]).selected
    own, other = own_and_others(prepared, toy, alone, 2), own_and_others(prepared, toy, both, 2)
    assert other[0] > 0.9 * own[0] and other[1] <= own[1]


def test_a_mask_that_a_negative_click_refuses_is_not_asked_for(prepared: SagaPrepared, toy: Toy) -> None:
    """The mask under the click holds two boxes; a negative click on the second leaves the first."""
    joined = [toy.masks.mask(view, GROUP) for view in range(len(toy.scene.views))]
    masks = MaskCache.build(
        toy.scene.key, [joined], sizes=toy.masks.sizes, kinds=["object"], foreground=[True], scores=[1.0]
    )
    one = replace(prepared, masks=masks, mask_scales=prepared.mask_scales[:, [1]])
    found = saga().segment(one, [click(toy, 2, 1), click(toy, 3, 1, positive=False)]).selected
    assert share_of(prepared, toy, found, 2) > 0.5 and share_of(prepared, toy, found, 3) < 0.1


def test_a_negative_click_divides_what_is_one_at_the_size(prepared: SagaPrepared, toy: Toy) -> None:
    whole, no = click(toy, 2, 1, granularity=0.75), click(toy, 3, 1, positive=False, granularity=0.75)
    found = saga().segment(prepared, [whole, no]).selected
    assert share_of(prepared, toy, found, 2) > 0.6 and share_of(prepared, toy, found, 3) < 0.1


def test_only_negative_clicks_select_nothing(prepared: SagaPrepared, toy: Toy) -> None:
    found = saga().segment(prepared, [click(toy, 2, 1, positive=False)])
    assert found.empty and not found.mask_of_view(0).any()


def test_several_sizes_are_offered_once_each(prepared: SagaPrepared, toy: Toy) -> None:
    offers = saga().several(prepared, [click(toy, 2, 1)])
    assert 2 <= len(offers) <= 5
    for i, one in enumerate(offers):
        for other in offers[i + 1 :]:
            both, either = (one.selected & other.selected).sum(), (one.selected | other.selected).sum()
            assert both < 0.9 * either


def test_a_click_through_transparent_splats_is_refused_with_a_sentence(toy: Toy) -> None:
    gaussians = toy.gaussians
    thin = replace(gaussians, opacities=np.full_like(gaussians.opacities, 0.02))
    scene = replace(toy.scene, gaussians=thin, gaussians_key="thin")
    method = saga()
    with pytest.raises(InputError, match="No mask covers enough"):
        prepared_with(method, replace(toy, scene=scene))
    corner = replace(
        gaussians, opacities=np.where(box_of_gaussians(toy) == 2, np.float32(0.02), gaussians.opacities)
    )
    hidden = replace(toy.scene, gaussians=corner, gaussians_key="corner")
    method = saga(train=replace(get_method("saga").quick.train, iterations=2))
    state = prepared_with(method, replace(toy, scene=hidden))
    sky = Prompt(0, np.array([[2.5, 0.5]]), np.array([True]))
    found = method.segment(state, [sky])
    assert found.empty and "nearly transparent" in found.message


def test_cleaning_keeps_the_clicked_part_only(prepared: SagaPrepared, toy: Toy) -> None:
    every = saga(threshold=-0.5).segment(prepared, [click(toy, 1, 1, granularity=0.2)])
    clean = saga(threshold=-0.5, cleaning=True).segment(prepared, [click(toy, 1, 1, granularity=0.2)])
    assert 0 < clean.selected.sum() <= every.selected.sum()
    assert not (clean.selected & ~every.selected).any()


def test_training_lowers_the_loss_and_tells_its_time(prepared: SagaPrepared) -> None:
    losses = [loss for _, _, loss in prepared.about["curve"]]
    assert losses[-1] < losses[0]
    assert prepared.about["seconds"] >= prepared.about["training_seconds"] > 0
    torch.testing.assert_close(prepared.features.norm(dim=1), torch.ones(len(prepared.features)))


@pytest.mark.parametrize(
    "changes",
    [
        {"neighbours": 1},
        {"norm_weight": 0.0},
        {"gated": False},
        {"resampling": False},
        {"reweighting": False},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_ablation_trains_and_answers(toy: Toy, changes: dict) -> None:
    method = saga(**changes, train=replace(get_method("saga").quick.train, iterations=40))
    state = prepared_with(method, toy)
    answer = method.segment(state, [click(toy, 3, 1)])
    assert answer.score[box_of_gaussians(toy) == 3].mean() > answer.score[box_of_gaussians(toy) == 1].mean()
    if changes.get("gated") is False:
        method = saga(**changes, click_query="pixel")
        answer = method.segment(state, [click(toy, 3, 1)])
        other = method.segment(state, [click(toy, 3, 1, granularity=1.0)])
        assert np.array_equal(answer.score, other.score)


def test_masks_that_cover_everything_or_nothing_teach_nothing(toy: Toy) -> None:
    views = len(toy.scene.views)
    size = toy.instance.shape[1:]
    full = MaskCache.build(
        toy.scene.key, [[np.ones(size, bool)] * views], sizes=[size] * views, kinds=["object"],
        foreground=[True], scores=[1.0],
    )  # fmt: skip
    with pytest.raises(InputError, match="build the masks again"):
        prepared_with(saga(), toy, full)


def test_erosion_is_five_of_nine() -> None:
    mask = np.zeros((7, 7), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    inner = eroded(mask)
    assert inner[3, 3] and inner[1, 3] and not inner[1, 1] and not inner[0, 3]
    assert not eroded(np.eye(7, dtype=bool)).any()


def test_the_query_is_the_gated_cosine() -> None:
    generator = seeded(0)
    features = torch.randn(40, 6, generator=generator)
    gates, clicks = torch.rand(6, generator=generator), torch.randn(3, 6, generator=generator)
    found = similarities(features, features.square(), gates, clicks)
    plain = torch.cosine_similarity((gates * features)[:, None], (gates * clicks)[None], dim=2)
    torch.testing.assert_close(found, plain)


def test_pixels_are_drawn_mask_by_mask_or_all_alike() -> None:
    """A mask of 4 pixels and one of 60: by masks each pixel of the small one is drawn 15 times as often."""
    member = np.zeros((80, 2), bool)
    member[10:14, 0], member[20:80, 1] = True, True
    masks = _view_masks([member[:, :1], member[:, 1:]], np.array([1.0, 2.0]))
    counts = {}
    for by in ("masks", "pixels"):
        drawn = masks.drawn(20_000, by, seeded(0)).numpy()
        assert set(drawn) == set(np.flatnonzero(member.any(axis=1)))
        counts[by] = float((drawn < 20).mean())
    assert counts["masks"] == pytest.approx(0.5, abs=0.02)
    assert counts["pixels"] == pytest.approx(4 / 64, abs=0.02)


def test_surroundings_join_no_thing_and_no_cluster(prepared: SagaPrepared) -> None:
    """Splats under no mask of a thing look exactly like box 1: they are still nothing."""
    surroundings = prepared.foreground < 0.5
    labels = saga().labels(prepared, 0.5)
    assert surroundings.any() and not labels[surroundings].any() and labels.max() >= 2
    owner = box_of_gaussians(gaussian_toy())
    features = prepared.features.clone()
    features[torch.from_numpy(surroundings)] = features[torch.from_numpy(owner == 1)].mean(dim=0)
    same = saga().labels(replace(prepared, features=features, squares=features.square()), 0.5)
    assert np.array_equal(same, labels)
    nothing = replace(prepared, foreground=np.zeros_like(prepared.foreground))
    assert not saga().labels(nothing, 0.5).any()


def test_another_sampling_share_or_scale_is_clustered_when_asked_for(prepared: SagaPrepared) -> None:
    """These settings train nothing anew, so a state may have been made with others."""
    fresh = replace(prepared)
    assert saga()._usual_labels(fresh) is prepared.labels
    other = saga(click_scale="middle")
    assert np.array_equal(other._usual_labels(fresh), other.labels(fresh, 0.5))
    assert other._usual_labels(fresh) is other._usual_labels(fresh)
    old = replace(prepared, about={})
    assert saga()._usual_labels(old) is prepared.labels


def test_printed_forms_train_and_answer(toy: Toy) -> None:
    train = replace(get_method("saga").quick.train, iterations=2)
    method = saga(loss_form="printed", norm_form="printed", drawing="pixels", train=train)
    state = method.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))
    assert bool(torch.isfinite(state.features).all()) and state.about["iterations"] == 2
