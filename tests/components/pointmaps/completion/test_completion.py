"""Depth on bare surfaces: what is filled in is right, and nothing that was measured changes."""

from dataclasses import replace

import numpy as np
import pytest

from liftlab.components.geometry.projection import project
from liftlab.components.pointmaps.completion.completion import KEPT_FROM, completed, confidence
from liftlab.components.progress import Cancelled, CancelToken
from liftlab.components.types import Array, Pointmap
from tests.components.pointmaps.completion.bare import BOARD, Bare, bare_board


def depth_of(board: Bare, found: Pointmap) -> Array:
    return np.stack([project(c, p)[1] for c, p in zip(board.cameras, found.pts3d, strict=True)])


@pytest.fixture(scope="module")
def board() -> Bare:
    return bare_board()


@pytest.fixture(scope="module")
def found(board: Bare) -> Pointmap:
    return completed(board.pointmap, board.images, board.cameras, [BOARD])


def test_a_bare_middle_gets_the_depth_of_its_board(board: Bare, found: Pointmap) -> None:
    assert found.filled is not None
    assert found.filled[board.bare].mean() > 0.9
    off = np.abs(depth_of(board, found) / board.depths - 1)[found.filled]
    assert np.median(off) < 0.002 and np.percentile(off, 99) < 0.01


def test_what_was_measured_stays_and_what_is_filled_says_so(board: Bare, found: Pointmap) -> None:
    before = board.pointmap
    assert found.filled is not None and not (found.filled & before.valid).any()
    assert (found.valid == (before.valid | found.filled)).all() and (found.measured == before.valid).all()
    assert (found.pts3d[before.valid] == before.pts3d[before.valid]).all()
    assert (found.conf[~found.filled] == before.conf[~found.filled]).all()
    least = confidence(np.log([KEPT_FROM / (1 - KEPT_FROM)]))[0]
    assert found.conf[found.filled].min() >= least - 1e-4 and found.conf[found.filled].max() <= 51
    assert before.filled is None


def test_depth_has_no_unit(found: Pointmap) -> None:
    large = bare_board(scale=40.0)
    again = completed(large.pointmap, large.images, large.cameras, [replace(BOARD, offset=40 * BOARD.offset)])
    assert again.filled is not None and found.filled is not None
    assert (again.filled == found.filled).mean() > 0.99
    both = again.filled & found.filled
    assert np.allclose(again.pts3d[both] / 40, found.pts3d[both], rtol=2e-3, atol=2e-3)


def test_photos_of_other_exposure_still_agree(board: Bare) -> None:
    dark = bare_board(gains=(1.0, 0.7, 1.25, 0.85))
    found = completed(dark.pointmap, dark.images, dark.cameras, [BOARD])
    assert found.filled is not None and found.filled[board.bare].mean() > 0.9


def test_another_thing_in_the_middle_is_not_taken_for_the_board(board: Bare) -> None:
    # a bare disc of another colour at another depth in each photo, about which nothing was measured
    images = [image.copy() for image in board.images]
    disc = np.zeros_like(board.bare)
    rows, columns = np.mgrid[: images[0].shape[0], : images[0].shape[1]]
    for view, image in enumerate(images):
        row, column = np.argwhere(board.bare[view]).mean(axis=0)
        disc[view] = (rows - row) ** 2 + (columns - column - 12 * view + 18) ** 2 < 28**2
        image[disc[view]] = (30, 60, 160)
    found = completed(board.pointmap, images, board.cameras, [BOARD])
    assert found.filled is not None
    assert found.filled[disc].mean() < 0.15
    assert found.filled[board.bare & ~disc].mean() > 0.4


def test_pixels_that_may_not_be_filled_are_not(board: Bare) -> None:
    allowed = np.ones_like(board.bare)
    allowed[:, :, :160] = False
    found = completed(board.pointmap, board.images, board.cameras, [BOARD], allowed=allowed)
    assert found.filled is not None and found.filled.any() and not found.filled[:, :, :160].any()


def test_without_anything_measured_nothing_is_filled(board: Bare) -> None:
    nothing = replace(board.pointmap, valid=np.zeros_like(board.bare))
    found = completed(nothing, board.images, board.cameras, [BOARD])
    assert not found.valid.any()
    one = nothing.valid.copy()
    one[0] = board.pointmap.valid[0]  # one photo alone has nobody to ask
    assert (completed(replace(nothing, valid=one), board.images, board.cameras, []).valid == one).all()


def test_a_cancel_ends_it(board: Bare) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        completed(board.pointmap, board.images, board.cameras, [BOARD], cancel=cancel)
