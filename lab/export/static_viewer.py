"""A scene as one HTML file without anything beside it: put on any web server, opened in a browser, turned.

It needs no server: a double click on the file opens it.
"""

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from jaxtyping import Bool

from liftlab.components.files import atomic_write
from liftlab.components.types import Array, Scene
from liftlab.view3d.frame import frame_of, tint
from liftlab.view3d.surfaces import PointSurface, SplatSurface, Surface, SurfaceName

if TYPE_CHECKING:
    from viser.infra import StateSerializer

T = TypeVar("T")
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
LICENCE = "Made with LiftLab and viser (Apache-2.0). The photos are their owner's."
STYLE = """<style>
  #ll-about { position: fixed; right: 12px; bottom: 12px; z-index: 10; max-width: min(260px, 70vw);
    max-height: 80vh; overflow: auto; padding: 12px 16px; border-radius: 12px; background: rgb(255 255 255 / 92%);
    color: #1c2226;
    font: 14px/1.45 system-ui, sans-serif; box-shadow: 0 2px 14px rgb(0 0 0 / 16%); }
  #ll-about h1 { margin: 0 0 6px; font-size: 16px; overflow-wrap: anywhere; }
  #ll-about ul { list-style: none; margin: 0 0 8px; padding: 0; }
  #ll-about li { display: flex; gap: 8px; align-items: center; overflow-wrap: anywhere; }
  #ll-about i { flex: none; width: 13px; height: 13px; border-radius: 4px; }
  #ll-about button { font: inherit; padding: 4px 12px; border: 1px solid #bbb; border-radius: 8px; background: #fff;
    color: inherit; cursor: pointer; }
  #ll-about p { margin: 8px 0 0; font-size: 11.5px; color: #566067; }
</style>"""
SWITCH = 'if (location.hash === "#objects") window.__VISER_EMBED_DATA__ = llAlone;'
AFTER = """<script>{
  const button = document.querySelector("#ll-alone"), only = location.hash === "#objects";
  button.textContent = only ? "Show everything" : "Hide everything else";
  button.addEventListener("click", () => { location.hash = only ? "" : "#objects"; location.reload(); });
}</script>"""

Lit = Sequence[tuple[tuple[int, int, int], Bool[Array, "N"]]]
"""Colour (RGB, 0 to 255) and primitives of each object; where two share one, the later is seen."""


@dataclass(frozen=True)
class About:
    """What a shared page says of what it shows."""

    title: str
    """Of the scene."""
    names: tuple[str, ...] = ()
    """Of the objects, in their order."""


def write_viewer(path: Path, scene: Scene, objects: Lit, about: About) -> None:
    """Write the scene with its objects lit, their names and colours, and a button that hides everything else.

    Args:
        scene: With Gaussians.

    Raises:
        ValueError: The scene has no Gaussians.
    """
    page = scene_page(scene, objects, surface="splats", most=MAX_SPLATS)
    alone = b""
    if objects:
        alone = _drawn(scene, objects, "splats", MAX_SPLATS, alone=True, give=lambda scene: scene.serialize())
    with atomic_write(path, "w") as file:
        file.write(with_legend(page, objects, about, alone))


def with_legend(page: str, objects: Lit, about: About, alone: bytes) -> str:
    """A page of `scene_page` with title, legend, licence and, where `alone` holds the objects without the rest as viser
    serialises them, a link that shows them alone: the page starts again with the other data, also from the disk.
    """
    rows = "".join(
        f'<li><i style="background:#{r:02x}{g:02x}{b:02x}"></i>{escape(name)}</li>'
        for ((r, g, b), _), name in zip(objects, about.names, strict=True)
    )
    button = '<button type="button" id="ll-alone"></button>' if alone else ""
    legend = (
        f'<aside id="ll-about"><h1>{escape(about.title)}</h1><ul>{rows}</ul>{button}<p>{LICENCE}</p></aside>'
    )
    data = (
        f'<script>const llAlone="{base64.b64encode(alone).decode("ascii")}";{SWITCH}</script>'
        if alone
        else ""
    )
    page = re.sub("<title>.*?</title>", "", page, count=1, flags=re.DOTALL)
    head, _, rest = page.partition("</head>")
    body, _, end = rest.rpartition("</body>")
    head += f"<title>{escape(about.title)}</title>{STYLE}{data}"
    return f"{head}</head>{body}{legend}{AFTER if alone else ''}</body>{end}"


def scene_page(scene: Scene, objects: Lit, *, surface: SurfaceName, most: int) -> str:
    """The scene with its objects lit as HTML.

    Args:
        surface: What is drawn, and what `objects` are primitives of.
        most: Primitives drawn.

    Raises:
        ValueError: Splats of a scene that has no Gaussians.
    """
    page = _drawn(scene, objects, surface, most, alone=False, give=lambda scene: scene.as_html())
    return page.replace("<head>", "<head>" + FROM_DISK, 1)


def _drawn(
    scene: Scene,
    objects: Lit,
    surface: SurfaceName,
    most: int,
    *,
    alone: bool,
    give: "Callable[[StateSerializer], T]",
) -> T:
    """What `give` makes of the scene as viser draws it; `alone`: of the objects without the rest."""
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
        if alone:
            drawn = drawn[np.any([selected[drawn] for _, selected in objects], axis=0)]
        if len(drawn):
            made.add(server.scene, f"/{surface}", drawn, colours[drawn])
        return give(serializer)
    finally:
        server.stop()
