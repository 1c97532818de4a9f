"""Where the photos that a trusted model lacks may have been taken from: candidates, and what the pictures say."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from liftlab.components.geometry.projection import camera_centers
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.sfm.confirmation import DepthView, Verdict, verdict_on
from liftlab.components.sfm.dense import FineView, fine_view
from liftlab.components.sfm.judging import (
    JUDGED_SIDE,
    Judged,
    compared_with,
    grey_of,
    photo_lens,
    reduced_frame,
    undistorted,
    used_in,
)
from liftlab.components.sfm.model import FoundModel, Matches, SfmPhoto
from liftlab.components.sfm.placing.exact import exact_pose
from liftlab.components.sfm.placing.poses import (
    MIN_MATCHES,
    lifted,
    pose_by_other_model,
    poses_from,
    rays_of,
)
from liftlab.components.sfm.placing.turned import details_in, known_from_aside, matched_with
from liftlab.components.sfm.undistort import working_camera
from liftlab.components.types import Array, Camera

PARTNERS = 8
"""Views from which candidates for a photo's pose are made, those with most matches."""
CLOSE_PARTNERS = 6
"""Views that are drawn from aside for a photo, and whose details are followed into it: seconds each."""
MADE_EXACT = 3
"""Candidates of a photo that are made exact: those that the pictures like best."""
MIN_AGREEING = 15
"""Details that must agree with an exact pose, as many as the relaxed mapper asks for: right ones have 20 and more. How
many agree does not tell right from wrong: a place where one of two equal things lies on the other had 38."""
MIN_SHOWN = 0.2
"""Weight of the photos that agree with an exact pose (`Verdict.agree`): without matches, a place that few of the others
see is soon found. Right ones have .41 and more, the one where equal things lay on each other .08 (docs/notes.md 7)."""

Judgement = tuple[Verdict, Float[Array, "4 4"]]


class Places:
    """Looks for the places of photos, given a model whose confirmed views are trusted."""

    def __init__(
        self, photos: Sequence[SfmPhoto], matches: Matches, models: Sequence[FoundModel], best: Judged
    ) -> None:
        """
        Args:
            photos: All photos.
            matches: Of all photos, unchecked ones too.
            models: Other mappers' models, in frames of their own.
            best: The trusted model.
        """
        self._photos, self._matches, self._models, self._best = photos, matches, models, best
        self._core = {best.model.photos[view]: view for view in best.confirmed}
        self._order = list(self._core.values())
        self._fine: dict[int, FineView] = {}
        self._aside: dict[int, list] = {}

    def poses(
        self, *, closely: bool, progress: Progress, cancel: CancelToken
    ) -> dict[int, Float[Array, "4 4"]]:
        """By photo that is not confirmed, the pose that the views confirm most, where they confirm one.

        Args:
            closely: Candidates are also made of views drawn from aside, and all are made exact by following details:
                seconds a photo, and pairs without a single right match can do.
        """
        rest = [index for index in range(len(self._photos)) if index not in self._core]
        found = {}
        for number, photo in enumerate(rest):
            cancel.check()
            progress(number / len(rest), f"Looking for the place of photo {photo + 1}")
            good = self._good_poses(photo, closely=closely)
            if good:
                found[photo] = max(good, key=_liking)[1]
        return found

    def _good_poses(self, photo: int, *, closely: bool) -> list[Judgement]:
        params = params_of(self._photos, photo, self._best.model)
        lens = photo_lens(self._photos[photo], params)
        camera = working_camera(lens, np.eye(4), JUDGED_SIDE)
        own = self._photos[photo], lens, camera
        grey = grey_of(undistorted(*own), used_in(*own))
        near = [self._order.index(view) for view in self._partners_of(photo)]
        asked = [self._best.views[self._order[k]] for k in compared_with(-1, near, len(self._order))]

        def judged(poses: Iterable[Float[Array, "4 4"]]) -> list[Judgement]:
            return [(verdict_on(grey, replace(camera, world_to_camera=pose), asked), pose) for pose in poses]

        given = judged([*self._by_matches(photo, params), *self._by_other_models(photo)])
        if not closely:
            return [each for each in given if each[0].confirmed]
        for candidates in (lambda: given, lambda: judged(self._by_views_from_aside(photo, params))):
            liked = sorted(candidates(), key=_liking, reverse=True)[:MADE_EXACT]
            exact = [self._made_exact(photo, params, replace(camera, world_to_camera=p)) for _, p in liked]
            good = judged(p for p in exact if p is not None)
            good = [each for each in good if each[0].confirmed and each[0].agree >= MIN_SHOWN]
            if good:
                return good
        return []

    def _partners_of(self, photo: int) -> list[int]:
        """Views of the core with most matches with the photo."""
        matched = {
            other: len(xy[0])
            for other, xy in self._matches.of(photo).items()
            if other in self._core and len(xy[0]) >= MIN_MATCHES
        }
        return [self._core[o] for o in sorted(matched, key=lambda other: -matched[other])[:PARTNERS]]

    def _by_matches(self, photo: int, params: Sequence[float]) -> list[Float[Array, "4 4"]]:
        matched, model = self._matches.of(photo), self._best.model
        lens, details = photo_lens(reduced_frame(self._photos[photo]), params), []
        for view in self._partners_of(photo):
            here, there = matched[model.photos[view]]
            other = photo_lens(reduced_frame(self._photos[model.photos[view]]), model.params[view])
            details.append(lifted(rays_of(here, lens), rays_of(there, other), self._best.views[view]))
        return list(poses_from(details))

    def _by_other_models(self, photo: int) -> list[Float[Array, "4 4"]]:
        out = []
        for model in self._models:
            if model is self._best.model or photo not in model.photos:
                continue
            both = [other for other in model.photos if other in self._core]
            if len(both) < 2:
                continue
            there = model.world_to_camera[[model.photos.index(other) for other in both]]
            here = self._best.model.world_to_camera[[self._core[other] for other in both]]
            pose = model.world_to_camera[model.photos.index(photo)]
            distance = np.linalg.norm(camera_centers(there) - camera_centers(pose[None]), axis=1)
            for nearest in np.argsort(distance)[:2]:
                carried = pose_by_other_model(pose, there, here, int(nearest))
                out += [] if carried is None else [carried]
        return out

    def _by_views_from_aside(self, photo: int, params: Sequence[float]) -> list[Float[Array, "4 4"]]:
        """From views with most matches, then from those next to it in the order of the capture."""
        model = self._best.model
        next_to = sorted(self._order, key=lambda view: abs(model.photos[view] - photo))
        views = list(dict.fromkeys([*self._partners_of(photo)[: CLOSE_PARTNERS // 2], *next_to]))
        own = self._fine_of_photo(photo, params)
        details, lifts = details_in(own.grey), []
        for view in views[:CLOSE_PARTNERS]:
            if view not in self._aside:
                self._aside[view] = known_from_aside(self._fine_of(view))
            lifts.append(matched_with(details, own, self._aside[view]))
        return list(poses_from(lifts))

    def _made_exact(self, photo: int, params: Sequence[float], camera: Camera) -> Float[Array, "4 4"] | None:
        """By the views nearest to it."""
        centers = camera_centers(self._best.model.world_to_camera[self._order])
        nearest = np.argsort(np.linalg.norm(centers - camera.center, axis=1))[:CLOSE_PARTNERS]
        views = [self._fine_of(self._order[k]) for k in nearest]
        found = exact_pose(self._photos[photo], params, camera, views)
        return found.world_to_camera if found is not None and found.agreeing >= MIN_AGREEING else None

    def _fine_of(self, view: int) -> FineView:
        if view not in self._fine:
            model = self._best.model
            self._fine[view] = fine_view(
                self._photos[model.photos[view]], model.params[view], self._best.views[view]
            )
        return self._fine[view]

    def _fine_of_photo(self, photo: int, params: Sequence[float]) -> FineView:
        camera = working_camera(photo_lens(self._photos[photo], params), np.eye(4), JUDGED_SIDE)
        return fine_view(self._photos[photo], params, DepthView.unknown(camera))


def _liking(each: Judgement) -> float:
    return each[0].agree - each[0].conflict


def params_of(photos: Sequence[SfmPhoto], photo: int, model: FoundModel) -> tuple[float, ...]:
    """Lens of a photo that is not placed: that of placed photos of its size and focal length, else a guess."""
    own = photos[photo]
    for view, other in enumerate(model.photos):
        there = photos[other]
        if (there.width, there.height, there.focal_px) == (own.width, own.height, own.focal_px):
            return model.params[view]
    height, width = own.image.shape[:2]
    focal = own.focal_px * width / own.width if own.focal_px else 1.2 * max(width, height)
    return focal, width / 2, height / 2, 0.0
