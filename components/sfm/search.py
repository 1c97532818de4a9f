"""Several ways to cameras, one judge: what the photos themselves confirm.

The mappers answer a model of any quality: the number of photos they placed says nothing. So each model's depth is
measured roughly, every photo is compared with what the others' depth says it must show, and photos that are not
confirmed are taken out and placed anew, by candidates from their matches and from other mappers, or left out.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from liftlab.components.geometry.projection import camera_centers
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.sfm.child import Matcher, Task
from liftlab.components.sfm.confirmation import CONFIRMED, verdict_on
from liftlab.components.sfm.dense import dense_matches
from liftlab.components.sfm.frame import normalised
from liftlab.components.sfm.judging import (
    JUDGED_SIDE,
    Judged,
    compared_with,
    grey_of,
    judge,
    photo_lens,
    reduced_frame,
    undistorted,
    used_in,
)
from liftlab.components.sfm.model import FoundModel, SfmPhoto
from liftlab.components.sfm.placing import MIN_MATCHES, lifted, pose_by_other_model, poses_from, rays_of
from liftlab.components.sfm.undistort import working_camera
from liftlab.components.types import Array

SMALL_CORE = 0.6
"""With fewer of the photos confirmed, other mappers are asked for a better beginning."""
PARTNERS = 8
"""Views from which candidates for a photo's pose are made, those with most matches."""
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
    best = search.run(first, part_of(progress, 0.0, 0.8))
    if best is None or keep_doubtful:
        return best
    return search.adjusted(best.without_doubtful(), part_of(progress, 0.8, 1.0))


class _Search:
    """The photos' models, so far."""

    def __init__(self, matcher: Matcher, verified: dict[tuple[int, int], int], cancel: CancelToken) -> None:
        self._matcher, self._verified, self._cancel = matcher, verified, cancel
        self._photos, self._matches = matcher.photos, matcher.matches()
        self._reduced = [reduced_frame(photo) for photo in matcher.photos]
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
        self._tried.append(f"{answer['pairs']} pairs of photos compared again by learned details")

    def _placed(self, best: Judged | None, progress: Progress) -> Judged | None:
        """Photos that are not confirmed placed anew, as long as that finds some."""
        for turn in range(MAX_ROUNDS):
            if best is None or len(best.confirmed) < 2 or self._is_complete(best):
                return best
            share = part_of(progress, turn / MAX_ROUNDS, (turn + 1) / MAX_ROUNDS)
            found = self._poses_of_the_rest(best, part_of(share, 0.0, 0.4))
            if not found:
                return best
            joined = self._joined(best, found, part_of(share, 0.4, 1.0))
            if joined is best:
                return best
            best = joined
        return best

    def _poses_of_the_rest(self, best: Judged, progress: Progress) -> dict[int, Float[Array, "4 4"]]:
        """By photo, the pose that the views confirm most, where they confirm one."""
        core = {best.model.photos[view]: view for view in best.confirmed}
        rest = [index for index in range(len(self._photos)) if index not in core]
        order = list(core.values())
        found = {}
        for number, photo in enumerate(rest):
            self._cancel.check()
            progress(number / len(rest), f"Looking for the place of photo {photo + 1}")
            params = _params_of(self._photos, photo, best.model)
            lens = photo_lens(self._photos[photo], params)
            camera = working_camera(lens, np.eye(4), JUDGED_SIDE)
            own = self._photos[photo], lens, camera
            grey = grey_of(undistorted(*own), used_in(*own))
            poses = [
                *self._by_matches(photo, params, best, core),
                *self._by_other_models(photo, best, core),
            ]
            near = [order.index(view) for view in self._partners_of(photo, core)]
            asked = [best.views[order[place]] for place in compared_with(-1, near, len(order))]
            judged = [
                (verdict_on(grey, replace(camera, world_to_camera=pose), asked), pose) for pose in poses
            ]
            good = [(verdict, pose) for verdict, pose in judged if verdict.confirmed]
            if good:
                found[photo] = max(good, key=lambda each: each[0].agree - each[0].conflict)[1]
        return found

    def _partners_of(self, photo: int, core: dict[int, int]) -> list[int]:
        """Views of the core with most matches with the photo."""
        matched = {
            o: xy for o, xy in self._matches.of(photo).items() if o in core and len(xy[0]) >= MIN_MATCHES
        }
        return [core[o] for o in sorted(matched, key=lambda other: -len(matched[other][0]))[:PARTNERS]]

    def _by_matches(
        self,
        photo: int,
        params: Sequence[float],
        best: Judged,
        core: dict[int, int],
    ) -> list[Float[Array, "4 4"]]:
        matched = self._matches.of(photo)
        view_of = {view: other for other, view in core.items()}
        details = []
        for view in self._partners_of(photo, core):
            other = view_of[view]
            here, there = matched[other]
            lens = photo_lens(self._reduced[other], best.model.params[view])
            rays = rays_of(here, photo_lens(self._reduced[photo], params))
            details.append(lifted(rays, rays_of(there, lens), best.views[view]))
        return list(poses_from(details))

    def _by_other_models(self, photo: int, best: Judged, core: dict[int, int]) -> list[Float[Array, "4 4"]]:
        out = []
        for model in self._models:
            if model is best.model or photo not in model.photos:
                continue
            both = [other for other in model.photos if other in core]
            if len(both) < 2:
                continue
            there = model.world_to_camera[[model.photos.index(other) for other in both]]
            here = best.model.world_to_camera[[core[other] for other in both]]
            pose = model.world_to_camera[model.photos.index(photo)]
            distance = np.linalg.norm(camera_centers(there) - camera_centers(pose[None]), axis=1)
            for nearest in np.argsort(distance)[:2]:
                carried = pose_by_other_model(pose, there, here, int(nearest))
                out += [] if carried is None else [carried]
        return out

    def _joined(self, best: Judged, found: dict[int, Float[Array, "4 4"]], progress: Progress) -> Judged:
        """The confirmed views and the newly placed ones, adjusted together; as before when that is no gain."""
        views = [
            _entry(best.model.photos[v], best.model.params[v], best.model.world_to_camera[v])
            for v in best.confirmed
        ]
        views += [
            _entry(photo, _params_of(self._photos, photo, best.model), pose) for photo, pose in found.items()
        ]
        task: Task = {"kind": "given", "views": views, "refine": True}
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


def _params_of(photos: Sequence[SfmPhoto], photo: int, model: FoundModel) -> tuple[float, ...]:
    """Lens of a photo that is not placed: that of placed photos of its size and focal length, else a guess."""
    own = photos[photo]
    for view, other in enumerate(model.photos):
        there = photos[other]
        if (there.width, there.height, there.focal_px) == (own.width, own.height, own.focal_px):
            return model.params[view]
    height, width = own.image.shape[:2]
    focal = own.focal_px * width / own.width if own.focal_px else 1.2 * max(width, height)
    return focal, width / 2, height / 2, 0.0


def _entry(photo: int, params: Sequence[float], pose: Float[Array, "4 4"]) -> dict[str, object]:
    return {"photo": photo, "params": list(params), "world_to_camera": pose.tolist()}
