"""Frames of high dynamic range (PQ, HLG) as a person sees them on an ordinary screen.

Source: ITU-R BT.2100-2 (PQ and HLG transfer functions, OOTF), BT.2087 (BT.2020 to BT.709 colours), BT.2408 (203 cd/m2
as reference white).
"""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from liftlab.components.types import Array

PQ, HLG = 16, 18
"""Transfer functions by their number in video files (ITU-T H.273)."""
_WHITE_NITS = 203.0
_PEAK_NITS = 1000.0
_KNEE = 0.6
"""Up to this share of white light is kept as it is; what is above, to the peak, shares the rest."""
_BT709_FROM_BT2020 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_STEPS = 1 << 12


def tone_mapped(codes: UInt16[Array, "h w 3"], transfer: int) -> UInt8[Array, "h w 3"]:
    """sRGB of a frame in BT.2020 primaries, its code values spread over 16 bits.

    Args:
        transfer: `PQ` or `HLG`.
    """
    light = _light(transfer)[codes]
    if transfer == HLG:  # the display's part depends on luminance
        luminance = light @ np.array([0.2627, 0.678, 0.0593], np.float32)
        light = light * (_PEAK_NITS / _WHITE_NITS * np.maximum(luminance, 1e-6) ** 0.2)[..., None]
    light = np.maximum(cv2.transform(light, _BT709_FROM_BT2020), 0.0)
    brightest = light.max(axis=-1, keepdims=True)
    light *= _rolled_off(brightest) / np.maximum(brightest, 1e-6)
    return _SRGB[np.minimum(light * (_STEPS - 1) + 0.5, _STEPS - 1).astype(np.uint16)]


def _rolled_off(light: Float[Array, "*N"]) -> Float[Array, "*N"]:
    """Light over white as light a screen can show: straight to the knee, then ever flatter, 1 at the peak."""
    room, most = 1 - _KNEE, _PEAK_NITS / _WHITE_NITS - _KNEE
    above = np.clip(light - _KNEE, 0.0, most)
    return np.minimum(light, _KNEE) + above / (1 + above * (1 / room - 1 / most))


@cache
def _light(transfer: int) -> Float[Array, "65536"]:
    """Light over white of every code value, of PQ; of the scene, 0 to 1, of HLG."""
    signal = np.linspace(0.0, 1.0, 1 << 16)
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = signal ** (1 / m2)
        nits = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
        return (nits / _WHITE_NITS).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)


def _encoded() -> UInt8[Array, "S"]:
    light = np.linspace(0.0, 1.0, _STEPS)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(255 * curve).astype(np.uint8)


_SRGB = _encoded()
