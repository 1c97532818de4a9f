"""The data types at the centre of LiftLab. Build once, replace rather than mutate.

Conventions (docs/conventions.md): OpenCV cameras (+X right, +Y down, +Z forward), world_to_camera, K in pixels, depth
along +Z. Image coordinates (x, y) are continuous with the origin at the top-left corner; pixel (i, j) covers
[i, i+1) x [j, j+1), so its centre is at +0.5 and `floor` finds the pixel of a point.

Two image frames exist per view. *Photo* pixels are those of the photo a person brought (after EXIF rotation, full size,
with lens distortion): prompts, masks and exports use them. *View* pixels are those of the undistorted, possibly smaller
working image that `Camera` describes: everything computed uses them. `Lens` maps between the two.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped, UInt8

Array = np.ndarray

DEGREE_0 = 0.28209479177387814
"""The spherical harmonic of degree 0: a constant."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion."""

    K: Float[Array, "3 3"]
    """Intrinsics in pixels, pixel centres at +0.5."""
    world_to_camera: Float[Array, "4 4"]
    """Rigid transform, OpenCV axes."""
    width: int
    height: int

    @property
    def camera_to_world(self) -> Float[Array, "4 4"]:
        R, t = self.world_to_camera[:3, :3], self.world_to_camera[:3, 3]
        out = np.eye(4)
        out[:3, :3] = R.T
        out[:3, 3] = -R.T @ t
        return out

    @property
    def center(self) -> Float[Array, "3"]:
        """Camera centre in the world frame."""
        return -self.world_to_camera[:3, :3].T @ self.world_to_camera[:3, 3]


@dataclass(frozen=True)
class Lens:
    """The photo as it was taken: its size, intrinsics and distortion, in photo pixels."""

    width: int
    height: int
    K: Float[Array, "3 3"]
    """Intrinsics in photo pixels, pixel centres at +0.5."""
    distortion: Float[Array, "4"] = field(default_factory=lambda: np.zeros(4))
    """OpenCV radial-tangential coefficients k1, k2, p1, p2; all zero for an ideal lens."""

    @property
    def has_distortion(self) -> bool:
        return bool(np.any(self.distortion != 0))


@dataclass(frozen=True)
class View:
    """One registered photo: its working image and camera."""

    name: str
    """File name of the photo, for example "003.jpg"; unique in a scene, and so is its stem."""
    camera: Camera
    image: UInt8[Array, "H W 3"]
    """Undistorted working image, RGB, of the camera's size."""
    lens: Lens
    """How the photo relates to the working image."""
    used: Bool[Array, "H W"] | None = None
    """What of the image counts; False where a photo mask leaves it out. None where all of it does."""

    @property
    def stem(self) -> str:
        return self.name.rsplit(".", 1)[0]


@dataclass(frozen=True)
class Pointmap:
    """A world point for every pixel of every view; views of different size are padded at the right and bottom."""

    pts3d: Float[Array, "V H W 3"]
    """World frame, float32."""
    conf: Float[Array, "V H W"]
    """Confidence above 1 = 1 + exp(a * score); 1.5 means even odds of a depth within 1 %."""
    valid: Bool[Array, "V H W"]
    """True where the point is confirmed by other views and not cleaned away, or filled in; False in padding."""
    filled: Bool[Array, "V H W"] | None = None
    """Which of the valid points were not measured: their surface was, around them or beside them. None: no point."""

    @property
    def measured(self) -> Bool[Array, "V H W"]:
        """Valid points that were measured by themselves."""
        return self.valid if self.filled is None else self.valid & ~self.filled

    def of_views(self, views: Sequence[int]) -> "Pointmap":
        """The pointmap of some views, in their order."""
        rows = list(views)
        filled = None if self.filled is None else self.filled[rows]
        return Pointmap(self.pts3d[rows], self.conf[rows], self.valid[rows], filled)

    @cached_property
    def point_index(self) -> Int[Array, "N 3"]:
        """(view, row, column) of every primitive of the geometry "points": all valid pixels in this order."""
        return np.argwhere(self.valid)

    @cached_property
    def offsets(self) -> Int[Array, "V_plus_1"]:
        """Points of view v are the slice offsets[v]:offsets[v + 1] of the geometry "points"."""
        return np.concatenate([[0], np.cumsum(self.valid.sum(axis=(1, 2)))])

    @cached_property
    def points(self) -> Float[Array, "N 3"]:
        """World positions of the geometry "points"."""
        return self.pts3d[self.valid]


@dataclass(frozen=True)
class Gaussians:
    """3D Gaussians in natural form (linear scales, opacities in [0, 1]); logs and logits live in files, optimisers."""

    means: Float[Array, "N 3"]
    """World frame."""
    quats: Float[Array, "N 4"]
    """Unit quaternions, wxyz."""
    scales: Float[Array, "N 3"]
    """Linear standard deviations, scene units."""
    opacities: Float[Array, "N"]
    sh: Float[Array, "N S 3"]
    """Spherical-harmonic colour coefficients, S = (degree + 1) ** 2."""


@dataclass(frozen=True)
class Plane:
    """A dominant plane: points p with normal . p = offset; the normal looks towards the cameras."""

    normal: Float[Array, "3"]
    offset: float
    support: float
    """Share of the scene's voxels that lie on it, in [0, 1]."""


@runtime_checkable
class PhotoMasks(Protocol):
    """Objects of photos, found before their cameras were; `liftlab.components.masks.cache.MaskCache` is one."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Per object: "part", "object", "group" or "plane"."""
        ...

    @property
    def foreground(self) -> Bool[Array, "O"]:
        """Objects that are things rather than surroundings."""
        ...

    @property
    def scores(self) -> Float[Array, "O"]:
        """Quality of each object in [0, 1]."""
        ...

    def mask(self, view: int, object_id: int) -> Bool[Array, "H W"]:
        """The object's mask in view pixels; ids count from 1."""
        ...

    def save(self, folder: Path) -> None: ...


@dataclass(frozen=True)
class Scene:
    """What reconstruction gives. It owns no prompts or method state: those refer to it by `key`. Nor masks, but those
    that helped to make it."""

    views: tuple[View, ...]
    pointmap: Pointmap
    key: str
    """Content key of the reconstruction; prepared methods and masks refuse another scene's."""
    gaussians: Gaussians | None = None
    planes: tuple[Plane, ...] = ()
    """Dominant planes, largest support first."""
    units: Literal["metres", "arbitrary"] = "arbitrary"
    up: Float[Array, "3"] = field(default_factory=lambda: np.array([0.0, -1.0, 0.0]))
    """Unit vector in the world frame."""
    missing: tuple[str, ...] = ()
    """Names of photos that were not registered; their masks are all zero and they are listed."""
    photo_sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """(width, height) in photo pixels of every photo, registered or not."""
    gaussians_key: str = ""
    """Content key of `gaussians`; empty without them. State prepared on them refuses others."""
    doubtful: tuple[str, ...] = ()
    """Names of photos that are in the scene though the others do not confirm where they were taken from."""
    photo_masks: PhotoMasks | None = None
    """Masks that were found before cameras and depth, for the alignment (WildSeg3D's order); None in other scenes."""

    def view_index(self, name: str) -> int:
        """Index of the view of photo `name`. Raises KeyError when it is not registered."""
        for index, view in enumerate(self.views):
            if view.name == name:
                return index
        raise KeyError(name)


@dataclass(frozen=True)
class MaskSet:
    """Object proposals of one view."""

    masks: Bool[Array, "M H W"]
    """View pixels."""
    scores: Float[Array, "M"]
    """Proposer's own quality in [0, 1]; higher first when deduplicated."""
    logits: Float[Array, "M H W"] | None = None
    """Soft masks before the sigmoid, where the proposer has them."""
    kinds: tuple[str, ...] = ()
    """Per mask: "part", "object", "group" or "plane"; empty when the proposer does not tell."""


@dataclass(frozen=True)
class Prompt:
    """What a person asks for in one place: clicks or a box in a photo, clicks in 3D, or words. Order counts."""

    view: int | None = None
    """Index into `Scene.views` of the photo that `point_coords` and `box` refer to."""
    point_coords: Float[Array, "P 2"] = field(default_factory=lambda: np.zeros((0, 2)))
    """xy in photo pixels."""
    point_labels: Bool[Array, "P"] = field(default_factory=lambda: np.zeros(0, bool))
    """True: inside the object, False: outside."""
    box: Float[Array, "4"] | None = None
    """xyxy in photo pixels."""
    world_points: Float[Array, "Q 3"] = field(default_factory=lambda: np.zeros((0, 3)))
    world_labels: Bool[Array, "Q"] = field(default_factory=lambda: np.zeros(0, bool))
    granularity: float | None = None
    """0 = smallest part, 1 = largest whole; None lets the method choose."""
    text: str | None = None
    object_id: str = "object"
    """Name of the object in the making; prompts of one call to `segment` share it."""


@dataclass(frozen=True)
class Provenance:
    """Who computed a result, with what, and how long it took."""

    method: str
    config: dict[str, Any]
    backend: str
    seconds: float
    slow_path: bool = False
    """True when the answer was not a lookup (no cached mask covered the prompt)."""


@dataclass(frozen=True)
class Segmentation:
    """One segmented object."""

    geometry: Literal["points", "gaussians"]
    """Whose primitives `selected` counts: `Pointmap.points` or `Scene.gaussians`."""
    selected: Bool[Array, "N"]
    score: Float[Array, "N"]
    """Selected where score > threshold."""
    threshold: float
    object_ids: tuple[int, ...]
    """Ids of cached objects the answer is made of; empty when it is not a lookup."""
    provenance: Provenance
    mask_of_view: Callable[[int], Bool[Array, "H W"]] = field(repr=False, default=None)  # type: ignore[assignment]
    """View index to the object's mask in view pixels; computed on demand."""
    candidates: tuple[int, ...] = ()
    """Cached objects under the first click, smallest first: the steps of the granularity slider."""
    message: str = ""
    """One sentence for the person when there is something to say (for example: nothing is cached at this click)."""

    @property
    def empty(self) -> bool:
        return not bool(self.selected.any())


def focal_of(camera: Camera) -> float:
    """Mean focal length in pixels."""
    return math.sqrt(float(camera.K[0, 0]) * float(camera.K[1, 1]))


__all__ = [
    "Array", "Bool", "Camera", "Float", "Gaussians", "Int", "Lens", "MaskSet", "PhotoMasks", "Plane", "Pointmap",
    "Prompt", "Provenance", "Scene", "Segmentation", "Shaped", "UInt8", "View", "focal_of",
]  # fmt: skip
