"""Several ways to cameras, one judge: what the photos themselves confirm.

The mappers answer a model of any quality: the number of photos they placed says nothing. So each model's depth is
measured roughly, every photo is compared with what the others' depth says it must show, and photos that are not
confirmed are taken out and placed anew, by candidates from their matches and from other mappers, or left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from liftlab.components.geometry.photo_masks import as_picture
from liftlab.components.geometry.projection import camera_centers, scaled_intrinsics, undistort_photo
from liftlab.components.pointmaps.stereo.multiview import (
    MultiviewOptions,
    coarse_depths,
    confirmed_depths,
)
from liftlab.components.pointmaps.stereo.sources import select_sources
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.sfm.child import Matcher, Task
from liftlab.components.sfm.confirmation import CONFIRMED, DepthView, verdict_on
from liftlab.components.sfm.frame import normalised
from liftlab.components.sfm.model import FoundModel, Matches, SfmPhoto
from liftlab.components.sfm.placing import MIN_MATCHES, lifted, pose_by_other_model, poses_from, rays_of
from liftlab.components.sfm.relations import relations_of
from liftlab.components.sfm.undistort import working_camera
from liftlab.components.types import Array, Camera, Lens

JUDGED_SIDE = 160
"""Longer side in pixels of the pictures in which depth is measured and photos are compared: at 320 the same cameras
were told apart, in five times the time (docs/notes.md 7)."""
JUDGED_PLANES = 64
NEAREST_COMPARED, MOST_COMPARED = 12, 40
"""Views that a photo is compared with: those that share most with it, and others evenly over the capture, so that time
grows with the number of photos and not with its square."""
SMALL_CORE = 0.6
"""With fewer of the photos confirmed, other mappers are asked for a better beginning."""
PARTNERS = 8
"""Views from which candidates for a photo's pose are made, those with most matches."""
MAX_ROUNDS = 3
"""Of placing what is left, with the depth of what was placed before."""


@dataclass(frozen=True)
class Judged:
    """A model and what the photos say about it."""

    model: FoundModel
    views: tuple[DepthView, ...]
    """Per placed photo, longer side `JUDGED_SIDE`."""
    shares: tuple[float, ...]
    """Per placed photo: how much of what the others know it shows."""
    confirmed: tuple[int, ...]
    """Which views the photos confirm, and that do not contradict each other."""
    tried: tuple[str, ...] = ()
    """What was done to get here, for people."""

    def without_doubtful(self) -> "Judged":
        """Only the confirmed views and the points that two of them see; as it is when fewer than two are confirmed."""
        keep = list(self.confirmed)
        if len(keep) < 2 or len(keep) == len(self.shares):
            return self
        visible = self.model.visible[keep]
        seen = visible.sum(axis=0) >= 2
        model = replace(
            self.model,
            photos=tuple(self.model.photos[view] for view in keep),
            params=tuple(self.model.params[view] for view in keep),
            world_to_camera=self.model.world_to_camera[keep],
            points=self.model.points[seen],
            visible=visible[:, seen],
        )
        views, shares = (tuple(values[view] for view in keep) for values in (self.views, self.shares))
        return replace(self, model=model, views=views, shares=shares, confirmed=tuple(range(len(keep))))

    @property
    def rank(self) -> tuple[int, float]:
        """To compare models by: photos confirmed, then how much of them."""
        return len(self.confirmed), float(sum(self.shares))


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
    best = _Search(matcher, verified, cancel).run(first, progress)
    return best if best is None or keep_doubtful else best.without_doubtful()


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
            grey = _grey(_undistorted(self._photos[photo], lens, camera))
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


def judge(
    photos: Sequence[SfmPhoto],
    model: FoundModel,
    lenses: Sequence[Lens],
    matches: Matches,
    verified: dict[tuple[int, int], int],
    *,
    progress: Progress,
    cancel: CancelToken,
) -> Judged:
    """Measure depth roughly, then ask of each photo what the others' depth says.

    Args:
        photos: All photos; the model says which it placed.
        model: Cameras and sparse points.
        lenses: Per placed photo, in photo pixels.
        matches: Of all photos.
        verified: By pair of photos, the number of matches that agreed with one motion.
    """
    images, cameras, used = [], [], []
    for photo, lens, pose in zip(model.photos, lenses, model.world_to_camera, strict=True):
        camera, own = working_camera(lens, pose, JUDGED_SIDE), photos[photo].used
        images.append(_undistorted(photos[photo], lens, camera))
        cameras.append(camera)
        mask = None if own is None else replace(photos[photo], image=as_picture(own))
        used.append(None if mask is None else _undistorted(mask, lens, camera)[..., 0] > 127)
    stereo = MultiviewOptions(num_planes=JUDGED_PLANES)
    coarse = coarse_depths(
        images, cameras, model.points, model.visible, stereo, used=used, progress=progress, cancel=cancel
    )
    pointmap = confirmed_depths(coarse, cameras, stereo, used=used, cancel=cancel)
    views = []
    for view, (image, camera) in enumerate(zip(images, cameras, strict=True)):
        points = pointmap.pts3d[view, : camera.height, : camera.width]
        depth = points @ camera.world_to_camera[2, :3] + camera.world_to_camera[2, 3]
        known = pointmap.valid[view, : camera.height, : camera.width]
        views.append(DepthView(_grey(image), camera, np.where(known, depth, 0).astype(np.float32)))
    nearest = select_sources(cameras, model.points, model.visible, NEAREST_COMPARED)
    partners = [compared_with(index, nearest[index], len(views)) for index in range(len(views))]
    shares = [
        verdict_on(view.grey, view.camera, [views[other] for other in others]).share
        for view, others in zip(views, partners, strict=True)
    ]
    believed = np.array(shares) >= CONFIRMED
    small = [in_reduced_frame(photos[photo], lens) for photo, lens in zip(model.photos, lenses, strict=True)]
    relations = relations_of(views, partners, model.photos, small, matches, verified)
    confirmed = tuple(int(view) for view in np.flatnonzero(relations.consistent(believed)))
    return Judged(model, tuple(views), tuple(shares), confirmed)


def compared_with(view: int, nearest: Sequence[int], count: int) -> list[int]:
    """The views out of `count` that a view is compared with: all, or at most `MOST_COMPARED`."""
    if count <= MOST_COMPARED:
        return [other for other in range(count) if other != view]
    spread = np.linspace(0, count - 1, MOST_COMPARED - len(nearest)).round().astype(int)
    return sorted({*nearest, *spread.tolist()} - {view})


def _grey(image: UInt8[Array, "H W 3"]) -> Float32[Array, "H W"]:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255


def _undistorted(photo: SfmPhoto, lens: Lens, camera: Camera) -> UInt8[Array, "H W 3"]:
    """The photo in a camera that may be much smaller than it, without aliasing."""
    height, width = photo.image.shape[:2]
    shrink = min(1.0, 2 * camera.width / width)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    image = cv2.resize(photo.image, size, interpolation=cv2.INTER_AREA) if shrink < 1 else photo.image
    K = scaled_intrinsics(lens.K, size[0] / lens.width, size[1] / lens.height)
    return undistort_photo(image, Lens(*size, K, lens.distortion), camera)


def reduced_frame(photo: SfmPhoto) -> SfmPhoto:
    """The photo as if its reduced copy were all there is."""
    height, width = photo.image.shape[:2]
    return replace(photo, width=width, height=height)


def in_reduced_frame(photo: SfmPhoto, lens: Lens) -> Lens:
    """A lens in photo pixels, in those of the reduced copy."""
    height, width = photo.image.shape[:2]
    K = scaled_intrinsics(lens.K, width / lens.width, height / lens.height)
    return Lens(width, height, K, lens.distortion)


def photo_lens(photo: SfmPhoto, params: Sequence[float]) -> Lens:
    """Photo-pixel lens of SIMPLE_RADIAL parameters f, cx, cy, k of the reduced copy."""
    focal, cx, cy, k1 = params
    height, width = photo.image.shape[:2]
    K = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])
    K = scaled_intrinsics(K, photo.width / width, photo.height / height)
    return Lens(photo.width, photo.height, K, np.array([k1, 0.0, 0.0, 0.0]))


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
