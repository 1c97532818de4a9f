"""Rows as a benchmark makes them, without running one."""

from typing import Any

from liftlab.bench.plan import Case, Effort
from liftlab.bench.runner import Outcome


def make_row(case: Case, *, ious: tuple[float, ...] = (0.6, 0.9), click: float = 0.01) -> dict[str, Any]:
    """A finished row of two objects; the second reaches `ious` less 0.1."""
    objects = [
        {
            "id": number, "name": name,
            "clicks": [{"photo": "000.png", "x": 3.5 + k, "y": 4.5, "positive": k == 0} for k in range(len(ious))],
            "ious": [value - 0.1 * number for value in ious], "view_ious": [value - 0.1 for value in ious],
            "last": {"iou": ious[-1], "view_iou": 0.8, "accuracy": 0.99, "boundary_iou": 0.7}, "message": "",
        }
        for number, name in enumerate(("red <box>", "blue box"))
    ]  # fmt: skip
    return {
        "key": case.key, "scene": case.scene, "layout": case.layout, "method": case.method, "label": case.label,
        "settings": list(case.settings), "masks": list(case.masks), "seed": case.seed,
        "effort": {"clicks": case.effort.clicks}, "same_prompts": False, "config": case.config, "threads": 1,
        "status": "ok", "sentence": "", "objects": objects,
        "everything": {"pq": 0.7, "sq": 0.9, "rq": 0.8, "mean_iou": 0.75, "precision": 0.5, "recall": 1.0, "ap": 0.4,
                       "ap50": 0.6, "ap25": 0.8, "best_iou": 0.9, "found": 1.0, "labels": 9},
        "unregistered": [], "views": 3, "geometry": "points", "protocol": "clicks", "device": "a computer",
        "commit": "abc1234", "versions": {"liftlab": "0"},
        "timing": {"prepare": 1.5, "click": click, "peak_mib": 400.0, "finished": "now"},
    }  # fmt: skip


def failed_row(case: Case, sentence: str) -> dict[str, Any]:
    """A row of a case that failed."""
    row = make_row(case)
    for name in ("objects", "everything", "unregistered", "views", "geometry", "protocol", "device"):
        del row[name]
    return row | {"status": "failed", "sentence": sentence, "timing": {"finished": "now"}}


def outcome(row: dict[str, Any]) -> Outcome:
    """With one tiny picture when it did not fail."""
    pictures = {"best": b"picture"} if row["status"] == "ok" else {}
    return Outcome(row, pictures, "a log")


def report_case(method: str, scene: str = "desk", *, seed: int = 0, settings: tuple[str, ...] = ()) -> Case:
    """A case that nobody runs, with three clicks."""
    key = f"{method}-{scene}-{seed}-{len(settings)}"
    return Case(key, scene, "LiftLab", "", method, settings, (), seed, Effort(clicks=3), {"size": 1})


def report_rows() -> list[dict[str, Any]]:
    """Two methods on two scenes, one of them with a second setting that fails on the second scene."""
    good, poor = (0.8, 0.95), (0.5, 0.6)
    return [
        make_row(report_case("alpha"), ious=good, click=0.2),
        make_row(report_case("beta"), ious=poor, click=0.01),
        make_row(report_case("alpha", settings=("size=2",)), ious=(0.7, 0.9)),
        make_row(report_case("alpha", "shelf"), ious=(0.6, 0.8), click=0.2),
        make_row(report_case("beta", "shelf"), ious=poor, click=0.01),
        failed_row(report_case("alpha", "shelf", settings=("size=2",)), "It took <too> long."),
    ]
