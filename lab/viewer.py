"""The 3D view of one browser: its points, lit objects, markers and cameras, and where a person clicked in
it.

One viser server per browser, on loopback, reached through the page's own port (`viser_proxy`). The cloud is
sent once; a click sends only the selection (under 1 MB), as a node of its own that is replaced, so nothing
grows.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from components.types import Array, Camera, Scene, View, focal_of

if TYPE_CHECKING:
    from viser import SceneClickEvent
    from viser.infra import WebsockClientConnection

KEY_HEADER = "X-LiftLab-Key"
MAX_POINTS = 120_000
"""Of the cloud a browser draws at once."""
MAX_LIT_POINTS = 40_000
"""Of one lit object: 9 bytes each, so a highlight stays under 0.4 MB."""
TINT = 0.8
"""Share of the object's colour in a lit point, shaded like the photo; the rest is the photo's own colour."""
THUMBNAIL_PX = 128
BACKGROUNDS = {False: (244, 244, 241), True: (24, 26, 27)}
"""Of the 3D canvas, by dark mode; the page's own surface colours."""

RayHandler = Callable[[np.ndarray, np.ndarray, bool], None]
"""Called with ray origin [3], direction [3] (world frame) and whether shift was held."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Marker:
    """A click shown in 3D."""

    point: Float[Array, "3"]
    """World frame."""
    positive: bool


@dataclass(frozen=True)
class Frame:
    """The viewer's frame: the world moved and scaled so that the scene has size about 1 (float16 on the
    wire).
    """

    origin: Float[Array, "3"]
    scale: float
    """Viewer units per world unit."""

    def from_world(self, points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
        return (points - self.origin) * self.scale

    def to_world(self, points: Float[Array, "*N 3"]) -> Float[Array, "*N 3"]:
        return points / self.scale + self.origin


class Viewer:
    """Everything a browser sees in 3D. Methods may be called from any thread, one at a time."""

    def __init__(self, on_ray: RayHandler, *, max_points: int = MAX_POINTS) -> None:
        import rich
        import viser

        rich.get_console().quiet = True  # viser announces its private port there
        self.key = secrets.token_urlsafe(24)
        """A connection must carry it in `KEY_HEADER`."""
        self._max_points = max_points
        self._on_ray = on_ray
        self._lock = threading.RLock()
        self._scene: Scene | None = None
        self._colours = np.zeros((0, 3), np.uint8)
        self._frame = Frame(np.zeros(3), 1.0)
        self._point_px = 1.0
        self._dark = False
        self._objects: dict[int, Any] = {}
        self._marker_names: list[str] = []
        self._frustums: list = []
        self._server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        # No public way to see a connection's headers: viser is pinned and a test watches this.
        self._server._websock_server.on_client_connect(self._turn_away_strangers)
        self._server.gui.main_panel.minimize()
        self._theme()
        self._server.scene.on_click()(self._clicked(inverted=False))
        self._server.scene.on_click(modifier="shift")(self._clicked(inverted=True))

    @property
    def port(self) -> int:
        """On loopback."""
        return self._server.get_port()

    def close(self) -> None:
        self._server.stop()

    def show_scene(self, scene: Scene) -> None:
        """Send the cloud and the cameras of `scene`; nothing is lit."""
        with self._lock, self._server.atomic():
            self._server.scene.reset()
            self._objects.clear()
            self._marker_names.clear()
            self._frustums.clear()
            self._scene, self._colours = scene, scene_colours(scene)
            self._frame = frame_of(scene)
            points = scene.pointmap.points
            keep = thin(len(points), self._max_points)
            self._point_px = point_size(scene, self._frame, len(points) / max(len(keep), 1))
            self._server.scene.set_up_direction(tuple(scene.up))
            self._server.scene.add_point_cloud(
                "/cloud",
                self._frame.from_world(points[keep]).astype(np.float32),
                self._colours[keep],
                point_size=self._point_px,
                point_shape="circle",
                point_shading="flat",
            )
            self._add_frustums(scene)
            self._aim(scene.views[0].camera)
            self._theme()

    def light(
        self,
        object_id: int,
        selected: Bool[Array, "N"] | None,
        colour: tuple[int, int, int],
        *,
        visible: bool = True,
    ) -> None:
        """Light an object's points in its colour; None or nothing selected puts it out.

        Args:
            object_id: Of the session's object.
            selected: Over `Pointmap.points` of the scene shown.
            colour: RGB, 0 to 255.
            visible: False hides it without forgetting it.
        """
        with self._lock, self._server.atomic():
            scene = self._scene
            if scene is None or selected is None or not selected.any():
                self.forget(object_id)
                return
            index = np.flatnonzero(selected)
            index = index[thin(len(index), MAX_LIT_POINTS)]
            thinned = int(selected.sum()) / len(index)
            tinted = tint(self._colours[index], colour)
            self._objects[object_id] = self._server.scene.add_point_cloud(
                f"/objects/{object_id}",
                self._frame.from_world(scene.pointmap.points[index]).astype(np.float32),
                tinted,
                point_size=max(self._point_px, point_size(scene, self._frame, thinned)) * 1.25,
                point_shape="circle",
                point_shading="flat",
                visible=visible,
            )

    def forget(self, object_id: int) -> None:
        """Remove an object's lit points."""
        with self._lock:
            handle = self._objects.pop(object_id, None)
            if handle is not None:
                handle.remove()

    def mark(self, markers: Sequence[Marker]) -> None:
        """Show these clicks and no others: balls, green-blue for inside, orange for outside."""
        with self._lock, self._server.atomic():
            names = [f"/markers/{i}" for i in range(len(markers))]
            for name in self._marker_names[len(names) :]:
                self._server.scene.remove_by_name(name)
            for name, marker in zip(names, markers, strict=True):
                self._server.scene.add_icosphere(
                    name,
                    radius=0.011,
                    color=(0, 114, 178) if marker.positive else (213, 94, 0),
                    position=tuple(self._frame.from_world(marker.point)),
                )
            self._marker_names = names

    def show_cameras(self, visible: bool) -> None:
        with self._lock, self._server.atomic():
            for frustum in self._frustums:
                frustum.visible = visible

    def set_dark(self, dark: bool) -> None:
        """Follow the page's colours."""
        with self._lock:
            if dark != self._dark:
                self._dark = dark
                self._theme()

    def look_from(self, view: int) -> None:
        """Move the browser's camera to where a photo was taken."""
        with self._lock:
            if self._scene is None:
                return
            camera = self._scene.views[view].camera
            self._aim(camera)
            for client in self._server.get_clients().values():
                with client.atomic():
                    client.camera.position, client.camera.look_at, client.camera.fov = self._pose(camera)

    def _theme(self) -> None:
        self._server.gui.configure_theme(show_logo=False, show_share_button=False, dark_mode=self._dark)
        flat = np.full((2, 2, 3), BACKGROUNDS[self._dark], np.uint8)
        self._server.scene.set_background_image(flat, format="png")

    async def _turn_away_strangers(self, connection: "WebsockClientConnection") -> None:
        """Close a connection that did not come through the proxy, before anything is sent over it."""
        socket = self._server._websock_server._live_connections[connection.client_id]
        given = socket.request.headers.get(KEY_HEADER, "") if socket.request is not None else ""
        if not secrets.compare_digest(given.encode(), self.key.encode()):
            with contextlib.suppress(OSError):
                await socket.close(1008, "Not allowed.")

    def _clicked(self, inverted: bool) -> Callable:
        async def handle(event: "SceneClickEvent") -> None:
            origin = self._frame.to_world(np.array(event.ray_origin))
            direction = np.array(event.ray_direction)
            # Off viser's event loop: a click may take a second when no mask is cached.
            await asyncio.to_thread(self._on_ray, origin, direction, inverted)

        return handle

    def _pose(self, camera: Camera) -> tuple[tuple, tuple, float]:
        """Position, target and field of view for a photo's camera, in the viewer's frame."""
        forward = camera.world_to_camera[2, :3]
        center = self._frame.from_world(camera.center)
        distance = max(float(-center @ forward), 0.2)
        fov = 2 * math.atan(camera.height / (2 * focal_of(camera)))
        return tuple(center), tuple(center + distance * forward), fov

    def _aim(self, camera: Camera) -> None:
        position, target, fov = self._pose(camera)
        initial = self._server.initial_camera
        initial.position, initial.look_at, initial.fov = position, target, fov
        initial.near, initial.far = 0.005, 60.0

    def _add_frustums(self, scene: Scene) -> None:
        for view in scene.views:
            camera = view.camera
            rotation = camera.camera_to_world[:3, :3]
            self._frustums.append(
                self._server.scene.add_camera_frustum(
                    f"/cameras/{view.stem}",
                    fov=2 * math.atan(camera.height / (2 * focal_of(camera))),
                    aspect=camera.width / camera.height,
                    scale=0.07,
                    color=(120, 124, 128),
                    image=thumbnail(view),
                    format="jpeg",
                    wxyz=quaternion(rotation),
                    position=tuple(self._frame.from_world(camera.center)),
                    visible=False,
                    cast_shadow=False,
                    receive_shadow=False,
                )
            )


def thin(count: int, most: int) -> np.ndarray:
    """Indices of at most `most` of `count` points, evenly spread; the same every time."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.intp)


def frame_of(scene: Scene) -> Frame:
    """Centre on what the photos look at; the median distance from camera to point becomes 1."""
    points = scene.pointmap.points
    if len(points) == 0:
        return Frame(scene.views[0].camera.center, 1.0)
    sample = points[thin(len(points), 20_000)].astype(np.float64)
    origin = np.median(sample, axis=0)
    centers = np.stack([view.camera.center for view in scene.views])
    distance = float(np.median(np.linalg.norm(centers - origin, axis=1)))
    return Frame(origin, 1.0 / distance if distance > 0 else 1.0)


def point_size(scene: Scene, frame: Frame, thinning: float) -> float:
    """Side of a drawn point in viewer units: the footprint of a pixel, larger where points were left out."""
    focal = float(np.median([focal_of(view.camera) for view in scene.views]))
    overlap = max(len(scene.views) / 3, 1.0)  # about a third of the views see any one surface
    return 1.35 * math.sqrt(max(thinning / overlap, 1.0)) / focal


def scene_colours(scene: Scene) -> UInt8[Array, "N 3"]:
    """Colour of every point, from the photo it came from."""
    view, row, column = scene.pointmap.point_index.T
    colours = np.empty((len(view), 3), np.uint8)
    offsets = scene.pointmap.offsets
    for v in range(len(scene.views)):
        part = slice(offsets[v], offsets[v + 1])
        colours[part] = scene.views[v].image[row[part], column[part]]
    return colours


def tint(colours: UInt8[Array, "N 3"], colour: tuple[int, int, int]) -> UInt8[Array, "N 3"]:
    """Photo colours in the object's hue: light stays light and dark stays dark, so shape remains visible."""
    light = colours @ np.array([0.299, 0.587, 0.114]) / 255
    shaded = np.array(colour) * (0.65 + 0.7 * light)[:, None] + 40 * light[:, None]
    return np.clip(TINT * shaded + (1 - TINT) * colours, 0, 255).astype(np.uint8)


def thumbnail(view: View) -> UInt8[Array, "H W 3"]:
    import cv2

    height, width = view.image.shape[:2]
    scale = THUMBNAIL_PX / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(view.image, size, interpolation=cv2.INTER_AREA)


def quaternion(rotation: Float[Array, "3 3"]) -> tuple[float, float, float, float]:
    """wxyz of a rotation matrix."""
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(rotation).as_quat()
    return float(w), float(x), float(y), float(z)
