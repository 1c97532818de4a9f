"""Frames of a video for reconstruction: spread evenly over its motion, the sharpest of each stretch."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.quality import sharpness_of
from liftlab.components.captures.readers.hdr import HLG, PQ, tone_mapped
from liftlab.components.captures.readers.photos import encode_photo
from liftlab.components.errors import InputError
from liftlab.components.processes.untrusted import reading
from liftlab.components.progress import Progress, part_of
from liftlab.components.types import Array

_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""Demuxers that may read: those of files that hold their own frames. Others (concat, HLS, image lists) read texts that
name further files."""
_SIDE_PX = 320
"""Motion is measured on frames of this longer side."""
_CANDIDATES_PER_SEC = 6.0
_MAX_CANDIDATES = 600
_STEP_SHARE = 0.06
"""Motion between two kept frames that is worth a frame, as a share of the picture's width."""
_STILL_SHARE = 0.02
"""Less motion in the whole video than this share of the width: the camera stood still."""


@dataclass(frozen=True)
class _Candidate:
    index: int
    """Number of the frame in decoding order."""
    motion: float
    """Path length of the picture's motion up to this frame, as a share of its width."""
    sharpness: float


def extract_frames(path: Path, folder: Path, limits: ImportLimits, *, progress: Progress) -> list[Path]:
    """Write chosen frames as JPEG into the existing `folder`, in order of time, upright.

    Raises:
        InputError: No video, too long, too large, or the camera hardly moves.
    """
    with reading(path.name, f"{path.name} is damaged; record or export it again."):
        candidates = _candidates(path, limits, part_of(progress, 0.0, 0.7))
        chosen = _chosen(candidates, limits.max_video_frames)
        written = []
        for index, frame in _frames(path, limits):
            progress(0.7 + 0.3 * len(written) / len(chosen), "Saving the chosen frames")
            if index in chosen:
                target = folder / f"frame_{index:06d}.jpg"
                target.write_bytes(encode_photo(_upright(frame), lossless=False)[0])
                written.append(target)
            if len(written) == len(chosen):
                break
        return written


def _candidates(path: Path, limits: ImportLimits, progress: Progress) -> list[_Candidate]:
    step, expected = _candidate_step(path, limits)
    found: list[_Candidate] = []
    before = None
    motion = 0.0
    for index, frame in _frames(path, limits):
        progress(min(1.0, len(found) / expected), "Looking through the video")
        if index % step:
            continue
        pixels = _upright(frame)
        small = _small_grey(pixels)
        if before is not None:
            motion += _motion_between(before, small)
        found.append(_Candidate(index, motion, sharpness_of(pixels)))
        before = small
        if len(found) > 2 * _MAX_CANDIDATES:  # the container understated its length
            raise InputError(
                f"{path.name} is longer than it says; cut it to {limits.max_video_secs:g} seconds."
            )
    if len(found) < limits.min_photos:
        raise InputError(f"{path.name} has no frames that can be read; record or export it again.")
    if found[-1].motion < _STILL_SHARE:
        raise InputError(f"The camera hardly moves in {path.name}; walk round the scene while recording.")
    return found


def _candidate_step(path: Path, limits: ImportLimits) -> tuple[int, int]:
    """Every how many frames one is looked at, and how many that will be."""
    with _opened(path) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or stream.guessed_rate or 30)
        secs = float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
        if not secs and container.duration:
            secs = container.duration / av.time_base
        if secs > limits.max_video_secs:
            raise InputError(f"{path.name} lasts {secs:.0f} seconds; cut it to {limits.max_video_secs:g}.")
        if stream.width * stream.height > limits.max_megapixels * 1e6:
            raise InputError(
                f"{path.name} has more than {limits.max_megapixels:g} megapixels; make it smaller."
            )
    frames = max(1.0, secs * rate)
    step = max(1, round(rate / _CANDIDATES_PER_SEC), int(np.ceil(frames / _MAX_CANDIDATES)))
    return step, max(1, int(frames / step))


def _chosen(candidates: list[_Candidate], most: int) -> set[int]:
    """Frame numbers: the path of motion is cut into equal stretches and each gives its sharpest frame."""
    total = candidates[-1].motion
    count = int(np.clip(round(total / _STEP_SHARE), 3, most))
    best: dict[int, _Candidate] = {}
    for candidate in candidates:
        stretch = min(count - 1, int(candidate.motion / total * count))
        if stretch not in best or candidate.sharpness > best[stretch].sharpness:
            best[stretch] = candidate
    return {candidate.index for candidate in best.values()}


def _motion_between(before: UInt8[Array, "H W"], after: UInt8[Array, "H W"]) -> float:
    """Median shift of tracked corners as a share of the width; 0 when nothing can be tracked."""
    corners = cv2.goodFeaturesToTrack(before, 200, 0.01, 8)
    if corners is None:
        return 0.0
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None)  # type: ignore[call-overload]
    found = status.ravel() == 1
    if not found.any():
        return 0.0
    shift = np.linalg.norm(moved[found] - corners[found], axis=-1)
    return float(np.median(shift)) / before.shape[1]


def _frames(path: Path, limits: ImportLimits) -> Iterator[tuple[int, av.VideoFrame]]:
    """(number, frame) in order of time; a damaged end is cut off."""
    with _opened(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        index = 0
        frames = container.decode(video=0)
        while True:
            try:
                frame = next(frames)
            except StopIteration:
                return
            except FFmpegError as error:
                if index == 0:
                    raise InputError(f"{path.name} is damaged; record or export it again.") from error
                return
            if frame.width * frame.height > limits.max_megapixels * 1e6:
                raise InputError(
                    f"{path.name} has more than {limits.max_megapixels:g} megapixels; make it smaller."
                )
            yield index, frame
            index += 1


def _upright(frame: av.VideoFrame) -> UInt8[Array, "h w 3"]:
    """RGB pixels of a frame as an ordinary screen shows them, turned as the container says."""
    transfer = int(getattr(frame, "color_trc", 0) or 0)
    if transfer in (PQ, HLG):
        pixels = tone_mapped(frame.to_ndarray(format="rgb48le"), transfer)
    else:
        pixels = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(pixels, k=round(frame.rotation / 90) % 4))


def _opened(path: Path) -> InputContainer:
    try:
        options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
        container = av.open(str(path), mode="r", options=options)
    except (FFmpegError, ValueError, OSError) as error:
        raise InputError(f"{path.name} is no video that can be read; record or export it as MP4.") from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{path.name} holds no picture, only sound; bring a video.")
    return container


def _small_grey(frame: UInt8[Array, "h w 3"]) -> UInt8[Array, "H W"]:
    scale = min(1.0, _SIDE_PX / max(frame.shape[:2]))
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
