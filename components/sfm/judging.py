"""What the photos say about a model: depth measured roughly, each photo compared with what the others' depth says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from liftlab.components.geometry.photo_masks import as_picture
from liftlab.components.geometry.projection import scaled_intrinsics, undistort_photo
from liftlab.components.pointmaps.stereo.multiview import (
    MultiviewOptions,
    coarse_depths,
    confirmed_depths,
)
from liftlab.components.pointmaps.stereo.sources import select_sources
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.sfm.confirmation import CONFIRMED, DepthView, verdict_on
from liftlab.components.sfm.model import FoundModel, Matches, SfmPhoto
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
    poses = zip(lenses, model.world_to_camera, strict=True)
    cameras = [working_camera(lens, pose, JUDGED_SIDE) for lens, pose in poses]
    placed = [photos[photo] for photo in model.photos]
    images = [undistorted(*each) for each in zip(placed, lenses, cameras, strict=True)]
    used = [used_in(*each) for each in zip(placed, lenses, cameras, strict=True)]
    stereo = MultiviewOptions(num_planes=JUDGED_PLANES)
    coarse = coarse_depths(
        images, cameras, model.points, model.visible, stereo, used=used, progress=progress, cancel=cancel
    )
    pointmap = confirmed_depths(coarse, cameras, stereo, used=used, cancel=cancel)
    views = []
    for view, camera in enumerate(cameras):
        points = pointmap.pts3d[view, : camera.height, : camera.width]
        depth = points @ camera.world_to_camera[2, :3] + camera.world_to_camera[2, 3]
        known = pointmap.valid[view, : camera.height, : camera.width]
        grey = grey_of(images[view], used[view])
        views.append(DepthView(grey, camera, np.where(known, depth, 0).astype(np.float32)))
    nearest = select_sources(cameras, model.points, model.visible, NEAREST_COMPARED)
    partners = [compared_with(index, nearest[index], len(views)) for index in range(len(views))]
    shares = [
        verdict_on(view.grey, view.camera, [views[other] for other in others]).share
        for view, others in zip(views, partners, strict=True)
    ]
    believed = np.array(shares) >= CONFIRMED
    small = [in_reduced_frame(photos[photo], lens) for photo, lens in zip(model.photos, lenses, strict=True)]
    relations = relations_of(views, partners, model.photos, small, matches, verified)
    confirmed = relations.main_part(relations.consistent(believed))
    return Judged(model, tuple(views), tuple(shares), tuple(int(view) for view in np.flatnonzero(confirmed)))


def compared_with(view: int, nearest: Sequence[int], count: int) -> list[int]:
    """The views out of `count` that a view is compared with: all, or at most `MOST_COMPARED`."""
    if count <= MOST_COMPARED:
        return [other for other in range(count) if other != view]
    spread = np.linspace(0, count - 1, MOST_COMPARED - len(nearest)).round().astype(int)
    return sorted({*nearest, *spread.tolist()} - {view})


def grey_of(image: UInt8[Array, "H W 3"], used: Bool[Array, "H W"] | None = None) -> Float32[Array, "H W"]:
    """Grey values from 0 to 1; NaN where `used` is False."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    return grey if used is None else np.where(used, grey, np.float32(np.nan))


def used_in(photo: SfmPhoto, lens: Lens, camera: Camera) -> Bool[Array, "H W"] | None:
    """What of `undistorted` counts by the photo's mask; None where all of it does."""
    if photo.used is None:
        return None
    return undistorted(replace(photo, image=as_picture(photo.used)), lens, camera)[..., 0] > 127


def undistorted(photo: SfmPhoto, lens: Lens, camera: Camera) -> UInt8[Array, "H W 3"]:
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
