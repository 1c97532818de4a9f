"""Where things stand: free, touching, piled, leaning or hanging, never through each other."""

from dataclasses import dataclass, field

import numpy as np

from assets.capture_maker.arrangement import gap_between, gap_of_points
from assets.capture_maker.shapes import rotation
from assets.training_maker.things.base import Thing, settled

CLEARANCE_M = 0.0004
"""Between things that touch and above what carries them: invisible, and no two surfaces coincide."""
CARPETS = ("rug",)
"""Families that others stand on wherever they lie."""
SINKS_M = 0.4
"""Furniture this tall may stand half on a carpet: its legs press into the pile."""


@dataclass(frozen=True, eq=False)
class Support:
    """A horizontal rectangle that carries things, e.g. a table top."""

    centre: np.ndarray
    """[3]."""
    size: tuple[float, float]
    """Extent in x and y, metres."""
    headroom_m: float = 10.0

    def holds(self, outline: np.ndarray) -> bool:
        return bool(np.all(np.abs(outline - self.centre[:2]) < np.asarray(self.size) / 2))


@dataclass(eq=False)
class Placed:
    """A thing in the world."""

    thing: Thing
    object_id: int
    position: np.ndarray
    """World position of the middle of its underside."""
    touching: list[int] = field(default_factory=list)
    twin_group: int | None = None

    @property
    def outline(self) -> np.ndarray:
        return self.thing.outline + self.position[:2]

    @property
    def top(self) -> float:
        return float(self.position[2] + self.thing.size[2])


class Arranger:
    """Places things in one scene; ids count from 1."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.placed: list[Placed] = []
        self.blocks: list[np.ndarray] = []
        """Convex outlines on the floor that furniture takes."""

    def stand(
        self,
        thing: Thing,
        support: Support,
        *,
        spacing: float = 0.01,
        yaw: float | None = None,
        tries: int = 60,
        near: np.ndarray | None = None,
        twin_group: int | None = None,
    ) -> Placed | None:
        """Put a thing free on a support, turned by `yaw` (any when None); None when there is no room."""
        if thing.size[2] > support.headroom_m:
            return None
        for attempt in range(tries):
            angle = self._yaw() if yaw is None else yaw
            outline = thing.outline_at(angle)
            room = np.maximum(np.asarray(support.size) - np.ptp(outline, axis=0), 0)
            spot = support.centre[:2] + self.rng.uniform(-0.5, 0.5, 2) * room
            if near is not None and attempt < tries * 0.7:
                spot = near + self.rng.normal(0, 0.12 + 0.004 * attempt, 2)
            ground = self._ground(outline + spot, thing, support)
            if ground is None:
                continue
            position = np.array([*spot, ground + CLEARANCE_M])
            if support.holds(outline + spot) and self._free(
                outline + spot, position[2], thing.size[2], spacing
            ):
                return self._add(thing.moved_by(rotation("z", angle)), position, [], twin_group)
        return None

    def beside(
        self, thing: Thing, host: Placed, support: Support, *, twin_group: int | None = None
    ) -> Placed | None:
        """Slide a thing on the same support until it touches `host`."""
        for _ in range(40):
            yaw = self._yaw()
            outline = thing.outline_at(yaw)
            angle = self.rng.uniform(0, 2 * np.pi)
            step = np.array([np.cos(angle), np.sin(angle)])
            near, far = 0.0, 1.5
            while far - near > 1e-4:
                middle = (near + far) / 2
                gap = gap_between(outline + host.position[:2] + step * middle, host.outline)
                near, far = (near, middle) if gap > CLEARANCE_M else (middle, far)
            spot = host.position[:2] + step * far
            outline = outline + spot
            ground = self._ground(outline, thing, support)
            if ground is None:
                continue
            position = np.array([*spot, ground + CLEARANCE_M])
            if support.holds(outline) and self._free(outline, position[2], thing.size[2], CLEARANCE_M / 2):
                return self._add(thing.moved_by(rotation("z", yaw)), position, [host.object_id], twin_group)
        return None

    def pile(self, thing: Thing, host: Placed, *, twin_group: int | None = None) -> Placed | None:
        """Put a thing on a flat-topped one that carries nothing yet."""
        if not host.thing.flat_top or any(
            p.position[2] > host.position[2] and host.object_id in p.touching for p in self.placed
        ):
            return None
        for _ in range(15):
            yaw = float(self.rng.normal(0, 0.25)) if thing.flat_top else self._yaw()
            outline = thing.outline_at(yaw)
            spot = host.position[:2] + self.rng.normal(0, 0.1, 2) * host.thing.size[:2]
            position = np.array([*spot, host.top + CLEARANCE_M])
            held = outline * 0.75 + spot
            if gap_of_points(held, host.outline) < 0 and self._free(
                outline + spot, position[2], thing.size[2], CLEARANCE_M / 2
            ):
                return self._add(thing.moved_by(rotation("z", yaw)), position, [host.object_id], twin_group)
        return None

    def lay(self, thing: Thing, position: np.ndarray, *, yaw: float) -> Placed:
        """Put the first thing of a place exactly there; flat ones (rugs) may carry others like the floor."""
        return self._add(
            thing.moved_by(rotation("z", yaw)), position + np.array([0, 0, CLEARANCE_M]), [], None
        )

    def nest(self, thing: Thing, host: Placed, rise_m: float) -> Placed:
        """Put a thing into one of the same shape, e.g. a plate on a plate, `rise_m` higher."""
        return self._add(thing, host.position + np.array([0, 0, rise_m]), [host.object_id], None)

    def lean_on_wall(self, thing: Thing, support: Support, wall_y: float, *, slant: float) -> Placed | None:
        """Stand a flat thing upright, leaning back by `slant` radians against a wall at +Y."""
        upright = thing.moved_by(rotation("x", np.pi / 2 - slant))
        for _ in range(40):
            x = support.centre[0] + self.rng.uniform(-0.5, 0.5) * (support.size[0] - upright.size[0])
            y = wall_y - upright.size[1] / 2 - 2 * CLEARANCE_M
            position = np.array([x, y, support.centre[2] + CLEARANCE_M])
            outline = upright.outline + position[:2]
            if support.holds(outline) and self._free(outline, position[2], upright.size[2], 0.004):
                return self._add(upright, position, [], None)
        return None

    def hang(self, thing: Thing, wall_to_world: np.ndarray, width: float, height: float, *, spacing: float = 0.03,
             keep_off: np.ndarray | None = None) -> Placed | None:  # fmt: skip
        """Hang a flat thing on a wall: [4, 4] from its frame (x right, y up, z into the room, origin at the middle)."""
        hung = settled(thing)
        half = hung.size[:2] / 2
        taken = [
            (q.thing.points.min(axis=0) + q.position, q.thing.points.max(axis=0) + q.position)
            for q in self.placed
        ]
        if keep_off is not None:
            taken.append((keep_off.min(axis=0), keep_off.max(axis=0)))
        turn = wall_to_world[:3, :3]
        upright = hung.points @ turn.T
        for _ in range(60):
            at = self.rng.uniform(-1, 1, 2) * np.maximum(np.array([width, height]) / 2 - half, 0)
            position = wall_to_world[:3, 3] + turn @ np.array([*at, CLEARANCE_M])
            low, high = position + upright.min(axis=0) - spacing, position + upright.max(axis=0) + spacing
            if all(np.any(a > high) or np.any(b < low) for a, b in taken):
                moved = Thing(
                    hung.family,
                    hung.colour,
                    [p.bent(p.triangles.reshape(-1, 3) @ turn.T) for p in hung.parts],
                )
                return self._add(moved, position, [], None)
        return None

    def _yaw(self) -> float:
        """Mostly facing the front, as people set things down."""
        return float(self.rng.normal(0, 0.5) if self.rng.random() < 0.7 else self.rng.uniform(0, 2 * np.pi))

    def _ground(self, outline: np.ndarray, thing: Thing, support: Support) -> float | None:
        """Height of what carries an outline: the support or a carpet on it; None half on a carpet."""
        for carpet in (
            p for p in self.placed if p.thing.family in CARPETS and p.position[2] < support.centre[2] + 0.01
        ):
            if gap_of_points(outline, carpet.outline) < 0:
                return carpet.top
            if gap_between(outline, carpet.outline) < 0 and thing.size[2] < SINKS_M:
                return None
        return float(support.centre[2])

    def _free(self, outline: np.ndarray, low: float, tall: float, spacing: float) -> bool:
        if low < 0.1 and any(gap_between(outline, block) < spacing for block in self.blocks):
            return False
        middle, reach = outline.mean(axis=0), np.ptp(outline, axis=0).max()
        for other in self.placed:
            if low + tall <= other.position[2] or low >= other.top or other.thing.family in CARPETS:
                continue
            if np.abs(other.position[:2] - middle).max() > reach + other.thing.size[:2].max() + spacing:
                continue
            if gap_between(outline, other.outline) < spacing:
                return False
        return True

    def _add(self, thing: Thing, position: np.ndarray, touching: list[int], twin_group: int | None) -> Placed:
        new = Placed(thing, len(self.placed) + 1, position, list(touching), twin_group)
        for index in touching:
            self.placed[index - 1].touching.append(new.object_id)
        self.placed.append(new)
        return new
