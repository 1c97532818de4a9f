"""What is exported reopens in other people's readers, with the same content."""

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import plyfile
import pycolmap
import pytest
import trimesh
from pycocotools.coco import COCO

from liftlab.components.export import (
    NamedMasks,
    cloud_of,
    write_coco,
    write_colmap,
    write_glb,
    write_label_png,
    write_mask_png,
    write_point_cloud_ply,
    write_transforms,
)
from liftlab.components.geometry.projection import project, view_from_photo
from liftlab.components.types import Lens, Scene
from tests.not_none import read_image
from tests.toy import Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(photo_scale=2)


def selected_box(toy: Toy, number: int) -> np.ndarray:
    return (toy.instance == number)[toy.scene.pointmap.valid]


def with_distortion(scene: Scene) -> Scene:
    bent = [
        replace(
            view,
            lens=Lens(view.lens.width, view.lens.height, view.lens.K, np.array([0.05, -0.01, 1e-3, -2e-3])),
        )
        for view in scene.views
    ]
    return replace(scene, views=tuple(bent))


def test_ply_holds_points_colours_and_the_photo_pixel_of_each(toy: Toy, tmp_path: Path) -> None:
    scene = with_distortion(toy.scene)
    selected = selected_box(toy, 2)
    write_point_cloud_ply(tmp_path / "box.ply", cloud_of(scene, selected))
    ply = plyfile.PlyData.read(tmp_path / "box.ply")
    vertex = ply["vertex"]
    points = np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=1)
    assert np.array_equal(points, scene.pointmap.points[selected])
    assert ply.comments == [f"view {i} {view.name}" for i, view in enumerate(scene.views)]
    for number, view in enumerate(scene.views):
        here = vertex["view"] == number
        xy = np.stack([vertex["photo_x"][here], vertex["photo_y"][here]], axis=1)
        in_view = view_from_photo(view, xy.astype(np.float64))
        seen, _ = project(view.camera, points[here].astype(np.float64))
        assert np.abs(in_view - seen).max() < 0.01, "the pixel is where the point projects to"
        colours = np.stack([vertex[c][here] for c in ("red", "green", "blue")], axis=1)
        columns, rows = np.floor(seen).astype(int).T
        assert np.array_equal(colours, view.image[rows, columns])


def test_ply_of_nothing_is_a_valid_empty_cloud(toy: Toy, tmp_path: Path) -> None:
    write_point_cloud_ply(
        tmp_path / "none.ply", cloud_of(toy.scene, np.zeros(int(toy.scene.pointmap.offsets[-1]), bool))
    )
    assert len(plyfile.PlyData.read(tmp_path / "none.ply")["vertex"]) == 0


def test_glb_opens_with_up_as_y_and_colours_kept(toy: Toy, tmp_path: Path) -> None:
    selected = selected_box(toy, 1)
    cloud = cloud_of(toy.scene, selected)
    write_glb(tmp_path / "box.glb", cloud)
    model = trimesh.load_scene(tmp_path / "box.glb")
    (geometry,) = model.geometry.values()
    assert np.allclose(geometry.vertices, cloud.points, atol=1e-6)
    assert np.array_equal(geometry.colors[:, :3], cloud.colours)
    turned = model.to_geometry()
    assert isinstance(turned, trimesh.Trimesh | trimesh.PointCloud)
    height = cloud.points @ toy.scene.up
    assert np.allclose(turned.vertices[:, 1], height, atol=1e-5)


def test_glb_of_nothing_is_refused(toy: Toy, tmp_path: Path) -> None:
    empty = cloud_of(toy.scene, np.zeros(int(toy.scene.pointmap.offsets[-1]), bool))
    with pytest.raises(ValueError, match="must have points"):
        write_glb(tmp_path / "none.glb", empty)
    assert list(tmp_path.iterdir()) == []


def test_pngs_come_back_bit_for_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    mask = rng.random((41, 67)) < 0.4
    write_mask_png(tmp_path / "m.png", mask)
    assert np.array_equal(read_image(tmp_path / "m.png", cv2.IMREAD_UNCHANGED), mask * np.uint8(255))
    labels = rng.integers(0, 65536, (41, 67)).astype(np.uint16)
    write_label_png(tmp_path / "l.png", labels)
    assert np.array_equal(read_image(tmp_path / "l.png", cv2.IMREAD_UNCHANGED), labels)


def test_coco_masks_and_names_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    photos = {"a.jpg": (67, 41), "b.png": (30, 50), "c.png": (8, 8)}
    objects = [
        NamedMasks("mug, blue", {"a.jpg": rng.random((41, 67)) < 0.5, "b.png": rng.random((50, 30)) < 0.1}),
        NamedMasks("Löffel", {"b.png": rng.random((50, 30)) < 0.9, "c.png": np.zeros((8, 8), bool)}),
    ]
    write_coco(tmp_path / "coco.json", photos, objects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", io.StringIO())  # the reader prints
        coco = COCO(str(tmp_path / "coco.json"))
    assert {c["name"] for c in coco.loadCats(coco.getCatIds())} == {"mug, blue", "Löffel"}
    found = {}
    for annotation in coco.loadAnns(coco.getAnnIds()):
        image = coco.loadImgs(annotation["image_id"])[0]["file_name"]
        name = coco.loadCats(annotation["category_id"])[0]["name"]
        found[name, image] = coco.annToMask(annotation).astype(bool)
        ys, xs = np.nonzero(found[name, image])
        x, y, w, h = annotation["bbox"]
        assert (x, y, x + w, y + h) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        assert annotation["area"] == len(ys)
    expected = {(o.name, image): mask for o in objects for image, mask in o.masks.items() if mask.any()}
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[key], expected[key]) for key in expected)


def test_numbered_objects_are_of_one_category() -> None:
    from liftlab.components.export import coco_of

    mask = {"a.jpg": np.ones((3, 4), bool)}
    names = ["mug 1", "mug 2", "mug", "7"]
    coco = coco_of({"a.jpg": (4, 3)}, [NamedMasks(name, mask) for name in names])
    assert [category["name"] for category in coco["categories"]] == ["mug", "7"]
    assert [(a["object"], a["category_id"]) for a in coco["annotations"]] == list(
        zip(names, [1, 1, 1, 2], strict=True)
    )
    assert [a["instance_id"] for a in coco["annotations"]] == [1, 2, 3, 4]


def test_coco_refuses_a_mask_of_another_size() -> None:
    from liftlab.components.export import coco_of

    with pytest.raises(ValueError, match="photo's size"):
        coco_of({"a.jpg": (10, 20)}, [NamedMasks("x", {"a.jpg": np.zeros((10, 20), bool)})])


def test_colmap_model_projects_world_points_as_we_do(toy: Toy, tmp_path: Path) -> None:
    scene = with_distortion(toy.scene)
    write_colmap(tmp_path, scene)
    model = pycolmap.Reconstruction(str(tmp_path))
    assert {image.name for image in model.images.values()} == {view.name for view in scene.views}
    points = scene.pointmap.points[::400].astype(np.float64)
    from liftlab.components.geometry.projection import photo_from_view

    for view in scene.views:
        image = model.find_image_with_name(view.name)
        in_camera = image.cam_from_world() * points
        theirs = np.array([model.cameras[image.camera_id].img_from_cam(p) for p in in_camera])
        seen, depth = project(view.camera, points)
        ours = photo_from_view(view, seen)
        assert (depth > 0).all()
        assert np.abs(theirs - ours).max() < 1e-6
    cloud = np.array([p.xyz for p in model.points3D.values()])
    assert len(cloud) > 1000
    assert np.abs(cloud.min(axis=0) - scene.pointmap.points.min(axis=0)).max() < 0.1


def test_transforms_json_gives_the_cameras_back(toy: Toy, tmp_path: Path) -> None:
    import json

    write_transforms(tmp_path / "transforms.json", toy.scene)
    record = json.loads((tmp_path / "transforms.json").read_text())
    for frame, view in zip(record["frames"], toy.scene.views, strict=True):
        assert frame["file_path"] == f"images/{view.name}"
        opengl = np.array(frame["transform_matrix"])
        assert np.allclose(opengl[:3, 3], view.camera.center)
        forward = view.camera.world_to_camera[2, :3]
        assert np.allclose(-opengl[:3, 2], forward), "an OpenGL camera looks along -Z"
        assert np.allclose(opengl[:3, 1], -view.camera.world_to_camera[1, :3]), "and its Y points up"
        assert (frame["w"], frame["fl_x"]) == (view.lens.width, view.lens.K[0, 0])
