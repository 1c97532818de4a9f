"""SOG as other programs write it, bundled and unpacked, made here from known splats by the letter of the format."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from liftlab.components.errors import InputError
from liftlab.components.gaussians import read_gaussians
from liftlab.components.types import Gaussians
from tests.components.gaussians.test_files import assert_same_rotations, splats

COUNT = 40


def webp(values: np.ndarray) -> bytes:
    """RGBA rows as a lossless picture, 8 wide."""
    full = np.zeros((-(-len(values) // 8) * 8, 4), np.uint8)
    full[: len(values)] = values
    buffer = io.BytesIO()
    Image.fromarray(full.reshape(-1, 8, 4)).save(buffer, "WEBP", lossless=True, exact=True)
    return buffer.getvalue()


def sog_of(version: int, degree: int) -> tuple[dict[str, bytes], Gaussians]:
    """The files of a SOG, and the splats that they stand for as nearly as bytes can."""
    rng = np.random.default_rng(version)
    written = splats(COUNT, degree=0)
    logs = np.sign(written.means) * np.log1p(np.abs(written.means))
    low, high = logs.min(axis=0), logs.max(axis=0)
    steps = np.round((logs - low) / (high - low) * 65535).astype(np.uint16)
    opaque = np.full((COUNT, 1), 255)
    files = {
        "means_l.webp": webp(np.c_[steps & 255, opaque]), "means_u.webp": webp(np.c_[steps >> 8, opaque]),
    }  # fmt: skip
    largest = np.abs(written.quats).argmax(axis=1)
    signed = written.quats * np.sign(np.take_along_axis(written.quats, largest[:, None], 1))
    three = np.array([np.delete(quat, index) for quat, index in zip(signed, largest, strict=True)])
    files["quats.webp"] = webp(np.c_[np.round((three * np.sqrt(2) + 1) / 2 * 255), 252 + largest])
    meta: dict = {"means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
                  "quats": {"files": ["quats.webp"]}, "scales": {"files": ["scales.webp"]},
                  "sh0": {"files": ["sh0.webp"]}}  # fmt: skip
    scales, dc = np.log(written.scales), written.sh[:, 0]
    logits = np.log(written.opacities / (1 - written.opacities))
    if version == 2:
        meta |= {"version": 2, "count": COUNT}
        for part, values in (("scales", scales), ("sh0", dc)):
            book = np.linspace(values.min(), values.max(), 256)
            meta[part]["codebook"] = book.tolist()
            codes = np.abs(values[..., None] - book).argmin(axis=-1)
            fourth = np.round(255 * written.opacities) if part == "sh0" else opaque[:, 0]
            files[f"{part}.webp"] = webp(np.c_[codes, fourth])
    else:
        meta["means"]["shape"] = [COUNT, 3]
        for part, values in (("scales", scales), ("sh0", np.c_[dc, logits])):
            mins, maxs = values.min(axis=0), values.max(axis=0)
            meta[part] |= {"mins": mins.tolist(), "maxs": maxs.tolist()}
            codes = np.round((values - mins) / (maxs - mins) * 255)
            files[f"{part}.webp"] = webp(codes if part == "sh0" else np.c_[codes, opaque])
    if degree:
        bases = (0, 3, 8, 15)[degree]
        palette = rng.integers(0, 256, (64, bases, 3))
        labels = rng.integers(0, 64, COUNT)
        picture = np.concatenate(
            [palette.reshape(1, 64 * bases, 3), np.full((1, 64 * bases, 1), 255)], axis=2
        )
        buffer = io.BytesIO()
        Image.fromarray(picture.astype(np.uint8)).save(buffer, "WEBP", lossless=True)
        files |= {"shN_centroids.webp": buffer.getvalue(),
                  "shN_labels.webp": webp(np.c_[labels & 255, labels >> 8, labels * 0, opaque])}  # fmt: skip
        meta["shN"] = {"files": ["shN_centroids.webp", "shN_labels.webp"]}
        book = np.linspace(-1, 1, 256)
        meta["shN"] |= (
            {"codebook": book.tolist(), "bands": degree, "count": 64}
            if version == 2
            else {"mins": -1, "maxs": 1}
        )
        written = replace(
            written, sh=np.concatenate([written.sh, book[palette[labels]]], axis=1).astype(np.float32)
        )
    return {**files, "meta.json": json.dumps(meta).encode()}, written


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("degree", [0, 1, 3])
@pytest.mark.parametrize("bundled", [True, False])
def test_sog_bundled_and_unpacked(tmp_path: Path, version: int, degree: int, bundled: bool) -> None:
    files, written = sog_of(version, degree)
    path = tmp_path / "scene.sog"
    if bundled:
        with zipfile.ZipFile(path, "w") as bundle:
            for name, data in files.items():
                bundle.writestr(f"any/{name}", data)
    else:
        path = tmp_path / "meta.json"
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
    read = read_gaussians(path)
    np.testing.assert_allclose(read.means, written.means, atol=1e-3)
    np.testing.assert_allclose(np.log(read.scales), np.log(written.scales), atol=0.02)
    np.testing.assert_allclose(read.opacities, written.opacities, atol=0.01)
    np.testing.assert_allclose(read.sh, written.sh, atol=0.01)
    assert_same_rotations(read.quats, written.quats, 1e-4)


DAMAGES: dict[str, tuple[Callable[[dict, dict], None], str]] = {
    "no bounds": (lambda meta, files: meta["means"].pop("mins"), "its meta.json does not say means.mins"),
    "a picture missing": (lambda meta, files: files.pop("quats.webp"), "its part quats.webp is missing"),
    "more splats": (lambda meta, files: meta.update(count=500), "smaller than its 500 splats"),
    "a later version": (lambda meta, files: meta.update(version=7), "of SOG version 7, and 1 and 2 are read"),
    "another meta": (lambda meta, files: meta.pop("sh0"), "its meta.json is not that of a SOG file"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_damaged_sog_is_said(tmp_path: Path, case: str) -> None:
    change, sentence = DAMAGES[case]
    files, _ = sog_of(2, 0)
    meta = json.loads(files["meta.json"])
    change(meta, files)
    with zipfile.ZipFile(tmp_path / "a.sog", "w") as bundle:
        for name, data in {**files, "meta.json": json.dumps(meta).encode()}.items():
            bundle.writestr(name, data)
    with pytest.raises(InputError, match=sentence):
        read_gaussians(tmp_path / "a.sog")
