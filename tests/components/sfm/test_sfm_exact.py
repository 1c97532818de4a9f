"""Poses led to their place by details followed by depth, and matches of views drawn from aside."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from liftlab.components.sfm import SfmPhoto, reduced_photo
from liftlab.components.sfm.confirmation import DepthView
from liftlab.components.sfm.dense import SIDE, FineView, fine_view
from liftlab.components.sfm.placing import poses_from
from liftlab.components.sfm.placing.exact import exact_pose
from liftlab.components.sfm.placing.rest import MIN_AGREEING
from liftlab.components.sfm.placing.turned import (
    cameras_aside,
    details_in,
    drawn_from,
    known_from_aside,
    matched,
    matched_with,
)
from liftlab.components.types import Camera
from tests.textured_scene import looking_at, render, room

WIDTH, HEIGHT = 480, 360
MIDDLE = (0.0, 0.2, 3.2)
K = looking_at((0, 0, 0), MIDDLE, WIDTH, HEIGHT).K
PARAMS = (float(K[0, 0]), float(K[0, 2]), float(K[1, 2]), 0.0)


def seen_from(degrees: float) -> Camera:
    """A camera on a circle round the box, which it looks at."""
    at = np.radians(degrees)
    return looking_at((3 * np.sin(at), -0.6, 3.2 - 3 * np.cos(at)), MIDDLE, WIDTH, HEIGHT)


@cache
def picture(degrees: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return render(room(), seen_from(degrees))


def photo(degrees: float) -> SfmPhoto:
    return reduced_photo("photo.png", picture(degrees)[0])


@cache
def view(degrees: float) -> FineView:
    """With its true depth, a third of the size as the judge has it."""
    camera = seen_from(degrees)
    small = Camera(np.diag([1 / 3, 1 / 3, 1]) @ camera.K, camera.world_to_camera, WIDTH // 3, HEIGHT // 3)
    depth = render(room(), small)[1]
    return fine_view(photo(degrees), PARAMS, DepthView(np.zeros_like(depth), small, depth))


def turned_by(degrees: float, shift: float) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3] = cv2.Rodrigues(np.radians([degrees, -degrees, 0.5 * degrees]))[0]
    out[:3, 3] = shift, -shift, shift
    return out


def errors_of(pose: np.ndarray, degrees: float) -> tuple[float, float]:
    """Distance from the true place, in a scene that is three away, and degrees."""
    true = seen_from(degrees)
    turn = pose[:3, :3] @ true.world_to_camera[:3, :3].T
    center = -pose[:3, :3].T @ pose[:3, 3]
    return float(np.linalg.norm(center - true.center)), float(
        np.degrees(np.linalg.norm(cv2.Rodrigues(turn)[0]))
    )


def test_a_rough_pose_becomes_exact() -> None:
    rough = replace(seen_from(10), world_to_camera=turned_by(0.6, 0.03) @ seen_from(10).world_to_camera)
    distance, angle = errors_of(rough.world_to_camera, 10)
    assert distance > 0.04 and angle > 0.8
    found = exact_pose(photo(10), PARAMS, rough, [view(0), view(20)])
    assert found is not None and found.asked > found.agreeing > 100
    distance, angle = errors_of(found.world_to_camera, 10)
    assert distance < 0.015 and angle < 0.25


def test_hardly_a_detail_agrees_with_a_wrong_place() -> None:
    wrong = replace(seen_from(10), world_to_camera=turned_by(12, 0.4) @ seen_from(10).world_to_camera)
    found = exact_pose(photo(10), PARAMS, wrong, [view(0), view(20)])
    assert found is None or found.agreeing < MIN_AGREEING
    assert exact_pose(photo(10), PARAMS, seen_from(10), []) is None


def test_a_view_is_drawn_as_it_looks_from_aside() -> None:
    grey, depth = drawn_from(view(0), seen_from(20))
    truth = cv2.cvtColor(picture(20)[0], cv2.COLOR_RGB2GRAY)
    known = depth > 0
    assert known.mean() > 0.6
    assert np.median(np.abs(depth[known] / picture(20)[1][known] - 1)) < 0.01
    assert np.corrcoef(grey[known], truth[known])[0, 1] > 0.8
    same, _ = drawn_from(view(0), view(0).camera)
    assert np.median(np.abs(same.astype(int) - view(0).grey)[same > 0]) <= 1


def test_views_from_aside_match_where_the_photos_themselves_do_not() -> None:
    """Sixty degrees apart."""
    far = fine_view(photo(60), PARAMS, DepthView.unknown(seen_from(0)))
    details = details_in(far.grey)
    known = matched_with(details, far, known_from_aside(view(0)))

    def right(rays: np.ndarray, points: np.ndarray) -> int:
        inside = points @ seen_from(60).world_to_camera[:3, :3].T + seen_from(60).world_to_camera[:3, 3]
        return int((np.linalg.norm(inside[:, :2] / inside[:, 2:] - rays, axis=1) < 0.01).sum())

    own = details_in(view(0).grey)
    first, _ = matched(details.looks, own.looks)
    assert right(known.rays, known.points) > max(25, len(first))
    distances = [errors_of(pose, 60) for pose in poses_from([known])]
    assert min(distance for distance, _ in distances) < 0.1
    assert min(angle for _, angle in distances) < 2


def test_cameras_aside_look_at_the_middle() -> None:
    cameras = cameras_aside(view(0))
    middle = np.array([0, 0, np.median(view(0).depth[view(0).sure])])
    there = view(0).camera.camera_to_world[:3, :3] @ middle + view(0).camera.center
    for camera in cameras:
        seen = camera.world_to_camera[:3, :3] @ there + camera.world_to_camera[:3, 3]
        assert seen == pytest.approx(middle, abs=1e-6)
    blind = replace(view(0), sure=np.zeros_like(view(0).sure))
    assert cameras_aside(blind) == [] and known_from_aside(blind) == []


def test_nothing_matches_a_picture_without_details() -> None:
    bare = details_in(np.full((HEIGHT, SIDE), 90, np.uint8))
    assert len(bare.xy) == 0 and bare.looks.shape == (0, 128)
    assert matched(bare.looks, details_in(view(0).grey).looks)[0].size == 0
