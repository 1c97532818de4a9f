"""Triangle meshes of everyday shapes as arrays: patches, turned and swept shapes, boxes, prisms. Metres, +Z up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse

from assets.capture_maker.shapes import rotation

CREASE_COSINE = 0.64
"""Faces that meet at more than 50 degrees show an edge; below, the surface is shaded as curved."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a surface looks like."""

    texture: np.ndarray
    """uint8 [H, W, 3] sRGB; 1 x 1 for a plain colour."""
    size_m: float | None = None
    """Side of the texture on the surface, repeated; None stretches one copy over a patch or a side."""
    gloss: float = 0.04
    """Share of light reflected when looked at straight on; 0.04 is varnish or plastic, 0.0 is chalk."""
    roughness: float = 0.5
    """0 mirrors sharply, 1 has no highlight left."""
    metal: bool = False
    glass: bool = False


@dataclass(frozen=True, eq=False)
class Part:
    """One surface with one material."""

    triangles: np.ndarray
    """[F, 3, 3]."""
    uv: np.ndarray
    """[F, 3, 2], texture coordinates: (0, 0) is the texture's lower left corner."""
    material: Material
    smooth: bool = True

    def moved(self, offset: Sequence[float] | np.ndarray) -> "Part":
        return replace(self, triangles=self.triangles + np.asarray(offset, float))

    def turned(self, axis: str, angle_rad: float) -> "Part":
        """Rotated about an axis through the origin."""
        return replace(self, triangles=self.triangles @ rotation(axis, angle_rad).T)

    def scaled(self, factors: Sequence[float] | np.ndarray | float) -> "Part":
        """Stretched about the origin; the factors must be positive."""
        return replace(self, triangles=self.triangles * np.asarray(factors, float))

    def bent(self, new_points: np.ndarray) -> "Part":
        """The same faces at other places."""
        return replace(self, triangles=new_points.reshape(self.triangles.shape))


def patch(
    points: np.ndarray,
    material: Material,
    *,
    smooth: bool = True,
    repeats: tuple[float, float] = (1.0, 1.0),
) -> Part:
    """A curved sheet through a grid of points [R, C, 3]; columns run along u, rows along v.

    Its front side is where columns turn counter-clockwise into rows. Faces without area are left out, so a row that
    shrinks to a point closes the sheet.
    """
    rows, columns = points.shape[:2]
    along_u = np.linalg.norm(np.diff(points, axis=1), axis=2)
    along_v = np.linalg.norm(np.diff(points, axis=0), axis=2)
    u = np.concatenate([[0], np.cumsum(along_u.max(axis=0))])
    v = np.concatenate([[0], np.cumsum(along_v.max(axis=1))])
    if material.size_m is None:
        u, v = u / max(u[-1], 1e-9) * repeats[0], v / max(v[-1], 1e-9) * repeats[1]
    else:
        u, v = u / material.size_m, v / material.size_m
    uv = np.stack(np.meshgrid(u, v), axis=-1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    return _without_slivers(Part(points.reshape(-1, 3)[faces], uv.reshape(-1, 2)[faces], material, smooth))


def _without_slivers(part: Part) -> Part:
    edges = part.triangles[:, 1:] - part.triangles[:, :1]
    area = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    keep = area > 1e-12
    return replace(part, triangles=part.triangles[keep], uv=part.uv[keep])


def lathe(
    profile: Sequence[tuple[float, float]] | np.ndarray,
    material: Material,
    *,
    segments: int = 48,
    smooth: bool = True,
    repeats: tuple[float, float] = (1.0, 1.0),
) -> Part:
    """Turn a profile of (radius, z) about +Z. Listed from the bottom out and up, its front side is outside."""
    line = np.asarray(profile, float)
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    angles[-1] = 0.0
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    points = np.empty((len(line), segments + 1, 3))
    points[..., :2] = line[:, None, :1] * ring
    points[..., 2] = line[:, 1:]
    return patch(points, material, smooth=smooth, repeats=repeats)


def rounded(profile: Sequence[tuple[float, float]], radius: float, *, steps: int = 4) -> np.ndarray:
    """A line [N, 2] with its inner corners replaced by curves that start at most `radius` away from them."""
    corners = np.asarray(profile, float)
    out = [corners[:1]]
    t = np.linspace(0, 1, steps)[:, None]
    for before, corner, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        back, on = before - corner, after - corner
        start = corner + back * min(0.5, radius / max(float(np.linalg.norm(back)), 1e-9))
        end = corner + on * min(0.5, radius / max(float(np.linalg.norm(on)), 1e-9))
        out.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate([*out, corners[-1:]])


def spline(points: Sequence[Sequence[float]] | np.ndarray, count: int) -> np.ndarray:
    """A smooth line [count, D] through points (Catmull-Rom)."""
    knots = np.asarray(points, float)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    at = np.linspace(0, len(knots) - 1 - 1e-9, count)
    i, t = at.astype(int), (at % 1)[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    return 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )


def tube(
    path: np.ndarray,
    radius: float | np.ndarray,
    material: Material,
    *,
    segments: int = 12,
    flatten: float = 1.0,
) -> Part:
    """Sweep a circle along a path [N, 3], ends closed; `radius` may change along it, `flatten` squashes it."""
    path = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radius, float), (len(path),))
    tangents = np.gradient(path, axis=0)
    tangents /= np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    side = np.cross(tangents[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(side) < 1e-3:
        side = np.cross(tangents[0], [0.0, 1.0, 0.0])
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    angles[-1] = 0.0
    rings = [np.repeat(path[:1], segments + 1, axis=0)]
    for point, tangent, r in zip(path, tangents, radii, strict=True):
        side = side - tangent * (side @ tangent)
        side /= np.linalg.norm(side)
        up = np.cross(tangent, side)
        rings.append(point + r * (np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * up * flatten))
    rings.append(np.repeat(path[-1:], segments + 1, axis=0))
    return patch(np.stack(rings), material)


def ball(
    radii: float | Sequence[float] | np.ndarray,
    material: Material,
    *,
    segments: int = 32,
    repeats: tuple[float, float] = (1.0, 1.0),
) -> Part:
    """An ellipsoid about the origin."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    profile = np.stack([np.maximum(np.cos(angles), 0), np.sin(angles)], axis=1)
    profile[[0, -1], 0] = 0.0
    return lathe(profile, material, segments=segments, repeats=repeats).scaled(radii)


def cylinder(
    radius: float, height: float, material: Material, *, bevel: float = 0.0, segments: int = 40
) -> Part:
    """From z = 0 to `height`."""
    profile = [(0.0, 0.0), (radius, 0.0), (radius, height), (0.0, height)]
    line = rounded(profile, bevel) if bevel else np.asarray(profile)
    return lathe(line, material, segments=segments)


SIDES = ("front", "right", "back", "left", "top", "bottom")


def box(
    size: Sequence[float] | np.ndarray,
    material: Material,
    *,
    radius: float = 0.0,
    sides: dict[str, Material] | None = None,
) -> list[Part]:
    """A box standing on z = 0, centred in x and y; front is -Y. Each side shows its own copy of the texture.

    `radius` rounds edges and corners; `sides` gives single sides another material.
    """
    half = np.asarray(size, float) / 2
    radius = float(min(radius, half.min() * 0.999))
    lines = [_rounded_steps(h, radius) for h in half]
    out = []
    # Each side: its u axis, v axis and outward axis with signs.
    frames = {
        "front": ((0, 1), (2, 1), (1, -1)),
        "right": ((1, 1), (2, 1), (0, 1)),
        "back": ((0, -1), (2, 1), (1, 1)),
        "left": ((1, -1), (2, 1), (0, -1)),
        "top": ((0, 1), (1, 1), (2, 1)),
        "bottom": ((0, 1), (1, -1), (2, -1)),
    }
    for name, ((u, su), (v, sv), (w, sw)) in frames.items():
        grid = np.zeros((len(lines[v]), len(lines[u]), 3))
        grid[..., u] = su * lines[u][None, :]
        grid[..., v] = sv * lines[v][:, None]
        grid[..., w] = sw * half[w]
        if radius:
            inner = np.clip(grid, radius - half, half - radius)
            away = grid - inner
            grid = inner + radius * away / np.maximum(np.linalg.norm(away, axis=2, keepdims=True), 1e-12)
        grid[..., 2] += half[2]
        out.append(patch(grid, (sides or {}).get(name, material), smooth=radius > 0))
    return out


def _rounded_steps(half: float, radius: float) -> np.ndarray:
    if not radius:
        return np.array([-half, half])
    curve = half - radius + radius * np.array([0.0, 0.35, 0.7, 1.0])
    return np.concatenate([-curve[::-1], curve])


def prism(
    outline: np.ndarray,
    height: float,
    material: Material,
    *,
    cap: Material | None = None,
    bevel: float = 0.0,
    smooth: bool = False,
) -> list[Part]:
    """An outline [N, 2] (counter-clockwise, simple) in the xy plane raised from z = 0 to `height`.

    `bevel` slants the upper edge inwards by that much. Caps show one copy of the texture over the outline's extent.
    """
    outline = np.asarray(outline, float)
    closed = np.concatenate([outline, outline[:1]])
    middle = outline.mean(axis=0)
    reach = float(np.linalg.norm(outline - middle, axis=1).max())
    shrink = 1 - bevel / reach if bevel else 1.0
    rings = [(closed, 0.0), (closed, height - bevel)]
    if bevel:
        rings.append((middle + (closed - middle) * shrink, height))
    sheet = np.stack([np.column_stack([ring, np.full(len(ring), z)]) for ring, z in rings])
    faces = ear_clip(outline)
    cap = cap or material
    span = np.ptp(outline, axis=0)
    flat = (outline - outline.min(axis=0)) / (span if cap.size_m is None else cap.size_m)
    top = np.column_stack([middle + (outline - middle) * shrink, np.full(len(outline), height)])
    bottom = np.column_stack([outline, np.zeros(len(outline))])
    return [
        patch(sheet, material, smooth=smooth),
        Part(top[faces], flat[faces], cap, False),
        Part(bottom[faces[:, ::-1]], flat[faces[:, ::-1]], cap, False),
    ]


def ear_clip(outline: np.ndarray) -> np.ndarray:
    """Triangles [N - 2, 3] of a simple counter-clockwise outline [N, 2]."""
    left = list(range(len(outline)))
    out = []
    while len(left) > 3:
        for k in range(len(left)):
            i, j, m = left[k - 1], left[k], left[(k + 1) % len(left)]
            a, b, c = outline[i], outline[j], outline[m]
            if _turn(a, b, c) <= 1e-15:
                continue
            others = outline[[n for n in left if n not in (i, j, m)]]
            inside = (_turn(a, b, others) > 0) & (_turn(b, c, others) > 0) & (_turn(c, a, others) > 0)
            if not inside.any():
                break
        else:
            k = 0
        out.append((left[k - 1], left[k], left[(k + 1) % len(left)]))
        left.pop(k)
    out.append(tuple(left))
    return np.asarray(out)


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of triangles a, b, c."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )


def sheet(width: float, depth: float, material: Material, *, thickness: float = 0.0006, back: Material | None = None,
          heights: np.ndarray | None = None) -> list[Part]:  # fmt: skip
    """A thin sheet on z = 0, front upwards; `heights` [R, C] bends it. It has an underside and closed edges."""
    heights = np.zeros((2, 2)) if heights is None else heights
    rows, columns = heights.shape
    x, y = np.meshgrid(np.linspace(-width / 2, width / 2, columns), np.linspace(-depth / 2, depth / 2, rows))
    top = np.stack([x, y, heights + thickness], axis=-1)
    under = np.stack([x, y, heights], axis=-1)
    rim_top, rim_under = (
        np.concatenate([g[0], g[1:, -1], g[-1, -2::-1], g[-2::-1, 0]]) for g in (top, under)
    )
    side = back or material
    return [
        patch(top, material),
        patch(under[:, ::-1], side),
        patch(np.stack([rim_under, rim_top]), side, smooth=False),
    ]


def corner_normals(part: Part) -> np.ndarray:
    """Unit shading normals [F, 3, 3]: averaged over neighbouring faces that meet without an edge."""
    edges = part.triangles[:, 1:] - part.triangles[:, :1]
    normals = np.cross(edges[:, 0], edges[:, 1])
    unit = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    count = len(unit)
    if not part.smooth:
        return np.repeat(unit[:, None], 3, axis=1)
    keys = np.round(part.triangles.reshape(-1, 3) * 1e6).astype(np.int64)
    _, vertex = np.unique(keys, axis=0, return_inverse=True)
    vertex = vertex.reshape(-1)
    ones = np.ones(3 * count)
    at_vertex = scipy.sparse.csr_matrix((ones, (np.arange(3 * count), vertex)))
    of_face = scipy.sparse.csr_matrix((ones, (vertex, np.repeat(np.arange(count), 3))))
    pairs = scipy.sparse.coo_array(at_vertex @ of_face)
    keep = np.einsum("ij,ij->i", unit[pairs.row // 3], unit[pairs.col]) > CREASE_COSINE
    joined = scipy.sparse.csr_matrix((np.ones(keep.sum()), (pairs.row[keep], pairs.col[keep])), pairs.shape)
    summed = joined @ normals
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    summed = np.where(length > 1e-20, summed / np.maximum(length, 1e-20), np.repeat(unit, 3, axis=0))
    return summed.reshape(count, 3, 3)
