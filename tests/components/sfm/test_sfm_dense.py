"""Details followed by depth from photo to photo, and cameras adjusted to them."""

import functools
from dataclasses import replace

import cv2
import numpy as np
import pytest

from liftlab.components.geometry.projection import project, unproject
from liftlab.components.sfm import SfmPhoto, reduced_photo
from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.sfm.dense import DenseMatches, dense_matches, evened
from liftlab.components.sfm.judging import Judged
from liftlab.components.sfm.model import FoundModel
from liftlab.components.types import Camera
from tests.textured_scene import render, room, walk

WIDTH, HEIGHT = 480, 360
CAMERAS = walk(3, WIDTH, HEIGHT, span=1.0)


@functools.cache
def pictures() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """What each camera sees, as `render` gives it."""
    return [render(room(), camera) for camera in CAMERAS]


def photos_of(gain: float = 1.0) -> list[SfmPhoto]:
    """The photos; the second is exposed otherwise."""
    out = [reduced_photo(f"{i}.png", picture[0]) for i, picture in enumerate(pictures())]
    dark = (gain * out[1].image.astype(np.float32)).astype(np.uint8)
    return [out[0], replace(out[1], image=dark), out[2]]


def judged(photos: list[SfmPhoto], *, sparse: bool = False) -> Judged:
    """The true cameras, with depth at 160 pixels as the judge has it: here everywhere, or in every other square."""
    views = []
    for camera, photo in zip(CAMERAS, photos, strict=True):
        K = np.diag([1 / 3, 1 / 3, 1]) @ camera.K
        small = Camera(K, camera.world_to_camera, WIDTH // 3, HEIGHT // 3)
        depth = render(room(), small)[1]
        if sparse:
            holes = np.add.outer(np.arange(120) // 12, np.arange(160) // 12) % 2 > 0
            depth = np.where(holes, 0, depth).astype(np.float32)
        grey = cv2.cvtColor(
            cv2.resize(photo.image, (160, 120), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        )
        views.append(DepthView(grey.astype(np.float32) / 255, small, depth))
    K = CAMERAS[0].K
    model = FoundModel(
        photos=(0, 1, 2),
        params=((float(K[0, 0]), float(K[0, 2]), float(K[1, 2]), 0.0),) * 3,
        world_to_camera=np.stack([camera.world_to_camera for camera in CAMERAS]),
        points=np.zeros((1, 3)),
        visible=np.ones((3, 1), bool),
        reprojection_error_px=0.0,
    )
    return Judged(model, tuple(views), (1.0, 1.0, 1.0), (0, 1, 2))


def distances(found: DenseMatches) -> np.ndarray:
    """Pixels by which the followed details miss where they truly are."""
    out = []
    for (first, second), rows in found.pairs.items():
        xy, there = found.details[first][rows[:, 0]], found.details[second][rows[:, 1]]
        column, row = np.floor(xy).astype(int).T
        depth = pictures()[first][1][row, column].astype(np.float64)
        expected, _ = project(CAMERAS[second], unproject(CAMERAS[first], xy, depth))
        out.append(np.linalg.norm(expected - there, axis=1))
    return np.concatenate(out)


@pytest.mark.parametrize(("gain", "sparse"), [(1.0, False), (0.5, False), (1.0, True)])
def test_details_are_followed_to_a_fraction_of_a_pixel(gain: float, sparse: bool) -> None:
    """Also in a photo half as bright, and where depth is known here and there only."""
    photos = photos_of(gain)
    found = dense_matches(photos, judged(photos, sparse=sparse))
    assert set(found.pairs) == {(a, b) for a in range(3) for b in range(3) if a != b}
    missed = distances(found)
    assert len(missed) > 300 and np.median(missed) < 0.15 and np.quantile(missed, 0.9) < 0.6


def test_right_cameras_fit_them_and_a_turned_one_does_not() -> None:
    photos = photos_of()
    true = judged(photos)
    found = dense_matches(photos, true)
    assert found.fewest(true.model) > 100
    assert found.errors_px(photos, true.model).max() < 0.15
    poses = true.model.world_to_camera.copy()
    poses[1, :3] = cv2.Rodrigues(np.radians([0.3, 0, 0]))[0] @ poses[1, :3]
    errors = found.errors_px(photos, replace(true.model, world_to_camera=poses))
    assert errors[1] > 1 and errors[[0, 2]].min() > 0.05
    alone = replace(true.model, photos=(0, 5, 6))
    assert np.isnan(found.errors_px([*photos, *photos, *photos], alone)).all() and found.fewest(alone) == 0


def test_what_no_view_confirms_takes_no_part() -> None:
    photos = photos_of()
    found = dense_matches(photos, replace(judged(photos), confirmed=(0, 2)))
    assert set(found.pairs) == {(0, 2), (2, 0)} and len(found.details[1]) == 0


def test_an_evened_picture_has_neither_brightness_nor_contrast() -> None:
    grey = pictures()[0][0][..., 1].astype(np.float32) / 255
    first, second = evened(grey), evened(0.5 * grey + 0.2)
    assert np.abs(first.astype(int) - second).mean() < 2
    assert abs(first.mean() - 128) < 5 and first.std() > 20
