"""What the table of methods stands on: spoilt truth masks, and test photos as views of a reconstruction."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.methods.novel_views import TestPhotos, TestRenderer, _similarity
from benchmarks.methods.oracle_masks import JITTER_PX, oracle_masks
from liftlab.components.geometry.projection import project
from liftlab.components.types import Camera, Provenance, Segmentation
from tests.not_none import not_none
from tests.toy import FLOOR, Toy, make_toy, toy_cameras


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy()


@pytest.fixture(scope="module")
def truth(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("truth")
    (folder / "instance").mkdir()
    for view, labels in zip(toy.scene.views, toy.instance, strict=True):
        cv2.imwrite(str(folder / "instance" / f"{view.stem}.png"), labels.astype(np.uint16))
    return folder


def test_oracle_masks_are_truth_with_moved_rims_and_other_ids(toy: Toy, truth: Path) -> None:
    dropped, owners = 0, []
    for seed in range(12):
        cache = oracle_masks(toy.scene, truth, seed=seed)
        assert cache.scene_key == toy.scene.key
        for view in range(4):
            seen = []
            for object_id in cache.object_ids.tolist():
                mask = cache.mask(view, object_id)
                if not mask.any():
                    continue
                owner = int(np.bincount(toy.instance[view][mask]).argmax())
                exact = toy.instance[view] == owner
                depth = [cv2.distanceTransform(m.astype(np.uint8), cv2.DIST_L2, 5) for m in (exact, ~exact)]
                assert max(depth[0][~mask].max(), depth[1][mask].max()) <= JITTER_PX + 1
                assert cache.kinds[object_id - 1] == ("plane" if owner == FLOOR else "object")
                assert bool(cache.foreground[object_id - 1]) == (owner != FLOOR)
                seen.append(owner)
                if object_id == 1:
                    owners.append(owner)
            assert len(set(seen)) == len(seen)
            dropped += 4 - len(seen)
    assert 0.04 < dropped / (12 * 4 * 4) < 0.18
    assert len(set(owners)) == 3  # one id means another box in another view


def test_the_same_seed_spoils_alike(toy: Toy, truth: Path) -> None:
    first, again = (oracle_masks(toy.scene, truth, seed=3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.blocks, again.blocks, strict=True))


def test_oracle_masks_carry_the_classes_of_their_instances(toy: Toy, truth: Path, tmp_path: Path) -> None:
    assert oracle_masks(toy.scene, truth, seed=3).classes is None
    named = tmp_path / "truth"
    named.mkdir()
    (named / "instance").symlink_to(truth / "instance")
    listed = [{"id": i, "name": str(i), "category": c} for i, c in ((1, "cup"), (2, "box"), (3, "cup"))]
    (named / "objects.json").write_text(json.dumps({"objects": listed}))
    cache = oracle_masks(toy.scene, named, seed=3)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(cache.blocks, oracle_masks(toy.scene, truth, seed=3).blocks, strict=True)
    )
    classes = not_none(cache.classes)
    for view in range(4):
        for object_id in cache.object_ids.tolist():
            mask = cache.mask(view, object_id)
            expected = -1
            if mask.any():
                owner = int(np.bincount(toy.instance[view][mask]).argmax())
                expected = {1: 2, 2: 1, 3: 2, FLOOR: 0}[owner]
            assert classes[view, object_id - 1] == expected


def test_cameras_of_a_moved_and_scaled_scene_are_found() -> None:
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, shift = 2.5, np.array([1.0, -2, 3])

    def moved(camera: Camera) -> Camera:
        pose = np.eye(4)
        pose[:3, :3] = camera.world_to_camera[:3, :3] @ turn.T
        pose[:3, 3] = -pose[:3, :3] @ (scale * turn @ camera.center + shift)
        return replace(camera, world_to_camera=pose)

    cameras = toy_cameras(4)
    R, t, found = _similarity([(camera, moved(camera)) for camera in cameras])
    assert np.allclose(R, turn) and np.allclose(t, shift) and found == pytest.approx(scale)


def test_points_are_drawn_where_they_are_seen(toy: Toy) -> None:
    camera = toy.scene.views[1].camera
    photos = TestPhotos((camera,), (toy.instance[1].astype(np.int32),))
    renderer = TestRenderer(photos, toy.scene, None)
    box = toy.instance[toy.scene.pointmap.valid] == 2
    answer = Segmentation("points", box, box.astype(np.float32), 0.5, (), Provenance("test", {}, "none", 0.0))
    (mask,) = renderer.masks(answer)
    truth = toy.instance[1] == 2
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9
    xy, _ = project(camera, toy.scene.pointmap.points[box].astype(np.float64))
    assert mask.sum() < len(np.unique(np.floor(xy), axis=0)) * 1.5
