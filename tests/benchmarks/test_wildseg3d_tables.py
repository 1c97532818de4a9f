"""WildSeg3D's tables: what is lifted decides, draws are repeatable, and a stopped run goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.papers import wildseg3d as tables
from benchmarks.papers.wildseg3d_cases import (
    Case,
    Ground,
    Variant,
    drawn_photos,
    scene_of_alignment,
    score_lifting,
)
from liftlab.components.captures.benchmark_layouts.scene import scene_of_labels
from liftlab.components.errors import InputError
from liftlab.components.pointmaps.alignment.solve import Alignment
from liftlab.components.pointmaps.pairs import shrunk
from tests.toy import FLOOR, Toy, make_toy

SIDE = 120


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=240, height=180, views=3)


@pytest.fixture(scope="module")
def ground(toy: Toy) -> Ground:
    """The toy with its truth; a click is answered by the exact masks of the box that it hits."""
    labels = {
        view.name: np.where(instance == FLOOR, 0, instance).astype(np.int32)
        for view, instance in zip(toy.scene.views, toy.instance, strict=True)
    }
    bench = scene_of_labels(
        "toy", "LiftLab", Path("toy"), photos=tuple(Path(name) for name in labels), scored=tuple(labels),
        labels_of=labels.__getitem__, names={}, objects=(1, 2, 3),
    )  # fmt: skip

    def ask(view: int, x: float, y: float) -> Any:
        box = toy.instance[view][int(y), int(x)]
        return lambda other: toy.instance[other] == box

    return Ground(bench, toy.scene, toy.masks, ask, {"reconstruct": 1.0, "masks": 2.0})


def alignment_of(toy: Toy, factor: float) -> tuple[list[Any], Alignment]:
    """Half the size, with the true depths times a factor that differs from view to view."""
    views = [shrunk(view, SIDE) for view in toy.scene.views]
    depths = [(depth[::2, ::2] * factor**i).astype(np.float32) for i, depth in enumerate(toy.depth)]
    depths = [np.where(np.isfinite(depth), depth, 0).astype(np.float32) for depth in depths]
    conf = tuple(np.full(depth.shape, 3.0, np.float32) for depth in depths)
    valid = tuple(depth > 0 for depth in depths)
    cameras = tuple(view.camera for view in views)
    return views, Alignment(cameras, tuple(depths), conf, valid, {}, np.zeros(1), None, 0.0)


def test_right_depths_score_high_and_wrong_ones_low_with_the_same_masks(toy: Toy, ground: Ground) -> None:
    right = score_lifting(ground, scene_of_alignment(toy.scene, *alignment_of(toy, 1.0)))
    wrong = score_lifting(ground, scene_of_alignment(toy.scene, *alignment_of(toy, 1.3)))
    assert right.objects == 3 and right.masks_iou == wrong.masks_iou == 1
    assert right.iou > 0.8 and wrong.iou < right.iou - 0.1


def test_solved_cameras_leave_the_pixels_of_a_photo_where_they_are(toy: Toy, ground: Ground) -> None:
    """The same scene twice as large, by cameras that say so: nothing changes."""
    views, found = alignment_of(toy, 1.0)
    cameras = []
    for camera in found.cameras:
        moved = camera.world_to_camera.copy()
        moved[:3, 3] *= 2
        cameras.append(replace(camera, world_to_camera=moved))
    doubled = replace(found, cameras=tuple(cameras), depths=tuple(2 * depth for depth in found.depths))
    expected = score_lifting(ground, scene_of_alignment(toy.scene, views, found))
    assert score_lifting(ground, scene_of_alignment(toy.scene, views, doubled)) == expected


def test_points_that_are_not_valid_lift_nothing(toy: Toy, ground: Ground) -> None:
    views, found = alignment_of(toy, 1.0)
    nothing = replace(found, valid=tuple(np.zeros_like(v) for v in found.valid))
    assert score_lifting(ground, scene_of_alignment(toy.scene, views, nothing)).iou == 0


def test_photos_are_neighbours_from_a_drawn_start(ground: Ground) -> None:
    bench = replace(ground.bench, photos=tuple(Path(f"{i:02d}.png") for i in range(12)))
    draws = [[int(photo.stem) for photo in drawn_photos(bench, 5, seed)] for seed in range(6)]
    assert all(draw == list(range(draw[0], draw[0] + 5)) for draw in draws)
    assert len({draw[0] for draw in draws}) > 1 and draws[0] == [
        int(photo.stem) for photo in drawn_photos(bench, 5, 0)
    ]
    with pytest.raises(InputError, match="toy has 12 photos, not 13"):
        drawn_photos(bench, 13, 0)


def cases(tmp_path: Path, seeds: tuple[int, ...] = (0, 1)) -> list[Case]:
    found = tables.cases_of(
        [Path("desk")], tmp_path, ["variants"], photos=5, views=(3,), seeds=seeds, cameras=("known",), side=160,
        iterations=20,
    )  # fmt: skip
    return found["variants"]


def row_of(case: Case, miou: float) -> dict[str, Any]:
    return {**case.blank, "miou": miou, "macc": 0.9, "masks_miou": 0.8, "valid": 0.5, "objects": 3,
            "seconds": {"reconstruct": 5.0, "masks": 2.0, "pairs": 1.0, "alignment": 0.5}}  # fmt: skip


def test_every_table_has_its_cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "missing", lambda record: "")  # as if all weights were here
    found = tables.cases_of(
        [Path("desk")], tmp_path, tables.TABLES, photos=5, views=(3, 9), seeds=(0,), cameras=("known", "solved"),
        side=160, iterations=20,
    )  # fmt: skip
    names = {case.variant.name for case in found["variants"]}
    assert {
        "D-GA",
        "D-DGA",
        "M-GA",
        "M-SGA",
        "M-DGA",
        "S-GA",
        "S-SGA",
        "S-DGA",
    } <= names and "D-SGA" not in names
    assert [case.variant.sift for case in found["variants"] if case.variant.name == "D-DGA"] == [True, True]
    assert {case.photos for case in found["views"]} == {3, 9}
    assert len({case.variant.name for case in found["alphas"]}) == 9
    assert {dict(case.variant.changes).get("adjustment") for case in found["functions"]} == {
        None, "arctan", "logistic", "log"
    }  # fmt: skip
    monkeypatch.setattr(tables, "missing", lambda record: "no weights" if record.needs else "")
    assert {case.variant.name[0] for case in cases(tmp_path)} == {"S", "r"}


def test_a_stopped_run_goes_on_and_makes_each_ground_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, grounds = [], []

    def run_case(case: Case, ground: Any) -> Any:
        if case.variant.name == "S-DGA" and case.seed == 1:
            raise InputError("These pairs do not connect.")
        asked.append(case.key)
        return row_of(case, 0.5)

    def ground_of(case: Case) -> str:
        grounds.append(case.seed)
        return ground  # type: ignore[return-value]

    ground = object()
    monkeypatch.setattr(tables, "run_case", run_case)
    monkeypatch.setattr(tables, "ground_of", ground_of)
    path, plan = tmp_path / "rows.jsonl", cases(tmp_path)
    tables.measure(plan[:2], path, retry=False)
    with path.open("a") as file:
        file.write('{"key": "half')
    known = tables.measure(plan, path, retry=False)
    assert len(asked) == len(set(asked)) == len(plan) - 1 and grounds == [0, 0, 1]
    assert [row["failed"] for row in known.values() if "failed" in row] == ["These pairs do not connect."]
    tables.measure(plan, path, retry=False)
    assert grounds == [0, 0, 1]
    changed = replace(plan[0], variant=replace(plan[0].variant, changes=(("alpha_p", 0.1),)))
    tables.measure([changed], path, retry=False)
    assert grounds == [0, 0, 1, 0]


def test_photos_that_make_no_scene_fail_every_case_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ground_of(case: Case) -> Any:
        raise InputError("Three photos could not be placed.")

    monkeypatch.setattr(tables, "ground_of", ground_of)
    plan = cases(tmp_path, seeds=(0,))
    known = tables.measure(plan, tmp_path / "rows.jsonl", retry=False)
    assert {row["failed"] for row in known.values()} == {"Three photos could not be placed."}
    assert "failed: Three photos" in tables.table(list(known.values()))


def test_the_table_says_whether_dga_beats_ga(tmp_path: Path) -> None:
    plan = {(case.variant.name, case.seed): case for case in cases(tmp_path)}
    rows = [row_of(plan["S-GA", 0], 0.5), row_of(plan["S-DGA", 0], 0.6), row_of(plan["S-GA", 1], 0.7)]
    assert tables.verdict(rows).startswith("S-DGA beats S-GA with known cameras (+0.100 mIoU over 1 draws)")
    rows.append(row_of(plan["S-DGA", 1], 0.5))
    assert "S-DGA loses to S-GA with known cameras (-0.050" in tables.verdict(rows)
    assert tables.verdict(rows[:1]) == "DGA and GA could not be compared."
    text = tables.table(rows)
    assert (
        "| desk | 5 | S-GA | known | 2 of 2 | 0.600 | 0.100 | 0.900 | 0.800 | 0.500 | 7.0 | 1.5 | 3.0 |"
        in text
    )


def test_variants_are_told_apart_by_what_they_do() -> None:
    assert Variant("a", changes=(("alpha_p", 0.1),)) != Variant("a")
