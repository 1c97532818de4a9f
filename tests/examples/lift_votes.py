"""An example method: every splat joins the cached objects whose masks hold most of its weight."""

import time
from dataclasses import dataclass

import numpy as np
import torch

from liftlab.components.rasterize import lift
from liftlab.pipelines.base import register
from liftlab.pipelines.methods.shared import gaussian_answers as shared


@dataclass(frozen=True)
class LiftVotesConfig:
    """Choices of the example."""

    share: float = 0.5
    """Of a splat's visible weight that must lie under an object's masks."""


@dataclass(frozen=True)
class LiftVotesPrepared:
    """Read-only state for one scene."""

    scene_key: str
    views: shared.GaussianViews
    masks: object
    votes: torch.Tensor
    """[N, O] share of every splat's weight under every object's masks."""


@register(
    "lift_votes", summary="Lift the cached masks and vote.", paper="-", licence="MIT", config=LiftVotesConfig
)
class LiftVotes:
    STEP_VERSION = 1
    geometry = "gaussians"

    def __init__(self, config, *, device):
        self.config, self.device = config, device

    def prepare(self, scene, masks, *, progress, cancel, generator):
        shared.check_inputs(scene, masks)
        views, ids = shared.gaussian_views(scene, self.device), masks.object_ids.tolist()
        inside, seen = torch.zeros(()), torch.zeros(())
        for index, view in enumerate(scene.views):
            cancel.check()
            progress(index / len(scene.views), "Lifting masks")
            stack = np.stack([masks.mask(index, i) for i in ids], axis=-1)
            votes = lift(views.gaussians, [view.camera], torch.from_numpy(stack).to(self.device)[None])
            inside, seen = inside + votes.inside, seen + votes.seen
        progress(1.0, "Masks lifted")
        return LiftVotesPrepared(scene.key, views, masks, inside / seen[:, None].clamp_min(1e-9))

    def segment(self, prepared, prompts):
        started, seen = time.perf_counter(), shared.seen_clicks(prepared.views, prompts)
        about = {"method": "lift_votes", "config": self.config, "started": started, "clicks": seen}
        add, out = (
            {self._meant(prepared, s.click) for s in some} for some in (seen.positives, seen.negatives)
        )
        if not add - out - {None}:
            return shared.nothing_selected(prepared.views, **about)
        score = prepared.votes[:, [i - 1 for i in add - out - {None}]].amax(dim=1)
        for i in out - {None}:  # what a negative click hits goes, even where a larger object holds it
            score = torch.where(prepared.votes[:, i - 1] > self.config.share, 0.0, score)
        return shared.answer(prepared.views, score.cpu().numpy(), self.config.share, **about)

    def _meant(self, prepared, click):
        return prepared.masks.preferred(prepared.masks.at(click.view, click.x, click.y))

    def decompose(self, prepared, granularity=None):
        whole = torch.tensor([kind == "object" for kind in prepared.masks.kinds])
        best, which = (prepared.votes.cpu() * whole).max(dim=1)
        labels = torch.where(best > self.config.share, which + 1, 0).numpy()
        views = prepared.views
        return tuple(views.label_map(labels, views.view(v)) for v in range(len(views.scene.views)))

    def save(self, prepared, folder):
        shared.save_state(folder, "lift_votes", prepared.views.scene, {"votes": prepared.votes}, {})

    def load(self, folder, scene, masks):
        shared.check_inputs(scene, masks)
        tensors, _ = shared.load_state(folder, "lift_votes", scene, device=self.device)
        views = shared.gaussian_views(scene, self.device)
        return LiftVotesPrepared(scene.key, views, masks, tensors["votes"])
