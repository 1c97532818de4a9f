"""Real lengths: units that people use, and scenes brought to metres.

A reconstruction from photos has no scale of its own: its unit is arbitrary. One known distance gives the factor.
"""

from dataclasses import replace

import numpy as np

from liftlab.components.types import Camera, Gaussians, Scene, View

METRES: dict[str, float] = {"mm": 0.001, "cm": 0.01, "m": 1.0, "in": 0.0254, "ft": 0.3048}
"""Metres of one of each unit."""
UNIT_OF_WORD: dict[str, str] = {
    "mm": "mm", "millimetre": "mm", "millimetres": "mm", "millimeter": "mm", "millimeters": "mm",
    "cm": "cm", "centimetre": "cm", "centimetres": "cm", "centimeter": "cm", "centimeters": "cm",
    "m": "m", "metre": "m", "metres": "m", "meter": "m", "meters": "m",
    "in": "in", "inch": "in", "inches": "in", "ft": "ft", "foot": "ft", "feet": "ft",
}  # fmt: skip
"""What people write for each unit."""


def length_text(metres: float) -> str:
    """A length for people, three digits: "8.25 cm", "1.24 m", "4.1 mm"."""
    unit = "mm" if metres < 0.01 else "cm" if metres < 1 else "m"
    return f"{metres / METRES[unit]:.3g} {unit}"


def box_text(metres: tuple[float, float, float]) -> str:
    """Length, width and height for people, in one unit: "12 × 8 × 9.5 cm"."""
    largest = max(metres)
    unit = "mm" if largest < 0.01 else "cm" if largest < 1 else "m"
    return " × ".join(f"{value / METRES[unit]:.2g}" if value < 10 * METRES[unit] else
                      f"{value / METRES[unit]:.0f}" for value in metres) + f" {unit}"  # fmt: skip


def scaled_gaussians(gaussians: Gaussians, factor: float) -> Gaussians:
    """The same splats in a frame whose unit is `factor` times as small."""
    return replace(
        gaussians,
        means=(gaussians.means * factor).astype(gaussians.means.dtype),
        scales=(gaussians.scales * factor).astype(gaussians.scales.dtype),
    )


def scene_in_metres(scene: Scene, metres_per_unit: float) -> Scene:
    """The scene with every length in metres: cameras, points, planes and splats; photos stay as they are.

    It is for writing files: its key is that of the scene it came from.
    """
    pointmap = scene.pointmap
    return replace(
        scene,
        views=tuple(_view_in_metres(view, metres_per_unit) for view in scene.views),
        pointmap=replace(pointmap, pts3d=(pointmap.pts3d * metres_per_unit).astype(pointmap.pts3d.dtype)),
        planes=tuple(replace(plane, offset=plane.offset * metres_per_unit) for plane in scene.planes),
        gaussians=scaled_gaussians(scene.gaussians, metres_per_unit) if scene.gaussians else None,
        units="metres",
    )


def _view_in_metres(view: View, metres_per_unit: float) -> View:
    camera: Camera = view.camera
    world_to_camera = np.array(camera.world_to_camera, np.float64)
    world_to_camera[:3, 3] *= metres_per_unit
    return replace(view, camera=replace(camera, world_to_camera=world_to_camera))
