"""The surroundings: rooms with walls, floor, lamps, windows, and the furniture that carries things."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from assets.capture_maker.shapes import rotation
from assets.training_maker.coverings import surfaces
from assets.training_maker.coverings.finishes import table_top
from assets.training_maker.coverings.surfaces import COLOURS, pick, varied
from assets.training_maker.meshes import Material, Part, box, cylinder, patch, prism
from assets.training_maker.placing import Arranger, Placed, Support
from assets.training_maker.things.base import metal
from assets.training_maker.world import Light

STRUCTURE_IDS = {
    "floor": 201,
    "wall": 202,
    "ceiling": 203,
    "table": 204,
    "counter": 205,
    "shelf": 206,
    "window": 207,
}
"""Instance ids of what is no thing; ids from 201 up are background in every score."""


@dataclass(eq=False)
class Stage:
    """A scene while it is set up. The room stands on z = 0, its middle at x = y = 0; the back wall is at +Y."""

    rng: np.random.Generator
    size: tuple[float, float, float]
    """Width, depth, height of the room, metres."""
    parts: list[tuple[Part, int]] = field(default_factory=list)
    lights: list[Light] = field(default_factory=list)
    ambient: np.ndarray = field(default_factory=lambda: np.ones(3))
    arranger: Arranger = field(init=False)

    def __post_init__(self) -> None:
        self.arranger = Arranger(self.rng)

    @property
    def placed(self) -> list[Placed]:
        return self.arranger.placed

    def all_parts(self) -> list[tuple[Part, int]]:
        things = [(part.moved(p.position), p.object_id) for p in self.placed for part in p.thing.parts]
        return [*self.parts, *things]

    def add(
        self, parts: list[Part], structure: str, at: tuple[float, float, float] = (0, 0, 0), yaw: float = 0.0
    ) -> None:
        turn = rotation("z", yaw)
        for part in parts:
            self.parts.append(
                (
                    Part(part.triangles @ turn.T + np.asarray(at), part.uv, part.material, part.smooth),
                    STRUCTURE_IDS[structure],
                )
            )

    def shell(self, floor: Material, walls: list[Material]) -> None:
        """Floor, ceiling, four walls (back, right, front, left; fewer materials repeat) and a skirting board."""
        w, d, h = self.size
        rng = self.rng
        corners = [(w / 2, d / 2), (-w / 2, d / 2), (-w / 2, -d / 2), (w / 2, -d / 2)]
        for k in range(4):
            a, b = corners[k], corners[(k + 1) % 4]
            points = np.array([[[*b, 0], [*a, 0]], [[*b, h], [*a, h]]], float)
            material = walls[k % len(walls)]
            self.parts.append((patch(points, material, smooth=False), STRUCTURE_IDS["wall"]))
        flat = np.array([[[-w / 2, -d / 2, 0], [w / 2, -d / 2, 0]], [[-w / 2, d / 2, 0], [w / 2, d / 2, 0]]])
        self.parts.append((patch(flat, floor, smooth=False), STRUCTURE_IDS["floor"]))
        white = Material(
            surfaces.mottled(rng, (226, 224, 218), contrast=0.03), size_m=1.0, gloss=0.0, roughness=1.0
        )
        self.parts.append((patch(flat[:, ::-1] + [0, 0, h], white, smooth=False), STRUCTURE_IDS["ceiling"]))
        if rng.random() < 0.8:
            board = pick(rng, [white, Material(surfaces.plain((92, 66, 46)), roughness=0.4)])
            high = rng.uniform(0.06, 0.12)
            for x, y, length, yaw in (
                (0, d / 2 - 0.008, w, 0),
                (0, -d / 2 + 0.008, w, 0),
                (w / 2 - 0.008, 0, d, np.pi / 2),
                (-w / 2 + 0.008, 0, d, np.pi / 2),
            ):
                self.add(box((length, 0.014, high), board), "wall", (x, y, 0), yaw)

    def lamps(self) -> None:
        """A ceiling light, often daylight from a window, and light that fills the room; colours vary."""
        rng = self.rng
        w, d, h = self.size
        warm = np.array([1.0, rng.uniform(0.78, 0.95), rng.uniform(0.55, 0.88)])
        cool = np.array([rng.uniform(0.82, 0.98), 0.95, 1.0])
        side = rng.uniform(0.25, 1.3)
        strength = rng.uniform(6, 10) / side**2
        x, y = rng.uniform(-0.3, 0.3) * w, rng.uniform(-0.35, 0.2) * d
        day = rng.random() < 0.65
        bright = warm * strength * (rng.uniform(0.3, 1.0) if day else 1.0)
        self._light(np.array([x - side / 2, y + side / 2, h - 0.02]), [side, 0, 0], [0, -side, 0], bright)
        if day:
            wide, tall = rng.uniform(0.8, 1.8), rng.uniform(0.9, 1.4)
            left = rng.random() < 0.5
            at = rng.uniform(-0.45, 0.15) * d
            if left:
                corner, across = np.array([-w / 2 + 0.03, at, 0.9]), np.array([0, wide, 0.0])
            else:
                corner, across = np.array([w / 2 - 0.03, at + wide, 0.9]), np.array([0, -wide, 0.0])
            self._light(corner, across, [0, 0, tall], cool * rng.uniform(4, 12) / (wide * tall))
            self._window(corner, across, tall, left)
        self.ambient = (0.5 * warm + 0.5 * cool) * rng.uniform(0.28, 0.6)

    def _light(
        self,
        corner: np.ndarray,
        across: Sequence[float] | np.ndarray,
        up: Sequence[float],
        radiance: np.ndarray,
    ) -> None:
        self.lights.append(Light(*(np.asarray(v, np.float32) for v in (corner, across, up, radiance))))

    def _window(self, corner: np.ndarray, across: np.ndarray, tall: float, left: bool) -> None:
        """A bright pane with a frame behind a window's light."""
        back = -0.02 if left else 0.02
        wide = float(np.linalg.norm(across))
        start, rise = corner + np.array([back, 0, 0]), np.array([0, 0, tall])
        points = np.array([[start, start + across], [start + rise, start + across + rise]])
        sky = surfaces.finished(
            surfaces.mix((225, 235, 245), (250, 250, 250), np.linspace(1, 0, 64)[:, None] * np.ones((1, 64)))
        )
        self.parts.append(
            (patch(points, Material(sky, gloss=0.05, roughness=0.1), smooth=False), STRUCTURE_IDS["window"])
        )
        frame = Material(surfaces.plain((230, 228, 222)), roughness=0.4)
        middle = start + across / 2
        for z, high in ((corner[2] - 0.05, 0.06), (corner[2] + tall, 0.06), (corner[2] + tall / 2, 0.04)):
            self.add(box((0.05, wide + 0.1, high), frame), "window", (start[0], middle[1], z))
        for s in (-0.5, 0.0, 0.5):
            self.add(box((0.05, 0.05, tall), frame), "window", (start[0], middle[1] + s * wide, corner[2]))

    def table(
        self,
        material: Material,
        *,
        centre: tuple[float, float] = (0.0, 0.0),
        size: tuple[float, float] | None = None,
        height: float | None = None,
    ) -> Support:
        """A table; the returned support is a little smaller than its top."""
        rng = self.rng
        width, depth = size or (rng.uniform(1.0, 1.7), rng.uniform(0.65, 0.95))
        high, thick = height or rng.uniform(0.7, 0.78), rng.uniform(0.02, 0.045)
        x, y = centre
        legs = (
            Material(material.texture, material.size_m, roughness=0.5) if rng.random() < 0.6 else metal(rng)
        )
        if rng.random() < 0.2 and size is None:
            width = depth = max(width, depth) * 0.85
            turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
            disc = np.stack([np.cos(turn), np.sin(turn)], axis=1) * width / 2
            self.add(prism(disc, thick, material, bevel=0.004), "table", (x, y, high - thick))
            self.add(
                [cylinder(0.05, high - thick, legs), cylinder(width * 0.22, 0.03, legs, bevel=0.01)],
                "table",
                (x, y, 0),
            )
            room = width * 0.66, width * 0.66
        else:
            self.add(
                box((width, depth, thick), material, radius=rng.uniform(0.002, 0.01)),
                "table",
                (x, y, high - thick),
            )
            for sx in (-1, 1):
                for sy in (-1, 1):
                    self.add(
                        box((0.055, 0.055, high - thick), legs),
                        "table",
                        (x + sx * (width / 2 - 0.06), y + sy * (depth / 2 - 0.06), 0),
                    )
            self.add(
                box((width - 0.16, 0.02, 0.08), legs), "table", (x, y - depth / 2 + 0.06, high - thick - 0.08)
            )
            self.add(
                box((width - 0.16, 0.02, 0.08), legs), "table", (x, y + depth / 2 - 0.06, high - thick - 0.08)
            )
            room = width - 0.06, depth - 0.06
        outline = np.array(
            [
                [-width / 2, -depth / 2],
                [width / 2, -depth / 2],
                [width / 2, depth / 2],
                [-width / 2, depth / 2],
            ]
        )
        self.arranger.blocks.append(outline * 0.8 + [x, y])
        return Support(np.array([x, y, high]), room)

    def counter(self, *, side: str, length: float) -> Support:
        """A kitchen counter with doors along the back ("back") or left wall ("left")."""
        rng = self.rng
        w, d, _ = self.size
        deep, high = 0.6, rng.uniform(0.86, 0.93)
        tint = varied(
            rng,
            COLOURS[
                pick(rng, ["white", "grey", "dark red", "dark green", "navy", "beige", "cream", "black"])
            ],
            8,
        )
        front = Material(
            surfaces.mottled(rng, tint, contrast=0.04),
            size_m=0.5,
            gloss=0.045,
            roughness=rng.uniform(0.15, 0.5),
        )
        top = table_top(rng, pick(rng, ["stone", "wood", "plain"]))
        count = max(2, int(length / 0.5))
        parts = [p.moved((0, 0, 0.08)) for p in box((length, deep - 0.04, high - 0.12), front)]
        knob = metal(rng)
        for k in range(count):
            x = (k + 0.5) * length / count - length / 2
            parts += [
                p.moved((x, -deep / 2 + 0.015, 0.1))
                for p in box((length / count - 0.012, 0.018, high - 0.16), front, radius=0.004)
            ]
            parts += [
                p.moved((x + 0.15 * length / count, -deep / 2 - 0.002, high - 0.16))
                for p in box((0.12, 0.014, 0.012), knob)
            ]
        parts += [p.moved((0, 0, high - 0.04)) for p in box((length, deep, 0.04), top, radius=0.004)]
        yaw = 0.0 if side == "back" else np.pi / 2
        at = (0.0, d / 2 - deep / 2 - 0.02) if side == "back" else (-w / 2 + deep / 2 + 0.02, 0.0)
        self.add(parts, "counter", (*at, 0), yaw)
        size = (length, deep) if side == "back" else (deep, length)
        half = np.asarray(size) / 2
        outline = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half + at
        self.arranger.blocks.append(outline)
        return Support(np.array([*at, high]), (size[0] - 0.08, size[1] - 0.08))

    def shelf(
        self,
        *,
        centre: tuple[float, float, float],
        size: tuple[float, float, float],
        boards: int,
        backed: bool = True,
    ) -> list[Support]:
        """Boards between uprights (x wide, y deep, z high) with its lowest board at `centre` z; returns the boards."""
        rng = self.rng
        width, depth, high = size
        material = table_top(rng, pick(rng, ["wood", "plain", "wood"]))
        x, y, z = centre
        out = []
        gap = high / boards
        for k in range(boards + 1):
            self.add(box((width, depth, 0.022), material), "shelf", (x, y, z + k * gap - 0.022))
            if k < boards:
                out.append(Support(np.array([x, y, z + k * gap]), (width - 0.07, depth - 0.03), gap - 0.035))
        for s in (-1, 1):
            self.add(box((0.022, depth, high + 0.022), material), "shelf", (x + s * width / 2, y, z - 0.022))
        if backed:
            self.add(box((width, 0.008, high), material), "shelf", (x, y + depth / 2, z))
        return out


def wall_frame(stage: Stage, side: str) -> np.ndarray:
    """[4, 4] from a wall's frame (x right, y up, z into the room, origin at its middle) to the world."""
    w, d, h = stage.size
    out = np.eye(4)
    if side == "back":
        out[:3, 0], out[:3, 1], out[:3, 2], out[:3, 3] = (1, 0, 0), (0, 0, 1), (0, -1, 0), (0, d / 2, h / 2)
    elif side == "left":
        out[:3, 0], out[:3, 1], out[:3, 2], out[:3, 3] = (0, 1, 0), (0, 0, 1), (1, 0, 0), (-w / 2, 0, h / 2)
    elif side == "front":
        out[:3, 0], out[:3, 1], out[:3, 2], out[:3, 3] = (-1, 0, 0), (0, 0, 1), (0, 1, 0), (0, -d / 2, h / 2)
    else:
        out[:3, 0], out[:3, 1], out[:3, 2], out[:3, 3] = (0, -1, 0), (0, 0, 1), (-1, 0, 0), (w / 2, 0, h / 2)
    return out
