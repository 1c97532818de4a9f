"""Colours of objects, told apart by colour-blind people as well.

Source: Okabe and Ito, "Color Universal Design", 2008 (black left out), then Paul Tol's "muted" scheme, 2021.
"""

PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442",
    "#332288", "#DDCC77", "#117733", "#CC6677", "#88CCEE", "#882255", "#44AA99", "#999933", "#AA4499",
)  # fmt: skip


def next_colour(used: list[str]) -> str:
    """The first colour used least so far."""
    return min(PALETTE, key=lambda colour: (used.count(colour), PALETTE.index(colour)))


def rgb(colour: str) -> tuple[int, int, int]:
    """ "#RRGGBB" as three numbers in 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
