"""Pictures of what methods segment: colours that mean the same thing in every cell, and files small enough for docs."""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.methods.pictures import CELL_WIDTH, COLUMNS, MOST_BYTES, TITLE_PX, grid, painted, write_small

TRUTH = np.zeros((60, 80), np.int32)
TRUTH[10:30, 10:30], TRUTH[35:55, 40:70] = 3, 7
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)


def inner(image: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    return image[rows, columns].astype(float).mean(axis=(0, 1))


def test_an_object_has_its_truths_colour_whatever_its_number() -> None:
    labels = np.zeros(TRUTH.shape, np.uint16)
    labels[11:31, 10:30], labels[35:54, 40:70] = 9, 2
    truth, found = painted(PHOTO, TRUTH, TRUTH), painted(PHOTO, labels, TRUTH)
    first, second = (slice(14, 28), slice(14, 28)), (slice(38, 52), slice(44, 66))
    for place in (first, second):
        assert np.array_equal(inner(truth, *place), inner(found, *place))
    assert np.abs(inner(found, *first) - inner(found, *second)).max() > 20


def test_an_object_that_is_in_no_truth_has_a_colour_of_its_own() -> None:
    labels = TRUTH.astype(np.uint16)
    labels[2:8, 40:79] = 3  # the same number elsewhere is the same object
    labels[10:30, 60:79] = 5
    found = painted(PHOTO, labels, TRUTH)
    own = inner(found, slice(13, 27), slice(63, 76))
    for place in ((slice(14, 28), slice(14, 28)), (slice(38, 52), slice(44, 66))):
        assert np.abs(own - inner(found, *place)).max() > 20
    empty = painted(PHOTO, np.zeros(TRUTH.shape, np.uint16), TRUTH)
    assert np.array_equal(empty[..., 0], empty[..., 1]) and np.array_equal(empty[..., 0], empty[..., 2])


def test_cells_stand_in_rows_with_titles() -> None:
    picture = grid([(f"method {i}", PHOTO) for i in range(COLUMNS + 1)])
    height = round(CELL_WIDTH * 60 / 80)
    assert picture.shape[0] >= 2 * (height + TITLE_PX) and picture.shape[1] >= COLUMNS * CELL_WIDTH
    assert (picture[:TITLE_PX, :CELL_WIDTH] < 100).any()
    assert (picture[height + 2 * TITLE_PX :, CELL_WIDTH + 10 :] == 255).all()


def test_a_picture_for_the_docs_is_small_and_loses_colours_for_it(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (560, 1290, 3)).astype(np.uint8)
    write_small(tmp_path / "noise.png", noise)
    smooth = grid([("photo", PHOTO)] * 8)
    write_small(tmp_path / "grid.png", smooth)
    assert (tmp_path / "grid.png").stat().st_size < MOST_BYTES
    plain, crowded = (Image.open(tmp_path / name) for name in ("grid.png", "noise.png"))
    assert crowded.size == (1290, 560)
    assert len(crowded.getcolors() or []) <= 32 < len(plain.getcolors() or [])
