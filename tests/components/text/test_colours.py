"""Names of colours: known colours, shade, and shares that add up."""

import numpy as np
import pytest

from liftlab.components.text.colours import NAMES, colour_shares, naming_of

KNOWN = {
    (200, 30, 30): "red", (230, 120, 20): "orange", (235, 200, 40): "yellow", (50, 140, 50): "green",
    (30, 140, 140): "teal", (40, 80, 190): "blue", (110, 50, 150): "purple", (230, 140, 170): "pink",
    (110, 70, 40): "brown", (125, 125, 125): "grey", (240, 240, 238): "white", (20, 20, 20): "black",
}  # fmt: skip


def name_of(rgb: tuple[int, int, int]) -> str:
    shares = colour_shares(np.array([rgb], np.uint8))
    return NAMES[int(shares.argmax())]


@pytest.mark.parametrize(("rgb", "name"), KNOWN.items(), ids=KNOWN.values())
def test_known_colours(rgb: tuple[int, int, int], name: str) -> None:
    assert name_of(rgb) == name


@pytest.mark.parametrize("name", ["red", "green", "teal", "blue", "purple"])
def test_shade_does_not_rename(name: str) -> None:
    """Half and a quarter of the light: in sRGB the values fall by the gamma."""
    rgb = next(np.array(rgb) for rgb, known in KNOWN.items() if known == name)
    for light in (0.5, 0.25):
        assert name_of(tuple((rgb * light ** (1 / 2.2)).astype(int).tolist())) == name


def test_shares_sum_to_one_for_every_colour() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (500, 3), dtype=np.uint8)
    assert colour_shares(pixels).sum() == pytest.approx(1, abs=1e-5)
    lab = np.column_stack([rng.uniform(0, 100, 500), rng.uniform(-90, 90, (500, 2))]).astype(np.float32)
    naming = naming_of(lab)
    assert np.allclose(naming.sum(axis=1), 1, atol=1e-5) and (naming > -1e-6).all()


def test_shares_are_those_of_the_pixels() -> None:
    pixels = np.array([(200, 30, 30)] * 3 + [(40, 80, 190)], np.uint8)
    shares = colour_shares(pixels)
    assert shares[NAMES.index("red")] == pytest.approx(0.75, abs=0.05)
    assert shares[NAMES.index("blue")] == pytest.approx(0.25, abs=0.05)
    assert not colour_shares(np.zeros((0, 3), np.uint8)).any()
