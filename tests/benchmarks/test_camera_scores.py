"""Right and wrong cameras under the best similarity."""

import numpy as np
import pytest

from benchmarks.geometry.camera_scores import score_cameras
from tests.textured_scene import walk

TRUE = {f"{i}": camera.world_to_camera for i, camera in enumerate(walk(6, 80, 60))}


def moved(poses: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same cameras in a world that is turned, shifted and three times as large."""
    frame = np.eye(4)
    frame[:3, :3] = [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    out = {name: pose @ frame for name, pose in poses.items()}
    for pose in out.values():
        pose[:3, 3] = 3 * (pose[:3, 3] + pose[:3, :3] @ [0.2, -0.4, 1.0])
    return out


def test_frame_and_scale_do_not_matter() -> None:
    score = score_cameras(moved(TRUE), TRUE)
    assert (score.photos, score.placed, score.right, score.wrong) == (6, 6, 6, {})


def test_a_camera_elsewhere_or_turned_is_wrong_and_costs_no_other() -> None:
    poses = moved(TRUE)
    poses["2"][:3, 3] += 0.3  # a tenth of 1.6, in a world three times as large
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]]
    poses["4"] = turned @ poses["4"]
    del poses["5"]
    score = score_cameras(poses, TRUE)
    assert (score.photos, score.placed, score.right, list(score.wrong)) == (6, 5, 3, ["2", "4"])
    assert 0.05 < score.wrong["2"][0] < 0.2 and score.wrong["4"][1] == pytest.approx(np.degrees(0.2), abs=1)


def test_one_camera_alone_is_never_right() -> None:
    assert score_cameras({"0": TRUE["0"]}, TRUE).right == 0
