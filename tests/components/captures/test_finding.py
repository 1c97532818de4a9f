"""What is found in folders, zips and lists: photos, a video or splats, and what is said of the rest."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from liftlab.components.captures import ImportLimits, import_capture, open_capture
from liftlab.components.captures.readers.found import Source
from liftlab.components.captures.readers.sources import find_source
from liftlab.components.errors import InputError
from liftlab.components.progress import no_progress
from tests.components.captures.picture import (
    cameras_record,
    jpeg,
    photo_folder,
    png,
    textured,
    write_cameras,
)

CLOUD = b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nproperty float x\nend_header\n"
SPLATS = CLOUD.replace(b"end_header", b"property float scale_0\nend_header")
PICTURE = jpeg(textured(80, 100))


def found(tmp_path: Path, source: Path | list[Path]) -> Source:
    scratch = tmp_path / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return find_source(source, scratch, ImportLimits(), progress=no_progress)


def brought(tmp_path: Path, files: dict[str, bytes], *, zipped: bool = False) -> Path:
    folder = tmp_path / "brought"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if not zipped:
        return folder
    with zipfile.ZipFile(tmp_path / "brought.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder))
    return tmp_path / "brought.zip"


TRAINED = {
    "point_cloud/iteration_7000/point_cloud.ply": SPLATS, "point_cloud/iteration_30000/point_cloud.ply": SPLATS,
    "input.ply": CLOUD, "cameras.json": b'[{"id": 0}]', "cfg_args": b"Namespace()",
    "train/ours_30000/renders/0.png": PICTURE, "train/ours_30000/renders/1.png": PICTURE,
    "test/ours_30000/gt/0.png": PICTURE,
}  # fmt: skip


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("above", ["", "output/"])
def test_of_a_trainers_folder_the_newest_splats(tmp_path: Path, zipped: bool, above: str) -> None:
    source = found(
        tmp_path,
        brought(tmp_path, {above + name: data for name, data in TRAINED.items()}, zipped=zipped),
    )
    assert source.splats is not None
    assert source.splats.parts[-3:] == ("point_cloud", "iteration_30000", "point_cloud.ply")


@pytest.mark.parametrize("zipped", [False, True])
def test_splats_beside_a_thumbnail(tmp_path: Path, zipped: bool) -> None:
    files = {"scene.ply": SPLATS, "thumbnail.jpg": PICTURE, "README.md": b"hello", "sparse.ply": CLOUD}
    source = found(tmp_path, brought(tmp_path, files, zipped=zipped))
    assert source.splats is not None and source.splats.name == "scene.ply"
    assert source.notes == ("Left out beside scene.ply: thumbnail.jpg.",)


def test_an_unpacked_sog_is_splats_and_no_photos(tmp_path: Path) -> None:
    names = ["means_l", "means_u", "quats", "scales", "sh0"]
    files = {f"scene/{name}.webp": PICTURE for name in names}
    meta = b'{"version": 2, "count": 1, "means": {}, "scales": {}, "quats": {}, "sh0": {}}'
    source = found(tmp_path, brought(tmp_path, {**files, "scene/meta.json": meta}))
    assert source.splats is not None and source.splats.name == "meta.json"


def test_several_splats_or_videos_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"There are 2 splat files here \(a\.ply and b\.spz\); bring the one"
    ):
        found(tmp_path, brought(tmp_path, {"a.ply": SPLATS, "b.spz": b"any"}))


def test_photos_go_before_splats_and_videos_beside_them(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    (source / "splats.ply").write_bytes(SPLATS)
    (source / "walk.mp4").write_bytes(b"any")
    report = import_capture(source, tmp_path / "c")
    assert len(report.kept) == 3
    assert "Left out as videos beside photos: walk.mp4." in report.warnings
    assert "Left out as splats beside photos: splats.ply." in report.warnings


def test_what_lies_outside_the_photos_folder_is_named(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    (source / "cover.png").write_bytes(png(textured(shift=500)))
    report = import_capture(source, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg")
    assert "Left out since they are not in images: cover.png." in report.warnings


def test_links_are_followed_once_and_circles_are_none(tmp_path: Path) -> None:
    store = photo_folder(tmp_path / "store", 3) / "images"
    folder = tmp_path / "s"
    (folder / "images").mkdir(parents=True)
    for path in store.iterdir():
        (folder / "images" / path.name).symlink_to(path)
    (folder / "images" / "loop.jpg").symlink_to("loop.jpg")
    (folder / "images" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (folder / "images" / "up").symlink_to(folder)
    (folder / "again").symlink_to(store)
    report = import_capture(folder, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "photos").symlink_to(store)
    assert len(import_capture(linked, tmp_path / "d").kept) == 3


@pytest.mark.parametrize("depth", [3, 100])
def test_deep_folders(tmp_path: Path, depth: int) -> None:
    folder = tmp_path / "s" / "/".join(["a"] * depth)
    os.makedirs(folder)
    for index in range(2):
        (folder / f"{index}.jpg").write_bytes(jpeg(textured(80, 100, shift=200 * index)))
    if depth < 64:
        assert import_capture(tmp_path / "s", tmp_path / "c").kept == ("0.jpg", "1.jpg")
    else:
        with pytest.raises(InputError, match="too deep in folders within folders"):
            import_capture(tmp_path / "s", tmp_path / "c")


def test_photos_of_one_name_in_several_folders_stay_apart(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    for number, name in enumerate(("left/1.jpg", "right/1.jpg", "right/1.png", "left 1.jpg")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(jpeg(textured(shift=120 * number)))
    report = import_capture(folder, tmp_path / "c")
    assert sorted(report.kept) == ["left_1-2.jpg", "left_1.jpg", "right_1-2.jpg", "right_1.jpg"]
    assert any(
        line.startswith("Names that no two photos can share were numbered:") for line in report.warnings
    )


def test_a_list_of_files_is_searched_like_a_folder(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    write_cameras(tmp_path / "cameras.json", cameras_record(3))
    (tmp_path / "000_mask.png").write_bytes(png(textured(80, 80)))
    files = [*sorted((source / "images").iterdir()), tmp_path / "cameras.json", tmp_path / "000_mask.png"]
    report = import_capture(files, tmp_path / "c")
    assert report.kept == ("000.jpg", "001.jpg", "002.jpg") and report.num_known_cameras == 3
    assert any("000_mask.png is 80x80 but its photo 320x240" in line for line in report.warnings)


STALE: dict[str, Callable[[Path], None]] = {
    "names elsewhere": lambda folder: write_cameras(
        folder / "transforms.json",
        {"w": 320, "h": 240, "fl_x": 200.0, "frames": [
            {"file_path": f"old/images/{i:03d}.jpg", "transform_matrix": np.eye(4).tolist()} for i in range(3)
        ]},
    ),
    "other names": lambda folder: write_cameras(
        folder / "transforms.json",
        {"w": 320, "h": 240, "fl_x": 200.0, "frames": [
            {"file_path": f"images/x{i:03d}.jpg", "transform_matrix": np.eye(4).tolist()} for i in range(3)
        ]},
    ),
    "damaged": lambda folder: (folder / "transforms.json").write_text("{"),  # type: ignore[dict-item,return-value]
}  # fmt: skip


@pytest.mark.parametrize("case", STALE)
def test_a_stale_camera_file_does_not_hide_a_good_one(tmp_path: Path, case: str) -> None:
    source = photo_folder(tmp_path / "s", 3)
    STALE[case](source)
    (source / "sparse" / "0").mkdir(parents=True)
    (source / "sparse" / "0" / "cameras.txt").write_text("1 PINHOLE 320 240 300 300 160 120\n")
    lines = [f"{i} 1 0 0 0 {-0.1 * i} 0 0 1 {i:03d}.jpg\n" for i in range(3)]  # no second lines
    (source / "sparse" / "0" / "images.txt").write_text("".join(lines))
    report = import_capture(source, tmp_path / "c")
    assert report.num_known_cameras == 3
    assert any(line.startswith("Not used: ") and "transforms.json" in line for line in report.warnings)


@pytest.mark.parametrize("ends", ["", "\n", "1.5 2.5 -1 3 4 5\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_colmap_text_as_programs_write_it(tmp_path: Path, ends: str, encoding: str) -> None:
    source = photo_folder(tmp_path / "s", 4)
    (source / "Cameras.txt").write_text("# c\n1 pinhole 320 240 300 300 160 120\n", encoding=encoding)
    lines = [f"{i} 1 0 0 0 {-0.1 * i} 0 0 1 {i:03d}.jpg\n{ends}" for i in range(4)]
    (source / "Images.txt").write_text("# i\n" + "".join(lines), encoding=encoding)
    assert import_capture(source, tmp_path / "c").num_known_cameras == 4


def test_the_report_of_a_large_and_messy_capture_fits_on_a_screen(tmp_path: Path) -> None:
    """Three hundred photos of which twenty are bad and five are turned, three videos and masks beside."""
    folder = tmp_path / "s"
    (folder / "photos").mkdir(parents=True)
    (folder / "masks").mkdir()
    wide = textured(64, 64 + 799)
    for index in range(300):
        data = jpeg(np.ascontiguousarray(wide[:, 2 * index : 2 * index + 64]))
        if index % 15 == 0:
            data = [b"", data[:200], b"no picture", png(np.zeros((8, 8, 3), np.uint8))][index // 15 % 4]
        elif index % 60 == 1:
            exif = Image.Exif()
            exif[ExifTags.Base.Orientation] = 6
            data = jpeg(textured(80, 100, shift=index), exif=exif)
        (folder / "photos" / f"IMG_{index:04d}.jpg").write_bytes(data)
        (folder / "masks" / f"IMG_{index:04d}.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name in ("a.mp4", "b.mov", "c.mkv"):
        (folder / name).write_bytes(b"any")
    report = import_capture(folder, tmp_path / "c")
    assert len(report.kept) == 280 and (80, 100) in report.sizes
    text = "\n".join(report.warnings)
    assert len(report.warnings) <= 12 and len(text) < 2000
    for said in (
        "IMG_0000.jpg is an empty file",
        "Likewise IMG_",
        "a.mp4, b.mov and c.mkv",
        "masks/IMG_0004.png",
        "IMG_0001.png is no picture that can be read, so it masks nothing",
    ):
        assert said in text


def test_held_out_photos_are_named(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    (source / "test").mkdir()
    (source / "test" / "r_0.png").write_bytes(b"never opened")
    report = import_capture(source, tmp_path / "c")
    assert "Left out as photos for tests: test/r_0.png." in report.warnings


def test_where_there_are_only_masks_that_is_said(tmp_path: Path) -> None:
    folder = brought(tmp_path, {"masks/0.png": PICTURE, "masks/1.png": PICTURE})
    with pytest.raises(
        InputError, match=r"no photos here; .* Left out as masks and the like: masks/0\.png and"
    ):
        import_capture(folder, tmp_path / "c")


@pytest.mark.parametrize("name", ["cameras.json", "mine.json"])
def test_cameras_of_a_trainer(tmp_path: Path, name: str) -> None:
    source = photo_folder(tmp_path / "s", 3)
    entries = []
    for index in range(3):
        entry = {
            "id": index,
            "img_name": f"{index:03d}",
            "width": 320,
            "height": 240,
            "fx": 300.0,
            "fy": 310.0,
        }
        entries.append({**entry, "position": [0.1 * index, 0, 0], "rotation": np.eye(3).tolist()})
    entries[2]["rotation"] = "broken"
    place = source if name == "cameras.json" else tmp_path
    write_cameras(place / name, entries)
    given = None if place is source else place / name
    report = import_capture(source, tmp_path / "c", cameras=given)
    assert report.num_known_cameras == 2 and any(
        "lacks K, world_to_camera" in line for line in report.warnings
    )
    known = open_capture(tmp_path / "c").known_cameras
    assert known is not None
    np.testing.assert_allclose(known.frames["001.jpg"].world_to_camera[:3, 3], [-0.1, 0, 0])
    np.testing.assert_allclose(known.frames["001.jpg"].lens.K, [[300, 0, 160], [0, 310, 120], [0, 0, 1]])


def test_cameras_that_are_named_are_known_by_their_content(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 2)
    frames = [{"file_path": f"{i:03d}.png", "transform_matrix": np.eye(4).tolist()} for i in range(2)]
    write_cameras(tmp_path / "any.json", {"fl_x": 200.0, "frames": frames})
    assert import_capture(source, tmp_path / "c", cameras=tmp_path / "any.json").num_known_cameras == 2
    assert import_capture(source, tmp_path / "d", with_cameras=False).num_known_cameras == 0
    (source / "cameras.json").write_text("{")
    assert import_capture(source, tmp_path / "d", with_cameras=False).num_known_cameras == 0


def test_cameras_of_programs_that_are_not_read_are_named(tmp_path: Path) -> None:
    source = photo_folder(tmp_path / "s", 3)
    (source / "cameras.xml").write_text("<document/>")
    (source / "scene.nvm").write_text("NVM_V3")
    report = import_capture(source, tmp_path / "c")
    assert any(
        "COLMAP, nerfstudio and cameras.json only: cameras.xml and scene.nvm." in line
        for line in report.warnings
    )
