"""SOG files (PlayCanvas): splats quantised into lossless WebP pictures, in a zip or side by side. Read only.

Source: developer.playcanvas.com, "The SOG format", version 2; version 1 as its reference writer wrote it.
"""

import contextlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from liftlab.components.gaussians.errors import damaged, not_splats
from liftlab.components.gaussians.storage import SplatFile, splat_file
from liftlab.components.types import Array, Float, UInt8

SOG_META = "meta.json"
_PARTS = ("means", "scales", "quats", "sh0")
_MOST_BYTES = 1 << 30
"""Of one picture in the bundle."""
_PALETTE_COLUMNS = 64
_BASES = (0, 3, 8, 15)


def is_sog_meta(record: Any) -> bool:
    """Whether a `meta.json` is that of a SOG."""
    return isinstance(record, dict) and all(isinstance(record.get(part), dict) for part in _PARTS)


def read_sog(path: Path) -> SplatFile:
    """Read a `.sog` bundle, or the folder that the `meta.json` at `path` describes. Raises InputError."""
    with _opened(path) as load:
        record = json.loads(load(SOG_META))
        if not is_sog_meta(record):
            raise not_splats(path, "its meta.json is not that of a SOG file")
        version = record.get("version", 1)
        if version not in (1, 2):
            raise not_splats(path, f"it is of SOG version {version}, and 1 and 2 are read")
        missing = [
            f"{part}.{key}"
            for part, keys in _needed(version).items()
            for key in keys
            if key not in record[part]
        ]
        if missing:
            raise damaged(path, f"its meta.json does not say {missing[0]}")
        count = int(record["count"] if version == 2 else record["means"]["shape"][0])
        return _Sog(path, record, version == 2, count, load).splats()


def _needed(version: int) -> dict[str, tuple[str, ...]]:
    ranges = ("files", "mins", "maxs")
    values = ("files", "codebook") if version == 2 else ranges
    return {"means": ranges, "scales": values, "quats": ("files",), "sh0": values}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Callable[[str], bytes]]:
    """A function that gives the content of a file of the bundle or the folder, by its plain name."""
    if path.name.casefold() == SOG_META:
        yield lambda name: (path.parent / Path(name).name).read_bytes()
        return
    if not zipfile.is_zipfile(path):
        raise not_splats(path, "it is no SOG file")
    with zipfile.ZipFile(path) as bundle:
        places = {Path(name).name: name for name in bundle.namelist()}

        def load(name: str) -> bytes:
            entry = places.get(name)
            if entry is None:
                raise damaged(path, f"its part {name} is missing")
            if bundle.getinfo(entry).file_size > _MOST_BYTES:
                raise damaged(path, f"its part {name} is too large")
            return bundle.read(entry)

        yield load


class _Sog:
    """The pictures of one file, decoded."""

    def __init__(
        self, path: Path, record: dict[str, Any], books: bool, count: int, load: Callable[[str], bytes]
    ) -> None:
        self.path, self.record, self.books, self.count, self.load = path, record, books, count, load

    def splats(self) -> SplatFile:
        low, high = (self.pixels("means", index).astype(np.int32) for index in (0, 1))
        steps = (low[:, :3] | high[:, :3] << 8) / 65535
        means = self.between("means", steps)
        means = np.sign(means) * np.expm1(np.abs(means))
        colours = self.pixels("sh0")
        values = self.values("sh0", colours)
        if self.books:
            natural = colours[:, 3] / 255
            with np.errstate(divide="ignore"):
                opacities = np.log(natural / (1 - natural))
        else:
            opacities = values[:, 3]
        first = values[:, None, :3]
        sh = np.concatenate([first, self.harmonics()], axis=1).astype(np.float32)
        scales = self.values("scales", self.pixels("scales")[:, :3])
        return splat_file(
            means.astype(np.float32),
            self.quats(),
            scales.astype(np.float32),
            opacities.astype(np.float32),
            sh,
        )

    def pixels(self, part: str, index: int = 0) -> UInt8[Array, "N 4"]:
        """The first `count` pixels of a picture."""
        pixels = self.picture(part, index).reshape(-1, 4)
        if len(pixels) < self.count:
            raise damaged(self.path, f"its picture of {part} is smaller than its {self.count} splats")
        return pixels[: self.count]

    def picture(self, part: str, index: int) -> UInt8[Array, "h w 4"]:
        data = self.load(self.record[part]["files"][index])
        with Image.open(io.BytesIO(data), formats=("WEBP", "PNG")) as image:
            return np.asarray(image.convert("RGBA"))

    def between(self, part: str, steps: Float[Array, "..."]) -> Float[Array, "..."]:
        low, high = (np.asarray(self.record[part][end], np.float64) for end in ("mins", "maxs"))
        return low + steps * (high - low)

    def values(self, part: str, codes: UInt8[Array, "..."]) -> Float[Array, "..."]:
        """Numbers that bytes stand for: by the codebook, or evenly between bounds."""
        if not self.books:
            return self.between(part, codes / 255)
        book = np.asarray(self.record[part]["codebook"], np.float64)
        return book[codes]

    def quats(self) -> Float[Array, "N 4"]:
        """wxyz, from the three smallest and which one is left out."""
        pixels = self.pixels("quats")
        left_out = np.clip(pixels[:, 3].astype(int) - 252, 0, 3)
        three = (pixels[:, :3] / 255 * 2 - 1) / np.sqrt(2)
        quats = np.zeros((self.count, 4))
        others = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])[left_out]
        np.put_along_axis(quats, others, three, axis=1)
        largest = np.sqrt(np.maximum(1 - (three**2).sum(axis=1), 0))
        np.put_along_axis(quats, left_out[:, None], largest[:, None], axis=1)
        return quats.astype(np.float32)

    def harmonics(self) -> Float[Array, "N B 3"]:
        """Beyond degree 0, from a palette."""
        if "shN" not in self.record:
            return np.zeros((self.count, 0, 3))
        palette = self.picture("shN", 0)
        bases = palette.shape[1] // _PALETTE_COLUMNS
        if bases not in _BASES:
            raise damaged(self.path, "its palette of harmonics is of no known width")
        labels = self.pixels("shN", 1).astype(int)
        label = labels[:, 0] | labels[:, 1] << 8
        entries = palette[:, : _PALETTE_COLUMNS * bases, :3].reshape(-1, bases, 3)
        return self.values("shN", entries[np.minimum(label, len(entries) - 1)])
