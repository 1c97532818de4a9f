"""Masks as pictures for the browser."""

import io

import numpy as np
import pytest
from PIL import Image

from lab.overlays import EDGE_ALPHA, FILL_ALPHA, RIM_ALPHA, overlay_png, photo_jpeg, shrink_mask

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def square(size: int = 20) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[5:15, 4:16] = True
    return mask


def test_inside_edge_rim_and_nothing_elsewhere() -> None:
    picture = decoded(overlay_png([(square(), BLUE, True)], 20, 20))
    assert tuple(picture[10, 10]) == (*BLUE, FILL_ALPHA[True])
    assert tuple(picture[5, 10]) == (*BLUE, EDGE_ALPHA[True])
    assert tuple(picture[4, 10]) == (255, 255, 255, RIM_ALPHA)
    assert (picture[..., 3] > 0).sum() == 12 * 14


def test_later_objects_lie_over_earlier_ones() -> None:
    picture = decoded(overlay_png([(square(), BLUE, False), (square(), ORANGE, True)], 20, 20))
    assert tuple(picture[10, 10][:3]) == ORANGE


def test_the_border_of_the_photo_is_no_edge() -> None:
    picture = decoded(overlay_png([(np.ones((8, 8), bool), BLUE, True)], 8, 8))
    assert (picture[..., 3] == FILL_ALPHA[True]).all()


def test_no_object_is_fully_transparent() -> None:
    assert decoded(overlay_png([], 4, 3))[..., 3].max() == 0


@pytest.mark.parametrize("width", [7, 50, 100, 1000])
def test_shrinking_keeps_shape_and_share(width: int) -> None:
    mask = np.zeros((60, 100), bool)
    mask[:, :50] = True
    small = shrink_mask(mask, width)
    assert small.shape == (round(60 * min(width, 100) / 100), min(width, 100))
    assert small.mean() == pytest.approx(0.5, abs=0.1)


def test_a_photo_is_never_enlarged() -> None:
    image = np.full((30, 40, 3), (200, 40, 40), np.uint8)
    for width, size in ((20, (20, 15)), (400, (40, 30))):
        photo = Image.open(io.BytesIO(photo_jpeg(image, width)))
        assert photo.size == size
        assert abs(np.asarray(photo).astype(int).mean(axis=(0, 1)) - [200, 40, 40]).max() < 6
