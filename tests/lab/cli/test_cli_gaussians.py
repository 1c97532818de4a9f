"""`liftlab gaussians`: what it reports, refuses, and continues."""

import pytest

from liftlab.engine.lab import Lab
from tests.lab.cli.test_cli import liftlab
from tests.toy_workspace import NAME

__all__ = ["liftlab"]
TINY = ("--iterations", 12, "--max-side", 48)


def test_splats_are_trained_reported_and_found_again(liftlab, lab: Lab) -> None:
    code, made, said = liftlab("gaussians", NAME, *TINY, "--held-out-every", 3)
    assert code == 0
    assert (made["scene"], made["stopped"], made["iterations"]) == (NAME, "iterations", 12)
    assert made["count"] > 1000 and made["psnr"] > 5 and made["psnr_held_out"] > 5
    assert made["key"] == Lab(lab.workspace.root).scene(NAME).gaussians_key
    assert "dB on the photos" in said and "left out" in said
    code, again, _ = liftlab("gaussians", NAME)
    assert (code, again["key"], again["curve"]) == (0, made["key"], made["curve"])


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--budget-secs", 0, "--budget-secs must be at least 1; got 0."),
        ("--max-side", 3, "--max-side must be at least 32; got 3."),
    ],
)
def test_settings_that_cannot_work_are_refused(liftlab, option: str, value: int, sentence: str) -> None:
    assert liftlab("gaussians", NAME, option, value)[:2] == (2, {"error": sentence})


def test_a_budget_ends_training(liftlab) -> None:
    code, made, _ = liftlab("gaussians", NAME, "--budget-secs", 1, "--max-side", 48)
    assert (code, made["stopped"]) == (0, "budget")


def test_doctor_says_what_draws_splats(liftlab) -> None:
    checks = {check["name"]: check for check in liftlab("doctor")[1]["checks"]}
    assert checks["splats"]["ok"] and "kernels" in checks["splats"]["detail"]
    assert checks["gsply"]["ok"] and checks["av"]["ok"]
