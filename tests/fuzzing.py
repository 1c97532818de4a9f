"""Readers of files of unknown origin, each fed with valid files (`fuzz.valid_files`) that were damaged (`fuzz.damage`);
run in a child process.
"""

import functools
import gzip
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from liftlab.components.captures.limits import ImportLimits
from liftlab.components.captures.read_masks import holds_labels, read_labels
from liftlab.components.captures.readers.photos import read_photo
from liftlab.components.captures.readers.video import extract_frames
from liftlab.components.captures.reading import read_in_child
from liftlab.components.errors import InputError
from liftlab.components.progress import Progress, no_progress, repeated
from tests.fuzz.damage import damaged
from tests.fuzz.valid_files import (
    bundle_seeds,
    cameras_seeds,
    colmap,
    compressed_seeds,
    ksplat_seeds,
    label_seeds,
    mask_seeds,
    photo_seeds,
    photos,
    ply_seeds,
    prompt_seeds,
    transforms_seeds,
    video_seeds,
    written,
    zip_seeds,
)

LIMITS = ImportLimits()


@dataclass(frozen=True)
class Kind:
    """One reader with its valid files."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], None]
    """Reads the bytes, with an empty folder at hand; raises InputError, or AssertionError for a result of no use."""
    text: bool = False


def fuzz(arguments: dict[str, Any], progress: Progress) -> dict[str, int]:
    """Damage the valid files of a `kind` in `count` ways by `seed`; returns how many were refused and how many read.

    Raises whatever is no InputError, with the damaged file kept in `folder`.
    """
    kind = KINDS[arguments["kind"]]
    with repeated(progress, "valid files"):
        seeds = kind.seeds()
    told = {"refused": 0, "usable": 0}
    kept = Path(arguments["folder"]) / "damaged"
    for number, data in enumerate(
        [*seeds, *damaged(seeds, kind.text, arguments["seed"], arguments["count"])]
    ):
        kept.write_bytes(data)
        progress(number / (len(seeds) + arguments["count"]), f"case {number}")
        with tempfile.TemporaryDirectory(dir=arguments["folder"]) as folder:
            try:
                kind.read(data, Path(folder))
            except InputError as error:
                assert number >= len(seeds), f"a valid file was refused: {error}"
                assert "\n" not in str(error) and str(error).encode("utf-8") and len(str(error)) < 800, error
                told["refused"] += 1
            else:
                told["usable"] += 1
    return told


def _import(source: Path, folder: Path) -> None:
    """A whole import of something small, without a child of its own."""
    (folder / "target").mkdir()
    (folder / "scratch").mkdir()
    report = read_in_child(
        {
            "source": str(source), "target": str(folder / "target"), "scratch": str(folder / "scratch"),
            "cameras": None, "limits": {"max_megapixels": 4.0},
        },
        no_progress,
    )  # fmt: skip
    json.dumps(report, allow_nan=False).encode("ascii")
    assert all((folder / "target" / "images" / name).is_file() for name in report["kept"])
    "".join(report["warnings"]).encode("utf-8")


def _read_photo(data: bytes, folder: Path) -> None:
    clean = read_photo(data, "a.jpg", LIMITS)
    assert clean.pixels.dtype == np.uint8 and clean.pixels.ndim == 3 and clean.pixels.shape[2] == 3
    assert clean.encoded and (clean.exif_focal_px is None or np.isfinite(clean.exif_focal_px))


def _read_zip(data: bytes, folder: Path) -> None:
    (folder / "a.zip").write_bytes(data)
    _import(folder / "a.zip", folder)


def _read_splats(suffix: str, data: bytes, folder: Path) -> None:
    from liftlab.components.gaussians.files import read_gaussians

    (folder / f"a{suffix}").write_bytes(data)
    gaussians = read_gaussians(folder / f"a{suffix}")
    for values in (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.sh):
        assert np.isfinite(values).all() and len(values) == len(gaussians.means)


def _read_video(data: bytes, folder: Path) -> None:
    (folder / "a.mp4").write_bytes(data)
    (folder / "frames").mkdir()
    assert len(extract_frames(folder / "a.mp4", folder / "frames", LIMITS, progress=no_progress)) >= 2


def _read_cameras(place: str, data: bytes, folder: Path) -> None:
    """Photos with cameras, of which the file at `place` is damaged."""
    shutil.copytree(photos(), folder / "source")
    for name, content in colmap().items():
        if place.startswith("sparse") and name.endswith(place[-4:]):
            (folder / "source" / "sparse").mkdir(exist_ok=True)
            (folder / "source" / "sparse" / name).write_bytes(content)
    (folder / "source" / place).write_bytes(data)
    _import(folder / "source", folder)


def _read_prompts(data: bytes, folder: Path) -> None:
    from liftlab.session.prompts import read_prompts

    (folder / "prompts.json").write_bytes(data)
    try:
        assert read_prompts(folder / "prompts.json")
    except InputError as error:  # what validates them puts each fault on a line
        raise InputError(str(error).replace("\n", " ")[:700]) from error


def _read_mask(data: bytes, folder: Path) -> None:
    from liftlab.components.captures.benchmark_layouts.scene import read_labels, read_mask

    (folder / "a.png").write_bytes(data)
    assert read_mask(folder / "a.png").ndim == 2
    assert read_labels(folder / "a.png").ndim == 2


def _read_labels(data: bytes, folder: Path) -> None:
    path = folder / "labels.png"
    path.write_bytes(data)
    values = read_labels(path, LIMITS)
    assert values.ndim == 2 and values.dtype == np.uint32
    holds_labels(values)


KINDS: dict[str, Kind] = {
    "photo": Kind(photo_seeds, _read_photo),
    "zip": Kind(zip_seeds, _read_zip),
    "ply": Kind(ply_seeds, functools.partial(_read_splats, ".ply")),
    "compressed": Kind(compressed_seeds, functools.partial(_read_splats, ".ply")),
    "spz": Kind(lambda: [written(".spz", 0), written(".spz", 3)], functools.partial(_read_splats, ".spz")),
    "sog": Kind(bundle_seeds, functools.partial(_read_splats, ".sog")),
    "ksplat": Kind(ksplat_seeds, functools.partial(_read_splats, ".ksplat")),
    "splat": Kind(lambda: [bytes(range(60, 92)) * 8], functools.partial(_read_splats, ".splat")),
    "spz payload": Kind(
        lambda: [gzip.decompress(written(".spz", degree)) for degree in (0, 3)],
        lambda data, folder: _read_splats(".spz", gzip.compress(data, 1), folder),
    ),
    "video": Kind(video_seeds, _read_video),
    "cameras": Kind(cameras_seeds, functools.partial(_read_cameras, "cameras.json"), text=True),
    "transforms": Kind(transforms_seeds, functools.partial(_read_cameras, "transforms.json"), text=True),
    **{
        name: Kind(
            lambda name=name: [colmap()[name]],
            functools.partial(_read_cameras, f"sparse/{name}"),
            text=name.endswith(".txt"),
        )
        for name in ("cameras.bin", "images.bin", "cameras.txt", "images.txt")
    },
    "prompts": Kind(prompt_seeds, _read_prompts, text=True),
    "mask": Kind(mask_seeds, _read_mask),
    "labels": Kind(label_seeds, _read_labels),
}
