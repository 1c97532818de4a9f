"""What each step of a scene uses now, what it could use with weights, and how to switch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab


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
    return [
        StepChoice(
            "Cameras and depth",
            _named(made.get("pointmaps", "stereo"), stereo="structure from motion, then multi-view stereo"),
            "MASt3R or DUSt3R pairs with global alignment",
            f"liftlab reconstruct {name} --set pointmaps=mast3r",
        ),
        StepChoice(
            "Alignment (WildSeg3D)",
            _alignment(method),
            "DGA on MASt3R pairs, as in the paper",
            f"liftlab prepare {name} --set alignment=dga --set pairs=mast3r",
        ),
        StepChoice(
            "Proposals in each photo",
            _proposals(masks, "proposer", "regions", "regions of even colour and geometry"),
            "SAM 2.1 automatic masks",
            f"liftlab masks {name} --set proposer=sam2",
        ),
        StepChoice(
            "One id over all photos",
            _proposals(masks, "following", "geometry", "association through the pointmaps"),
            "SAM 2.1 following objects from photo to photo",
            f"liftlab masks {name} --set proposer=sam2 --set following=sam2",
        ),
        StepChoice(
            "Clicks on nothing known",
            _proposals(method, "click_solver", "graph_cut", "graph cut over photos and geometry"),
            "SAM 2.1 click prompts",
            f"liftlab prepare {name} --set click_solver=sam2",
        ),
        StepChoice(
            "Words",
            "measured colours, sizes, shapes and places, and given names",
            "OpenCLIP on masked crops",
            f'liftlab search {name} "mug" --encoder open_clip --out FOLDER',
        ),
    ]


def _named(choice: str, *, stereo: str) -> str:
    return {"stereo": stereo, "mast3r": "MASt3R", "dust3r": "DUSt3R"}.get(choice, choice)


def _proposals(config: dict[str, Any], setting: str, default: str, words: str) -> str:
    if config.get(setting, default) == default:
        return words
    return f"SAM 2.1 ({config.get('sam2', {}).get('model', 'sam2.1-tiny')})"


def _alignment(method: dict[str, Any]) -> str:
    kind = method.get("alignment", "reconstruction")
    if kind == "reconstruction":
        return "the reconstruction's depths"
    return (
        f"{kind.upper().replace('_', ' ')} on {_named(method.get('pairs', 'stereo'), stereo='stereo')} pairs"
    )
