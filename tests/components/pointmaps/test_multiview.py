"""Multi-view stereo on a rendered room whose depth is known exactly."""

import numpy as np
import pytest

from liftlab.components.errors import Cancelled
from liftlab.components.geometry.projection import points_from_depth, project
from liftlab.components.pointmaps.stereo.multiview import confidence, multiview_pointmap, warm_up
from liftlab.components.pointmaps.stereo.sources import depth_range, select_sources
from liftlab.components.progress import CancelToken
from liftlab.components.types import Camera
from tests.not_none import not_none
from tests.textured_scene import looking_at, render, room, walk

WIDTH, HEIGHT = 160, 120


@pytest.fixture(scope="module")
def views():
    cameras = walk(5, WIDTH, HEIGHT)
    pieces = room()
    return cameras, [render(pieces, camera) for camera in cameras]


def sparse_points(cameras, rendered):
    """Every ninth pixel's true point, and which cameras have it in view."""
    points = [
        points_from_depth(camera, depth)[::9, ::9].reshape(-1, 3)
        for camera, (_, depth, _) in zip(cameras, rendered, strict=True)
    ]
    points = np.concatenate(points).astype(np.float64)
    visible = []
    for camera in cameras:
        xy, depth = project(camera, points)
        xy = np.nan_to_num(xy, nan=-1.0)
        visible.append((depth > 0) & (xy >= 0).all(axis=1) & (xy < [camera.width, camera.height]).all(axis=1))
    return points, np.stack(visible)


@pytest.fixture(scope="module")
def pointmap(views):
    cameras, rendered = views
    return multiview_pointmap([image for image, _, _ in rendered], cameras, *sparse_points(cameras, rendered))


def relative_errors(views, pointmap):
    cameras, rendered = views
    for index, (camera, (_, truth, label)) in enumerate(zip(cameras, rendered, strict=True)):
        pts = pointmap.pts3d[index, : camera.height, : camera.width]
        _, depth = project(camera, pts.reshape(-1, 3))
        yield index, np.abs(depth.reshape(truth.shape) - truth) / truth, label


def test_depth_is_right_where_it_says_so(views, pointmap):
    for index, error, _ in relative_errors(views, pointmap):
        valid = pointmap.valid[index]
        assert valid.mean() > 0.5
        assert np.median(error[valid]) < 0.005
        assert (error[valid] > 0.03).mean() < 0.04


def test_most_of_the_box_is_found_and_its_border_is_not_smeared(views, pointmap):
    _, error, label = list(relative_errors(views, pointmap))[2]
    valid, front = pointmap.valid[2], label == 3
    assert (valid & front).sum() > 0.8 * front.sum()
    around = np.zeros_like(front)
    rows, columns = np.nonzero(front)
    around[max(rows.min() - 2, 0) : rows.max() + 3, columns.min() - 2 : columns.max() + 3] = True
    border = around & ~front & valid  # wall and floor within two pixels of the box
    assert border.sum() > 10 and np.median(error[border]) < 0.02


def test_confidence_orders_errors(views, pointmap):
    conf = np.concatenate([pointmap.conf[i].ravel() for i in range(5)])
    error = np.concatenate([error.ravel() for _, error, _ in relative_errors(views, pointmap)])
    good = error < 0.01
    assert good[conf > 1.5].mean() > 0.75
    assert good[conf < 1.5].mean() < 0.5
    assert conf.min() >= 1 and np.isfinite(pointmap.pts3d).all()


def test_confidence_is_even_odds_at_one_and_a_half():
    similarity = np.linspace(0.01, 1, 100, dtype=np.float32)[None]
    for votes in range(5):
        values = confidence(np.full(similarity.shape, votes, np.uint8), similarity)
        assert (np.diff(values[0]) >= 0).all() and values.min() > 1 and values.max() <= 51.1
    nothing = confidence(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.float32))
    assert nothing[0, 0] == 1


def test_same_input_gives_the_same_bytes(views, pointmap):
    cameras, rendered = views
    again = multiview_pointmap(
        [image for image, _, _ in rendered], cameras, *sparse_points(cameras, rendered)
    )
    np.testing.assert_array_equal(again.pts3d, pointmap.pts3d)
    np.testing.assert_array_equal(again.valid, pointmap.valid)


def test_views_of_other_sizes_are_padded_and_never_valid_there(views):
    cameras, rendered = views
    narrow = [
        Camera(camera.K, camera.world_to_camera, WIDTH - 33, HEIGHT - 7) if i == 1 else camera
        for i, camera in enumerate(cameras)
    ]
    images = [
        image[: camera.height, : camera.width].copy()
        for (image, _, _), camera in zip(rendered, narrow, strict=True)
    ]
    pointmap = multiview_pointmap(images, narrow, *sparse_points(cameras, rendered))
    assert pointmap.pts3d.shape == (5, HEIGHT, WIDTH, 3)
    assert pointmap.valid[1, : HEIGHT - 7, : WIDTH - 33].mean() > 0.4
    assert not pointmap.valid[1, HEIGHT - 7 :].any() and not pointmap.valid[1, :, WIDTH - 33 :].any()


def test_a_view_that_shares_nothing_gets_no_valid_pixel(views):
    cameras, rendered = views
    away = looking_at((0, -0.5, -1), (0, -0.5, -9), WIDTH, HEIGHT)
    images = [image for image, _, _ in rendered] + [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)]
    points, visible = sparse_points(cameras, rendered)
    visible = np.concatenate([visible, np.zeros((1, len(points)), bool)])
    pointmap = multiview_pointmap(images, [*cameras, away], points, visible)
    assert not pointmap.valid[5].any() and (pointmap.conf[5] == 1).all()
    assert pointmap.valid[2].mean() > 0.5


def test_two_views_are_enough_when_they_agree(views):
    cameras, rendered = views
    pair = [cameras[1], cameras[2]], [rendered[1], rendered[2]]
    pointmap = multiview_pointmap([image for image, _, _ in pair[1]], pair[0], *sparse_points(*pair))
    error = np.concatenate([e[pointmap.valid[i]] for i, e, _ in relative_errors(pair, pointmap)])
    assert len(error) > 0.3 * pointmap.valid.size and np.median(error) < 0.01


def test_cancelling_stops_between_views_and_progress_only_grows(views):
    cameras, rendered = views
    cancel, fractions = CancelToken(), []

    def stop_after_three(fraction: float, message: str = "") -> None:
        fractions.append(fraction)
        assert message
        if len(fractions) == 3:
            cancel.cancel()

    with pytest.raises(Cancelled):
        multiview_pointmap(
            [image for image, _, _ in rendered], cameras, *sparse_points(cameras, rendered),
            progress=stop_after_three, cancel=cancel,
        )  # fmt: skip
    assert fractions == sorted(fractions) and len(fractions) == 3


def test_sources_are_not_too_far_and_ranges_hold_the_scene(views):
    cameras, rendered = views
    points, visible = sparse_points(cameras, rendered)
    sources = select_sources(cameras, points, visible, 2)
    assert all(len(chosen) == 2 and index not in chosen for index, chosen in enumerate(sources))
    assert 4 not in sources[0] and 0 not in sources[4]  # 30 degrees apart: nearer ones match better
    for camera, seen, (_, depth, _) in zip(cameras, visible, rendered, strict=True):
        near, far = not_none(depth_range(camera, points, seen))
        assert near < depth.min() and far > depth.max()
    assert depth_range(cameras[0], points[:3], visible[0, :3]) is None


def test_warm_up_compiles_everything_once():
    reports = []
    warm_up(progress=lambda fraction, message="": reports.append(message))
    assert "Preparing" in reports[0]
