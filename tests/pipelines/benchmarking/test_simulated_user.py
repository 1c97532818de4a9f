"""The simulated user clicks where docs/architecture.md section 8 says, and stops when nothing is wrong."""

import numpy as np
import pytest

from liftlab.pipelines.benchmarking.simulated_user import (
    SimulatedClick,
    farthest_inside,
    scorable_objects,
    simulate,
)


def two_views() -> list[np.ndarray]:
    """Object 3 covers 7 x 9 pixels in view 0 and 11 x 11 in view 1; object 5 lies beside it in view 1."""
    first, second = np.zeros((20, 30), np.int32), np.zeros((24, 30), np.int32)
    first[5:12, 4:13] = 3
    second[6:17, 8:19] = 3
    second[6:17, 19:23] = 5
    return [first, second]


def test_the_first_click_is_the_innermost_pixel_of_the_largest_view() -> None:
    labels = two_views()
    run = simulate(labels, 3, lambda clicks: [m == 3 for m in labels])
    assert run.clicks == (SimulatedClick(1, 13.5, 11.5, True),)
    assert run.object_ious == (1.0,) and run.iou_after(5) == 1.0


def test_ties_of_the_distance_go_to_the_first_pixel_in_row_order() -> None:
    region = np.zeros((8, 10), bool)
    region[2:6, 1:9] = True  # innermost pixels: rows 3 and 4, columns 2 to 7
    assert farthest_inside(region) == (2, 3)


def test_a_missed_view_gets_a_positive_and_a_wrong_neighbour_a_negative_click() -> None:
    labels = two_views()
    answers = [
        [np.zeros_like(labels[0], bool), labels[1] > 0],  # misses view 0 (63 px), takes object 5 (44 px)
        [labels[0] == 3, labels[1] > 0],
        [labels[0] == 3, labels[1] == 3],
    ]
    run = simulate(labels, 3, lambda clicks: answers[len(clicks) - 1])
    assert run.clicks[1] == SimulatedClick(0, 7.5, 8.5, True)
    assert run.clicks[2].view == 1 and not run.clicks[2].positive
    assert labels[1][int(run.clicks[2].y), int(run.clicks[2].x)] == 5
    assert run.object_ious[-1] == 1.0
    assert run.object_ious[0] == pytest.approx(121 / (63 + 121 + 44))


def test_void_is_never_an_error() -> None:
    labels = two_views()
    labels[1][labels[1] == 5] = -1
    run = simulate(labels, 3, lambda clicks: [labels[0] == 3, (labels[1] == 3) | (labels[1] == -1)])
    assert len(run.clicks) == 1 and run.object_ious == (1.0,)


def test_at_most_so_many_clicks() -> None:
    labels = two_views()
    run = simulate(labels, 3, lambda clicks: [np.zeros(m.shape, bool) for m in labels], clicks=4)
    assert len(run.clicks) == 4 and run.object_ious == (0.0,) * 4
    with pytest.raises(ValueError, match=r"1\.\.20"):
        simulate(labels, 3, lambda clicks: [], clicks=21)
    with pytest.raises(ValueError, match="in the truth"):
        simulate(labels, 9, lambda clicks: [])


def test_scorable_objects_need_two_views_of_a_hundred_pixels() -> None:
    views = [np.zeros((40, 40), np.int32) for _ in range(2)]
    views[0][:10, :10] = views[1][:10, :10] = 1  # 100 and 100
    views[0][20:30, :10] = 2  # seen once
    views[0][20:29, 20:30] = views[1][20:29, 20:30] = 4  # 90 and 90
    assert scorable_objects(views) == [1]
