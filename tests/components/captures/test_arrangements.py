"""Photos and cameras as people have them: whatever folders, names and formats, the same photos get the same cameras.

What is tried is drawn: folders, names, how the camera file writes the names, its format, and what lies about.
"""

import functools
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liftlab.components.captures import KnownCameras, import_capture, open_capture, write_cameras_json
from liftlab.components.captures.known_cameras import KnownCamera
from liftlab.components.captures.matching import match_names, name_parts
from liftlab.components.types import Lens
from tests.components.captures.picture import jpeg, png, textured
from tests.components.captures.test_cameras import random_pose, write_colmap, write_transforms

COUNT = 4
WIDTH, HEIGHT = 160, 120
ABOVE = ["", "scan", "My Scan/2024"]
FOLDERS = [
    "",
    "images",
    "Images",
    "input",
    "image",
    "dense/images",
    "train",
    "images/left",
    "photos",
    "any where",
]
NAMES = ["{:03d}.jpg", "IMG ({}).JPG", "café_{}.jpg", "frame.{:04d}", "-{}.jpeg", "a b/{}.jpg", "{}.{}.jpg"]
CLUTTER = {
    "README.txt": b"hello", "Thumbs.db": b"\xd0\xcf\x11\xe0", ".DS_Store": b"\0", "masks/{}.png": png(textured(80, 80)),
    "test/r_0.png": png(textured(80, 80)), "database.db": b"SQLite", "thumbnails/{}.jpg": jpeg(textured(80, 80)),
    "points.ply": b"ply\n", "notes.json": b"{}", "depth/0.tiff": b"II*\0",
}  # fmt: skip


def nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)


def with_ending(ending: str) -> Callable[[str], str]:
    return lambda name: (
        (name[: name.rindex(".")] if name.lower().endswith((".jpg", ".jpeg")) else name) + ending
    )


WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": lambda name: name,
    "upper case": str.upper,
    "other ending": with_ending(".png"),
    "decomposed": nfd,
    "absolute": lambda name: f"/home/me/data/{name}",
    "Windows": lambda name: "D:\\data\\" + name.replace("/", "\\"),
    "from outside": lambda name: f"../elsewhere/{name}",
    "name alone": lambda name: name.rpartition("/")[2],
    "with images/": lambda name: f"images/{name}",
    "dotted": lambda name: f"./{name}",
}
FORMATS = ["cameras.json", "transforms.json", "transforms_train.json", "bin", "txt", "sparse/1", "Capital"]


@functools.cache
def picture(index: int) -> bytes:
    return jpeg(textured(HEIGHT, WIDTH, shift=150 * index))


@functools.cache
def cameras() -> tuple[KnownCamera, ...]:
    rng = np.random.default_rng(3)
    lens = Lens(WIDTH, HEIGHT, np.array([[155.0, 0, 80.5], [0, 152.5, 59.125], [0, 0, 1]]))
    return tuple(KnownCamera(lens, random_pose(rng)) for _ in range(COUNT))


def write_cameras_as(kind: str, root: Path, named: dict[str, KnownCamera]) -> None:
    known = KnownCameras(named)
    if kind == "cameras.json":
        write_cameras_json(root / kind, known)
    elif kind.startswith("transforms"):
        write_transforms(root / kind, known, per_frame=False, folder="", distortion=np.zeros(4))
    elif kind == "Capital":
        write_colmap(root / "sparse" / "0", known, "txt", "PINHOLE")
        for name in ("cameras", "images"):
            (root / "sparse" / "0" / f"{name}.txt").rename(root / "sparse" / "0" / f"{name.title()}.txt")
    elif kind == "sparse/1":
        write_colmap(root / "sparse" / "1", known, "bin", "PINHOLE")
        write_colmap(root / "sparse" / "0", KnownCameras(dict(list(named.items())[:2])), "bin", "PINHOLE")
    else:
        write_colmap(root / "sparse", known, kind, "PINHOLE")


def check(
    place: Path, above: str, folder: str, name: str, written: str, kind: str, clutter: list[str], zipped: bool
) -> None:
    root = place / "brought" / above
    photos = [name.format(index, index) for index in range(COUNT)]
    named = {}
    for index, photo in enumerate(photos):
        path = root / folder / photo
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(index))
        below = photo if kind[:5] != "trans" else f"{folder}/{photo}".lstrip("/")
        named[WRITTEN[written](below)] = cameras()[index]
    write_cameras_as(kind, root, named)
    for pattern in clutter:
        path = root / pattern.format(0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CLUTTER[pattern])
    source = place / "brought"
    if zipped:
        with zipfile.ZipFile(place / "brought.zip", "w") as archive:
            for path in sorted(source.rglob("*")):
                archive.write(path, path.relative_to(source))
        source = place / "brought.zip"
    report = import_capture(source, place / "capture")
    assert len(report.kept) == report.num_known_cameras == COUNT, report.warnings
    known = open_capture(place / "capture").known_cameras
    assert known is not None
    for kept in report.kept:
        data = (place / "capture" / "images" / kept).read_bytes()
        (index,) = [index for index in range(COUNT) if picture(index) == data]
        np.testing.assert_allclose(
            known.frames[kept].world_to_camera, cameras()[index].world_to_camera, atol=1e-6
        )
        np.testing.assert_allclose(known.frames[kept].lens.K, cameras()[index].lens.K, atol=1e-6)


ARRANGED = given(
    above=st.sampled_from(ABOVE), folder=st.sampled_from(FOLDERS), name=st.sampled_from(NAMES),
    written=st.sampled_from(sorted(WRITTEN)), kind=st.sampled_from(FORMATS),
    clutter=st.lists(st.sampled_from(sorted(CLUTTER)), unique=True), zipped=st.booleans(),
)  # fmt: skip


def _in_a_fresh_place(**arranged: object) -> None:
    place = Path(tempfile.mkdtemp(prefix="liftlab-arranged-"))
    try:
        check(place, **arranged)  # type: ignore[arg-type]
    finally:
        shutil.rmtree(place)


@settings(max_examples=40, deadline=None, derandomize=True)
@ARRANGED
def test_any_arrangement_gives_the_same_cameras(**arranged: object) -> None:
    _in_a_fresh_place(**arranged)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@ARRANGED
def test_any_arrangement_gives_the_same_cameras_many(**arranged: object) -> None:
    _in_a_fresh_place(**arranged)


def matched(names: list[str], photos: list[str]) -> dict[str, str]:
    found = match_names([name_parts(name) for name in names], [name_parts(photo) for photo in photos])
    return {names[name]: photos[photo] for name, photo in found.photo_of.items()}


def test_one_folder_of_names_is_one_folder_of_photos() -> None:
    names = ["cam1/1.jpg", "cam1/2.jpg", "cam1/3.jpg"]
    assert matched(names, ["cam1/1.jpg", "cam1/2.jpg", "cam2/3.jpg"]) == {name: name for name in names[:2]}


def test_exact_names_go_before_alike_ones() -> None:
    names = ["a.JPG", "a.jpg", "A.png"]
    assert matched(names, names[::-1]) == {name: name for name in names}
    assert matched(["x/1.jpg"], ["1.jpg", "x/1.jpg"]) == {"x/1.jpg": "x/1.jpg"}


def test_what_fits_several_photos_is_left_alone_and_told() -> None:
    found = match_names([("1.jpg",), ("2.jpg",)], [("a", "1.jpg"), ("b", "1.jpg"), ("3.jpg",)])
    assert not found.photo_of and found.ambiguous == (0,)
    found = match_names([("1.png",), ("1.tif",)], [("1.jpg",)])
    assert not found.photo_of and found.ambiguous == (0, 1)


PATHS = st.lists(
    st.lists(st.sampled_from(["a", "A", "b", "1.jpg", "1.JPG", "1.png", "2"]), min_size=1), max_size=8
)


@given(PATHS, PATHS)
@settings(max_examples=200, deadline=None)
def test_matches_are_one_to_one_and_stems_agree(names: list[list[str]], photos: list[list[str]]) -> None:
    found = match_names([tuple(name) for name in names], [tuple(photo) for photo in photos])
    assert len(set(found.photo_of.values())) == len(found.photo_of)
    assert not set(found.ambiguous) & found.photo_of.keys()
    for name, photo in found.photo_of.items():
        assert names[name][-1].split(".")[0].lower() == photos[photo][-1].split(".")[0].lower()
