"""Masks as pictures for the browser."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from liftlab.components.geometry.projection import mask_in_photo
from liftlab.pictures.overlays import (
    EDGE_ALPHA,
    FILL_ALPHA,
    RIM_ALPHA,
    drawn,
    overlay_png,
    photo_jpeg,
    photo_lookup,
    picture_size,
)
from tests.toy import make_toy

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


@pytest.mark.parametrize("width", [7, 48, 96, 192, 5000])
@pytest.mark.parametrize("photo_scale", [1, 2])
def test_the_drawn_mask_is_the_exported_mask(width: int, photo_scale: int) -> None:
    toy = make_toy(photo_scale=photo_scale, views=1)
    view, mask = toy.scene.views[0], toy.instance[0] == 1
    shown = drawn(mask, photo_lookup(view, width))
    exported = mask_in_photo(view, mask)
    assert shown.shape == picture_size(view, width)[::-1]
    if width >= view.lens.width:
        assert (shown == exported).all()
    assert shown.mean() == pytest.approx(exported.mean(), abs=0.05)


def test_a_bent_lens_is_straightened_as_in_the_export() -> None:
    view = make_toy(views=1).scene.views[0]
    bent = replace(view, lens=replace(view.lens, distortion=np.array([-0.3, 0.05, 0.0, 0.0])))
    mask = np.zeros(view.image.shape[:2], bool)
    mask[5:25, 5:30] = True
    shown = drawn(mask, photo_lookup(bent, view.lens.width))
    assert (shown == mask_in_photo(bent, mask)).all()
    assert (shown != mask).any()


def test_a_photo_is_never_enlarged() -> None:
    image = np.full((30, 40, 3), (200, 40, 40), np.uint8)
    for width, size in ((20, (20, 15)), (400, (40, 30))):
        photo = Image.open(io.BytesIO(photo_jpeg(image, width)))
        assert photo.size == size
        assert abs(np.asarray(photo).astype(int).mean(axis=(0, 1)) - [200, 40, 40]).max() < 6
