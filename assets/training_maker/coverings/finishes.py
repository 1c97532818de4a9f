"""What tables, walls and floors are covered with; another colour and pattern every time."""

import numpy as np

from assets.training_maker.coverings import surfaces
from assets.training_maker.coverings.surfaces import COLOURS, Rgb, pick, varied
from assets.training_maker.meshes import Material


def table_top(rng: np.random.Generator, style: str | None = None) -> Material:
    """Of "wood", "plain", "stone", "cloth" or "tiles"."""
    style = style or pick(rng, ["wood", "wood", "wood", "plain", "stone", "cloth"])
    rough = rng.uniform(0.18, 0.7)
    if style == "wood":
        dark, light = pick(rng, surfaces.WOODS)
        image = surfaces.wood(
            rng,
            varied(rng, dark, 6),
            varied(rng, light, 6),
            planks=int(pick(rng, [1, 1, 4, 6])),
            gap=rng.random() < 0.4,
        )
        return Material(image, size_m=rng.uniform(0.8, 1.4), gloss=0.04, roughness=rough)
    if style == "stone":
        ground = varied(rng, COLOURS[pick(rng, ["white", "black", "grey", "cream", "beige"])], 8)
        image = (
            surfaces.marble(rng, ground, varied(rng, (90, 84, 80), 20))
            if rng.random() < 0.5
            else surfaces.speckled(rng, ground, varied(rng, (60, 56, 54), 20))
        )
        return Material(image, size_m=0.7, gloss=0.05, roughness=rng.uniform(0.1, 0.4))
    if style == "cloth":
        tint = varied(rng, COLOURS[pick(rng, list(COLOURS))], 8)
        image = surfaces.weave(
            rng, [tint, *surfaces.palette(rng, tint, 3)], style=pick(rng, ["plaid", "stripes", "linen"])
        )
        return Material(image, size_m=rng.uniform(0.2, 0.5), gloss=0.0, roughness=1.0)
    if style == "tiles":
        tint = varied(rng, COLOURS[pick(rng, ["white", "beige", "grey", "teal"])], 8)
        return Material(
            surfaces.tiles(rng, [tint, *surfaces.palette(rng, tint, 2)], same=True, motif=rng.random() < 0.6),
            size_m=0.4,
            roughness=0.25,
        )
    tint = varied(
        rng, COLOURS[pick(rng, ["white", "white", "light grey", "grey", "black", "cream", "beige"])], 8
    )
    return Material(surfaces.mottled(rng, tint, contrast=0.025), size_m=1.0, gloss=0.04, roughness=rough)


def wall_paint(rng: np.random.Generator) -> Material:
    tint = varied(
        rng,
        pick(
            rng,
            [
                (226, 222, 212),
                (210, 208, 200),
                (196, 204, 206),
                (216, 200, 176),
                (180, 190, 176),
                (150, 160, 172),
            ],
        ),
        8,
    )
    return Material(
        surfaces.mottled(rng, tint, contrast=rng.uniform(0.02, 0.1), slope=0.7, side=512),
        size_m=rng.uniform(0.8, 2.0),
        gloss=0.0,
        roughness=1.0,
    )


def wallpaper(rng: np.random.Generator, *, contrast: float | None = None) -> Material:
    """Periodic, as it comes from the roll."""
    ground = varied(
        rng,
        COLOURS[
            pick(
                rng,
                [
                    "cream",
                    "beige",
                    "light grey",
                    "mint",
                    "light blue",
                    "white",
                    "navy",
                    "dark green",
                    "pink",
                    "grey",
                ],
            )
        ],
        8,
    )
    image = surfaces.wallpaper(rng, ground, contrast=contrast or rng.uniform(0.12, 0.35))
    return Material(image, size_m=rng.uniform(0.3, 0.7), gloss=0.0, roughness=0.9)


def wall_tiles(rng: np.random.Generator, *, same: bool) -> Material:
    tint = varied(
        rng, COLOURS[pick(rng, ["white", "cream", "light blue", "mint", "teal", "light grey", "beige"])], 6
    )
    image = surfaces.tiles(
        rng,
        [tint, *surfaces.palette(rng, tint, 2)] if rng.random() < 0.6 else [tint],
        same=same,
        motif=same and rng.random() < 0.7,
        brick=rng.random() < 0.3,
    )
    return Material(image, size_m=rng.uniform(0.4, 0.9), gloss=0.05, roughness=rng.uniform(0.08, 0.4))


def flooring(rng: np.random.Generator, style: str | None = None) -> Material:
    """Of "planks", "carpet", "tiles", "same tiles" (each an exact copy) or "concrete"."""
    style = style or pick(rng, ["planks", "planks", "carpet", "tiles", "concrete"])
    if style == "planks":
        dark, light = pick(rng, surfaces.WOODS)
        return Material(
            surfaces.wood(rng, dark, light, planks=int(rng.integers(7, 14)), side=1024),
            size_m=rng.uniform(1.2, 1.8),
            gloss=0.04,
            roughness=rng.uniform(0.25, 0.7),
        )
    if style == "carpet":
        tint: Rgb = varied(
            rng, COLOURS[pick(rng, ["grey", "beige", "navy", "brown", "dark red", "dark green"])], 8
        )
        return Material(
            surfaces.carpet(rng, [tint, surfaces.shade(tint, 0.6)]),
            size_m=rng.uniform(0.5, 1.2),
            gloss=0.0,
            roughness=1.0,
        )
    if style == "concrete":
        return Material(
            surfaces.mottled(rng, varied(rng, (150, 148, 144), 14), contrast=0.35, side=512),
            size_m=1.6,
            gloss=0.03,
            roughness=0.6,
        )
    tint = varied(rng, COLOURS[pick(rng, ["white", "beige", "grey", "light grey", "brown", "black"])], 8)
    colours = [tint, *surfaces.palette(rng, tint, 2)] if rng.random() < 0.5 else [tint]
    same = style == "same tiles"
    image = surfaces.tiles(rng, colours, count=4, same=same, motif=same and rng.random() < 0.6)
    return Material(image, size_m=rng.uniform(0.8, 1.8), gloss=0.05, roughness=rng.uniform(0.15, 0.5))
