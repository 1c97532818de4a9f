"""What each step of a scene uses now, what it could use with weights, and how to switch: read off the registries."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from liftlab.pipelines.choices.click_solvers import CLICK_SOLVERS
from liftlab.pipelines.choices.pair_predictors import PAIR_PREDICTORS
from liftlab.pipelines.choices.proposers import PROPOSERS
from liftlab.pipelines.choices.record import ChoiceRecord
from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS
from liftlab.pipelines.choices.trackers import TRACKERS

if TYPE_CHECKING:
    from liftlab.components.registry import Registry
    from liftlab.engine.lab import Lab

REGISTRIES: "tuple[Registry[Any], ...]" = (PROPOSERS, TRACKERS, CLICK_SOLVERS, PAIR_PREDICTORS, TEXT_ENCODERS)
"""All that is chosen beside methods, in the order in which `liftlab doctor` lists it."""


@dataclass(frozen=True)
class StepChoice:
    """One step in one line."""

    step: str
    now: str
    """What it uses."""
    with_weights: str
    """What it could use."""
    command: str
    """How to switch; SCENE where no scene is open."""


def choices_of(lab: "Lab", scene: str | None) -> list[StepChoice]:
    """Every step that has a choice, for the scene of that name, or for any when there is none."""
    records = lab.step_records(scene) if scene is not None and scene in lab.scenes() else {}
    made = records.get("reconstruct", {}).get("config", {})
    masks = records.get("masks", {}).get("config", {})
    method = records.get("wildseg3d", {}).get("config", {})
    name = scene or "SCENE"
    pairs = [one for one in PAIR_PREDICTORS.records() if one.makes_scenes]
    return [
        StepChoice(
            "Cameras and depth",
            _named(PAIR_PREDICTORS, made, "pointmaps", "stereo", scenes=True),
            _or(one.scene_label for one in pairs),
            f"liftlab reconstruct {name} --set pointmaps={pairs[0].name}",
        ),
        StepChoice(
            "Alignment (WildSeg3D)",
            _alignment(method),
            f"DGA on {_or(one.label for one in pairs)} pairs, as in the paper",
            f"liftlab prepare {name} --set alignment=dga --set pairs={pairs[0].name}",
        ),
        StepChoice(
            "Proposals in each photo",
            _named(PROPOSERS, masks, "proposer", "regions"),
            _or(one.label for one in _others(PROPOSERS, "regions")),
            f"liftlab masks {name} --set proposer={_others(PROPOSERS, 'regions')[0].name}",
        ),
        StepChoice(
            "One id over all photos",
            _named(TRACKERS, masks, "following", "geometry"),
            _or(one.label for one in _others(TRACKERS, "geometry")),
            f"liftlab masks {name} {_setting_of_tracker()}",
        ),
        StepChoice(
            "Clicks on nothing known",
            _named(CLICK_SOLVERS, method, "click_solver", "graph_cut"),
            _or(one.label for one in _others(CLICK_SOLVERS, "graph_cut")),
            f"liftlab prepare {name} --set click_solver={_others(CLICK_SOLVERS, 'graph_cut')[0].name}",
        ),
        StepChoice(
            "Words",
            TEXT_ENCODERS.get("attributes").label,
            _or(one.label for one in _others(TEXT_ENCODERS, "attributes")),
            f'liftlab search {name} "mug" --encoder {_others(TEXT_ENCODERS, "attributes")[0].name} --out FOLDER',
        ),
    ]


def _others(registry: "Registry[Any]", default: str) -> list[Any]:
    """Entries but for the default."""
    return [one for one in registry.records() if one.name != default]


def _or(labels: Any) -> str:
    return " or ".join(labels)


def _setting_of_tracker() -> str:
    """How to switch to the first tracker that is not the default, with the proposer that it asks for."""
    tracker = _others(TRACKERS, "geometry")[0]
    proposer = f"--set proposer={tracker.proposer} " if tracker.proposer else ""
    return f"{proposer}--set following={tracker.name}"


def _named(
    registry: "Registry[Any]", config: dict[str, Any], setting: str, default: str, *, scenes: bool = False
) -> str:
    """The label of what a scene was made with, and the model where it is one of several."""
    chosen = config.get(setting, default)
    if chosen not in registry.names():
        return str(chosen)  # of a package that is gone
    entry: ChoiceRecord = registry.get(chosen)
    label = registry.get(chosen).scene_label if scenes else entry.label
    if entry.needs is None or not entry.needs.task:
        return label
    return f"{label} ({config.get(entry.name, {}).get('model', entry.needs.model)})"


def _alignment(method: dict[str, Any]) -> str:
    kind = method.get("alignment", "reconstruction")
    if kind == "reconstruction":
        return "the reconstruction's depths"
    return f"{kind.upper().replace('_', ' ')} on {_named(PAIR_PREDICTORS, method, 'pairs', 'stereo')} pairs"
