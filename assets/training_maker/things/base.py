"""What a thing is, how families register, and the materials they share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.spatial import ConvexHull

from assets.training_maker.coverings import prints, surfaces
from assets.training_maker.coverings.surfaces import COLOURS, Rgb, pick, varied
from assets.training_maker.meshes import Material, Part


@dataclass(frozen=True, eq=False)
class Thing:
    """A thing before it is placed: its lowest point at z = 0, the middle of its extent above the origin."""

    family: str
    colour: str
    parts: list[Part]
    flat_top: bool = False
    """Others may stand on it."""
    piles: bool = False
    """May stand on others."""
    leans: bool = False
    """A stiff flat thing that may lean against something, its front upwards as it lies."""
    hangs: bool = False
    """May hang on a wall, its front upwards as it lies."""

    @property
    def name(self) -> str:
        return f"{self.colour} {self.family}"

    @cached_property
    def points(self) -> np.ndarray:
        """All corners [N, 3]."""
        return np.concatenate([p.triangles.reshape(-1, 3) for p in self.parts])

    @cached_property
    def outline(self) -> np.ndarray:
        """Convex outline seen from above, counter-clockwise [N, 2]."""
        flat = self.points[:, :2]
        return flat[ConvexHull(flat).vertices]

    @cached_property
    def size(self) -> np.ndarray:
        """Extent [3] along x, y and z."""
        return np.ptp(self.points, axis=0)

    def outline_at(self, yaw_rad: float) -> np.ndarray:
        """The outline [N, 2] when turned about z and centred again."""
        c, s = np.cos(yaw_rad), np.sin(yaw_rad)
        turned = self.outline @ np.array([[c, s], [-s, c]])
        return turned - (turned.min(axis=0) + turned.max(axis=0)) / 2

    def moved_by(self, rotation: np.ndarray) -> "Thing":
        """Turned by [3, 3] and set down again."""
        return settled(
            replace(self, parts=[replace(p, triangles=p.triangles @ rotation.T) for p in self.parts])
        )

    def scaled(self, factor: float) -> "Thing":
        return replace(self, parts=[p.scaled(factor) for p in self.parts])


def settled(thing: Thing) -> Thing:
    """The same thing with its lowest point on z = 0 and centred."""
    low, high = thing.points.min(axis=0), thing.points.max(axis=0)
    offset = np.array([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    return replace(thing, parts=[p.moved(offset) for p in thing.parts])


Builder = Callable[[np.random.Generator], Thing]


@dataclass(frozen=True)
class Family:
    """One kind of thing and where it is found."""

    name: str
    build: Builder
    places: frozenset[str]
    """Of "table", "floor", "wall", "large"."""


FAMILIES: dict[str, Family] = {}


def family(name: str, *places: str) -> Callable[[Callable[..., Thing]], Builder]:
    """Register a builder under a name; on a table unless told otherwise."""

    def keep(function: Callable[..., Thing]) -> Builder:
        def build(rng: np.random.Generator) -> Thing:
            return settled(function(rng, name))

        if name in FAMILIES:
            raise ValueError(f"The family '{name}' is registered twice.")
        FAMILIES[name] = Family(name, build, frozenset(places or ("table",)))
        return build

    return keep


def colour(rng: np.random.Generator, names: Iterable[str] | None = None) -> tuple[str, Rgb]:
    """A named colour, a little varied; white, black and grey more often than others."""
    if names is None:
        names = [*COLOURS, "white", "white", "black", "grey", "cream", "beige", "brown"]
    name = pick(rng, list(names))
    return name, varied(rng, COLOURS[name], 8)


def glaze(rng: np.random.Generator, rgb: Rgb, *, printed: float = 0.4) -> Material:
    """Ceramic: plain, speckled or printed."""
    roughness, draw = rng.uniform(0.05, 0.35), rng.random()
    if draw < printed:
        image = prints.motif_print(rng, rgb) if rng.random() < 0.6 else prints.label(rng, rgb)
        return Material(image, gloss=0.05, roughness=roughness)
    if draw < printed + 0.2:
        image = surfaces.speckled(rng, rgb, surfaces.shade(rgb, pick(rng, [0.5, 1.8])), share=0.06, side=256)
        return Material(image, size_m=0.12, gloss=0.05, roughness=roughness)
    return Material(
        surfaces.mottled(rng, rgb, contrast=0.05, side=128), size_m=0.2, gloss=0.05, roughness=roughness
    )


def plastic(rng: np.random.Generator, rgb: Rgb, *, roughness: float | None = None) -> Material:
    rough = rng.uniform(0.15, 0.5) if roughness is None else roughness
    return Material(
        surfaces.mottled(rng, rgb, contrast=0.03, side=128), size_m=0.15, gloss=0.045, roughness=rough
    )


def matte(rng: np.random.Generator, rgb: Rgb, *, contrast: float = 0.15, size_m: float = 0.2) -> Material:
    return Material(surfaces.mottled(rng, rgb, contrast=contrast), size_m=size_m, gloss=0.02, roughness=0.8)


def metal(rng: np.random.Generator, rgb: Rgb | None = None, *, roughness: float | None = None) -> Material:
    """Steel unless told otherwise, polished or brushed."""
    rgb = rgb or pick(
        rng, [(196, 196, 198), (170, 172, 176), (150, 150, 152), (204, 170, 110), (190, 120, 84)]
    )
    rough = rng.uniform(0.12, 0.45) if roughness is None else roughness
    return Material(
        surfaces.mottled(rng, rgb, contrast=0.08, slope=0.4),
        size_m=0.1,
        gloss=0.7,
        roughness=rough,
        metal=True,
    )


def timber(rng: np.random.Generator, *, size_m: float = 0.35) -> tuple[str, Material]:
    k = int(rng.integers(len(surfaces.WOODS)))
    dark, light = surfaces.WOODS[k]
    names = ["brown", "light wooden", "dark brown", "pale wooden", "reddish brown", "grey wooden"]
    image = surfaces.wood(rng, varied(rng, dark, 6), varied(rng, light, 6), side=384)
    return names[k], Material(image, size_m=size_m, gloss=0.04, roughness=rng.uniform(0.35, 0.7))


def cloth(rng: np.random.Generator, rgb: Rgb, *, size_m: float = 0.25) -> Material:
    style = pick(rng, ["plaid", "stripes", "linen", "linen", "knit"])
    image = surfaces.weave(rng, [rgb, *surfaces.palette(rng, rgb, 3)], style=style)
    return Material(image, size_m=size_m, gloss=0.01, roughness=0.95)


def picture(image: np.ndarray, *, gloss: float = 0.04, roughness: float = 0.4) -> Material:
    return Material(image, gloss=gloss, roughness=roughness)


def paper(rng: np.random.Generator, rgb: Rgb = (238, 236, 228)) -> Material:
    return Material(surfaces.mottled(rng, rgb, contrast=0.03), size_m=0.2, gloss=0.02, roughness=0.85)


def clear(rgb: Rgb = (236, 244, 240)) -> Material:
    """Glass that is looked through."""
    return Material(surfaces.plain(rgb), gloss=0.05, roughness=0.03, glass=True)


def plain(rgb: Rgb, *, gloss: float = 0.04, roughness: float = 0.5) -> Material:
    return Material(surfaces.plain(rgb), gloss=gloss, roughness=roughness)
