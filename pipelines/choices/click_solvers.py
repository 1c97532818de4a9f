"""Who answers clicks that no mask found beforehand answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from liftlab.components.registry import Registry
from liftlab.pipelines.choices.record import ChoiceRecord, Needs


@dataclass(frozen=True, kw_only=True)
class ClickSolverRecord(ChoiceRecord):
    """`make(settings, scene, masks, device=torch.device)` gives a `components.masks.clicks.solver.ClickSolver`, or
    None where the masks came without what it needs."""

    ready: Callable[..., None] | None = None
    """`ready(settings, scene, device=, progress=, cancel=)` does what no click should wait for, once per scene."""


CLICK_SOLVERS: Registry[ClickSolverRecord] = Registry("click solver", group="liftlab.click_solvers")


def _graph_cut(config: Any, scene: Any, masks: Any, *, device: Any) -> Any:
    from liftlab.components.masks.clicks.solver import GraphCutSolver

    return None if masks.solver_state is None else GraphCutSolver(scene, masks, config.solver)


def _sam2(config: Any, scene: Any, masks: Any, *, device: Any) -> Any:
    from liftlab.components.masks.sam2.solver import Sam2ClickSolver
    from liftlab.pipelines.models import sam2_network

    return Sam2ClickSolver(scene, masks, sam2_network(config.sam2, device), config.sam2.clicks)


def _photos_seen(config: Any, scene: Any, *, device: Any, progress: Any, cancel: Any) -> None:
    from liftlab.components.masks.sam2.solver import embed_photos
    from liftlab.pipelines.models import sam2_network

    embed_photos(scene, sam2_network(config.sam2, device), progress=progress, cancel=cancel)


CLICK_SOLVERS.register(
    ClickSolverRecord(
        name="graph_cut",
        label="graph cut over photos and geometry",
        summary="Pieces of the scene under the clicks, cut along colours and depths; without weights.",
        licence="Apache-2.0 (our implementation)",
        make=_graph_cut,
    )
)
CLICK_SOLVERS.register(
    ClickSolverRecord(
        name="sam2",
        label="SAM 2.1 click prompts",
        summary="The decoder of SAM 2.1 draws the mask in the clicked photos; geometry carries it into the others.",
        licence="Apache-2.0",
        make=_sam2,
        needs=Needs("sam2.1-tiny", task="masks"),
        ready=_photos_seen,
    )
)
