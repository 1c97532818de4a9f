"""Run the SfM worker in child processes: progress out, cancellation in, a native crash becomes a sentence."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.geometry.photo_masks import MASKS_FOLDER, write_mask
from liftlab.components.png import png_bytes
from liftlab.components.processes.child import ChildEnded, run_in_child
from liftlab.components.processes.scratch import scratch_folder
from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.sfm.model import FoundModel, Matches, PairEvidence, SfmOptions, SfmPhoto

PEAK_THRESHOLD = 0.004
"""SIFT contrast threshold; below the library's 0.0067 because indoor photos have large faintly textured
parts."""
_WORKER = f"{__package__}.worker.main:main"
Task = dict[str, Any]
"""What a child is to do: its `kind` and, by kind, more (`liftlab.components.sfm.worker.main`)."""


class Matcher:
    """Photos in a folder of their own, and the child processes that work on them; a context manager.

    Every call is one child process. What it found (details, matches) stays in the folder for the next.
    """

    def __init__(
        self,
        photos: Sequence[SfmPhoto],
        options: SfmOptions,
        *,
        cameras: Sequence[dict[str, Any]] | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """Write the photos.

        Args:
            photos: With images no larger than `options.max_side`.
            options: As given by the caller.
            cameras: Per photo `params` (OPENCV: fx fy cx cy k1 k2 p1 p2, pixels of the photo's image) and
                `world_to_camera`; None to estimate them.
            cancel: Ends the child at work.
        """
        self.photos, self._cancel = photos, cancel or CancelToken()
        self._scratch = scratch_folder("liftlab-sfm-")
        self._folder = self._scratch.__enter__()
        self._models = 0
        self.pairs: tuple[PairEvidence, ...] = ()
        """What matching has found so far, by whatever details."""
        try:
            self._request = {
                "photos": _write_images(photos, self._folder, cameras),
                "cameras_known": cameras is not None,
                "max_features": options.max_features,
                "peak_threshold": PEAK_THRESHOLD,
                "num_threads": options.num_threads or os.cpu_count() or 1,
                "seed": options.seed,
            }
        except BaseException:
            self._scratch.__exit__(None, None, None)
            raise

    def __enter__(self) -> "Matcher":
        return self

    def __exit__(self, *error: object) -> None:
        self._scratch.__exit__(None, None, None)

    def run(self, *tasks: Task, progress: Progress = no_progress) -> list[Any]:
        """Do tasks one after the other in one child; one that makes a model gives a `FoundModel` or None.

        Raises:
            RuntimeError: The child died; the message says so, a note holds the end of its log.
            Cancelled: The token was set.
        """
        entries = [self._entry(task) for task in tasks]
        arguments = {"folder": str(self._folder), "request": self._request, "tasks": entries}
        try:
            answers = run_in_child(_WORKER, arguments, progress=progress, cancel=self._cancel)
        except ChildEnded as ended:
            error = RuntimeError(f"Camera estimation {ended}; try again, with fewer or smaller photos.")
            error.add_note(f"End of its log:\n{ended.details}")
            raise error from ended
        return [self.taken_in(answer) for answer in answers]

    def taken_in(self, answer: Any) -> Any:
        """The answer of a child, what it says of pairs kept; typed where it is a model."""
        if answer and "pairs" in answer:
            self.pairs = tuple(PairEvidence(**pair) for pair in answer["pairs"])
        return self._model(answer) if answer and "views" in answer else answer

    def matches(self) -> Matches:
        """All matches found so far, unchecked ones too."""
        self.run({"kind": "matches"})
        with np.load(self._folder / "matches.npz") as arrays:
            return Matches(arrays["pairs"], arrays["offsets"], arrays["xy"])

    def write_dense(self, details: Sequence[np.ndarray], pairs: Mapping[tuple[int, int], np.ndarray]) -> str:
        """Put matches beside the photos, for a task that names them as `dense`; returns the name.

        Args:
            details: Per photo [N, 2], pixels of its image.
            pairs: By pair of photos, rows [M, 2] of indices of `details`.
        """
        self._models += 1
        name = f"dense{self._models}.npz"
        np.savez(
            self._folder / name,
            details=np.concatenate(details),
            starts=np.cumsum([0, *map(len, details)]),
            pairs=np.array(list(pairs), np.int64).reshape(-1, 2),
            offsets=np.cumsum([0, *map(len, pairs.values())]),
            rows=np.concatenate([np.zeros((0, 2), np.int64), *pairs.values()]),
        )
        return name

    def _entry(self, task: Task) -> Task:
        self._models += 1
        return {**task, "name": f"points{self._models}"}

    def _model(self, answer: dict[str, Any]) -> FoundModel:
        with np.load(self._folder / answer["points"]) as arrays:
            points, visible = arrays["points"], arrays["visible"]
        indices = [view["photo"] for view in answer["views"]]
        return FoundModel(
            photos=tuple(indices),
            params=tuple(tuple(view["params"]) for view in answer["views"]),
            world_to_camera=np.array([view["world_to_camera"] for view in answer["views"]], dtype=np.float64),
            points=points,
            visible=visible[indices],
            reprojection_error_px=answer["reprojection_error_px"],
        )


def _write_images(
    photos: Sequence[SfmPhoto], folder: Path, cameras: Sequence[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Lossless copies in one folder per lens (photos of one size and focal length share their intrinsics)."""
    groups: dict[tuple, int] = {}
    entries = []
    any_masks = any(photo.used is not None for photo in photos)
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
        if any_masks:  # under COLMAP's name; a photo without one would be left out by it
            used = np.ones((height, width), bool) if photo.used is None else photo.used
            write_mask(folder / MASKS_FOLDER / f"{path}.png", used)
        known = {"params": None, "world_to_camera": None} if cameras is None else cameras[index]
        entries.append({"path": path, "size": [width, height], "focal_px": focal, **known})
    return entries
