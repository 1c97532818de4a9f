"""What the 3D view draws a scene with: its points, or its Gaussians as splats.

A surface sends some of its primitives as one node; it holds positions, never what is selected or shown.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol
from weakref import WeakValueDictionary

import numpy as np
from jaxtyping import Float, Int, UInt8

from liftlab.components.types import Array, Gaussians, Scene
from liftlab.view3d.frame import ViewerFrame, chunks_of, point_size, scene_colours, thin

if TYPE_CHECKING:
    from viser import SceneApi, SceneNodeHandle

SurfaceName = Literal["points", "splats"]
MAX_POINTS = 120_000
"""Of the cloud a browser draws at once."""
MAX_SPLATS = 300_000
"""Of the splats a browser draws at once; 32 bytes each."""
CHUNK = 8192
"""Primitives per node: an object touches few nodes, and a browser shows the first ones early."""
MAX_LIT = {"points": 40_000, "splats": 28_000}
"""Of one lit object: 9 and 32 bytes each, so that a highlight stays under 1 MB."""
SPLAT_UNITS = 16.0
"""Splats travel this much larger and are drawn as much smaller: covariances travel as float16, in which the
variance of a small splat would otherwise lose its digits."""
LIFTED = {"points": 1.25, "splats": 1.12}
"""How much larger a primitive is drawn that lies over itself, so that it covers what is below."""


class Surface(Protocol):
    """One way of drawing the scene."""

    name: SurfaceName
    positions: Float[Array, "N 3"]
    """Of every primitive of the geometry, viewer frame."""
    colours: UInt8[Array, "N 3"]
    """As in the photos."""
    chunks: list[Int[Array, "_"]]
    """The primitives drawn, in compact groups."""

    def add(
        self,
        scene: "SceneApi",
        name: str,
        index: Int[Array, "K"],
        colours: UInt8[Array, "K 3"],
        *,
        swell: float = 1.0,
        visible: bool = True,
    ) -> "SceneNodeHandle":
        """Send the primitives `index` in these colours as one node.

        Args:
            swell: Drawn this much larger, to lie over the same primitives of another node.
        """
        ...


_shared: WeakValueDictionary[tuple, Any] = WeakValueDictionary()
"""Surfaces that somebody draws. They hold tens of megabytes of a large scene and are the same for everybody."""
_sharing = threading.Lock()


def point_surface(scene: Scene, frame: ViewerFrame, most: int) -> "PointSurface":
    """The points of a scene; the same object for all viewers that draw them now."""
    made = lambda: PointSurface(scene, frame, most)  # noqa: E731
    return _of(("points", scene.key, most), scene.pointmap, made)


def splat_surface(scene: Scene, frame: ViewerFrame, most: int) -> "SplatSurface":
    """The Gaussians of a scene, which has some; the same object for all viewers that draw them now."""
    gaussians = scene.gaussians
    assert gaussians is not None
    made = lambda: SplatSurface(gaussians, scene, frame, most)  # noqa: E731
    return _of(("splats", scene.key, scene.gaussians_key, most), gaussians, made)


def _of(key: tuple, source: Any, make: Callable[[], Any]) -> Any:
    """A shared surface, when it was made of the very same geometry."""
    with _sharing:
        surface = _shared.get(key)
        if surface is None or surface.source is not source:
            surface = make()
            surface.source = source
            _shared[key] = surface
        return surface


class PointSurface:
    """The reconstruction's points."""

    name: SurfaceName = "points"

    def __init__(self, scene: Scene, frame: ViewerFrame, most: int = MAX_POINTS) -> None:
        points = scene.pointmap.points
        self.positions = frame.from_world(points).astype(np.float32)
        self.colours = scene_colours(scene)
        drawn = thin(len(points), most)
        self.chunks = [drawn[chunk] for chunk in chunks_of(self.positions[drawn], CHUNK)]
        self.source: Any = None
        """What it was made of, when it is shared."""
        self._size = point_size(scene, frame, len(points) / max(len(drawn), 1))

    def add(
        self,
        scene: "SceneApi",
        name: str,
        index: Int[Array, "K"],
        colours: UInt8[Array, "K 3"],
        *,
        swell: float = 1.0,
        visible: bool = True,
    ) -> "SceneNodeHandle":
        return scene.add_point_cloud(
            name,
            self.positions[index],
            colours,
            point_size=self._size * swell,
            point_shape="circle",
            point_shading="flat",
            visible=visible,
        )


class SplatSurface:
    """Gaussians; their colour is the one seen from the middle of the cameras."""

    name: SurfaceName = "splats"

    def __init__(
        self, gaussians: Gaussians, scene: Scene, frame: ViewerFrame, most: int = MAX_SPLATS
    ) -> None:
        self.positions = frame.from_world(gaussians.means).astype(np.float32)
        self.colours = splat_colours(gaussians, scene)
        self._covariances = covariances_of(gaussians) * (frame.scale * SPLAT_UNITS) ** 2
        self._opacities = gaussians.opacities.astype(np.float32)
        self.source: Any = None
        """What it was made of, when it is shared."""
        drawn = weightiest(gaussians, most)
        self.chunks = [drawn[chunk] for chunk in chunks_of(self.positions[drawn], CHUNK)]

    def add(
        self,
        scene: "SceneApi",
        name: str,
        index: Int[Array, "K"],
        colours: UInt8[Array, "K 3"],
        *,
        swell: float = 1.0,
        visible: bool = True,
    ) -> "SceneNodeHandle":
        opacities = self._opacities[index]
        return scene.add_gaussian_splats(
            name,
            self.positions[index] * SPLAT_UNITS,
            self._covariances[index] * swell**2,
            colours,
            (opacities if swell == 1 else np.sqrt(opacities))[:, None],
            scale=1.0 / SPLAT_UNITS,
            visible=visible,
        )


def splat_colours(gaussians: Gaussians, scene: Scene) -> UInt8[Array, "N 3"]:
    """RGB of every Gaussian as seen from the mean of the cameras: viser draws one colour per splat."""
    import torch

    from liftlab.components.rasterize.harmonics import colours_seen_from

    center = np.mean([view.camera.center for view in scene.views], axis=0)
    colours = colours_seen_from(
        torch.from_numpy(center.astype(np.float32)),
        torch.from_numpy(np.ascontiguousarray(gaussians.means, np.float32)),
        torch.from_numpy(np.ascontiguousarray(gaussians.sh, np.float32)),
    )
    return (colours.clamp(0, 1) * 255).round().numpy().astype(np.uint8)


def covariances_of(gaussians: Gaussians) -> Float[Array, "N 3 3"]:
    """Covariance matrices, world units squared."""
    from scipy.spatial.transform import Rotation

    if len(gaussians.means) == 0:
        return np.zeros((0, 3, 3), np.float32)
    axes = Rotation.from_quat(gaussians.quats[:, [1, 2, 3, 0]]).as_matrix() * gaussians.scales[:, None, :]
    return (axes @ axes.transpose(0, 2, 1)).astype(np.float32)


def weightiest(gaussians: Gaussians, most: int) -> Int[Array, "_"]:
    """Indices of the `most` Gaussians that cover most, ascending: opacity times the area of its larger face."""
    count = len(gaussians.means)
    if count <= most:
        return np.arange(count)
    ordered = np.sort(gaussians.scales, axis=1)
    weight = gaussians.opacities * ordered[:, 1] * ordered[:, 2]
    return np.sort(np.argpartition(weight, count - most)[count - most :])
