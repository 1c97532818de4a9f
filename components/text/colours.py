"""Names of colours from pixels, robust to shading: hue and saturation decide, lightness only where the name needs it.

A pixel belongs to several names in part (a reddish orange is both), so shares of an object are smooth in its colour.
"""

from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from liftlab.components.types import Array

NAMES = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "grey", "white", "black", "beige",
)  # fmt: skip
"""Columns of all tables here. The first twelve are those of `vocabulary.COLOURS`; beige counts partly as brown."""
SPILLS: dict[str, tuple[str, ...]] = {
    "red": ("orange", "pink"), "orange": ("red", "yellow", "brown", "beige"), "yellow": ("orange", "beige"),
    "green": ("teal",), "teal": ("green", "blue"), "blue": ("teal", "purple"), "purple": ("blue", "pink"),
    "pink": ("purple", "red"), "brown": ("orange", "red"), "grey": ("white", "black"), "white": ("grey",),
    "black": ("grey",),
}  # fmt: skip
"""Per name those whose paint shows it in its light and its shade: a brown bowl has orange pixels, a grey bear white."""
NEUTRAL = ("grey", "white", "black")
"""Names of what has no paint. Paint names a thing first: a teal clock with a white face is a teal one."""
BEIGE_IS_BROWN = 0.3
BITS = 5
"""Bits per channel of the table of names; 32 steps per channel are finer than the borders between names are sharp."""

# Borders between names in CIE Lab (D65): hues in degrees, chroma and lightness as L* 0..100. They were set by eye on
# rendered and photographed objects of known colour; `benchmarks/results/search.md` shows what they give.
_HUES = {  # name: first border, last border
    "pink": (335.0, 23.0), "red": (23.0, 47.0), "orange": (47.0, 72.0), "yellow": (72.0, 106.0),
    "green": (106.0, 166.0), "teal": (166.0, 228.0), "blue": (228.0, 300.0), "purple": (300.0, 335.0),
}  # fmt: skip
_HUE_SOFTNESS = 4.0


def colour_shares(pixels: UInt8[Array, "N 3"]) -> Float[Array, "13"]:
    """Share of each of `NAMES` in some pixels; they sum to 1. All zero without pixels."""
    if len(pixels) == 0:
        return np.zeros(len(NAMES))
    coarse = (pixels >> (8 - BITS)).astype(np.int32)
    index = (coarse[:, 0] << (2 * BITS)) | (coarse[:, 1] << BITS) | coarse[:, 2]
    counts = np.bincount(index, minlength=1 << (3 * BITS))
    return counts @ _table() / len(pixels)


def naming_of(lab: Float32[Array, "N 3"]) -> Float32[Array, "N 13"]:
    """How much each name fits colours in CIE Lab (L* 0..100); rows sum to 1."""
    lightness = lab[:, 0].astype(np.float64)
    chroma = np.hypot(lab[:, 1], lab[:, 2]).astype(np.float64)
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])).astype(np.float64) % 360
    saturation = chroma / np.maximum(lightness, 5.0)  # stays the same in the shade, unlike chroma
    fit = {name: _in_range(hue, *_HUES[name]) for name in _HUES}

    dull_red = fit["red"] * _below(saturation, 0.7, 0.08) * _above(lightness, 52.0, 4.0)
    fit["red"], fit["pink"] = fit["red"] - dull_red, fit["pink"] + dull_red
    deep_pink = fit["pink"] * _above(saturation, 1.4, 0.08) * _in_range(hue, 0.0, 47.0)
    fit["pink"], fit["red"] = fit["pink"] - deep_pink, fit["red"] + deep_pink

    dark = _below(lightness, 52.0, 3.5)
    brownish = {  # dark and not saturated enough: how much of an orange, a yellow and a red is called brown
        "orange": dark * _below(saturation, 1.1, 0.08),
        "yellow": dark * _below(saturation, 0.62, 0.06) * _below(hue, 88.0, 3.0),
        "red": _below(lightness, 45.0, 4.0) * _below(saturation, 0.75, 0.06) * _above(hue, 38.0, 3.0),
    }
    fit["brown"] = np.sum([fit[name] * share for name, share in brownish.items()], axis=0)
    pale = _below(chroma, 27.0, 2.5) * _above(lightness, 45.0, 4.0)
    faded = {"orange": pale, "yellow": pale * _below(hue, 92.0, 2.0)}
    fit["beige"] = np.sum([fit[name] * share for name, share in faded.items()], axis=0)
    for name, share in brownish.items():
        fit[name] = fit[name] * (1 - share) * (1 - faded.get(name, 0.0))

    coloured = _above(chroma, 5.0 + 5.0 * np.minimum(lightness / 50.0, 1.0), 1.5)
    without = 1 - coloured
    white, black = _above(lightness, 71.0, 3.0), _below(lightness, 26.0, 3.0)
    out = np.stack([fit.get(name, np.zeros_like(hue)) * coloured for name in NAMES], axis=1)
    out[:, NAMES.index("white")] = without * white
    out[:, NAMES.index("black")] = without * black
    out[:, NAMES.index("grey")] = without * (1 - white) * (1 - black)
    return (out / np.maximum(out.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)


@lru_cache(maxsize=1)
def _table() -> Float32[Array, "_ 13"]:
    """Names of all colours with `BITS` bits per channel."""
    levels = (np.arange(1 << BITS) + 0.5) / (1 << BITS)
    rgb = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    return naming_of(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2LAB).reshape(-1, 3))


def _above(value: Float[Array, "N"], border: float | Float[Array, "N"], softness: float) -> Float[Array, "N"]:
    return 1 / (1 + np.exp(-np.clip((value - border) / softness, -30, 30)))


def _below(value: Float[Array, "N"], border: float, softness: float) -> Float[Array, "N"]:
    return 1 - _above(value, border, softness)


def _in_range(hue: Float[Array, "N"], first: float, last: float) -> Float[Array, "N"]:
    """1 well inside the arc of hues from `first` to `last`, 0 well outside."""
    width = (last - first) % 360
    offset = (hue - first - width / 2 + 180) % 360 - 180
    return _above(width / 2 - np.abs(offset), 0.0, _HUE_SOFTNESS)
