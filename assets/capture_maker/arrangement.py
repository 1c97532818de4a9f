"""Where things stand: apart, touching side by side, or on top of each other, never through each other."""

from dataclasses import dataclass, field

import numpy as np

from assets.capture_maker.shapes import Thing, rotation


@dataclass(frozen=True)
class Placed:
    """A thing in the world."""

    thing: Thing
    object_id: int
    name: str
    position: np.ndarray
    """World position of the middle of its underside."""
    yaw_rad: float
    twin_group: int | None = None
    touching: list[int] = field(default_factory=list)
    """Ids of things it leans against, stands on or carries."""

    @property
    def object_to_world(self) -> np.ndarray:
        out = np.eye(4)
        out[:3, :3] = rotation("z", self.yaw_rad)
        out[:3, 3] = self.position
        return out

    @property
    def footprint(self) -> np.ndarray:
        """Convex outline seen from above, world xy, counter-clockwise."""
        return outline_of(self.thing, self.yaw_rad) + self.position[:2]


def outline_of(thing: Thing, yaw_rad: float) -> np.ndarray:
    return thing.outline @ rotation("z", yaw_rad)[:2, :2].T


def gap_between(a: np.ndarray, b: np.ndarray) -> float:
    """Largest separation of two convex outlines along an edge normal; negative when they overlap.

    Outlines far apart give a lower bound of it.
    """
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    reach = np.linalg.norm(a - centre_a, axis=1).max() + np.linalg.norm(b - centre_b, axis=1).max()
    far = float(np.linalg.norm(centre_a - centre_b) - reach)
    if far > 0.05:  # their circles are well apart: the exact gap does not matter
        return far
    best = -np.inf
    for outline, other in ((a, b), (b, a)):
        edges = np.roll(outline, -1, axis=0) - outline
        normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        own = np.einsum("ij,ij->i", normals, outline)
        best = max(best, float(((other @ normals.T).min(axis=0) - own).max()))
    return best


class Arranger:
    """Places things one after another on a rectangular top; ids count from 1."""

    def __init__(self, rng: np.random.Generator, width: float, depth: float, height: float) -> None:
        self.rng = rng
        self.width, self.depth, self.height = width, depth, height
        self.placed: list[Placed] = []

    def put(
        self, thing: Thing, *, near_y: float | None, spacing: float, twin_group: int | None = None
    ) -> bool:
        """Stand `thing` free on the top, its depth near `near_y` when given; False when there is no room."""
        for attempt in range(400):
            yaw = self._yaw(thing)
            x = self.rng.uniform(-0.5, 0.5) * self.width
            y = self.rng.uniform(-0.5, 0.5) * self.depth
            if near_y is not None and attempt < 300:
                y = np.clip(near_y + self.rng.normal(0, 0.12) * self.depth, -self.depth / 2, self.depth / 2)
            outline = outline_of(thing, yaw) + np.array([x, y])
            if self._inside(outline) and self._free(outline, spacing):
                self._add(thing, np.array([x, y, self.height]), yaw, [], twin_group)
                return True
        return False

    def put_against(
        self, thing: Thing, *, spacing: float, twin_group: int | None = None, ground: int | None = None
    ) -> bool:
        """Slide `thing` on the top until it touches one that stands there (`ground`, else any)."""
        hosts = [
            p
            for p in self.placed
            if p.position[2] == self.height and (ground is None or p.object_id == ground)
        ]
        for _ in range(300):
            host = hosts[int(self.rng.integers(len(hosts)))]
            yaw, direction = self._yaw(thing), self.rng.uniform(0, 2 * np.pi)
            step = np.array([np.cos(direction), np.sin(direction)])
            outline = outline_of(thing, yaw) + host.position[:2]
            near, far = 0.0, 0.6
            while far - near > 1e-5:
                middle = (near + far) / 2
                near, far = (
                    (near, middle)
                    if gap_between(outline + step * middle, host.footprint) > 3e-4
                    else (middle, far)
                )
            outline = outline + step * far
            others = [p for p in self.placed if p is not host]
            if self._inside(outline) and self._free(outline, spacing, others):
                centre = host.position[:2] + step * far
                self._add(thing, np.array([*centre, self.height]), yaw, [host.object_id], twin_group)
                return True
        return False

    def put_on(self, thing: Thing) -> bool:
        """Stand `thing` on a flat-topped one that carries nothing yet and is large enough."""
        hosts = [p for p in self.placed if p.thing.flat_top and not self._carries(p)]
        self.rng.shuffle(hosts)
        for host in hosts:
            for _ in range(20):
                yaw = host.yaw_rad + self.rng.uniform(-0.35, 0.35) if thing.flat_top else self._yaw(thing)
                shift = self.rng.normal(0, 0.006, 2)
                outline = outline_of(thing, yaw) + host.position[:2] + shift
                inside = gap_of_points(outline * 0.82 + 0.18 * outline.mean(axis=0), host.footprint) < 0
                if inside:
                    top = host.position[2] + host.thing.size[2]
                    self._add(
                        thing, np.array([*(host.position[:2] + shift), top]), yaw, [host.object_id], None
                    )
                    return True
        return False

    def _carries(self, host: Placed) -> bool:
        return any(p.position[2] > host.position[2] and host.object_id in p.touching for p in self.placed)

    def _yaw(self, thing: Thing) -> float:
        """Mostly facing the photographer, as people set things down."""
        return float(self.rng.normal(0, 0.5)) + (np.pi / 2 if thing.category == "rubber duck" else 0.0)

    def _inside(self, outline: np.ndarray) -> bool:
        return bool(
            np.all(np.abs(outline[:, 0]) < self.width / 2) and np.all(np.abs(outline[:, 1]) < self.depth / 2)
        )

    def _free(self, outline: np.ndarray, spacing: float, others: list[Placed] | None = None) -> bool:
        return all(
            gap_between(outline, p.footprint) > spacing for p in (self.placed if others is None else others)
        )

    def _add(
        self, thing: Thing, position: np.ndarray, yaw: float, touching: list[int], twin_group: int | None
    ) -> None:
        new_id = len(self.placed) + 1
        for index in touching:
            self.placed[index - 1].touching.append(new_id)
        name = f"{thing.colour} {thing.category}"
        self.placed.append(Placed(thing, new_id, name, position, yaw, twin_group, list(touching)))


def gap_of_points(points: np.ndarray, outline: np.ndarray) -> float:
    """How far the outermost of `points` lies outside a convex outline; negative when all are inside."""
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return float((points @ normals.T - np.einsum("ij,ij->i", normals, outline)).max())
