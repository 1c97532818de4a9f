"""Run the SfM worker in a child process: progress out, cancellation in, a native crash becomes a sentence."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.png import png_bytes
from liftlab.components.processes.child import ChildEnded, run_in_child
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.progress import CancelToken, Progress
from liftlab.components.sfm.model import PairEvidence, SfmOptions, SfmPhoto

PEAK_THRESHOLD = 0.004
"""SIFT contrast threshold; below the library's 0.0067 because indoor photos have large faintly textured
parts."""
_WORKER = f"{__package__}.worker:main"


def run_worker(
    photos: Sequence[SfmPhoto],
    options: SfmOptions,
    *,
    cameras: Sequence[dict[str, Any]] | None,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
    """Run the worker on the photos' images.

    Args:
        photos: With images no larger than `options.max_side`.
        options: As given by the caller.
        cameras: Per photo `params` (OPENCV: fx fy cx cy k1 k2 p1 p2, pixels of the photo's image) and
            `world_to_camera`; None to estimate them.
        progress: Share and sentence of the worker.
        cancel: Kills the worker.

    Returns:
        The worker's answer, and the arrays of `points.npz` (None when no cameras were found).

    Raises:
        RuntimeError: The worker died; the message says so, a note holds the end of its log.
        Cancelled: `cancel` was set.
    """
    with scratch_folder("liftlab-sfm-") as folder:
        request = {
            "photos": _write_images(photos, folder, cameras),
            "cameras_known": cameras is not None,
            "max_features": options.max_features,
            "peak_threshold": PEAK_THRESHOLD,
            "num_threads": options.num_threads or os.cpu_count() or 1,
            "seed": options.seed,
        }
        arguments = {"folder": str(folder), "request": request}
        try:
            result = run_in_child(_WORKER, arguments, progress=progress, cancel=cancel)
        except ChildEnded as ended:
            error = RuntimeError(f"Camera estimation {ended}; try again, with fewer or smaller photos.")
            error.add_note(f"End of its log:\n{ended.details}")
            raise error from ended
        if result["views"] is None:
            return result, None
        with np.load(folder / "points.npz") as arrays:
            return result, dict(arrays)


def pairs_of(result: dict[str, Any]) -> tuple[PairEvidence, ...]:
    """The worker's pairs, typed."""
    return tuple(PairEvidence(**pair) for pair in result["pairs"])


def _write_images(
    photos: Sequence[SfmPhoto], folder: Path, cameras: Sequence[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Lossless copies in one folder per lens (photos of one size and focal length share their intrinsics)."""
    groups: dict[tuple, int] = {}
    entries = []
    for index, photo in enumerate(photos):
        height, width = photo.image.shape[:2]
        focal = None if photo.focal_px is None else photo.focal_px * width / photo.width
        key = (
            (index,)
            if cameras is not None
            else (photo.width, photo.height, focal and round(focal / width, 2))
        )
        group = groups.setdefault(key, len(groups))
        path = f"{group:03d}/{index:04d}.png"
        (folder / "images" / f"{group:03d}").mkdir(parents=True, exist_ok=True)
        (folder / "images" / path).write_bytes(png_bytes(photo.image, level=1))
        known = {"params": None, "world_to_camera": None} if cameras is None else cameras[index]
        entries.append({"path": path, "size": [width, height], "focal_px": focal, **known})
    return entries
