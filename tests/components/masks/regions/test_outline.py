"""Outlines: uncertain votes end on the colour edge; seeds win; nothing in, nothing out."""

import cv2
import numpy as np
import pytest

from liftlab.components.masks.regions.outline import (
    CERTAIN,
    OutlineConfig,
    color_histogram,
    fill_votes,
    outline,
    view_colors,
)


@pytest.fixture
def disc() -> tuple[np.ndarray, np.ndarray]:
    """A red disc on a grey, noisy ground: image and true mask."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :160]
    mask = (x - 80) ** 2 + (y - 60) ** 2 < 30**2
    image = np.where(mask[..., None], [190, 60, 50], [128, 128, 130]) + rng.normal(
        scale=6, size=(120, 160, 3)
    )
    return np.clip(image, 0, 255).astype(np.uint8), mask


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("grown", [-2, 2])
def test_votes_that_are_too_small_or_too_large_end_on_the_edge(disc, grown: int) -> None:
    image, mask = disc
    kernel = np.ones((2 * abs(grown) + 1,) * 2, np.uint8)
    change = cv2.dilate if grown > 0 else cv2.erode
    votes = change(mask.astype(np.uint8), kernel).astype(np.int8)
    drawn = outline(view_colors(image), votes, OutlineConfig())
    assert iou(votes == 1, mask) < 0.91 and iou(drawn, mask) > 0.97


@pytest.mark.parametrize("width", [3, 5, 7, 12, 25])
@pytest.mark.parametrize("frame", [False, True], ids=["bar", "frame"])
def test_what_is_thin_is_drawn_whole(width: int, frame: bool) -> None:
    """A pen on a table, the frame of a mirror."""
    rng = np.random.default_rng(0)
    mask = np.zeros((120, 160), bool)
    mask[50 : 50 + width, 20:140] = True
    if frame:
        mask[5:115, 10:150] = True
        mask[5 + width : 115 - width, 10 + width : 150 - width] = False
    image = np.where(mask[..., None], [190, 60, 50], [128, 128, 130]) + rng.normal(
        scale=6, size=(120, 160, 3)
    )
    drawn = outline(
        view_colors(np.clip(image, 0, 255).astype(np.uint8)), mask.astype(np.int8), OutlineConfig()
    )
    assert iou(drawn, mask) > 0.9


def test_what_is_thin_and_seen_in_patches_is_found() -> None:
    """Matching finds a depth for half of a cable only."""
    rng = np.random.default_rng(1)
    mask = np.zeros((120, 160), bool)
    mask[60:65, 20:140] = True
    image = np.where(mask[..., None], [60, 60, 190], [128, 128, 130]) + rng.normal(
        scale=6, size=(120, 160, 3)
    )
    votes = mask.astype(np.int8)
    votes[:, 30:60] = votes[:, 90:110] = -1
    drawn = outline(view_colors(np.clip(image, 0, 255).astype(np.uint8)), votes, OutlineConfig())
    assert iou(drawn, mask) > 0.85


def test_a_thing_does_not_flow_over_a_bare_wall_of_its_colour() -> None:
    """The wall has no depth, the table has; the thing stands on the table in front of the wall."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:120, :160]
    mask = (x - 80) ** 2 + (y - 55) ** 2 < 20**2
    image = np.full((120, 160, 3), 150.0)
    image[75:] = [120, 50, 30]
    image[mask] = [150, 150, 144]
    image[mask & ((x - 80) ** 2 + (y - 55) ** 2 > 18**2)] = [110, 110, 106]  # turned away from the light
    votes = np.full((120, 160), -1, np.int8)
    votes[75:] = 0
    votes[mask] = 1
    noisy = np.clip(image + rng.normal(scale=3, size=image.shape), 0, 255).astype(np.uint8)
    assert iou(outline(view_colors(noisy), votes, OutlineConfig()), mask) > 0.9


def test_unknown_pixels_are_decided_by_colour(disc) -> None:
    image, mask = disc
    votes = mask.astype(np.int8)
    votes[40:75, 60:95] = -1
    assert iou(outline(view_colors(image), votes, OutlineConfig()), mask) > 0.97


def test_a_coarse_grid_gives_nearly_the_same(disc) -> None:
    image, mask = disc
    drawn = outline(view_colors(image), mask.astype(np.int8), OutlineConfig(max_pixels=3000))
    assert iou(drawn, mask) > 0.9


def test_no_votes_no_mask_and_equal_input_equal_output(disc) -> None:
    image, mask = disc
    colors = view_colors(image)
    assert not outline(colors, np.zeros(mask.shape, np.int8), OutlineConfig()).any()
    votes = mask.astype(np.int8)
    assert np.array_equal(outline(colors, votes, OutlineConfig()), outline(colors, votes, OutlineConfig()))


def test_certain_seeds_win_over_votes(disc) -> None:
    image, mask = disc
    seeds = np.zeros(mask.shape, np.float32)
    seeds[58:63, 78:83] = -10 * CERTAIN
    seeds[10:13, 40:43] = 10 * CERTAIN
    drawn = outline(view_colors(image), mask.astype(np.int8), OutlineConfig(), seeds=seeds)
    assert not drawn[58:63, 78:83].any() and drawn[10:13, 40:43].all()


def test_pieces_without_a_vote_are_dropped() -> None:
    image = np.full((60, 120, 3), 128, np.uint8)
    image[20:40, 20:40] = image[20:40, 60:80] = (200, 40, 40)  # twins
    votes = np.zeros((60, 120), np.int8)
    votes[20:40, 20:40] = 1
    votes[15:45, 55:85] = -1
    drawn = outline(view_colors(image), votes, OutlineConfig())
    assert drawn[30, 30] and not drawn[:, 55:].any()


def test_histograms_count_every_pixel(disc) -> None:
    image, _ = disc
    colors = view_colors(image)
    assert color_histogram(colors.bins).sum() == pytest.approx(120 * 160, rel=0.2)
    assert colors.bins.min() >= 0 and colors.bins.max() < 1568


def test_surfaces_fill_small_holes_from_the_nearest_vote() -> None:
    votes = np.ones((20, 40), np.int8)
    votes[:, 20:] = 0
    votes[8:11, 5:8] = -1
    votes[:, 30:] = -1
    filled = fill_votes(votes)
    assert filled[:, :20].all() and not filled[:, 20:].any()
    assert not fill_votes(np.full((5, 5), -1, np.int8)).any()
