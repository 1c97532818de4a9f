"""The 3D view of one browser: the scene, its objects, marks and handles as the session has them, and clicks in it."""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from liftlab.components.errors import InputError
from liftlab.pictures.palette import rgb
from liftlab.session.arrangement import NOWHERE, Offset
from liftlab.view3d.drawing import Look, Patch, Picture, ShownObject
from liftlab.view3d.frame import frame_of, framed
from liftlab.view3d.surfaces import MAX_POINTS, MAX_SPLATS, SurfaceName
from liftlab.view3d.tones import heat_colours, tone_colours, tone_token
from liftlab.view3d.viewer import Viewer, ViewerMarker

if TYPE_CHECKING:
    from liftlab.components.types import Gaussians
    from liftlab.session.objects import ObjectState
    from liftlab.view3d.viewer import Stand
    from liftlab.web.visitor import Visitor


class SceneView:
    """Draws a visitor's session. Call with the visitor's lock held where nothing else is said."""

    def __init__(self, visitor: "Visitor", *, most: int | None = None) -> None:
        """Nothing is started yet.

        Args:
            most: Points, or splats, that are drawn at most; None for the usual numbers.
        """
        self._visitor = visitor
        self._most = most
        self._viewer: Viewer | None = None
        self._drawn_scene: tuple[str, str] | None = None
        self._handles_at: tuple | None = None
        self._mended: Patch | None = None
        self.previewing = False
        """Whether splats in the making are shown in place of the scene."""

    @property
    def started(self) -> bool:
        """Whether it holds anything."""
        return self._viewer is not None

    @property
    def viewer(self) -> Viewer:
        """The view itself, started when first asked for."""
        if self._viewer is None:
            self._viewer = Viewer(
                self.clicked, max_points=self._most or MAX_POINTS, max_splats=self._most or MAX_SPLATS
            )
            self._drawn_scene = self._handles_at = None
            self.draw()
        return self._viewer

    def framed_stand(self) -> "Stand | None":
        """A camera on the side where the browser's stands, with the current object in the middle; None for that of the
        first photo.
        """
        session, scene = self._visitor.session, self._visitor.scene
        stand = None if self._viewer is None else self._viewer.stand
        if scene is None or session.current is None:
            return stand
        frame, camera = frame_of(scene), scene.views[0].camera
        position, _, fov = frame.pose(camera)
        try:
            low, high = session.stage.extent(session.current.id)
        except InputError:  # it selects nothing, or has no place in 3D
            return stand
        start = np.array(position) if stand is None else stand[0]
        return framed(start, frame.from_world(low), frame.from_world(high), fov)

    def draw(self) -> None:
        """Bring the 3D view up to the session: the scene if it changed, the objects, markers and handles."""
        viewer, session, scene = self._viewer, self._visitor.session, self._visitor.scene
        if viewer is None or scene is None:
            return
        if self._drawn_scene != (scene.key, scene.gaussians_key):
            self._drawn_scene = (scene.key, scene.gaussians_key)
            self._handles_at = None
            viewer.show_scene(scene)
            if scene.gaussians is not None:  # seconds on a large scene, and the first lit object needs it
                threading.Thread(target=session.nearest_points, name="liftlab-links", daemon=True).start()
        current = session.current
        viewer.show(self._picture(), self._colours)
        markers = session.markers(current.id) if current is not None else []
        viewer.mark([ViewerMarker(np.array(m.world), m.positive) for m in markers if m.world is not None])
        viewer.rule([np.array(point) for point in session.ruler.points])
        self._draw_handles(viewer, current)

    def _picture(self) -> Picture:
        visitor, session = self._visitor, self._visitor.session
        if self.previewing:
            return Picture(replace(visitor.look, rest="hidden"))
        arrangement = session.stage.arrangement
        shown = []
        for entry in session.objects:
            if entry.answer is None or not entry.count:
                continue
            place = arrangement.of(entry.id)
            shown.append(
                ShownObject(
                    entry.id, entry.answer, entry.answer.selected, rgb(entry.colour),
                    visible=entry.id not in visitor.hidden, removed=place.removed, offset=place.offset,
                    copies=place.copies,
                )
            )  # fmt: skip
        look = visitor.look if shown else replace(visitor.look, rest="shown")  # nothing apart from nothing
        token = tone_token(session, look.tone)
        if look.tone == "heat":
            token = (*token, visitor.words.version)
        return Picture(look, tuple(shown), arrangement.crop, token, self._patch(look))

    def _patch(self, look: Look) -> Patch | None:
        """What is filled in where objects were taken out or moved away; computed when they are others than before."""
        session, scene = self._visitor.session, self._visitor.scene
        arrangement = session.stage.arrangement
        if not arrangement.mended or scene is None or scene.gaussians is None or look.surface != "splats":
            return None
        left = [
            entry.answer for entry in session.objects if arrangement.of(entry.id).displaced and entry.count
        ]
        answers = [answer for answer in left if answer is not None]
        if not answers:
            return None
        token = (scene.gaussians_key, tuple(answers))
        if self._mended is None or self._mended.token != token:
            from liftlab.view3d.patches import patch_of  # with scipy, which few visits need

            self._mended = patch_of(scene, token, [answer.selected("splats") for answer in answers])
        return self._mended

    @property
    def fills_nothing(self) -> bool:
        """Places were to be filled in, and there was nothing to do it with: the objects stand on no plane."""
        patch = self._mended
        return patch is not None and not patch.hidden.any() and not len(patch.surface.positions)

    def _colours(self, surface: SurfaceName) -> np.ndarray:
        visitor = self._visitor
        if visitor.look.tone == "heat":
            return heat_colours(visitor.session, visitor.words, surface)
        return tone_colours(visitor.session, visitor.look.tone, surface)

    def _draw_handles(self, viewer: Viewer, current: "ObjectState | None") -> None:
        visitor, at = self._visitor, None
        if visitor.moving and current is not None and current.answer is not None and current.count:
            at = (current.id, current.answer, visitor.session.stage.arrangement.of(current.id).offset)
        if at == self._handles_at:
            return
        self._handles_at = at
        if at is None:
            viewer.handles(None)
            return
        low, high = visitor.session.stage.extent(at[0])
        viewer.handles((low + high) / 2 + np.array(at[2]), lambda by: self._dragged(at[0], by))

    def _dragged(self, object_id: int, by: Offset) -> None:
        if by != NOWHERE:
            self._visitor.act(lambda session: session.stage.move(object_id, by))

    def preview(self, gaussians: "Gaussians | None") -> None:
        """Show splats in the making in place of the scene; None goes back to the scene."""
        if self._viewer is None:
            return
        before, self.previewing = self.previewing, gaussians is not None
        self._viewer.preview(gaussians)
        self.draw()
        if before != self.previewing:
            self._visitor.push()

    def clicked(self, origin: np.ndarray, direction: np.ndarray, inverted: bool) -> None:
        """A click along a ray of the world frame: for the ruler, or for the current object. Takes the lock itself."""
        visitor = self._visitor
        if visitor.measuring:
            visitor.act(lambda session: session.ruler.mark_ray(origin, direction))
            return
        positive = visitor.positive != inverted
        visitor.act(lambda session: session.click_ray(origin, direction, positive))

    def close(self) -> None:
        """Let go of the view and its threads; what asks for it next starts it again."""
        if self._viewer is not None:
            self._viewer.close()
        self._viewer = self._drawn_scene = self._handles_at = self._mended = None
