"""A scene as one HTML file without anything beside it: put on any web server, opened in a browser, turned.

It needs no server: a double click on the file opens it.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from liftlab.components.files import atomic_write
from liftlab.components.types import Array, Scene
from liftlab.view3d.frame import frame_of, tint
from liftlab.view3d.surfaces import PointSurface, SplatSurface, Surface, SurfaceName

MAX_SPLATS = 100_000
"""Of a file: 32 bytes each, packed; about 3 MB in all."""
FROM_DISK = """<script>
  if (location.protocol === "file:") {
    const create = URL.createObjectURL;
    URL.createObjectURL = (object) => object.type?.startsWith("text/javascript") ? "" : create.call(URL, object);
  }
</script>"""
"""Opened from the disk (file://), Chromium refuses a module worker at a blob: address, and splats are then drawn in
the order in which they are stored, whatever the view. Without that address viser's bundle starts its sorter from a
data: address, which is allowed."""


Lit = Sequence[tuple[tuple[int, int, int], Bool[Array, "N"]]]
"""Colour (RGB, 0 to 255) and primitives of each object; where two share one, the later is seen."""


def write_viewer(path: Path, scene: Scene, objects: Lit) -> None:
    """Write the scene with its objects lit.

    Args:
        scene: With Gaussians.

    Raises:
        ValueError: The scene has no Gaussians.
    """
    with atomic_write(path, "w") as file:
        file.write(scene_page(scene, objects, surface="splats", most=MAX_SPLATS))


def scene_page(scene: Scene, objects: Lit, *, surface: SurfaceName, most: int) -> str:
    """The scene with its objects lit as HTML.

    Args:
        surface: What is drawn, and what `objects` are primitives of.
        most: Primitives drawn.

    Raises:
        ValueError: Splats of a scene that has no Gaussians.
    """
    import rich
    import viser

    if surface == "splats" and scene.gaussians is None:
        raise ValueError("scene must have gaussians; got None. Train them first.")
    rich.get_console().quiet = True  # viser announces its port there
    frame = frame_of(scene)
    made: Surface
    if surface == "splats" and scene.gaussians is not None:
        made = SplatSurface(scene.gaussians, scene, frame, most)
    else:
        made = PointSurface(scene, frame, most)
    colours = made.colours.copy()
    for colour, selected in objects:
        colours[selected] = tint(made.colours[selected], colour)
    server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    try:
        serializer = server.get_scene_serializer()
        server.scene.set_up_direction(tuple(scene.up))
        position, target, fov = frame.pose(scene.views[0].camera)
        initial = server.initial_camera
        initial.position, initial.look_at, initial.fov = position, target, fov
        initial.near, initial.far = 0.005, 60.0
        drawn = np.sort(np.concatenate(made.chunks)) if made.chunks else np.zeros(0, np.intp)
        made.add(server.scene, f"/{surface}", drawn, colours[drawn])
        html = serializer.as_html()
    finally:
        server.stop()
    return html.replace("<head>", "<head>" + FROM_DISK, 1)
