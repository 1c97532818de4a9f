"""A run whose method selects splats is saved with their training, and replays."""

from pathlib import Path

import numpy as np

from liftlab.components.gaussians.training.loop import TrainConfig
from liftlab.engine.lab import Lab
from liftlab.pipelines.steps.gaussians import GaussiansConfig
from liftlab.session.saving.notebook import Notebook
from liftlab.session.saving.python_code import code_for, to_python
from liftlab.session.saving.replay import replay
from liftlab.session.session import Session
from tests.lab.export.test_splat_outputs import clicked
from tests.lab.splat_method import NAME as LIFTED
from tests.lab.splat_method import Lifted, lifted
from tests.toy import Toy
from tests.toy_workspace import NAME

__all__ = ["lifted"]


def test_splats_are_trained_again_and_the_same_ones_selected(
    lab: Lab, toy: Toy, lifted: type[Lifted], counted_steps, tmp_path: Path
) -> None:
    session = clicked(lab, toy, LIFTED)
    session.notebook().save(tmp_path / "notebook.json")
    saved = Notebook.load(tmp_path / "notebook.json")
    kinds = [cell.kind for cell in saved.cells]
    assert kinds[:3] == ["capture", "reconstruct", "gaussians"] and kinds[-1] == "segment"
    empty = Lab(tmp_path / "empty")
    replayed = replay(saved, empty)
    assert replayed.identical
    assert empty.scene(NAME).gaussians_key == lab.scene(NAME).gaussians_key
    first, again = session.objects[0].result, replayed.session.objects[0].result
    assert first is not None and again is not None
    np.testing.assert_array_equal(first.selected, again.selected)


def test_a_training_that_the_clock_ended_is_replayed_step_by_step(
    lab: Lab, counted_steps, tmp_path: Path
) -> None:
    timed = TrainConfig(iterations=10**6, budget_secs=0.4, max_side=48, report_every=10**6)
    lab.gaussians(NAME, GaussiansConfig(start_count=400, train=timed))
    session = Session(lab)
    session.open(NAME)
    session.notebook().save(tmp_path / "notebook.json")
    saved = Notebook.load(tmp_path / "notebook.json")
    steps = saved.cell("gaussians").iterations
    assert steps == lab.gaussians_report(NAME)["iterations"] > 0
    reports = []
    for folder in ("first", "second"):
        elsewhere = Lab(tmp_path / folder)
        replay(saved, elsewhere)
        reports.append((elsewhere.gaussians_report(NAME), elsewhere.scene(NAME).gaussians))
    assert [report["iterations"] for report, _ in reports] == [steps, steps]
    np.testing.assert_array_equal(reports[0][1].means, reports[1][1].means)

    key = lab.scene(NAME).gaussians_key
    replay(saved, lab)
    assert lab.scene(NAME).gaussians_key == key, "where its very splats are, they are taken"


def test_the_code_shown_trains_them(lab: Lab, toy: Toy) -> None:
    session = clicked(lab, toy)
    notebook = session.notebook()
    shown = code_for(notebook.cell("gaussians"), NAME)
    assert shown.startswith("lab.gaussians('toy', config_from_record(GaussiansConfig, {'start_count': 30000")
    compile(to_python(notebook), "notebook", "exec")
    assert "from liftlab.pipelines.steps.gaussians import GaussiansConfig" in to_python(notebook)
