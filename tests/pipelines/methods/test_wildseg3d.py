"""WildSeg3D: which cached objects clicks choose, and which points they lift."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.clicks import Click, ClickList, best_view_of_point, clicks_of
from liftlab.components.masks.cache import MaskCache
from liftlab.components.pointmaps.alignment.scene import SceneAlignmentConfig
from liftlab.components.pointmaps.mast3r_pairs import NetworkPairConfig, NetworkPairPredictor
from liftlab.components.pointmaps.stereo_pairs import StereoPairConfig
from liftlab.components.progress import CancelToken, no_progress
from liftlab.components.types import Prompt
from liftlab.pipelines.base import seeded
from liftlab.pipelines.methods.wildseg3d import (
    WildSeg3D,
    WildSeg3DConfig,
    choose,
    eroded,
    points_in_masks,
    union_mask,
)
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from tests.knowing_network import KnowingNetwork
from tests.toy import GROUP, TOP_OF_FIRST, Toy, make_toy

SMALLEST = WildSeg3DConfig(first_candidate="smallest")
WHOLE = WildSeg3DConfig(first_candidate="whole")
A, B, C = 1, 2, 3


def nested_masks() -> MaskCache:
    """The worked example: A (area 400) holds B (area 50); C lies apart. Two views, the second shifted."""
    views = []
    for shift in (0, 3):
        a, b, c = np.zeros((3, 40, 60), bool)
        a[5:25, 5 + shift : 25 + shift] = True
        b[10:15, 10 + shift : 20 + shift] = True
        c[30:36, 40:46] = True
        views.append((a, b, c))
    return MaskCache.build(
        "s",
        [list(per_view) for per_view in zip(*views, strict=True)],
        sizes=[(40, 60)] * 2,
        kinds=["object", "part", "object"],
        foreground=[True] * 3,
        scores=[0.8, 0.9, 0.9],
    )


def clicks(*entries: tuple[int, float, float, bool], granularity: float | None = None) -> ClickList:
    return ClickList(tuple(Click(*entry, granularity) for entry in entries), ())


IN_B, IN_A = (12.5, 12.5), (7.5, 20.5)


def test_areas_of_the_worked_example() -> None:
    masks = nested_masks()
    assert masks.area(0, A) == 400 and masks.area(0, B) == 50


def test_the_smallest_containing_mask_is_taken() -> None:
    assert choose(nested_masks(), clicks((0, *IN_B, True)), SMALLEST).add == (B,)


def test_the_whole_object_is_taken_by_default() -> None:
    assert choose(nested_masks(), clicks((0, *IN_B, True)), WHOLE).add == (A,)


@pytest.mark.parametrize(("granularity", "expected"), [(0.0, B), (0.4, B), (0.6, A), (1.0, A)])
def test_granularity_walks_the_candidates(granularity: float, expected: int) -> None:
    choice = choose(nested_masks(), clicks((0, *IN_B, True), granularity=granularity), SMALLEST)
    assert choice.add == (expected,) and choice.candidates == (B, A)


def test_clicking_the_same_place_again_takes_the_next_larger_mask() -> None:
    twice = choose(nested_masks(), clicks((0, *IN_B, True), (0, 13.0, 12.5, True)), SMALLEST)
    assert twice.add == (A,)
    thrice = choose(nested_masks(), clicks(*[(0, *IN_B, True)] * 3), SMALLEST)
    assert thrice.add == (A,)


def test_positive_in_a_and_negative_in_b_gives_a_minus_b_in_every_view() -> None:
    masks = nested_masks()
    choice = choose(masks, clicks((0, *IN_A, True), (0, *IN_B, False)), SMALLEST)
    assert (choice.add, choice.subtract) == ((A,), (B,)) and choice.complete
    for view in range(2):
        assert np.array_equal(union_mask(masks, choice, view), masks.mask(view, A) & ~masks.mask(view, B))


def test_candidates_hit_by_a_negative_click_are_skipped() -> None:
    masks = nested_masks()
    choice = choose(
        masks, clicks((0, *IN_B, True), (0, *IN_A, False)), WildSeg3DConfig(first_candidate="whole")
    )
    assert (choice.add, choice.subtract) == ((B,), ())


def test_a_negative_click_counts_in_its_own_view() -> None:
    """In view 1 the masks are shifted by 3 px: (6.5, 20.5) is inside A in view 0 only."""
    masks = nested_masks()
    positive = (0, *IN_B, True)
    assert choose(masks, clicks(positive, (1, 6.5, 20.5, False)), WildSeg3DConfig()).add == (A,)
    assert choose(masks, clicks(positive, (1, 9.5, 20.5, False)), WildSeg3DConfig()).add == (B,)


def test_each_positive_click_adds_an_object() -> None:
    choice = choose(nested_masks(), clicks((0, *IN_B, True), (1, 42.5, 32.5, True)), SMALLEST)
    assert choice.add == (B, C)


def test_a_click_on_nothing_cached_is_missed() -> None:
    choice = choose(nested_masks(), clicks((0, 55.5, 5.5, True)), SMALLEST)
    assert choice.add == () and len(choice.missed) == 1


def test_a_negative_click_that_nothing_can_take_away_is_missed() -> None:
    choice = choose(nested_masks(), clicks((0, 7.5, 7.5, True), (0, 20.5, 22.5, False)), SMALLEST)
    assert choice.add == (A,) and [click.positive for click in choice.missed] == [False]


def test_erosion_drops_the_boundary_but_keeps_thin_things_and_the_image_border() -> None:
    mask = np.zeros((8, 8), bool)
    mask[2:7, 2:7] = True
    assert eroded(mask).sum() == 9
    mask[:] = False
    mask[3, :] = True
    assert np.array_equal(eroded(mask), mask)
    assert eroded(np.ones((4, 4), bool)).all()


# On the toy scene ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(photo_scale=3)


@pytest.fixture(scope="module")
def method() -> WildSeg3D:
    return WildSeg3D(WildSeg3DConfig(alignment="reconstruction"), device=torch.device("cpu"))


@pytest.fixture(scope="module")
def prepared(toy: Toy, method: WildSeg3D):
    return method.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )


def photo_click(toy: Toy, mask: np.ndarray, view: int, **fields) -> Prompt:
    """A click at the pixel of `mask` nearest to its middle, in photo pixels (three times view pixels)."""
    rows, columns = np.nonzero(mask)
    k = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    scale = toy.scene.views[view].lens.width / toy.scene.views[view].camera.width
    return Prompt(view, scale * np.array([[columns[k] + 0.5, rows[k] + 0.5]]), np.array([True]), **fields)


def test_points_are_those_of_the_eroded_masks(toy: Toy, method: WildSeg3D, prepared) -> None:
    """The index made beforehand equals eq. (11) taken literally."""
    pointmap = toy.scene.pointmap
    for box in (1, 2, 3):
        result = method.segment(prepared, [photo_click(toy, toy.instance[0] == box, 0)])
        literal = np.stack([eroded(mask == box) for mask in toy.instance]) & pointmap.valid
        view, row, column = pointmap.point_index[result.selected].T
        assert result.selected.sum() == literal.sum() > 0
        assert literal[view, row, column].all()


def test_touching_objects_merge_without_a_seam(toy: Toy, method: WildSeg3D, prepared) -> None:
    both = method.segment(prepared, [photo_click(toy, toy.instance[1] == box, 1) for box in (2, 3)])
    group = method.segment(prepared, [photo_click(toy, toy.instance[1] == 2, 1, granularity=1.0)])
    assert both.object_ids == (2, 3) and group.object_ids == (GROUP,)
    assert np.array_equal(both.selected, group.selected)


def test_granularity_reaches_the_part(toy: Toy, method: WildSeg3D, prepared) -> None:
    top = toy.masks.mask(0, TOP_OF_FIRST)
    result = method.segment(prepared, [photo_click(toy, top, 0, granularity=0.0)])
    assert result.object_ids == (TOP_OF_FIRST,) and result.candidates == (TOP_OF_FIRST, 1)


def test_a_click_in_3d_equals_the_click_in_the_photo(toy: Toy, method: WildSeg3D, prepared) -> None:
    row, column = np.argwhere(toy.masks.mask(2, TOP_OF_FIRST))[5]
    point = toy.scene.pointmap.pts3d[2, row, column].astype(np.float64)
    result = method.segment(prepared, [Prompt(world_points=point[None], world_labels=np.array([True]))])
    assert result.object_ids == (1,)


def test_a_point_goes_to_the_view_that_sees_it_best(toy: Toy) -> None:
    """A point on a vertical face away from some cameras is not given to them; one in the air goes nowhere."""
    for view in range(4):
        for row, column in np.argwhere(toy.instance[view] == 3)[::40]:
            point = toy.scene.pointmap.pts3d[view, row, column].astype(np.float64)
            seen = best_view_of_point(toy.scene, point)
            assert seen is not None
            other, x, y = seen
            assert toy.depth[other, int(y), int(x)] == pytest.approx(
                (toy.scene.views[other].camera.world_to_camera @ [*point, 1])[2], rel=0.02
            )
    assert best_view_of_point(toy.scene, np.array([0.0, 0.0, 0.9])) is None
    listed = clicks_of(
        toy.scene, [Prompt(world_points=np.array([[0.0, 0.0, 0.9]]), world_labels=np.array([True]))]
    )
    assert listed.hidden == 1 and not listed.clicks


@pytest.mark.parametrize("box", [1, 2, 3])
def test_a_box_takes_the_object_it_frames(toy: Toy, method: WildSeg3D, prepared, box: int) -> None:
    rows, columns = np.nonzero(toy.instance[0] == box)
    frame = 3.0 * np.array([columns.max() + 2, rows.max() + 2, columns.min() - 1, rows.min() - 1])
    assert method.segment(prepared, [Prompt(0, box=frame)]).object_ids == (box,)


def test_planes_are_not_labelled_and_parts_come_on_top(toy: Toy, method: WildSeg3D, prepared) -> None:
    whole = np.stack(method.decompose(prepared))
    assert set(np.unique(whole)) == {0, 1, 2, 3}
    parts = np.stack(method.decompose(prepared, 0.0))
    assert set(np.unique(parts)) == {0, 1, 2, 3, TOP_OF_FIRST}
    groups = np.stack(method.decompose(prepared, 1.0))
    assert set(np.unique(groups)) == {0, 1, GROUP}


def test_a_kept_object_joins_the_index(toy: Toy, method: WildSeg3D, prepared) -> None:
    new = [mask == 1 for mask in toy.instance]
    grown = method.with_masks(prepared, toy.masks.with_object(new))
    assert len(grown.point_ids) == len(prepared.point_ids) + 1
    assert np.array_equal(grown.point_ids[-1], prepared.point_ids[0])


def test_answers_do_not_depend_on_other_threads(toy: Toy, method: WildSeg3D, prepared) -> None:
    prompts = [photo_click(toy, toy.instance[v] == box, v) for v in range(4) for box in (1, 2, 3)]
    alone = [method.segment(prepared, [prompt]).selected for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda prompt: method.segment(prepared, [prompt]).selected, prompts * 5))
    for index, selected in enumerate(together):
        assert np.array_equal(selected, alone[index % len(prompts)])


# Alignment ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large_toy() -> Toy:
    """Large enough for two-view stereo."""
    return make_toy(width=240, height=180, views=5)


@pytest.fixture(scope="module")
def aligned(large_toy: Toy):
    config = WildSeg3DConfig(
        alignment="dga", stereo=StereoPairConfig(max_side=240), aligning=SceneAlignmentConfig(iterations=60)
    )
    method = WildSeg3D(config, device=torch.device("cpu"))
    return method, method.prepare(
        large_toy.scene, large_toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )


def test_aligned_depths_agree_with_the_truth(large_toy: Toy, aligned) -> None:
    found = aligned[1].aligned
    assert found is not None and found.depth.shape == (5, 180, 240)
    sure = found.valid & (large_toy.depth < 6)
    error = np.abs(found.depth / large_toy.depth - 1)[sure]
    assert sure.mean() > 0.3 and np.median(error) < 0.01
    assert found.report["method"] == "dga" and found.report["loss"][1] < found.report["loss"][0]


def test_few_right_points_are_contradicted_and_wrong_ones_are(large_toy: Toy, aligned) -> None:
    method, prepared = aligned
    assert prepared.usable.mean() > 0.95
    spoilt = large_toy.scene.pointmap.pts3d.copy()
    eye = large_toy.scene.views[0].camera.center
    patch = np.zeros(spoilt.shape[:3], bool)
    patch[0, 100:120, 100:140] = prepared.aligned.valid[0, 100:120, 100:140]
    spoilt[patch] = (eye + 1.4 * (spoilt[patch] - eye)).astype(np.float32)
    scene = replace(large_toy.scene, pointmap=replace(large_toy.scene.pointmap, pts3d=spoilt))
    again = method.prepare(
        scene, large_toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )
    assert (~again.usable)[patch[scene.pointmap.valid]].mean() > 0.8


@pytest.mark.usefixtures("one_torch_thread")
def test_matches_alone_align_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a network's pairs, whose matches are whole pixels: at this size they leave some percent of depth open."""
    toy = make_toy(width=160, height=120, views=4)
    predictor = NetworkPairPredictor(KnowingNetwork(toy), NetworkPairConfig(max_side=160))
    monkeypatch.setattr("liftlab.pipelines.models.pair_predictor", lambda *_: predictor)
    method = WildSeg3D(WildSeg3DConfig(alignment="sparse_ga", pairs="mast3r"), device=torch.device("cpu"))
    prepared = method.prepare(
        toy.scene, toy.masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)
    )
    found = prepared.aligned
    assert found is not None and found.report["method"] == "sparse_ga" and found.report["weights"] is None
    sure = found.valid & (toy.depth < 6)
    error = np.abs(found.depth / toy.depth - 1)[sure]
    assert sure.mean() > 0.3 and np.median(error) < 0.04
    assert prepared.usable.mean() > 0.9


def test_aligned_state_survives_saving(large_toy: Toy, aligned, tmp_path) -> None:
    method, prepared = aligned
    method.save(prepared, tmp_path)
    loaded = method.load(tmp_path, large_toy.scene, large_toy.masks)
    assert np.array_equal(loaded.usable, prepared.usable)
    assert np.array_equal(loaded.aligned.depth, prepared.aligned.depth)
    assert loaded.aligned.report == prepared.aligned.report


def test_photos_that_cannot_be_aligned_are_said_in_every_result(toy: Toy) -> None:
    """Blank photos match nothing: the reconstruction's depths are used, and the provenance tells."""
    views = tuple(replace(view, image=np.full_like(view.image, 90)) for view in toy.scene.views)
    method = WildSeg3D(WildSeg3DConfig(alignment="dga"), device=torch.device("cpu"))
    prepared = method.prepare(
        replace(toy.scene, views=views),
        toy.masks,
        progress=no_progress,
        cancel=CancelToken(),
        generator=seeded(0),
    )
    assert prepared.aligned is None and prepared.usable.all()
    backend = method.segment(prepared, [photo_click(toy, toy.instance[0] == 1, 0)]).provenance.backend
    assert (
        backend
        == "lookup, depths of the reconstruction alone: No two photos could be matched: take photos that overlap."
    )


# Slow path ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def solvable():
    """A toy whose masks were built from the scene, with what the click solver needs."""
    toy = make_toy(width=160, height=120)
    masks = build_masks(toy.scene, MasksConfig())
    method = WildSeg3D(WildSeg3DConfig(), device=torch.device("cpu"))
    return (
        replace(toy, masks=masks),
        method,
        method.prepare(toy.scene, masks, progress=no_progress, cancel=CancelToken(), generator=seeded(0)),
    )


def test_one_click_is_a_lookup_and_an_agreeing_one_too(solvable) -> None:
    toy, method, prepared = solvable
    clicks_on_box = [photo_click(toy, toy.instance[view] == 1, view) for view in (0, 2)]
    one, two = method.segment(prepared, clicks_on_box[:1]), method.segment(prepared, clicks_on_box)
    assert not one.provenance.slow_path and not two.provenance.slow_path
    assert one.object_ids == two.object_ids and np.array_equal(one.selected, two.selected)


def test_a_correction_goes_to_the_solver_and_acts_where_one_clicks(solvable) -> None:
    """A second click on another box adds it and leaves the first as it was; a negative click there changes nothing."""
    toy, method, prepared = solvable
    yes = photo_click(toy, toy.instance[1] == 1, 1)
    extra = photo_click(toy, toy.instance[1] == 2, 1)
    before = method.segment(prepared, [yes])
    after = method.segment(prepared, [yes, extra])
    assert after.provenance.slow_path and after.object_ids == ()
    for view in range(4):
        old, new = before.mask_of_view(view), after.mask_of_view(view)
        on_first = toy.instance[view] == 1
        assert (old & on_first).sum() <= 1.02 * (new & on_first).sum() + 2
        assert (new & (toy.instance[view] == 2)).mean() > (old & (toy.instance[view] == 2)).mean()
    back = replace(extra, point_labels=np.array([False]))
    again = method.segment(prepared, [yes, back])
    assert again.object_ids == before.object_ids and not again.provenance.slow_path


def test_the_papers_rules_answer_from_the_cache_where_they_can(solvable) -> None:
    toy, _, prepared = solvable
    method = WildSeg3D(WildSeg3DConfig(corrections="lookup"), device=torch.device("cpu"))
    prompts = [photo_click(toy, toy.instance[1] == box, 1) for box in (1, 2)]
    result = method.segment(prepared, prompts)
    assert not result.provenance.slow_path and len(result.object_ids) == 2


def test_points_in_masks_of_nothing_is_nothing(toy: Toy) -> None:
    nothing = [np.zeros(mask.shape, bool) for mask in toy.instance]
    assert not points_in_masks(toy.scene, nothing).any()
