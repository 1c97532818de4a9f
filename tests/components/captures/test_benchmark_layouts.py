"""Loaders of benchmark layouts on tiny made-up copies of their folder trees."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from liftlab.components.captures.benchmark_layouts import (
    BenchmarkScene,
    layout_names,
    open_benchmark,
    thinned,
)
from liftlab.components.errors import InputError

WIDTH, HEIGHT = 40, 30


def photo(path: Path, *, scale: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT * scale, WIDTH * scale, 3), 90, np.uint8))


def grey(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def square(shift: int = 0) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:20, 4 + shift : 19 + shift] = 255
    return mask


def labels(shift: int = 0) -> np.ndarray:
    out = np.zeros((HEIGHT, WIDTH), np.uint16)
    out[5:20, 2 + shift : 14 + shift] = 7
    out[6:22, 18 + shift : 30 + shift] = 300
    return out


def make_nvos(root: Path) -> Path:
    notes = root / "labels/llff"
    for name in ("IMG_1", "IMG_2", "IMG_3"):
        photo(root / f"nerf_llff_data/horns/images/{name}.JPG", scale=4)
    for case in ("horns_center", "horns_left"):
        grey(notes / f"masks/{case}/IMG_3_mask.png", square(2))
        photo(notes / f"masks/{case}/IMG_3.JPG")
        photo(notes / f"reference_image/{case}/IMG_1.JPG", scale=4)
        grey(notes / f"scribbles/{case}/pos_0_horns.png", square())
        grey(notes / f"scribbles/{case}/neg_0_horns.png", 255 - square())
        grey(notes / f"scribbles/{case}/vis_horns.png", square())
    return root


def make_spin(root: Path) -> Path:
    for index in range(4):
        photo(root / f"nerf_llff_data/fern/images_4/IMG_{index:04d}.png", scale=2)
        photo(root / f"Truck (Tanks & Temples)/images/00{index}.jpg", scale=2)
    for index in (0, 1, 3):
        grey(root / f"fern (llff)/image00{index}.png", square(index))
    grey(root / "fern (llff)/image000_cutout.png", square())
    for name in ("0_000", "1_002"):
        grey(root / f"Truck (Tanks & Temples)/{name}.png", square())
    return root


def make_lerf(root: Path) -> Path:
    for index in range(4):
        photo(root / f"figurines/images/frame_{index}.jpg")
    for index in (0, 2):
        photo(root / f"figurines/images_train/frame_{index}.jpg")
    grey(root / "figurines/test_mask/0/green apple.png", square())
    grey(root / "figurines/test_mask/1/green apple.png", square(3))
    grey(root / "figurines/test_mask/1/old camera.png", square(9))
    return root


def make_replica(root: Path) -> Path:
    for index in range(4):
        kind = "test" if index % 2 else "train"
        photo(root / f"office_0/images/{kind}_rgb_{index:04d}.png")
        grey(root / f"office_0/semantic_instance/{kind}_semantic_instance_{index:04d}.png", labels(index))
    return root


def make_messy(root: Path) -> Path:
    room = root / "large_corridor_25"
    for index in range(10):
        photo(room / f"color/{index}.png")
        ids = labels(index % 3).astype(np.int32) + 1
        for kind, content in (("instance", ids), ("semantic", (ids > 1).astype(np.uint8))):
            (room / kind).mkdir(exist_ok=True)
            np.save(room / kind / f"{index}.npy", content)
    camera = {
        "K": [[-1.2, 0, 0.5], [0, 1.6, 0.5], [0, 0, 1]],
        "positions": [[0.1 * index, 0, 2.0] for index in range(10)],
        "quaternions": [[1.0, 0, 0, 0]] * 10,
    }
    (room / "metadata.json").write_text(json.dumps({"camera": camera}))
    return root


def make_ovs(root: Path) -> Path:
    for index in range(3):
        photo(root / f"bed/images/{index:02d}.jpg")
    for view, shift in (("00", 0), ("2", 4)):
        grey(root / f"bed/segmentations/{view}/banana.png", square(shift))
        grey(root / f"bed/segmentations/{view}/white sheet.png", 255 - square(shift))
    (root / "bed/segmentations/classes.txt").write_text("white sheet\nbanana\n")
    return root


def make_scannet(root: Path) -> Path:
    scene = root / "scene0010_00"
    for index in (0, 2, 10):
        photo(scene / f"color/{index}.jpg")
        grey(scene / f"instance-filt/{index}.png", (labels(index % 3) % 256).astype(np.uint8))
        (scene / "pose").mkdir(exist_ok=True)
        pose = np.eye(4)
        pose[0, 3] = -np.inf if index == 2 else index
        np.savetxt(scene / f"pose/{index}.txt", pose)
    (scene / "intrinsic").mkdir()
    np.savetxt(scene / "intrinsic/intrinsic_color.txt", np.diag([50.0, 50, 1, 1]))
    return root


MAKERS = {
    "NVOS": make_nvos, "SPIn-NeRF": make_spin, "LERF-Mask": make_lerf, "Replica-Gaga": make_replica,
    "Messy-Rooms": make_messy, "3D-OVS": make_ovs, "ScanNet": make_scannet,
}  # fmt: skip


def test_every_layout_has_its_test() -> None:
    assert {*MAKERS, "LiftLab"} == set(layout_names())


@pytest.mark.parametrize("name", MAKERS)
def test_found_by_name_and_by_looking(name: str, tmp_path: Path) -> None:
    root = MAKERS[name](tmp_path)
    named = open_benchmark(root, name.lower())
    looked = open_benchmark(root)
    assert [scene.name for scene in named] == [scene.name for scene in looked]
    for scene in named:
        assert scene.layout == name and scene.objects and scene.scored
        assert {*scene.scored} <= {path.name for path in scene.photos}
        for entry in scene.objects:
            maps = [scene.truth_of(entry.id, photo) for photo in scene.scored]
            assert all(m.dtype == np.int32 and set(np.unique(m)) <= {-1, 0, 1} for m in maps)
            assert any((m == 1).any() for m in maps)


@pytest.mark.parametrize("name", MAKERS)
def test_an_empty_folder_is_told_what_is_missing(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=str(tmp_path)) as caught:
        open_benchmark(tmp_path, name)
    assert str(caught.value).count(". ") == 0  # one sentence


def only(root: Path, name: str) -> BenchmarkScene:
    return open_benchmark(root, name)[0]


def test_nvos_points_come_from_the_scribbles_in_photo_pixels(tmp_path: Path) -> None:
    root = make_nvos(tmp_path)
    assert [scene.name for scene in open_benchmark(root)] == ["horns_center", "horns_left"]
    scene = only(root, "NVOS")
    assert scene.protocol == "points" and scene.scored == ("IMG_3.JPG",) and len(scene.photos) == 3
    draw = scene.objects[0].points
    assert draw is not None
    points = draw(np.random.default_rng(0))
    assert points == draw(np.random.default_rng(0)) and points != draw(np.random.default_rng(1))
    assert [point.positive for point in points] == [True] * 10 + [False] * 10
    for point in points:
        assert point.photo == "IMG_1.JPG"
        assert (
            square()[int(point.y / 4), int(point.x / 4)] > 0
        ) == point.positive  # the photo is 4 times as large


def test_nvos_names_what_is_missing(tmp_path: Path) -> None:
    root = make_nvos(tmp_path)
    (root / "nerf_llff_data/horns/images/IMG_3.JPG").unlink()
    with pytest.raises(InputError, match="The photos IMG_1 and IMG_3 of horns_center are not among those in"):
        open_benchmark(root)
    (root / "nerf_llff_data").rename(root / "elsewhere")
    with pytest.raises(InputError, match="The LLFF photos of 'horns' are missing; expected them at"):
        open_benchmark(root)
    (root / "labels/llff/scribbles/horns_center/pos_0_horns.png").unlink()
    with pytest.raises(InputError, match=r"one file of positive scribbles \(pos_\*\.png\); found 0"):
        open_benchmark(root)


def test_spin_nerf_masks_find_their_photos(tmp_path: Path) -> None:
    truck, fern = open_benchmark(make_spin(tmp_path), "SPIn-NeRF")
    assert truck.name == "Truck" and truck.scored == ("002.jpg",)
    assert fern.name == "fern" and fern.scored == (
        "IMG_0001.png",
        "IMG_0003.png",
    )  # the first mask is the prompt
    assert np.array_equal(fern.truth_of(1, "IMG_0003.png") == 1, square(3) > 0)
    draw = fern.objects[0].points
    assert draw is not None and {point.photo for point in draw(np.random.default_rng(0))} == {"IMG_0000.png"}
    (tmp_path / "fern (llff)/image009.png").write_bytes((tmp_path / "fern (llff)/image000.png").read_bytes())
    with pytest.raises(InputError, match=r"No photo belongs to the mask image009\.png"):
        open_benchmark(tmp_path, "SPIn-NeRF")


def test_lerf_views_are_counted_among_the_held_out_photos(tmp_path: Path) -> None:
    scene = only(make_lerf(tmp_path), "LERF-Mask")
    assert scene.scored == ("frame_1.jpg", "frame_3.jpg")
    assert [entry.text for entry in scene.objects] == ["green apple", "old camera"]
    assert (scene.truth_of(2, "frame_1.jpg") == -1).all()  # not annotated there: not scored
    assert np.array_equal(scene.truth_of(2, "frame_3.jpg") == 1, square(9) > 0)
    (tmp_path / "figurines/test_mask/7").mkdir()
    with pytest.raises(InputError, match="No photo belongs to the masks of view '7'"):
        open_benchmark(tmp_path)


def test_replica_is_scored_on_test_photos(tmp_path: Path) -> None:
    scene = only(make_replica(tmp_path), "Replica-Gaga")
    assert scene.scored == ("test_rgb_0001.png", "test_rgb_0003.png") and len(scene.photos) == 4
    assert scene.labels_of is not None
    assert np.array_equal(scene.labels_of("test_rgb_0003.png"), labels(3))
    assert [entry.id for entry in scene.objects] == [7, 300]


def test_messy_rooms_hold_out_the_last_fifth_and_bring_cameras(tmp_path: Path) -> None:
    scene = only(make_messy(tmp_path), "Messy-Rooms")
    assert scene.scored == ("8.png", "9.png") and scene.photos[9].name == "9.png"
    assert [entry.id for entry in scene.objects] == [8, 301]
    assert scene.cameras is not None
    frame = scene.cameras["frames"][2]
    assert frame["K"][0][:1] == [pytest.approx(48)] and frame["K"][1][1] == pytest.approx(48)
    # Blender's camera looks along -Z: a point below it lies in front of ours.
    ahead = np.array(frame["world_to_camera"]) @ [0.2, 0, 1.0, 1]
    assert ahead[:3] == pytest.approx([0, 0, 1])
    (tmp_path / "large_corridor_25/color/9.png").unlink()
    with pytest.raises(InputError, match="There are 9 frames but 10 cameras"):
        open_benchmark(tmp_path)


def test_ovs_needs_a_mask_for_every_category(tmp_path: Path) -> None:
    scene = only(make_ovs(tmp_path), "3D-OVS")
    assert scene.scored == ("00.jpg", "02.jpg") and scene.protocol == "text"
    assert [entry.text for entry in scene.objects] == ["banana", "white sheet"]
    (tmp_path / "bed/segmentations/2/banana.png").unlink()
    with pytest.raises(InputError, match="The file of the mask of 'banana' is missing"):
        open_benchmark(tmp_path)


def test_scannet_zero_is_void_and_lost_poses_are_left_out(tmp_path: Path) -> None:
    scene = only(make_scannet(tmp_path), "ScanNet")
    assert scene.scored == ("0.jpg", "2.jpg", "10.jpg")
    assert scene.labels_of is not None and set(np.unique(scene.labels_of("0.jpg"))) == {-1, 7, 300 % 256}
    assert scene.cameras is not None
    assert [frame["image"] for frame in scene.cameras["frames"]] == ["0.jpg", "10.jpg"]
    assert scene.cameras["frames"][1]["world_to_camera"][0][3] == -10


def test_scannet_as_gaga_splits_it(tmp_path: Path) -> None:
    scene_folder = tmp_path / "scene0012_00"
    for index in (1, 2, 3):
        photo(scene_folder / f"images/{index}.jpg")
    for index in (2, 3):
        grey(scene_folder / f"test/test_ins_full/{index}.png", labels().astype(np.uint8))
    scene = only(tmp_path, "ScanNet")
    assert scene.scored == ("2.jpg", "3.jpg") and scene.cameras is None


def test_a_long_scene_is_thinned_evenly(tmp_path: Path) -> None:
    scene = only(make_messy(tmp_path), "Messy-Rooms")
    few = thinned(scene, 4)
    assert [photo.stem for photo in few.photos] == ["0", "3", "6", "9"] and few.scored == ("9.png",)
    assert few.cameras is not None and [f["image"] for f in few.cameras["frames"]] == [
        p.name for p in few.photos
    ]
    assert few.objects == scene.objects and thinned(scene, 10) is scene
    with pytest.raises(InputError, match="None of the 1 photos of large_corridor_25 would be scored"):
        thinned(scene, 1)


def test_annotated_photos_survive_thinning(tmp_path: Path) -> None:
    scene = only(make_nvos(tmp_path), "NVOS")
    for seed in range(3):
        assert {photo.name for photo in thinned(scene, 2, seed=seed).photos} == {"IMG_1.JPG", "IMG_3.JPG"}
    with pytest.raises(InputError, match="None of the 1 photos"):
        thinned(scene, 1)


def drawn(scene: BenchmarkScene, count: int, seed: int) -> set[str]:
    return {photo.name for photo in thinned(scene, count, seed=seed).photos}


def test_photos_beside_a_reference_are_drawn_at_random(tmp_path: Path) -> None:
    """All of them are annotated, and yet no more are kept than were asked for."""
    folder = tmp_path / "fern (llff)"
    for number in range(12):
        photo(folder / f"images/image{number:03d}.png")
        grey(folder / f"image{number:03d}.png", square())
    scene = only(folder, "SPIn-NeRF")
    assert len(scene.scored) == 11
    draws = {seed: drawn(scene, 5, seed) for seed in range(6)}
    assert all(len(names) == 5 and "image000.png" in names for names in draws.values())
    assert draws[0] == drawn(scene, 5, 0) and len({frozenset(names) for names in draws.values()}) > 1
    assert drawn(scene, 3, 0) < draws[0] < drawn(scene, 9, 0)
    few = thinned(scene, 3)
    assert set(few.scored) == {p.name for p in few.photos} - {"image000.png"}


def test_annotated_photos_come_first_where_words_are_asked(tmp_path: Path) -> None:
    scene = only(make_lerf(tmp_path), "LERF-Mask")
    many = len(scene.scored)
    assert len(scene.photos) > many
    assert drawn(scene, many, 0) == set(scene.scored)
    assert drawn(scene, 1, 0) <= set(scene.scored)


def test_unknown_layouts_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Unknown layout 'NVSO'\. Did you mean 'NVOS'"):
        open_benchmark(tmp_path, "NVSO")
    with pytest.raises(InputError, match="no truth to score against"):
        open_benchmark(tmp_path)
    with pytest.raises(InputError, match="There is no folder here"):
        open_benchmark(tmp_path / "gone")


def test_object_names_are_found_however_they_are_written(tmp_path: Path) -> None:
    scene = only(make_lerf(tmp_path), "LERF-Mask")
    for name in ("green apple", "Green_Apple", "green-apple", "1"):
        found = scene.object_called(name)
        assert found is not None and found.id == 1
    assert scene.object_called("apple") is None
