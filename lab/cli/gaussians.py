"""`liftlab gaussians`: train the splats of a scene."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from liftlab.cli.support import opened_lab, say, working
from liftlab.components.errors import Cancelled, InputError

if TYPE_CHECKING:
    from liftlab.cli.commands import Gaussians
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.steps.gaussians import GaussiansConfig


def run_gaussians(command: "Gaussians") -> dict[str, Any]:
    """Train, or go on where training was stopped; what was trained already is only reported."""
    started = time.monotonic()
    with opened_lab(command) as lab:
        config = _config(lab, command)
        with working(f"Splats of '{command.name}'", _expected(lab, command)) as (progress, cancel):
            gaussians = lab.gaussians(command.name, config, progress=progress.report, cancel=cancel)
            report = lab.gaussians_report(command.name)
            if cancel.cancelled and report["stopped"] == "cancelled":
                raise Cancelled(
                    f"Stopped after {report['iterations']} steps; run the command again to go on."
                )
            ended = (
                "as they came"
                if report["stopped"] == "imported"
                else f"{report['psnr']:.1f} dB on the photos"
            )
            progress.done(f"{len(gaussians.means):,} splats, {ended}")
        if report["psnr_held_out"] is not None:
            say(f"{report['psnr_held_out']:.1f} dB on the photos left out of the training.")
        if report["stopped"] == "cancelled":
            say(f"Stopped after {report['iterations']} steps; run the command again to go on.")
        scene = lab.scene(command.name)
        return {
            "scene": command.name, "key": scene.gaussians_key, **report,
            "wall_secs": round(time.monotonic() - started, 3),
        }  # fmt: skip


def _config(lab: "Lab", command: "Gaussians") -> "GaussiansConfig | None":
    """None where nothing was asked, which takes what the scene's splats were trained with before."""
    from liftlab.pipelines.steps.gaussians import default_config

    asked = (command.budget_secs, command.iterations, command.max_side, command.held_out_every)
    if asked == (None,) * len(asked):
        return None
    for name, value, least in (
        ("--budget-secs", command.budget_secs, 1), ("--iterations", command.iterations, 1),
        ("--max-side", command.max_side, 32), ("--held-out-every", command.held_out_every, 0),
    ):  # fmt: skip
        if value is not None and value < least:
            raise InputError(f"{name} must be at least {least}; got {value:g}.")
    config = default_config(lab.device)
    train = config.train
    if command.iterations is not None:  # then the clock has no say, unless it was asked too
        train = replace(train, iterations=command.iterations, budget_secs=None)
    elif command.budget_secs is not None:
        train = replace(train, iterations=UNLIMITED)
    if command.budget_secs is not None:
        train = replace(train, budget_secs=float(command.budget_secs))
    if command.max_side is not None:
        train = replace(train, max_side=command.max_side)
    return replace(config, train=train, held_out_every=command.held_out_every or 0)


def _expected(lab: "Lab", command: "Gaussians") -> float | None:
    if command.budget_secs is not None or command.name not in lab.scenes():
        return command.budget_secs
    return lab.expected_secs("gaussians", len(lab.capture(lab.status(command.name).capture).photos))


UNLIMITED = 100_000
"""Steps that no budget of a person reaches on a CPU."""
