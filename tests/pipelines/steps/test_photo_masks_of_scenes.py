"""What a photo's mask leaves out takes no part: in matching, stereo, splats and proposals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import torch

from liftlab.components.gaussians.training.frames import make_frames
from liftlab.components.gaussians.training.initialise import gaussians_from_pointmap
from liftlab.components.gaussians.training.loop import evaluate, train
from liftlab.components.geometry.photo_masks import MASKS_FOLDER, load_mask, shrunk_mask, write_mask
from liftlab.components.pointmaps.stereo.multiview import multiview_pointmap
from liftlab.components.scenes import load_scene, save_scene
from liftlab.components.sfm import SfmOptions, reduced_photo
from liftlab.components.sfm.child import Matcher
from liftlab.components.sfm.worker.features import in_sight
from liftlab.components.types import MaskSet, Scene
from liftlab.pipelines.steps.masks.build import _within, build_masks
from liftlab.pipelines.steps.masks.config import MasksConfig
from tests.components.gaussians.test_training import QUICK, toy  # noqa: F401 - a fixture
from tests.components.pointmaps.test_multiview import sparse_points
from tests.textured_scene import render, room, walk
from tests.toy import make_toy

WIDTH, HEIGHT = 96, 72


def left_half(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """True in the left half."""
    used = np.zeros((height, width), bool)
    used[:, : width // 2] = True
    return used


def test_no_detail_is_found_where_a_mask_is() -> None:
    width, height = 320, 240
    images = [render(room(), camera)[0] for camera in walk(3, width, height)]
    photos = [
        reduced_photo(f"{i}.png", image, used=left_half(width, height) if i == 1 else None)
        for i, image in enumerate(images)
    ]
    with Matcher(photos, SfmOptions(max_features=500, num_threads=1)) as matcher:
        matcher.run({"kind": "match"})
        (database,) = matcher._folder.rglob("*.db")
        with pycolmap.Database.open(database) as db:
            keypoints = {image.name: db.read_keypoints(image.image_id) for image in db.read_all_images()}
        folder = matcher._folder
        for entry, photo in zip(matcher._request["photos"], photos, strict=True):
            x = keypoints[entry["path"]][:, 0]
            if photo.used is None:
                assert (x > width / 2 + 2).any() and (x < width / 2).any()
            else:
                assert len(x) and x.max() <= width / 2
            # what the learned matcher looks at
            seen = in_sight(folder, entry["path"], np.array([[10.0, 10], [width - 10, 10]]))
            assert seen.tolist() == [True, photo.used is None]


def test_stereo_knows_no_depth_where_a_mask_is() -> None:
    cameras = walk(3, WIDTH, HEIGHT)
    pictures = [render(room(), camera) for camera in cameras]
    given = [image for image, _, _ in pictures], cameras, *sparse_points(cameras, pictures)
    plain = multiview_pointmap(*given)
    masked = multiview_pointmap(*given, used=[None, left_half(), None])
    right = slice(WIDTH // 2, None)
    assert plain.valid[1][:, right].mean() > 0.3
    assert not masked.valid[1][:, right].any() and (masked.conf[1][:, right] == 1).all()
    assert masked.valid[1][:, : WIDTH // 2].mean() > 0.3
    # with the others masked away nothing is left to confirm a depth
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    assert not multiview_pointmap(*given, used=[nothing, None, nothing]).valid.any()


def test_splats_fit_only_what_counts(toy) -> None:  # noqa: F811
    views, pointmap = toy
    width, height = views[0].camera.width, views[0].camera.height
    used = left_half(width, height)
    spoilt = []
    for view in views:
        image = view.image.copy()
        image[~used] = (255, 0, 255)
        spoilt.append(replace(view, image=image, used=used))
    frame = make_frames(spoilt[:1], max_side=48)[0]
    wrong = torch.rand(height, width, 3, requires_grad=True)
    loss = (wrong - frame.target(wrong)).abs().sum()
    loss.backward()
    assert wrong.grad is not None
    assert not wrong.grad[:, width // 2 :].any() and wrong.grad[:, : width // 2].abs().min() > 0
    begun = gaussians_from_pointmap(pointmap, views, count=400)
    config = replace(QUICK, iterations=20)
    masked = train(spoilt, begun, config, pointmap=pointmap)
    clean = train([replace(view, used=used) for view in views], begun, config, pointmap=pointmap)
    np.testing.assert_array_equal(masked.gaussians.means, clean.gaussians.means)
    np.testing.assert_array_equal(masked.gaussians.sh, clean.gaussians.sh)
    given = [[replace(view, used=used) for view in views], spoilt]
    own, theirs = (evaluate(clean.gaussians, make_frames(one, max_side=48)) for one in given)
    assert own == theirs


def test_no_proposal_covers_what_a_mask_leaves_out() -> None:
    scene = make_toy(width=160, height=120).scene
    height, width = scene.views[0].image.shape[:2]
    used = left_half(width, height)
    views = (replace(scene.views[0], used=used), *scene.views[1:])
    valid = np.array(scene.pointmap.valid)
    valid[0, :height, :width] &= used
    masked: Scene = replace(scene, views=views, pointmap=replace(scene.pointmap, valid=valid))
    beyond = {}
    for name, one in (("plain", scene), ("masked", masked)):
        cache = build_masks(one, MasksConfig())
        beyond[name] = sum(cache.mask(0, i)[:, width // 2 :].any() for i in cache.object_ids.tolist())
        assert sum(cache.mask(0, i).any() for i in cache.object_ids.tolist()) > 1
    assert beyond["plain"] > 1 and beyond["masked"] == 0


def test_proposals_of_what_is_left_out_alone_are_none() -> None:
    used = left_half(4, 2)
    masks = np.stack([used, ~used, np.ones((2, 4), bool)])
    found = MaskSet(masks, np.array([0.9, 0.8, 0.7]), kinds=("part", "object", "group"))
    within = _within(found, used)
    assert within.kinds == ("part", "group") and within.scores.tolist() == [0.9, 0.7]
    assert (within.masks == used).all()
    assert _within(found, None) is found


def test_a_scene_keeps_its_masks(tmp_path: Path) -> None:
    scene = make_toy().scene
    height, width = scene.views[0].image.shape[:2]
    (tmp_path / "plain").mkdir()
    save_scene(scene, tmp_path / "plain")
    assert not (tmp_path / "plain" / MASKS_FOLDER).exists()
    assert '"mask"' not in (tmp_path / "plain" / "scene.json").read_text(encoding="utf-8")
    assert all(view.used is None for view in load_scene(tmp_path / "plain").views)
    (tmp_path / "masked").mkdir()
    used = left_half(width, height)
    save_scene(
        replace(scene, views=(replace(scene.views[0], used=used), *scene.views[1:])), tmp_path / "masked"
    )
    again = load_scene(tmp_path / "masked")
    np.testing.assert_array_equal(again.views[0].used, used)
    assert all(view.used is None for view in again.views[1:])


def test_masks_change_size_with_their_photo(tmp_path: Path) -> None:
    used = left_half()
    write_mask(tmp_path / "a" / "b.png", used)
    np.testing.assert_array_equal(load_mask(tmp_path / "a" / "b.png"), used)
    for width, height in ((80, 60), (320, 240), (160, 120)):
        np.testing.assert_array_equal(shrunk_mask(used, width, height), left_half(width, height))
