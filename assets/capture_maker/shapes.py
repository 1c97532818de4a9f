"""Meshes of everyday things as plain arrays: lathes, extrusions, tubes, boxes. Metres, +Z up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import ConvexHull

Face = tuple[int, ...]


@dataclass(frozen=True)
class Finish:
    """What a surface looks like. Colours are sRGB 0..255."""

    colour: tuple[int, int, int] = (200, 200, 200)
    second: tuple[int, int, int] | None = None
    """Speckles or veins of this colour over the first."""
    image: np.ndarray | None = None
    """Printed by the part's uv in place of the colours; uint8 [H, W, 3]."""
    roughness: float = 0.45
    metallic: float = 0.0
    mottle: float = 0.12
    """Darkening in [0, 1] of the speckles where `second` is not given."""
    grain_per_m: float = 180.0
    """Frequency of the variation."""
    bump: float = 0.0


@dataclass(frozen=True)
class Part:
    """One surface with one finish."""

    vertices: np.ndarray
    """[N, 3]."""
    faces: list[Face]
    uvs: list[list[tuple[float, float]]]
    """Per face, per corner."""
    finish: Finish
    smooth: bool = True

    def moved(self, offset: Sequence[float]) -> "Part":
        return Part(self.vertices + np.asarray(offset, float), self.faces, self.uvs, self.finish, self.smooth)

    def turned(self, axis: str, angle_rad: float) -> "Part":
        """Rotated about an axis through the origin."""
        return Part(
            self.vertices @ rotation(axis, angle_rad).T, self.faces, self.uvs, self.finish, self.smooth
        )

    def scaled(self, factors: Sequence[float]) -> "Part":
        return Part(
            self.vertices * np.asarray(factors, float), self.faces, self.uvs, self.finish, self.smooth
        )


@dataclass(frozen=True)
class Thing:
    """An object before it is placed: its lowest point lies at z = 0, its footprint around the origin."""

    category: str
    colour: str
    pattern: str
    parts: list[Part]
    flat_top: bool = False
    """Other things may stand on it."""
    light: bool = False
    """Small enough to stand on others."""

    @property
    def vertices(self) -> np.ndarray:
        return np.concatenate([part.vertices for part in self.parts])

    @cached_property
    def outline(self) -> np.ndarray:
        """Convex outline seen from above, counter-clockwise xy."""
        points = self.vertices[:, :2]
        return points[ConvexHull(points).vertices]

    @property
    def size(self) -> np.ndarray:
        return np.ptp(self.vertices, axis=0)


def rotation(axis: str, angle_rad: float) -> np.ndarray:
    """[3, 3], right-handed about x, y or z."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    if axis == "x":
        return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    if axis == "y":
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def lathe(
    profile: Sequence[tuple[float, float]], finish: Finish, *, segments: int = 72, smooth: bool = True
) -> Part:
    """Turn a profile of (radius, z) about +Z; radius 0 closes the surface. u runs round, v along it."""
    points = np.asarray(profile, float)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    v = lengths / lengths[-1]
    angles = np.arange(segments) * 2 * np.pi / segments
    vertices: list[np.ndarray] = []
    rings: list[list[int]] = []
    count = 0
    for radius, z in points:
        if radius < 1e-9:
            vertices.append(np.array([[0.0, 0.0, z]]))
            rings.append([count] * segments)
            count += 1
        else:
            ring = np.stack([radius * np.cos(angles), radius * np.sin(angles), np.full(segments, z)], axis=1)
            vertices.append(ring)
            rings.append(list(range(count, count + segments)))
            count += segments
    faces: list[Face] = []
    uvs: list[list[tuple[float, float]]] = []
    for row in range(len(points) - 1):
        low, high = rings[row], rings[row + 1]
        for i in range(segments):
            j = (i + 1) % segments
            u0, u1 = i / segments, (i + 1) / segments
            corners = [
                (low[i], u0, v[row]),
                (low[j], u1, v[row]),
                (high[j], u1, v[row + 1]),
                (high[i], u0, v[row + 1]),
            ]
            unique = [c for k, c in enumerate(corners) if c[0] not in [d[0] for d in corners[:k]]]
            if len(unique) >= 3:
                faces.append(tuple(c[0] for c in unique))
                uvs.append([(float(c[1]), float(c[2])) for c in unique])
    return Part(np.concatenate(vertices), faces, uvs, finish, smooth)


def rounded(
    points: Sequence[tuple[float, float]], radius: float, *, steps: int = 5
) -> list[tuple[float, float]]:
    """A profile with its inner corners rounded by quadratic curves that start `radius` away from them."""
    corners = np.asarray(points, float)
    out = [tuple(corners[0])]
    for before, corner, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        to_before, to_after = before - corner, after - corner
        start = corner + to_before * min(0.5, radius / max(np.linalg.norm(to_before), 1e-9))
        end = corner + to_after * min(0.5, radius / max(np.linalg.norm(to_after), 1e-9))
        for t in np.linspace(0, 1, steps):
            out.append(tuple((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end))
    return [(float(r), float(z)) for r, z in [*out, tuple(corners[-1])]]


def ball(radius: float, finish: Finish, *, squash: float = 1.0, segments: int = 56) -> Part:
    """A sphere about the origin, `squash` along z."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    profile = [
        (float(radius * np.cos(a)) if abs(a) < 1.57 else 0.0, float(radius * np.sin(a) * squash))
        for a in angles
    ]
    return lathe(profile, finish, segments=segments)


def cylinder(radius: float, height: float, finish: Finish, *, segments: int = 64) -> Part:
    """From z = 0 to `height`."""
    return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], finish, segments=segments)


def box(size: Sequence[float], finish: Finish, *, atlas: bool = False) -> Part:
    """An axis-aligned box standing on z = 0, centred in x and y.

    Each face shows the whole image; with `atlas` it has six cells: front, back, left over right, top, bottom.
    """
    x, y, z = np.asarray(size, float) / 2
    vertices = np.array([[sx * x, sy * y, sz * z + z] for sz in (-1, 1) for sy in (-1, 1) for sx in (-1, 1)])
    # Corner order: lower left, lower right, upper right, upper left as seen from outside.
    faces: list[Face] = [(0, 1, 5, 4), (3, 2, 6, 7), (2, 0, 4, 6), (1, 3, 7, 5), (4, 5, 7, 6), (2, 3, 1, 0)]
    square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    uvs = []
    for index in range(6):
        column, row = index % 3, index // 3
        uvs.append([((column + u) / 3, (1 - row + v) / 2) for u, v in square] if atlas else list(square))
    return Part(vertices, faces, uvs, finish, smooth=False)


def extrusion(outline: Sequence[tuple[float, float]], depth: float, finish: Finish) -> Part:
    """A convex or star-shaped outline in the xz plane, `depth` thick along y and centred on it."""
    points = np.asarray(outline, float)
    count = len(points)
    front = np.stack([points[:, 0], np.full(count, -depth / 2), points[:, 1]], axis=1)
    back = front + np.array([0, depth, 0])
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    flat = [(float(u), float(v)) for u, v in (points - low) / span]
    faces: list[Face] = [tuple(range(count)), tuple(reversed(range(count, 2 * count)))]
    uvs = [flat, flat[::-1]]
    for i in range(count):
        j = (i + 1) % count
        faces.append((j, i, i + count, j + count))
        uvs.append([(i / count, 0.0), ((i + 1) / count, 0.0), ((i + 1) / count, 0.2), (i / count, 0.2)])
    return Part(np.concatenate([front, back]), faces, uvs, finish, smooth=False)


def tube(
    path: np.ndarray, radius: float, finish: Finish, *, segments: int = 14, flatten: float = 1.0
) -> Part:
    """A tube of `radius` along a path [N, 3] with closed ends; `flatten` scales it across its plane."""
    tangents = np.gradient(path, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    side = np.cross(tangents[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.cross(tangents[0], [0.0, 1.0, 0.0])
    angles = np.arange(segments) * 2 * np.pi / segments
    rings = []
    for point, tangent in zip(path, tangents, strict=True):
        side = side - tangent * (side @ tangent)
        side /= np.linalg.norm(side)
        up = np.cross(side, tangent)
        rings.append(
            point + radius * (np.cos(angles)[:, None] * side * flatten + np.sin(angles)[:, None] * up)
        )
    vertices = np.concatenate(rings)
    faces: list[Face] = [tuple(reversed(range(segments)))]
    uvs = [[(0.5, 0.5)] * segments]
    for row in range(len(path) - 1):
        for i in range(segments):
            j = (i + 1) % segments
            faces.append(
                (row * segments + i, row * segments + j, (row + 1) * segments + j, (row + 1) * segments + i)
            )
            v0, v1 = row / len(path), (row + 1) / len(path)
            uvs.append(
                [(i / segments, v0), ((i + 1) / segments, v0), ((i + 1) / segments, v1), (i / segments, v1)]
            )
    last = (len(path) - 1) * segments
    faces.append(tuple(range(last, last + segments)))
    uvs.append([(0.5, 0.5)] * segments)
    return Part(vertices, faces, uvs, finish)


def arc(
    centre: Sequence[float], radius_x: float, radius_z: float, start: float, end: float, *, steps: int = 18
) -> np.ndarray:
    """Points of an ellipse in the xz plane, angles in radians from +X towards +Z."""
    t = np.linspace(start, end, steps)
    return np.asarray(centre, float) + np.stack(
        [radius_x * np.cos(t), np.zeros(steps), radius_z * np.sin(t)], axis=1
    )
