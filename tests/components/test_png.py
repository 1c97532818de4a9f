"""PNG keeps every value, and RGB stays RGB."""

import cv2
import numpy as np
import pytest

from liftlab.components.png import png_bytes


def read(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_and_rgb_come_back_as_they_were(dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 7, 3)).astype(dtype)
    assert np.array_equal(read(png_bytes(image))[..., ::-1], image)
    assert np.array_equal(read(png_bytes(image[..., 0], level=1)), image[..., 0])


@pytest.mark.parametrize("shape", [(0, 4), (4, 4, 2)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        Exception, match=r"must be|shape|type"
    ):  # the shapes are checked first where tests run
        png_bytes(np.zeros(shape, np.uint8))


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="8 or 16 bits; got float32"):
        png_bytes(np.zeros((4, 4), np.float32))
