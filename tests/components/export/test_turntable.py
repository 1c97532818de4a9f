"""The turn around an object: it stays in the picture, upright, at one distance, on the side that was seen."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from liftlab.components.export import turntable_cameras, turntable_frames, write_gif, write_mp4
from liftlab.components.gaussians.training.initialise import gaussians_from_points
from liftlab.components.types import Camera, Gaussians
from tests.toy import look_at

UP = np.array([0.0, 0.0, 1.0])


def ball(center: tuple[float, float, float] = (1.0, 2.0, 0.5), radius: float = 0.3) -> Gaussians:
    directions = np.random.default_rng(0).normal(size=(600, 3))
    points = np.array(center) + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return gaussians_from_points(points, np.full((600, 3), 200, np.uint8), opacity=0.9)


def ring(angles: list[float]) -> list[Camera]:
    """Cameras around the ball, a metre above it."""
    center = np.array([1.0, 2.0, 0.5])
    return [look_at(center + np.array([2 * math.cos(a), 2 * math.sin(a), 1.0]), center) for a in angles]


def azimuths(cameras: list[Camera]) -> np.ndarray:
    away = np.stack([camera.center for camera in cameras]) - [1.0, 2.0, 0.5]
    return np.unwrap(np.arctan2(away[:, 1], away[:, 0]))


def test_the_object_fills_the_middle_of_every_picture() -> None:
    thing = ball()
    cameras = turntable_cameras(thing, UP, ring([0.0, 0.4]), count=8, side=64)
    for frame in turntable_frames(thing, cameras):
        rows, columns = np.nonzero(frame.min(axis=2) < 240)
        assert frame.shape == (64, 64, 3)
        assert rows.min() > 0 and columns.min() > 0 and rows.max() < 63 and columns.max() < 63
        assert np.ptp(rows) > 32 and abs(rows.mean() - 31.5) < 3 and abs(columns.mean() - 31.5) < 3
        assert (frame[0, 0] == 255).all(), "white behind"


def test_cameras_keep_distance_height_and_horizon() -> None:
    cameras = turntable_cameras(ball(), UP, ring([0.0, 0.4]), count=12)
    centers = np.stack([camera.center for camera in cameras])
    assert np.ptp(np.linalg.norm(centers - [1.0, 2.0, 0.5], axis=1)) < 0.05
    assert np.ptp(centers[:, 2]) < 1e-9
    for camera in cameras:
        assert abs(camera.world_to_camera[0, :3] @ UP) < 1e-9, "the horizon is level"
        assert camera.world_to_camera[1, :3] @ UP < 0, "up is up"


def test_a_side_that_was_seen_is_swung_over_and_a_whole_one_turned() -> None:
    swing = azimuths(turntable_cameras(ball(), UP, ring([-0.5, 0.0, 0.5]), count=40))
    assert 0.5 < swing.max() < 0.9 and -0.9 < swing.min() < -0.5
    across = azimuths(turntable_cameras(ball(), UP, ring([math.pi - 0.4, -math.pi + 0.4]), count=40))
    assert 0.8 < np.ptp(across) < 1.5, "the side seen lies across the place where angles start anew"
    around = [2 * math.pi * i / 6 for i in range(6)]
    whole = azimuths(turntable_cameras(ball(), UP, ring(around), count=40))
    assert np.ptp(whole) == pytest.approx(2 * math.pi * 39 / 40, rel=1e-3)


def test_films_hold_every_frame(tmp_path: Path) -> None:
    frames = [np.full((32, 48, 3), (level, 20, 20), np.uint8) for level in (0, 100, 200)]
    write_gif(tmp_path / "turn.gif", frames)
    with Image.open(tmp_path / "turn.gif") as gif:
        assert isinstance(gif, GifImageFile)
        assert (gif.n_frames, gif.size, gif.info["loop"]) == (3, (48, 32), 0)
        gif.seek(2)
        assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - frames[2]).max() < 8
    write_mp4(tmp_path / "turn.mp4", frames)
    with av.open(str(tmp_path / "turn.mp4")) as film:
        decoded = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(decoded) == 3
    assert np.abs(decoded[2].astype(int) - frames[2]).mean() < 8
    assert {path.name for path in tmp_path.iterdir()} == {"turn.gif", "turn.mp4"}


def test_nothing_to_show_is_said(tmp_path: Path) -> None:
    empty = Gaussians(*(np.zeros((0, *shape), np.float32) for shape in ((3,), (4,), (3,), (), (1, 3))))
    with pytest.raises(ValueError, match="must not be empty"):
        turntable_cameras(empty, UP, ring([0.0]))
    for write in (write_gif, write_mp4):
        with pytest.raises(ValueError, match="at least one picture"):
            write(tmp_path / "nothing", [])
