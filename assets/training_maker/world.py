"""A scene ready for rays: triangles of all parts with materials and ids, textures in one array with mip levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from assets.training_maker.meshes import Material, Part, corner_normals
from liftlab.components.errors import InputError

MISSING = (
    "Training captures need the package embreex; it is missing. Run: pip install -e '.[captures-training]'"
)
MAX_LEVELS = 11


@dataclass(frozen=True, eq=False)
class Light:
    """A rectangle that shines to its front side (`across` x `up`); it is not seen itself."""

    corner: np.ndarray
    across: np.ndarray
    up: np.ndarray
    radiance: np.ndarray
    """[3] linear."""

    @cached_property
    def area(self) -> float:
        return float(np.linalg.norm(np.cross(self.across, self.up)))

    @cached_property
    def front(self) -> np.ndarray:
        """Unit direction [3] that it shines in."""
        return (np.cross(self.across, self.up) / self.area).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Hits:
    """First surfaces along rays [N]."""

    face: np.ndarray
    """Triangle, -1 = none."""
    distance: np.ndarray
    """In lengths of the ray's direction."""
    u: np.ndarray
    v: np.ndarray


class World:
    """Everything that rays can meet."""

    def __init__(
        self, parts: Sequence[tuple[Part, int]], lights: Sequence[Light], ambient: np.ndarray
    ) -> None:
        """`parts` come with their instance ids; `ambient` [3] is the light that fills the room, linear."""
        self.lights, self.ambient = list(lights), np.asarray(ambient, np.float32)
        self.triangles = np.concatenate([p.triangles for p, _ in parts]).astype(np.float32)
        self.normals = np.concatenate([corner_normals(p) for p, _ in parts]).astype(np.float32)
        self.uv = np.concatenate([p.uv for p, _ in parts]).astype(np.float32)
        counts = [len(p.triangles) for p, _ in parts]
        materials = list({id(p.material): p.material for p, _ in parts}.values())
        number = {id(m): k for k, m in enumerate(materials)}
        self.material = np.repeat([number[id(p.material)] for p, _ in parts], counts).astype(np.int32)
        self.instance = np.repeat([i for _, i in parts], counts).astype(np.uint16)
        self._keep_materials(materials)
        edges = self.triangles[:, 1:] - self.triangles[:, :1]
        cross = np.cross(edges[:, 0], edges[:, 1])
        area = np.maximum(np.linalg.norm(cross, axis=1), 1e-20)
        self.face_normal = (cross / area[:, None]).astype(np.float32)
        uv_edges = self.uv[:, 1:] - self.uv[:, :1]
        uv_area = np.abs(uv_edges[:, 0, 0] * uv_edges[:, 1, 1] - uv_edges[:, 0, 1] * uv_edges[:, 1, 0])
        texels = uv_area * self.sizes[self.material].prod(axis=1)
        self.texels_per_m = np.sqrt(texels / area).astype(np.float32)
        self.scene = _embree(self.triangles)
        opaque = ~self.glass[self.material]
        self.opaque_faces = np.flatnonzero(opaque).astype(np.int32)
        self.opaque_scene = self.scene if opaque.all() else _embree(self.triangles[opaque])

    def _keep_materials(self, materials: list[Material]) -> None:
        levels, self.sizes = [], np.empty((len(materials), 2), np.int64)
        self.level_offset = np.empty((len(materials), MAX_LEVELS), np.int64)
        self.top_level = np.empty(len(materials), np.int64)
        at = 0
        for k, material in enumerate(materials):
            image = material.texture[::-1]  # row 0 below, so that v points up
            self.sizes[k] = image.shape[1], image.shape[0]
            for level in range(MAX_LEVELS):
                self.level_offset[k, level] = at
                self.top_level[k] = level
                levels.append(np.ascontiguousarray(image).reshape(-1, 3))
                at += len(levels[-1])
                if max(image.shape[:2]) <= 1:
                    break
                smaller = (max(1, image.shape[1] // 2), max(1, image.shape[0] // 2))
                image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA).reshape(
                    smaller[1], smaller[0], 3
                )
        self.texels = np.concatenate(levels)
        self.mean_colour = np.stack(
            [LINEAR[m.texture.reshape(-1, 3)].mean(axis=0) for m in materials]
        ).astype(np.float32)
        self.gloss = np.array([m.gloss for m in materials], np.float32)
        self.roughness = np.array([m.roughness for m in materials], np.float32)
        self.metal = np.array([m.metal for m in materials], bool)
        self.glass = np.array([m.glass for m in materials], bool)

    def first(self, origins: np.ndarray, directions: np.ndarray, *, through_glass: bool = False) -> Hits:
        scene = self.opaque_scene if through_glass else self.scene
        found = scene.run(
            np.ascontiguousarray(origins, np.float32),
            np.ascontiguousarray(directions, np.float32),
            output=True,
        )
        face = found["primID"]
        if through_glass and scene is not self.scene:
            face = np.where(face >= 0, self.opaque_faces[face], -1)
        return Hits(face, found["tfar"], found["u"], found["v"])

    def blocked(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """Whether something opaque lies along the rays before their end (one length of the direction)."""
        ends = np.full(len(origins), 0.999, np.float32)
        found = self.opaque_scene.run(
            np.ascontiguousarray(origins, np.float32),
            np.ascontiguousarray(directions, np.float32),
            ends,
            query="OCCLUDED",
        )
        return found >= 0

    def albedo(self, hits: Hits, footprint: np.ndarray) -> np.ndarray:
        """Texture colours [N, 3], linear, filtered over `footprint` [N] metres on the surface."""
        face = hits.face
        uv = self._corners(self.uv[face], hits)
        material = self.material[face]
        level = np.log2(np.maximum(self.texels_per_m[face] * footprint, 1e-6)) + 0.35
        level = np.clip(level.round().astype(np.int64), 0, self.top_level[material])
        width = np.maximum(self.sizes[material, 0] >> level, 1)
        height = np.maximum(self.sizes[material, 1] >> level, 1)
        x, y = uv[:, 0] * width - 0.5, uv[:, 1] * height - 0.5
        x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        fx, fy = (x - x0)[:, None], (y - y0)[:, None]
        x0, y0 = x0 % width, y0 % height
        x1, y1 = (x0 + 1) % width, (y0 + 1) % height
        start = self.level_offset[material, level]
        low = self._texel(start + y0 * width + x0) * (1 - fx) + self._texel(start + y0 * width + x1) * fx
        high = self._texel(start + y1 * width + x0) * (1 - fx) + self._texel(start + y1 * width + x1) * fx
        return low * (1 - fy) + high * fy

    def _texel(self, index: np.ndarray) -> np.ndarray:
        return LINEAR[self.texels[index]]

    def shading_normals(self, hits: Hits) -> np.ndarray:
        normals = self._corners(self.normals[hits.face], hits)
        return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)

    @staticmethod
    def _corners(values: np.ndarray, hits: Hits) -> np.ndarray:
        u, v = hits.u[:, None], hits.v[:, None]
        return values[:, 0] * (1 - u - v) + values[:, 1] * u + values[:, 2] * v


def _embree(triangles: np.ndarray):
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise InputError(MISSING) from error
    scene = EmbreeScene()
    TriangleMesh(
        scene=scene,
        vertices=np.ascontiguousarray(triangles.reshape(-1, 3), np.float32),
        indices=np.arange(3 * len(triangles), dtype=np.int32).reshape(-1, 3),
    )
    return scene


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Light from sRGB 0..255 (IEC 61966-2-1)."""
    value = np.asarray(srgb, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_srgb(light: np.ndarray) -> np.ndarray:
    """sRGB 0..255 from light 0..1 (IEC 61966-2-1)."""
    value = np.clip(light, 0, 1)
    return 255 * np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)


LINEAR = to_linear(np.arange(256)).astype(np.float32)
