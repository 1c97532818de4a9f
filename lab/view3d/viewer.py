"""The 3D view of one browser: the scene as points or splats, lit objects, markers and cameras, and where a person
clicked or dragged in it.

One viser server per browser, on loopback, reached through the page's own port (`viser_proxy`). What is drawn of
the scene, and how little of it is sent, is `drawing`.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from liftlab.components.types import Array, Camera, Gaussians, Scene, focal_of
from liftlab.view3d.drawing import Drawing, Offset, Picture
from liftlab.view3d.frame import ViewerFrame, frame_of, quaternion, thumbnail
from liftlab.view3d.surfaces import MAX_POINTS, MAX_SPLATS, SplatSurface, point_surface, splat_surface

if TYPE_CHECKING:
    from viser import ClientHandle, SceneClickEvent
    from viser.infra import WebsockClientConnection

    from liftlab.view3d.drawing import Colours

KEY_HEADER = "X-LiftLab-Key"
BACKGROUNDS = {False: (244, 244, 241), True: (24, 26, 27)}
"""Of the 3D canvas, by dark mode; the page's own surface colours."""
MAX_PREVIEW_SPLATS = 30_000
"""Of the Gaussians shown while they are trained, which are sent anew every few seconds."""
RULER = (204, 121, 167)
"""Colour of what is measured."""
GIZMO = "/gizmo"
ECHO_SECS = 0.5
"""After a browser's camera was placed from here, its reports for this long are only the echo of that."""

RayHandler = Callable[[np.ndarray, np.ndarray, bool], None]
"""Called with ray origin [3], direction [3] (world frame) and whether shift was held."""
CameraHandler = Callable[[tuple[np.ndarray, np.ndarray, np.ndarray]], None]
"""Called with wxyz [4], position [3] and target [3] in the viewer's frame when a person moved the camera."""
Stand = tuple[Float[Array, "3"], Float[Array, "3"]]
"""Where a camera is and what it looks at, viewer frame."""
MoveHandler = Callable[[Offset], None]
"""Called when the handles were let go of, with how far they were dragged, world frame."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ViewerMarker:
    """A click shown in 3D."""

    point: Float[Array, "3"]
    """World frame."""
    positive: bool


class Viewer:
    """Everything a browser sees in 3D. Methods may be called from any thread, one at a time."""

    def __init__(
        self, on_ray: RayHandler, *, max_points: int = MAX_POINTS, max_splats: int = MAX_SPLATS
    ) -> None:
        import rich
        import viser

        rich.get_console().quiet = True  # viser announces its private port there
        self.key = secrets.token_urlsafe(24)
        """A connection must carry it in `KEY_HEADER`."""
        self._max_points, self._max_splats = max_points, max_splats
        self._on_ray = on_ray
        self._lock = threading.RLock()
        self._scene: Scene | None = None
        self._frame = ViewerFrame(np.zeros(3), 1.0)
        self._dark = False
        self._drawing: Drawing | None = None
        self._preview: list[Any] = []
        self._gizmo: Any = None
        self._crop_box: Any = None
        self._crop: tuple[Offset, Offset] | None = None
        self.on_camera: CameraHandler | None = None
        self._placed_at = -math.inf
        self._stand: Stand | None = None
        self._marker_names: list[str] = []
        self._rule: list[Any] = []
        self._ruled: tuple[tuple[float, ...], ...] = ()
        self._frustums: list = []
        self._server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        # No public way to see a connection's headers: viser is pinned and a test watches this.
        self._server._websock_server.on_client_connect(self._turn_away_strangers)
        self._server.gui.main_panel.minimize()
        self._theme()
        self._server.on_client_connect(self._joined)
        self._server.scene.on_click()(self._clicked(inverted=False))
        self._server.scene.on_click(modifier="shift")(self._clicked(inverted=True))

    @property
    def port(self) -> int:
        """On loopback."""
        return self._server.get_port()

    @property
    def stand(self) -> Stand | None:
        """The browser's camera as it reported it last; None before it did, or after another scene was shown."""
        return self._stand

    def start_from(self, stand: Stand) -> None:
        """Have browsers that join from now on start here."""
        with self._lock:
            initial = self._server.initial_camera
            initial.position, initial.look_at = tuple(stand[0]), tuple(stand[1])

    def close(self) -> None:
        """Stop, and let go of the arrays at once: what is left is small, but in circles, collected later."""
        with self._lock:
            self._server.scene.reset()
            self._scene = self._drawing = self._gizmo = self._crop_box = None
            for handles in (self._preview, self._frustums, self._rule, self._marker_names):
                handles.clear()
        self._server.stop()

    def show_scene(self, scene: Scene) -> None:
        """Forget the last scene; send the cameras of this one. `show` draws it."""
        with self._lock, self._server.atomic():
            self._server.scene.reset()
            self._marker_names.clear()
            self._frustums.clear()
            self._preview.clear()
            self._rule, self._ruled = [], ()
            self._gizmo = self._crop_box = self._crop = None
            self._scene, self._frame, self._stand = scene, frame_of(scene), None
            self._drawing = Drawing(self._server.scene, self._frame, BACKGROUNDS[self._dark])
            self._drawing.surfaces["points"] = point_surface(scene, self._frame, self._max_points)
            if scene.gaussians is not None:
                self._drawing.surfaces["splats"] = splat_surface(scene, self._frame, self._max_splats)
            self._server.scene.set_up_direction(tuple(scene.up))
            self._add_frustums(scene)
            self._aim(scene.views[0].camera)
            self._theme()

    def show(self, picture: Picture, colours: "Colours") -> None:
        """Draw the scene like this; what the browser has already is not sent again.

        Args:
            colours: Of the primitives of a surface in the picture's tone; asked only for what is sent.
        """
        with self._lock, self._server.atomic():
            if self._drawing is not None:
                self._drawing.background = BACKGROUNDS[self._dark]
                self._drawing.show(picture, colours)
                self._frame_crop(picture.crop)

    def preview(self, gaussians: Gaussians | None) -> None:
        """Show Gaussians in the making beside what is drawn; None takes them away."""
        with self._lock, self._server.atomic():
            for handle in self._preview:
                handle.remove()
            self._preview.clear()
            if gaussians is None or self._scene is None:
                return
            surface = SplatSurface(gaussians, self._scene, self._frame, MAX_PREVIEW_SPLATS)
            for number, chunk in enumerate(surface.chunks):
                handle = surface.add(self._server.scene, f"/preview/{number}", chunk, surface.colours[chunk])
                self._preview.append(handle)

    def handles(self, center: Float[Array, "3"] | None, on_move: MoveHandler | None = None) -> None:
        """Show handles to drag an object by, at a world point; None takes them away."""
        with self._lock, self._server.atomic():
            if self._gizmo is not None:
                self._gizmo.remove()
                self._gizmo = None
            if center is None or on_move is None:
                return
            start = self._frame.from_world(np.asarray(center, np.float64))
            self._gizmo = self._server.scene.add_transform_controls(
                GIZMO, scale=0.22, line_width=3.0, disable_rotations=True, depth_test=False,
                position=tuple(start),
            )  # fmt: skip

            async def dropped(_: Any) -> None:
                if self._gizmo is not None:
                    moved = (np.array(self._gizmo.position) - start) / self._frame.scale
                    await asyncio.to_thread(on_move, tuple(moved.tolist()))

            self._gizmo.on_drag_end(dropped)

    def mark(self, markers: Sequence[ViewerMarker]) -> None:
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

    def rule(self, points: Sequence[Float[Array, "3"]]) -> None:
        """Show the ends of what is measured (world points, at most two) and the line between them."""
        with self._lock, self._server.atomic():
            if tuple(map(tuple, points)) == self._ruled:
                return
            self._ruled = tuple(map(tuple, points))
            for handle in self._rule:
                handle.remove()
            placed = [self._frame.from_world(point) for point in points]
            scene = self._server.scene
            self._rule = [
                scene.add_icosphere(f"/ruler/{i}", radius=0.009, color=RULER, position=tuple(point))
                for i, point in enumerate(placed)
            ]
            if len(placed) == 2:
                line = np.stack(placed)[None].astype(np.float32)
                self._rule.append(
                    scene.add_line_segments(
                        "/ruler/line", line, RULER, thickness=3.0, thickness_units="screen"
                    )
                )

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
            position, target, _ = self._frame.pose(camera)
            self._stand = np.array(position), np.array(target)
            for client in self._server.get_clients().values():
                with client.atomic():
                    client.camera.position, client.camera.look_at, client.camera.fov = self._frame.pose(
                        camera
                    )

    def place_camera(self, wxyz: np.ndarray, position: np.ndarray, look_at: np.ndarray) -> None:
        """Put every browser's camera here; viewer frame."""
        self._placed_at = time.monotonic()
        for client in self._server.get_clients().values():
            with client.atomic():
                client.camera.wxyz, client.camera.position, client.camera.look_at = wxyz, position, look_at

    def _joined(self, client: "ClientHandle") -> None:
        """Listen to a browser's camera; its first report is where it starts, not a person's doing."""
        first = True

        def moved(_: Any) -> None:
            nonlocal first
            self._stand = np.array(client.camera.position), np.array(client.camera.look_at)
            if not first and self.on_camera is not None and time.monotonic() - self._placed_at > ECHO_SECS:
                camera = client.camera
                self.on_camera((camera.wxyz, camera.position, camera.look_at))
            first = False

        client.camera.on_update(moved)

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

    def _aim(self, camera: Camera) -> None:
        position, target, fov = self._frame.pose(camera)
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

    def _frame_crop(self, crop: tuple[Offset, Offset] | None) -> None:
        """Edges of the part shown."""
        if crop == self._crop:
            return
        self._crop = crop
        if self._crop_box is not None:
            self._crop_box.remove()
            self._crop_box = None
        if crop is not None:
            low, high = (self._frame.from_world(np.array(corner)) for corner in crop)
            self._crop_box = self._server.scene.add_box(
                "/crop", color=(120, 124, 128), dimensions=tuple(high - low), wireframe=True,
                position=tuple((low + high) / 2), cast_shadow=False, receive_shadow=False,
            )  # fmt: skip
