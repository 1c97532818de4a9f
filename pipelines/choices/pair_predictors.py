"""Who predicts the pointmaps of two photos: for a scene made of pairs, and for alignment."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from liftlab.components.registry import Registry
from liftlab.pipelines.choices.record import ChoiceRecord, Needs


@dataclass(frozen=True, kw_only=True)
class PairPredictorRecord(ChoiceRecord):
    """`make(settings, device=torch.device)` gives a `liftlab.components.pointmaps.pairs.PairPredictor`."""

    scene_label: str
    """What people read where a scene's cameras and depth are made with it."""
    makes_scenes: bool = True
    """Whether a scene's cameras and depth come from its pairs; False: from all photos at once, without pairs."""


PAIR_PREDICTORS: Registry[PairPredictorRecord] = Registry("pair predictor", group="liftlab.pair_predictors")


def _stereo(config: Any, *, device: Any) -> Any:
    from liftlab.components.pointmaps.stereo_pairs import StereoPairPredictor

    return StereoPairPredictor(config.stereo)


def _network(name: str, config: Any, *, device: Any) -> Any:
    from liftlab.pipelines import models

    return models.pair_predictor(name, device)


PAIR_PREDICTORS.register(
    PairPredictorRecord(
        name="stereo",
        label="stereo",
        scene_label="structure from motion, then multi-view stereo",
        summary="Matches details of the photos; without weights.",
        licence="Apache-2.0 (our implementation)",
        make=_stereo,
        makes_scenes=False,
    )
)
for _name, _title, _paper in (
    ("mast3r", "MASt3R", "Leroy et al., ECCV 2024"),
    ("dust3r", "DUSt3R", "Wang et al., CVPR 2024"),
):
    PAIR_PREDICTORS.register(
        PairPredictorRecord(
            name=_name,
            label=_title,
            scene_label=f"{_title} pairs with global alignment",
            summary=f"A network that predicts the points of two photos together ({_paper}); few photos will do.",
            licence="CC-BY-NC-SA-4.0",
            make=partial(_network, _name),
            needs=Needs(_name),
        )
    )
