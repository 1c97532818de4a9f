"""What is lifted is scored by its projection: known points give known masks; no photo scores what it gave itself."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from liftlab.components.captures.benchmark_layouts import BenchmarkObject, BenchmarkScene, PhotoPoint
from liftlab.components.types import Camera, Lens, Pointmap, Provenance, Scene, Segmentation, View
from liftlab.pipelines.benchmarking.answers import Answers
from liftlab.pipelines.benchmarking.projection import ProjectedViews, points_of_masks
from liftlab.pipelines.benchmarking.rendering import nearest_points, points_mask
from liftlab.pipelines.benchmarking.scoring import score_scene
from tests.toy import box_of_gaussians, gaussian_toy

SIZE = 24
CAMERA = Camera(np.array([[10.0, 0, 12], [0, 10, 12], [0, 0, 1]]), np.eye(4), SIZE, SIZE)
"""Every view's: what one sees at a pixel, the others see there, too."""
RECT = (slice(6, 14), slice(5, 17))


def plane(depth: float) -> np.ndarray:
    """World points of all pixel centres at one depth, [H, W, 3]."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    return np.stack([(x - 12) / 10 * depth, (y - 12) / 10 * depth, np.full_like(x, depth)], axis=-1)


def inside(rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[rows, columns] = True
    return mask


def scene_of(depths: tuple[float, ...], valid: np.ndarray | None = None) -> Scene:
    """Views with one camera, each with a plane at a depth of its own."""
    shape = (len(depths), SIZE, SIZE)
    pts3d = np.stack([plane(depth) for depth in depths]).astype(np.float32)
    known = np.ones(shape, bool) if valid is None else valid
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    lens = Lens(SIZE, SIZE, CAMERA.K)
    return Scene(
        tuple(View(f"{i}.png", CAMERA, image, lens) for i in range(len(depths))),
        Pointmap(pts3d, np.full(shape, 3.0, np.float32), known),
        "made",
    )


def answer(scene: Scene, masks: list[np.ndarray]) -> Segmentation:
    selected = points_of_masks(scene, masks)
    return Segmentation(
        "points", selected, selected.astype(np.float32), 0.5, (), Provenance("made", {}, "numpy", 0.0),
        mask_of_view=lambda view: masks[view],
    )  # fmt: skip


def grown(rows: slice, columns: slice) -> np.ndarray:
    """A rectangle of points, each drawn as a square of 3 pixels in front of all others."""
    return inside(slice(rows.start - 1, rows.stop + 1), slice(columns.start - 1, columns.stop + 1))


NOTHING = np.zeros((SIZE, SIZE), bool)


def test_known_points_project_to_a_known_mask() -> None:
    """The points of the first view alone, seen by the second, whose own lie behind them."""
    scene = scene_of((2.0, 4.0), np.stack([inside(*RECT), ~NOTHING]))
    found = ProjectedViews(scene, torch.device("cpu")).mask(1, answer(scene, [inside(*RECT), NOTHING]))
    np.testing.assert_array_equal(found, grown(*RECT))


def test_a_nearer_point_hides_what_lies_behind_it() -> None:
    """The object's points lie in the far plane of the second view; the first one's, nearer, are not selected."""
    scene = scene_of((1.0, 4.0, 2.0), np.stack([inside(slice(0, 24), slice(0, 11)), ~NOTHING, NOTHING]))
    views = ProjectedViews(scene, torch.device("cpu"))
    found = views.mask(2, answer(scene, [NOTHING, inside(*RECT), NOTHING]))
    np.testing.assert_array_equal(found, inside(RECT[0], slice(12, 17)))


def test_a_view_gives_nothing_to_its_own_picture() -> None:
    """Selected in one view alone, an object is in the others' pictures and not in its own."""
    scene = scene_of((2.0, 2.0))
    views = ProjectedViews(scene, torch.device("cpu"))
    result = answer(scene, [inside(*RECT), NOTHING])
    assert not views.mask(0, result).any()
    np.testing.assert_array_equal(views.mask(1, result), inside(*RECT))


def test_own_points_do_not_hide_those_of_others_either() -> None:
    scene = scene_of((1.0, 2.0))
    result = answer(scene, [NOTHING, inside(*RECT)])
    np.testing.assert_array_equal(ProjectedViews(scene, torch.device("cpu")).mask(0, result), inside(*RECT))


def test_one_view_alone_shows_nothing() -> None:
    scene = scene_of((2.0,))
    assert not ProjectedViews(scene, torch.device("cpu")).mask(0, answer(scene, [inside(*RECT)])).any()


def test_gaussians_are_rendered_with_those_in_front() -> None:
    toy = gaussian_toy()
    selected = box_of_gaussians(toy) == 2
    score = selected.astype(np.float32)
    result = Segmentation("gaussians", selected, score, 0.5, (), Provenance("made", {}, "numpy", 0.0))
    mask = ProjectedViews(toy.scene, torch.device("cpu")).mask(1, result)
    truth = toy.instance[1] == 2
    assert (mask & truth).sum() / (mask | truth).sum() > 0.8


def test_the_nearest_point_hides_the_others() -> None:
    camera = Camera(np.array([[10.0, 0, 5], [0, 10, 5], [0, 0, 1]]), np.eye(4), 10, 10)
    points = np.array([[0.0, 0, 2], [0, 0, 1], [0, 0, -1], [0.3, 0, 1]])
    nearest = nearest_points(points, camera)
    assert nearest[5, 5] == 1 and nearest[4, 4] == 1 and nearest[5, 8] == 3 and nearest[0, 0] == -1
    assert set(np.unique(nearest)) == {-1, 1, 3}


def test_holes_are_no_points_and_small_ones_are_closed() -> None:
    """-1 is no index: the last point being selected marks no empty pixel."""
    nearest = np.full((9, 9), -1, np.int64)
    nearest[2:7, 2:7] = 0
    nearest[4, 4] = 1
    selected = np.array([True, False, True])
    expected = np.zeros((9, 9), bool)
    expected[2:7, 2:7] = True
    np.testing.assert_array_equal(points_mask(nearest, selected), expected)


class Made:
    """A method that answers every click with the same masks and points."""

    STEP_VERSION = 1
    config: Any = None
    geometry = "points"

    def __init__(self, masks: list[np.ndarray], lifted: Segmentation) -> None:
        self.result = replace(lifted, mask_of_view=lambda view: masks[view])

    def segment(self, prepared: Any, prompts: Any) -> Segmentation:
        return self.result

    def prepare(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError

    decompose = save = load = prepare


def bench_of(scene: Scene, scored: tuple[str, ...]) -> BenchmarkScene:
    """One object in every photo, prompted by a point in the first."""
    truth = inside(*RECT).astype(np.int32)
    point = PhotoPoint("0.png", 8.5, 8.5, True)
    return BenchmarkScene(
        "made", "NVOS", Path("made"), tuple(Path(view.name) for view in scene.views),
        (BenchmarkObject(1, "object", points=lambda generator: (point,)),), scored, lambda i, photo: truth,
        protocol="points", prompted=("0.png",),
    )  # fmt: skip


def scored(scene: Scene, masks: list[np.ndarray], lifted: list[np.ndarray], photos: tuple[str, ...]) -> Any:
    method: Any = Made(masks, answer(scene, lifted))
    (entry,) = score_scene(Answers(scene, bench_of(scene, photos), method, None), clicks=1, seed=0).objects
    return entry


def test_perfect_2d_masks_of_a_wrong_3d_answer_score_low() -> None:
    scene, right = scene_of((2.0, 2.0, 2.0)), inside(*RECT)
    wrong = inside(slice(15, 22), slice(15, 22))
    photos = ("1.png", "2.png")
    entry = scored(scene, [right] * 3, [wrong] * 3, photos)
    assert entry.last.view_iou == 1 and entry.projected.view_iou == 0
    entry = scored(scene, [right] * 3, [right] * 3, photos)
    assert entry.projected.view_iou == entry.projected.accuracy == 1
    entry = scored(scene, [wrong] * 3, [right] * 3, photos)
    assert entry.last.view_iou == 0 and entry.projected.view_iou == 1


def test_the_reference_photo_never_scores_itself() -> None:
    """Even where a layout scores it: only the reference has points here, so that its own picture is empty."""
    scene, right = scene_of((2.0, 2.0, 2.0), np.stack([~NOTHING, NOTHING, NOTHING])), inside(*RECT)
    lifted = [right, NOTHING, NOTHING]
    entry = scored(scene, [right] * 3, lifted, ("0.png", "1.png", "2.png"))
    assert entry.projected.view_iou == 1
    assert scored(scene, [right] * 3, lifted, ("0.png",)).projected is None


def test_a_photo_that_was_not_placed_counts_as_empty() -> None:
    scene, right = scene_of((2.0, 2.0, 2.0)), inside(*RECT)
    entry = scored(scene, [right] * 3, [right] * 3, ("1.png", "2.png", "lost.png"))
    assert entry.projected.view_iou == pytest.approx(2 / 3)
