"""The mask cache of the toy scene, from photos and depth to disk and back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liftlab.components.errors import Cancelled
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.protocols import is_foreground
from liftlab.components.progress import CancelToken
from liftlab.components.types import Pointmap
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from tests.toy import FLOOR, Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120)


@pytest.fixture(scope="module")
def cache(toy: Toy) -> MaskCache:
    return build_masks(toy.scene, MasksConfig())


def best_iou(cache: MaskCache, truth: np.ndarray, kind: str) -> float:
    scores = [0.0]
    for object_id in cache.object_ids[np.array(cache.kinds) == kind].tolist():
        masks = np.stack([cache.mask(view, object_id) for view in range(cache.num_views)])
        scores.append(float((masks & truth).sum() / (masks | truth).sum()))
    return max(scores)


@pytest.mark.parametrize("box", [1, 2, 3])
def test_every_box_is_an_object(toy: Toy, cache: MaskCache, box: int) -> None:
    assert best_iou(cache, toy.instance == box, "object") > 0.8


def test_the_floor_is_a_plane_and_not_foreground(toy: Toy, cache: MaskCache) -> None:
    reached = toy.depth < 3  # farther off the floor is seen at too flat an angle
    floor = max(
        float(((np.stack([cache.mask(v, i) for v in range(4)]) & reached) & (toy.instance == FLOOR)).sum())
        / float((reached & (toy.instance == FLOOR)).sum())
        for i in cache.object_ids[np.array(cache.kinds) == "plane"].tolist()
    )
    assert floor > 0.75
    assert not cache.foreground[np.array(cache.kinds) == "plane"].any()


def test_the_soft_masks_hold_the_boxes_and_not_the_floor(toy: Toy, cache: MaskCache) -> None:
    assert cache.soft is not None
    for soft, instance in zip(cache.soft, toy.instance, strict=True):
        assert soft[instance != FLOOR].mean() > 0.7 and soft[instance == FLOOR].mean() < 0.3


def test_boxes_that_touch_are_offered_together(toy: Toy, cache: MaskCache) -> None:
    assert best_iou(cache, (toy.instance == 2) | (toy.instance == 3), "group") > 0.7


def test_depth_with_holes_still_gives_whole_boxes(toy: Toy) -> None:
    rng = np.random.default_rng(1)
    lost = rng.random(toy.scene.pointmap.valid.shape) < 0.3
    pointmap = replace(toy.scene.pointmap, valid=toy.scene.pointmap.valid & ~lost)
    cache = build_masks(replace(toy.scene, pointmap=pointmap), MasksConfig())
    for box in (1, 2, 3):
        assert best_iou(cache, toy.instance == box, "object") > 0.75


def test_filled_depth_makes_no_masks(toy: Toy) -> None:
    measured = toy.scene.pointmap.valid.copy()
    measured[:, 40:70, 60:110] = False
    bent = np.where(measured[..., None], toy.scene.pointmap.pts3d, toy.scene.pointmap.pts3d * np.float32(0.9))
    filled = toy.scene.pointmap.valid & ~measured
    plain, completed = (
        build_masks(
            replace(toy.scene, pointmap=Pointmap(bent, toy.scene.pointmap.conf, valid, extra)), MasksConfig()
        )
        for valid, extra in ((measured, None), (toy.scene.pointmap.valid, filled))
    )
    assert completed.kinds == plain.kinds and np.array_equal(completed.placement, plain.placement)
    assert np.array_equal(completed.blocks[0], plain.blocks[0])


def test_the_same_scene_gives_the_same_masks(toy: Toy, cache: MaskCache) -> None:
    again = build_masks(toy.scene, MasksConfig())
    assert again.kinds == cache.kinds and np.array_equal(again.placement, cache.placement)
    assert np.array_equal(again.blocks[0], cache.blocks[0])


def test_views_of_different_size_keep_their_sizes(toy: Toy) -> None:
    view = toy.scene.views[3]
    small = replace(view, image=view.image[:100, :140], camera=replace(view.camera, width=140, height=100))
    valid = toy.scene.pointmap.valid.copy()
    valid[3, 100:] = valid[3, :, 140:] = False
    pointmap = Pointmap(toy.scene.pointmap.pts3d, toy.scene.pointmap.conf, valid)
    scene = replace(toy.scene, views=(*toy.scene.views[:3], small), pointmap=pointmap)
    cache = build_masks(scene, MasksConfig())
    assert cache.sizes[3] == (100, 140) and cache.mask(3, 1).shape == (100, 140)


def test_saved_masks_answer_as_before_and_keep_the_solver_state(cache: MaskCache, tmp_path: Path) -> None:
    cache.save(tmp_path)
    back = MaskCache.load(tmp_path, scene_key=cache.scene_key)
    for x in range(5, 160, 30):
        assert back.at(0, x, 60).tolist() == cache.at(0, x, 60).tolist()
    assert back.solver_state is not None and cache.solver_state is not None
    assert np.array_equal(back.solver_state.graph.leaf, cache.solver_state.graph.leaf)
    assert len(back.solver_state.leaves) == len(cache.object_ids)


def test_progress_rises_to_one_with_words(toy: Toy) -> None:
    seen: list[tuple[float, str]] = []

    def record(fraction: float, message: str = "") -> None:
        seen.append((fraction, message))

    build_masks(toy.scene, MasksConfig(), progress=record)
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and all(message for _, message in seen)


def test_a_cancelled_build_stops(toy: Toy) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        build_masks(toy.scene, MasksConfig(), cancel=token)


def test_foreground_is_what_is_neither_huge_nor_at_three_borders() -> None:
    small, band = np.zeros((40, 60), bool), np.zeros((40, 60), bool)
    small[10:20, 10:20] = True
    band[30:] = True  # touches left, right and bottom
    assert is_foreground([small, small]) and not is_foreground([band])
    assert not is_foreground([np.ones((40, 60), bool)])
