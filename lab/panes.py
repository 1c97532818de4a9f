"""The Compare cell of one browser: a 3D view per method, one camera for all, and the numbers beside them."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import InputError
from lab.comparison import PANES_MAX, Choice, Comparison, PhotoMasks, Row
from lab.drawing import Look, Picture, ShownObject
from lab.jobs import DEFECT_SENTENCE
from lab.palette import rgb
from lab.tones import tone_colours
from lab.truth import has_truth, true_masks
from lab.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.engine import Lab
    from lab.objects import ObjectState
    from lab.session import Session

MAX_PRIMITIVES = {False: 150_000, True: 20_000}
"""Drawn per pane, by whether the browser draws in software: several are drawn at once, and then as points, since
the few splats that software can draw leave out what is small."""

log = logging.getLogger("liftlab.page")


class Panes:
    """What is compared, and the 3D views it is shown in. Call under the visitor's lock."""

    def __init__(self, lab: "Lab", session: "Session", *, most: int | None = None) -> None:
        self._lab, self._session = lab, session
        self._most = most
        self._dark = False
        self.software = False
        """Whether the browser has no graphics card."""
        self.comparison: Comparison | None = None
        self.linked = True
        """Whether the cameras of all panes follow each other."""
        self.reference = ""
        """What counts as right: a pane's number, "truth", or empty for nothing."""
        self.note = ""
        self.version = 0
        self._asked: Any = None
        self._viewers: dict[int, Viewer] = {}

    def choose(self, methods: "Sequence[str]") -> None:
        """Compare these methods on the open scene; none closes the comparison. InputError when that is not possible."""
        self.close()
        if not methods:
            return
        name = self._session.scene_name
        if name is None:
            raise InputError("No scene is open; choose one first.")
        ready = self._lab.status(name).methods
        choices = [
            Choice(method, self._lab.config_of(name, method) if method in ready else None)
            for method in methods[:PANES_MAX]
        ]
        self.comparison = Comparison(self._lab, name, choices)
        if self.reference.isdecimal() and int(self.reference) >= len(choices):
            self.reference = ""
        self.follow(self._session)

    def follow(self, session: "Session") -> bool:
        """Give the session's current object to all panes when it changed; False when nothing did."""
        comparison, current = self.comparison, session.current
        if comparison is None or session.scene_name != comparison.scene_name:
            return False
        asked = None if current is None else (current.asked, current.colour)
        if asked == self._asked:
            return False
        self._asked, self.note = asked, ""
        self.version += 1
        if current is not None:
            try:
                comparison.ask(current.asked)
            except InputError as error:
                self.note = str(error)
            except Exception:
                log.exception("a method failed in the comparison")
                self.note = DEFECT_SENTENCE
        self._draw()
        return True

    def take(self, pane: int, session: "Session") -> None:
        """Make a pane's answer the result."""
        if self.comparison is None or not 0 <= pane < len(self.comparison.sessions):
            raise InputError("There is no such pane; start the comparison again.")
        self.comparison.take(pane, session)

    def viewer(self, pane: int) -> Viewer | None:
        """The 3D view of a pane, started when first asked for; None when there is no such pane."""
        if self.comparison is None or not 0 <= pane < len(self.comparison.sessions):
            return None
        if pane not in self._viewers:
            most = self._most or MAX_PRIMITIVES[self.software]
            viewer = Viewer(lambda *_: None, max_points=most, max_splats=most)
            viewer.on_camera = lambda camera: self._camera_moved(pane, camera)
            viewer.set_dark(self._dark)
            scene = self.comparison.sessions[pane].scene
            assert scene is not None
            viewer.show_scene(scene)
            self._viewers[pane] = viewer
            self._draw()
        return self._viewers[pane]

    def set_dark(self, dark: bool) -> None:
        """Follow the page's colours, also in panes to come."""
        self._dark = dark
        for viewer in self._viewers.values():
            viewer.set_dark(dark)

    def message(self) -> dict[str, Any]:
        """For the page: the table and what is compared."""
        if self.comparison is None:
            return {"type": "compare", "panes": [], "note": self.note}
        reference, note = self._reference(self.comparison)
        table = self.comparison.rows(reference)
        states = self.comparison.states
        return {
            "type": "compare",
            "version": self.version,
            "note": self.note or note,
            "linked": self.linked,
            "truth": self._truth(self.comparison) is not None,
            "reference": self.reference,
            "object": "" if self._asked is None else self._asked[0].object,
            "split": sum(state is not None and state.answer is not None for state in states) > 1,
            "panes": [_pane(row, state) for row, state in zip(table, states, strict=True)],
        }

    def close(self) -> None:
        """Stop the 3D views and forget the comparison."""
        for viewer in self._viewers.values():
            viewer.close()
        self._viewers.clear()
        self.comparison, self._asked, self.note = None, None, ""

    def _reference(self, comparison: Comparison) -> tuple[PhotoMasks | None, str]:
        """What the answers are scored against, and why it is missing when it is."""
        if not self.reference or comparison.asked is None:
            return None, ""
        try:
            if self.reference != "truth":
                return comparison.masks_of_pane(int(self.reference)), ""
            capture, scene = self._truth(comparison), comparison.sessions[0].scene
            if capture is None or scene is None:
                return None, "This capture has no truth; take another reference."
            return true_masks(capture, scene, comparison.asked), ""
        except InputError as error:
            return None, str(error)

    def _truth(self, comparison: Comparison) -> str | None:
        """Name of the capture when it has truth."""
        scene, capture = comparison.sessions[0].scene, self._lab.status(comparison.scene_name).capture
        return capture if scene is not None and has_truth(capture, scene) else None

    def _draw(self) -> None:
        comparison = self.comparison
        if comparison is None:
            return
        for pane, viewer in self._viewers.items():
            session, state = comparison.sessions[pane], comparison.states[pane]
            scene = session.scene
            assert scene is not None
            shown: tuple[ShownObject, ...] = ()
            if state is not None and state.answer is not None and not state.answer.result.empty:
                colour = rgb(self._asked[1]) if self._asked else rgb(state.colour)
                shown = (ShownObject(state.id, state.answer, state.answer.selected, colour),)
            look = Look("points" if scene.gaussians is None or self.software else "splats")
            viewer.show(
                Picture(look, shown), lambda surface, own=session: tone_colours(own, "photo", surface)
            )

    def _camera_moved(self, pane: int, camera: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        if not self.linked:
            return
        for other, viewer in list(self._viewers.items()):
            if other != pane:
                viewer.place_camera(*camera)


def _pane(row: Row, state: "ObjectState | None") -> dict[str, Any]:
    """One row of the table."""
    result = state.result if state is not None else None
    return {
        "method": row.method,
        "ready": row.ready,
        "ms": row.ms,
        "primitives": row.primitives,
        "splats": result is not None and result.geometry == "gaussians",
        "pixels": row.pixels,
        "iou": row.iou,
        "boundary": row.boundary_iou,
        "message": row.message,
    }
