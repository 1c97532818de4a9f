"""Values that may be None by their type, where a test knows that they are there."""

from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

Value = TypeVar("Value")


def not_none(value: Value | None) -> Value:
    """The value itself; AssertionError when it is None."""
    assert value is not None
    return value


def read_image(path: Path, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """[H, W, 3] BGR, or as `flags` of OpenCV say; AssertionError when there is no image."""
    return not_none(cv2.imread(str(path), flags))
