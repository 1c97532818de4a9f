"""Cameras from photos (structure from motion), or sparse points under cameras that are known."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from liftlab.components.geometry.photo_masks import shrunk_mask
from liftlab.components.geometry.projection import camera_centers, scaled_intrinsics
from liftlab.components.progress import CancelToken, Progress, no_progress, part_of
from liftlab.components.sfm.child import Matcher
from liftlab.components.sfm.gates import judged, judged_known, require_enough, require_parallax, with_doubtful
from liftlab.components.sfm.judging import judge, photo_lens
from liftlab.components.sfm.model import (
    FoundModel,
    PairEvidence,
    SfmEvidence,
    SfmOptions,
    SfmPhoto,
    SparseModel,
)
from liftlab.components.sfm.search import find_cameras
from liftlab.components.types import Array, Lens


def reduced_photo(
    name: str,
    photo: UInt8[Array, "h w 3"],
    *,
    focal_px: float | None = None,
    max_side: int = SfmOptions.max_side,
    used: Bool[Array, "h w"] | None = None,
) -> SfmPhoto:
    """A copy for camera estimation with its longer side at most `max_side`; what is not `used` is not matched."""
    height, width = photo.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    image = photo
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    if used is not None:
        used = shrunk_mask(used, image.shape[1], image.shape[0])
    return SfmPhoto(name, image, width, height, focal_px, used)


def estimate_cameras(
    photos: Sequence[SfmPhoto],
    options: SfmOptions | None = None,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> SparseModel:
    """Estimate lens, pose and sparse points by structure from motion in child processes.

    Several mappers may be tried; the photos themselves judge (`liftlab.components.sfm.search`). Photos whose place the
    others do not confirm are left out.

    The world frame and its scale are arbitrary. Photos of one size and EXIF focal length share a lens with
    one radial distortion coefficient.

    Raises:
        InputError: The photos cannot give cameras; one sentence says why and what to do.
        RuntimeError: The child process died.
        Cancelled: `cancel` was set; the child process is gone.

    Source: Schönberger and Frahm, CVPR 2016 (COLMAP) and Pan et al., ECCV 2024 (GLOMAP), through pycolmap; judging,
        placing anew and gates are ours.
    """
    options, cancel = options or SfmOptions(), cancel or CancelToken()
    require_enough(photos)
    with Matcher(photos, options, cancel=cancel) as matcher:
        seen, first = matcher.run(
            {"kind": "match"}, {"kind": "incremental"}, progress=part_of(progress, 0.0, 0.5)
        )
        require_parallax(photos, _evidence(photos, seen, matcher.pairs, first))
        found = find_cameras(
            matcher,
            first,
            _verified(matcher.pairs),
            keep_doubtful=options.keep_doubtful,
            progress=part_of(progress, 0.5, 1.0),
            cancel=cancel,
        )
    evidence = _evidence(photos, seen, matcher.pairs, found and found.model)
    return judged(photos, evidence, found, keep_doubtful=options.keep_doubtful)


def triangulate_known(
    photos: Sequence[SfmPhoto],
    lenses: Sequence[Lens],
    world_to_camera: Float[Array, "V 4 4"],
    options: SfmOptions | None = None,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> SparseModel:
    """Sparse points under given cameras, which are returned unchanged after a check that they fit the photos.

    Raises:
        InputError: Fewer than two photos, or the cameras do not fit the photos.
        RuntimeError: The child process died.
        Cancelled: `cancel` was set.
    """
    options = options or SfmOptions()
    require_enough(photos)
    cameras = [_known_entry(*given) for given in zip(photos, lenses, world_to_camera, strict=True)]
    views = [{"photo": index, "params": None, **camera} for index, camera in enumerate(cameras)]
    with Matcher(photos, options, cameras=cameras, cancel=cancel) as matcher:
        given = {"kind": "given", "views": views, "refine": False}
        seen, model = matcher.run({"kind": "match"}, given, progress=part_of(progress, 0.0, 0.8))
        evidence = _evidence(photos, seen, matcher.pairs, model, (lenses, world_to_camera))
        sparse = judged_known(photos, evidence)
        found = judge(
            photos,
            model,
            sparse.lenses,
            matcher.matches(),
            _verified(matcher.pairs),
            progress=part_of(progress, 0.8, 1.0),
            cancel=cancel or CancelToken(),
        )
    return with_doubtful(sparse, found)


def median_angle_deg(
    points: Float[Array, "N 3"], centers: Float[Array, "V 3"], visible: Bool[Array, "V N"]
) -> float:
    """Median over points of the widest angle between two rays to it; 0 without points."""
    if len(points) == 0:
        return 0.0
    rays = centers[:, None] - points[None]
    rays /= np.maximum(np.linalg.norm(rays, axis=2, keepdims=True), 1e-12)
    widest = np.ones(len(points))
    for first in range(len(centers)):
        for second in range(first):
            both = visible[first] & visible[second]
            cosine = (rays[first] * rays[second]).sum(axis=1)
            widest = np.where(both, np.minimum(widest, cosine), widest)
    return float(np.degrees(np.median(np.arccos(np.clip(widest, -1, 1)))))


def _known_entry(photo: SfmPhoto, lens: Lens, world_to_camera: Float[Array, "4 4"]) -> dict[str, Any]:
    height, width = photo.image.shape[:2]
    K = scaled_intrinsics(lens.K, width / lens.width, height / lens.height)
    params = [K[0, 0], K[1, 1], K[0, 2], K[1, 2], *lens.distortion]
    return {
        "params": [float(value) for value in params],
        "world_to_camera": np.asarray(world_to_camera, dtype=np.float64).tolist(),
    }


def _verified(pairs: Sequence[PairEvidence]) -> dict[tuple[int, int], int]:
    """By pair of photos, the lower index first, how many matches agreed with one motion."""
    return {(min(p.first, p.second), max(p.first, p.second)): p.matches for p in pairs}


def _evidence(
    photos: Sequence[SfmPhoto],
    seen: dict[str, Any],
    pairs: tuple[PairEvidence, ...],
    found: FoundModel | None,
    known: tuple[Sequence[Lens], Float[Array, "V 4 4"]] | None = None,
) -> SfmEvidence:
    """The workers' answers, typed; with `known` lenses and poses instead of their own, bit for bit."""
    model = None
    if found is not None:
        indices = list(found.photos)
        if known is None:
            poses = found.world_to_camera
            lenses = tuple(photo_lens(photos[i], p) for i, p in zip(indices, found.params, strict=True))
        else:
            poses = np.asarray(known[1], dtype=np.float64)[indices]
            lenses = tuple(known[0][index] for index in indices)
        model = SparseModel(
            names=tuple(photos[index].name for index in indices),
            lenses=lenses,
            world_to_camera=poses,
            points=found.points,
            visible=found.visible,
            missing=tuple(photo.name for index, photo in enumerate(photos) if index not in set(indices)),
            reprojection_error_px=found.reprojection_error_px,
            median_angle_deg=median_angle_deg(found.points, camera_centers(poses), found.visible),
        )
    return SfmEvidence(np.array(seen["num_features"]), pairs, model, seen.get("still", 0.0))
