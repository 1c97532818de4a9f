"""Answers stay what they were, unless somebody records them anew (`python -m tests.answers.record`)."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.answers.asking import settled_answers
from tests.answers.keeping import Answers, compare, kept, packed, table, unpacked
from tests.answers.plans import DESK, QUICK, SHELF, SPARSE5, Plan


def check(plan: Plan) -> None:
    if plan.folder is None:
        pytest.skip(f"the capture {plan.name} is not here (LIFTLAB_DATA)")
    if not plan.record.exists():
        pytest.skip(f"{plan.name} is not recorded yet: python -m tests.answers.record {plan.name}")
    before, now = Answers.load(plan.record), settled_answers(plan)
    same_machine = before.machine == now.machine
    changed = [line for line in compare(before, now) if not line.holds(bytes_too=same_machine)]
    assert not changed, (
        f"answers on {plan.name} changed; on purpose? python -m tests.answers.record {plan.name}\n"
        f"{'bytes must be equal' if same_machine else 'another machine: IoU must stay above 0.99'}\n"
        f"{table(changed)}"
    )


@pytest.mark.timeout(600)
def test_the_quick_part_of_the_desk() -> None:
    check(QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # what compiles on the way is asked again
def test_desk() -> None:
    check(DESK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_shelf() -> None:
    check(SHELF)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_sparse5() -> None:
    check(SPARSE5)


def test_a_process_that_compiled_is_told_from_one_that_loaded(tmp_path: Path) -> None:
    code = (
        "import numpy as np\nfrom liftlab.components.geometry.picking import pick_point\n"
        "from tests.answers.asking import compiled_here\n"
        "pick_point(np.eye(3, dtype=np.float32), np.zeros(3), np.ones(3))\nprint(compiled_here())"
    )
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=environment, capture_output=True,
            text=True, timeout=200, check=True,
        ).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert said == ["['indices_in_cone']", "[]"]


def record_of(mask: np.ndarray, selected: np.ndarray, said: str = "") -> Answers:
    answers = {"method": {"click": kept([mask], selected, said=said)}}
    return Answers("here", (mask.shape,), {"points": "a"}, answers, {"method": {"a.ply": ("x", 1000)}})


def test_a_changed_pixel_is_told_and_only_a_large_change_is_one_elsewhere(tmp_path: Path) -> None:
    mask, selected = np.zeros((40, 50), bool), np.arange(100) < 50
    mask[5:35, 5:45] = True
    record_of(mask, selected).save(tmp_path / "record")
    before = Answers.load(tmp_path / "record")
    assert all(line.equal for line in compare(before, record_of(mask, selected)))

    near = mask.copy()
    near[5, 5] = False
    line = compare(before, record_of(near, selected))[1]
    assert not line.equal and not line.holds(bytes_too=True) and line.holds(bytes_too=False)
    assert line.masks_iou == pytest.approx(1199 / 1200)

    far = mask.copy()
    far[5:7] = False
    assert not compare(before, record_of(far, selected))[1].holds(bytes_too=False)
    line = compare(before, record_of(mask, np.arange(100) < 40))[1]
    assert line.selected_iou == 0.8 and not line.holds(bytes_too=False)
    assert "50 -> 40 selected" in table([line])
    assert not compare(before, record_of(mask, selected, said="nothing here"))[1].equal


def test_missing_prompts_and_files_are_told(tmp_path: Path) -> None:
    one = record_of(np.ones((2, 2), bool), np.ones(3, bool))
    fewer = replace(one, answers={"method": {}}, files={"method": {"a.ply": ("y", 2000)}})
    lines = compare(one, fewer)
    assert [line.holds(bytes_too=False) for line in lines] == [True, False, False]
    assert "only in the record" in table(lines) and "1000 -> 2000 bytes" in table(lines)


def test_long_selections_are_thinned() -> None:
    bits = np.arange(50_000) % 7 == 0
    assert np.array_equal(unpacked(packed(bits)), bits[::3])
