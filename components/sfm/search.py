"""Several ways to cameras, one judge: what the photos themselves confirm.

The mappers answer a model of any quality: the number of photos they placed says nothing. So each model's depth is
measured roughly, every photo is compared with what the others' depth says it must show, and photos that are not
confirmed are taken out and placed anew, by candidates from their matches and from other mappers, or left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.sfm.child import Matcher, Task
from liftlab.components.sfm.confirmation import CONFIRMED
from liftlab.components.sfm.dense import dense_matches
from liftlab.components.sfm.frame import normalised
from liftlab.components.sfm.judging import Judged, judge, photo_lens
from liftlab.components.sfm.model import FoundModel
from liftlab.components.sfm.placing.rest import Places, params_of
from liftlab.components.types import Array

SMALL_CORE = 0.6
"""With fewer of the photos confirmed, other mappers are asked for a better beginning."""
MAX_ROUNDS = 3
"""Of placing what is left, with the depth of what was placed before."""
MIN_FOLLOWED = 30
"""Details followed from or to each photo from which cameras are adjusted to them alone: as many as COLMAP asks for to
place a photo."""
GOOD_ERROR_PX = 0.3
"""Median distance from the epipolar lines up to which nothing is adjusted: half as much again as adjusted cameras have
(docs/notes.md 7)."""
MIN_GAIN = 0.7
"""Of that distance, so much at most must be left afterwards."""
SHARE_NOISE = 0.03
"""By so much of itself the photos' confirmation may fall: it is measured at 160 pixels, and did so beside cameras that
came nearer to the truth (docs/notes.md 7)."""


def find_cameras(
    matcher: Matcher,
    first: FoundModel | None,
    verified: dict[tuple[int, int], int],
    *,
    keep_doubtful: bool = False,
    progress: Progress,
    cancel: CancelToken,
) -> Judged | None:
    """The model that the photos confirm best, without those that they do not confirm; None when no mapper made one.

    Cheap first: when all photos of the first model are confirmed and none is left over, that is all. Where no two
    photos confirm each other, or with `keep_doubtful`, the model is given as it is. `verified` says by pair of photos
    how many matches agreed with one motion.
    """
    search = _Search(matcher, verified, cancel)
    best = search.run(first, part_of(progress, 0.0, 0.7))
    if best is None or keep_doubtful:
        return best
    best = search.adjusted(best.without_doubtful(), part_of(progress, 0.7, 0.8))
    return search.completed(best, part_of(progress, 0.8, 1.0))


class _Search:
    """The photos' models, so far."""

    def __init__(self, matcher: Matcher, verified: dict[tuple[int, int], int], cancel: CancelToken) -> None:
        self._matcher, self._verified, self._cancel = matcher, verified, cancel
        self._photos, self._matches = matcher.photos, matcher.matches()
        self._models: list[FoundModel] = []
        self._tried: list[str] = []

    def run(self, first: FoundModel | None, progress: Progress) -> Judged | None:
        best = self._judge("one after the other", first, part_of(progress, 0.0, 0.2))
        if best is not None and self._is_complete(best):
            return replace(best, tried=tuple(self._tried))
        best = self._better(best, "global", "all at once", part_of(progress, 0.2, 0.35))
        best = self._placed(best, part_of(progress, 0.35, 0.5))
        if best is None or not self._is_complete(best):
            self._learn(best, part_of(progress, 0.5, 0.7))
            best = self._better(best, "relaxed", "with more matches", part_of(progress, 0.7, 0.85))
            best = self._placed(best, part_of(progress, 0.85, 1.0))
        return best and replace(best, tried=tuple(self._tried))

    def _is_complete(self, judged: Judged) -> bool:
        return len(judged.confirmed) == len(self._photos)

    def _better(self, best: Judged | None, kind: str, name: str, progress: Progress) -> Judged | None:
        """The model of another mapper when the present one has few confirmed photos and that one has more; it is
        kept as a source of candidates in any case.
        """
        [model] = self._matcher.run({"kind": kind}, progress=progress)
        few = best is None or len(best.confirmed) < SMALL_CORE * len(self._photos)
        if not few:
            self._keep(model)
            return best
        other = self._judge(name, model, progress)
        return max((each for each in (best, other) if each is not None), key=lambda j: j.rank, default=None)

    def _keep(self, model: FoundModel | None) -> None:
        if model is not None:
            self._models.append(model)

    def _learn(self, best: Judged | None, progress: Progress) -> None:
        """More matches for the photos that are left, or for all when there is next to nothing to add them to."""
        placed = {best.model.photos[view] for view in best.confirmed} if best else set()
        if len(placed) < SMALL_CORE * len(self._photos):
            placed = set()
        left = [index for index in range(len(self._photos)) if index not in placed]
        task: Task = {"kind": "learned", "photos": left}
        [answer] = self._matcher.run(task, progress=progress)
        self._matches = self._matcher.matches()
        self._tried.append(f"{answer['compared']} pairs of photos compared again by learned details")

    def _placed(self, best: Judged | None, progress: Progress, *, closely: bool = False) -> Judged | None:
        """Photos that are not confirmed placed anew, as long as that finds some.

        With `closely` each is led to its place by details followed by depth, and nothing is adjusted to the matches
        that are there: look-alike things would bend what is right.
        """
        for turn in range(MAX_ROUNDS):
            if best is None or len(best.confirmed) < 2 or self._is_complete(best):
                return best
            share = part_of(progress, turn / MAX_ROUNDS, (turn + 1) / MAX_ROUNDS)
            places = Places(self._photos, self._matches, self._models, best)
            found = places.poses(closely=closely, progress=part_of(share, 0.0, 0.4), cancel=self._cancel)
            if not found:
                return best
            joined = self._joined(best, found, part_of(share, 0.4, 1.0), refine=not closely)
            if joined is best:
                return best
            best = joined
        return best

    def _joined(
        self, best: Judged, found: dict[int, Float[Array, "4 4"]], progress: Progress, *, refine: bool
    ) -> Judged:
        """The confirmed views and the newly placed ones, judged together, after `refine` adjusted them; as before when
        that is no gain.
        """
        views = [
            _entry(best.model.photos[v], best.model.params[v], best.model.world_to_camera[v])
            for v in best.confirmed
        ]
        views += [
            _entry(photo, params_of(self._photos, photo, best.model), pose) for photo, pose in found.items()
        ]
        task: Task = {"kind": "given", "views": views, "refine": refine}
        [model] = self._matcher.run(task, progress=part_of(progress, 0.0, 0.3))
        names = ", ".join(self._photos[photo].name for photo in sorted(found))
        joined = self._judge(f"placed anew: {names}", model, part_of(progress, 0.3, 1.0))
        return joined if joined is not None and len(joined.confirmed) > len(best.confirmed) else best

    def adjusted(self, best: Judged, progress: Progress) -> Judged:
        """The cameras adjusted to many more matches, without those that they do not confirm any more.

        Such matches fit right cameras to a fifth of a pixel. Where they do not, details of look-alike things bent the
        lens and the path; a photo that was confirmed only so, and shows nothing of what the others know any more, is
        in the wrong place. As before when the matches come no nearer, or the photos confirm less otherwise.
        """
        if len(best.confirmed) < 3:
            return best
        dense = dense_matches(self._photos, best, self._cancel)
        before = dense.errors_px(self._photos, best.model)
        if dense.fewest(best.model) < MIN_FOLLOWED or before.max() <= GOOD_ERROR_PX:
            return best
        given = zip(best.model.photos, best.model.params, best.model.world_to_camera, strict=True)
        views = [_entry(*view) for view in given]
        task: Task = {
            "kind": "adjusted",
            "views": views,
            "dense": self._matcher.write_dense(dense.details, dense.pairs),
        }
        [model] = self._matcher.run(task, progress=part_of(progress, 0.0, 0.4))
        after = self._judge("adjusted to details followed by depth", model, part_of(progress, 0.4, 1.0))
        if after is None or len(after.confirmed) < max(3, SMALL_CORE * len(best.confirmed)):
            return best
        closer = np.median(dense.errors_px(self._photos, after.model)) <= MIN_GAIN * np.median(before)
        lost = [share for view, share in enumerate(after.shares) if view not in after.confirmed]
        falls = not lost and sum(after.shares) < (1 - SHARE_NOISE) * sum(best.shares)
        if not closer or falls or any(share >= CONFIRMED for share in lost):
            return best
        return replace(after.without_doubtful(), tried=tuple(self._tried))

    def completed(self, best: Judged, progress: Progress) -> Judged:
        """What was left out, or lost when cameras were adjusted, placed in the good model and adjusted with it."""
        if len(best.confirmed) < max(3, SMALL_CORE * len(self._photos)):
            return best
        again = self._placed(best, part_of(progress, 0.0, 0.7), closely=True)
        if again is None or again is best:
            return best
        again = replace(again.without_doubtful(), tried=tuple(self._tried))
        return self.adjusted(again, part_of(progress, 0.7, 1.0))

    def _judge(self, name: str, model: FoundModel | None, progress: Progress) -> Judged | None:
        if model is None or not len(model.points):
            self._tried.append(f"{name}: nothing")
            return None
        model = normalised(model)
        self._keep(model)
        lenses = [photo_lens(self._photos[i], p) for i, p in zip(model.photos, model.params, strict=True)]
        judged = judge(
            self._photos,
            model,
            lenses,
            self._matches,
            self._verified,
            progress=progress,
            cancel=self._cancel,
        )
        placed, good = len(judged.shares), len(judged.confirmed)
        self._tried.append(f"{name}: {placed} of {len(self._photos)} photos placed, {good} confirmed")
        return judged


def _entry(photo: int, params: Sequence[float], pose: Float[Array, "4 4"]) -> dict[str, object]:
    return {"photo": photo, "params": list(params), "world_to_camera": pose.tolist()}
