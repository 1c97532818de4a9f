"""The Compare cell of one browser: a 3D view per method, one camera for all, and the numbers beside them."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.compare.comparison import PANES_MAX, Comparison, PaneMethod, PaneScores, PhotoMasks
from liftlab.compare.pane_pictures import (
    STANDING,
    PaneView,
    answer_shown,
    feature_shades,
    standing_shown,
    views_of,
)
from liftlab.compare.truth import has_truth, true_masks
from liftlab.components.errors import InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.engine.recent import Recent
from liftlab.pictures.palette import PALETTE
from liftlab.view3d.drawing import Look, Picture
from liftlab.view3d.surfaces import MAX_POINTS, MAX_SPLATS, SurfaceName
from liftlab.view3d.tones import tone_colours
from liftlab.view3d.viewer import Stand, Viewer
from liftlab.web.wire.messages import Compared, Comparing, NotCompared, PaneRow, Reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from liftlab.engine.lab import Lab
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session

MOST_POINTS = {False: MAX_POINTS, True: 20_000}
"""Drawn per pane, by whether the browser draws in software: several are drawn at once."""
MOST_SPLATS = {False: MAX_SPLATS, True: 5_000}
"""The same of splats. In software the answers are shown on points: so few splats leave out what is small. Only
features, which points do not have, are shown on them."""
TRUTH, PAINTED = "truth", "painted"
"""References beside the panes: the capture's truth; the object that was painted, not clicked."""

log = logging.getLogger("liftlab.page")


class Panes:
    """What is compared, and the 3D views it is shown in. Call under the visitor's lock."""

    def __init__(self, lab: "Lab", session: "Session", *, most: int | None = None) -> None:
        self._lab, self._session = lab, session
        self._most = most
        self._dark = False
        self.software = False
        """Whether the browser has no graphics card."""
        self.first_stand: Callable[[], Stand | None] = lambda: None
        """Where the cameras of new panes start; None for the first photo's."""
        self._start: Stand | None = None
        self.comparison: Comparison | None = None
        self.linked = True
        """Whether the cameras of all panes follow each other."""
        self.agreement = False
        """Whether 3D shows who agrees, in place of each pane's own view."""
        self.views: list[PaneView] = []
        """What each pane shows."""
        self.reference: Reference = ""
        """What counts as right: a pane's number, "truth", "painted", or empty for nothing."""
        self.note = ""
        self.version = 0
        self._asked: Any = None
        self._painted: Any = None
        self._viewers: dict[int, Viewer] = {}
        self._table: Any = None
        self._shades: Recent[np.ndarray] = Recent(PANES_MAX)

    @property
    def methods(self) -> list[str]:
        """What is compared; empty when nothing is."""
        return [] if self.comparison is None else [choice.method for choice in self.comparison.choices]

    def choose(self, methods: "Sequence[str]") -> None:
        """Compare these methods on the open scene; none closes the comparison.

        A method that was compared before keeps its granularity and view.

        Raises:
            InputError: No scene is open, or a method is unknown.
        """
        before = (
            [] if self.comparison is None else list(zip(self.comparison.choices, self.views, strict=True))
        )
        stands = [viewer.stand for _, viewer in sorted(self._viewers.items()) if viewer.stand is not None]
        self.close()
        if not methods:
            return
        self._start = stands[0] if stands else self.first_stand()
        name = self._session.scene_name
        if name is None:
            raise InputError("No scene is open; choose one first.")
        ready = self._lab.status(name).methods
        choices, views = [], []
        for method in methods[:PANES_MAX]:
            same = next((old for old in before if old[0].method == method), None)
            if same is not None:
                before.remove(same)
            config = self._lab.config_of(name, method) if method in ready else None
            choices.append(PaneMethod(method, config, same[0].granularity if same else None))
            views.append(same[1] if same else "photo")
        self.comparison = Comparison(self._lab, name, choices)
        self.views = [
            view if view in views_of(session) else "photo"
            for view, session in zip(views, self.comparison.sessions, strict=True)
        ]
        if self.reference.isdecimal() and int(self.reference) >= len(choices):
            self.reference = ""
        self.follow(self._session)

    def follow(self, session: "Session") -> bool:
        """Give the session's current object to all panes when it changed; False when nothing did.

        An object that is only painted is no question to a method but a right answer: while it is current, the panes
        stay with the object before it. So they do while the right answer is about to be painted.
        """
        comparison, current = self.comparison, session.current
        if comparison is None or session.scene_name != comparison.scene_name:
            return False
        painted = painted_object(session)
        painting = painted is not None and (painted.id, painted.asked)
        repainted, self._painted = painting != self._painted, painting
        awaited = self.reference == PAINTED and current is not None and current.asked.empty
        if awaited or (current is not None and _only_painted(current)):
            return repainted
        asked = None if current is None else (current.asked, current.colour)
        if asked == self._asked:
            return repainted
        self._asked, self.note = asked, ""
        self.version += 1
        if current is not None:
            self._try(lambda: comparison.ask(current.asked))
        self._draw_all()
        return True

    def set_granularity(self, pane: int, granularity: float | None) -> None:
        """Give a pane a granularity of its own; None follows the clicks again. InputError for what cannot be."""
        comparison = self._with_pane(pane)
        self.note = ""
        self.version += 1
        self._try(lambda: comparison.set_granularity(pane, granularity))
        self._draw_all()

    def set_view(self, pane: int, view: PaneView) -> None:
        """Show a pane in another way. InputError when its method has nothing of the kind."""
        comparison = self._with_pane(pane)
        if view not in views_of(comparison.sessions[pane]):
            method = comparison.choices[pane].method
            raise InputError(f"'{method}' has no features to show; it looks masks up or is not prepared.")
        self.views[pane], self.note = view, ""
        self._draw(pane)

    def show_agreement(self, on: bool) -> None:
        """Show in 3D who selects what, or each pane's own view."""
        self.agreement, self.note = on, ""
        self._draw_all()

    def take(self, pane: int, session: "Session") -> None:
        """Make a pane's answer the result."""
        self._with_pane(pane).take(pane, session)

    def viewer(self, pane: int) -> Viewer | None:
        """The 3D view of a pane, started when first asked for; None when there is no such pane."""
        if self.comparison is None or not 0 <= pane < len(self.comparison.sessions):
            return None
        if pane not in self._viewers:
            viewer = Viewer(
                lambda *_: None,
                max_points=self._most or MOST_POINTS[self.software],
                max_splats=self._most or MOST_SPLATS[self.software],
            )
            viewer.on_camera = lambda camera: self._camera_moved(pane, camera)
            viewer.set_dark(self._dark)
            scene = self.comparison.sessions[pane].scene
            assert scene is not None
            viewer.show_scene(scene)
            if self._start is not None:
                viewer.start_from(self._start)
            self._viewers[pane] = viewer
            self._draw(pane)
        return self._viewers[pane]

    def set_dark(self, dark: bool) -> None:
        """Follow the page's colours, also in panes to come."""
        self._dark = dark
        for viewer in self._viewers.values():
            viewer.set_dark(dark)

    @property
    def reference_name(self) -> str:
        """What people read for the right answer."""
        if self.reference.isdecimal():
            pane = int(self.reference)
            return f"the answer of {self._with_pane(pane).choices[pane].method}"
        return {"": "none", TRUTH: "truth of the capture", PAINTED: "painted by hand"}[self.reference]

    @property
    def colour(self) -> str:
        """Of the object that is compared, #RRGGBB."""
        return PALETTE[0] if self._asked is None else self._asked[1]

    def message(self) -> Comparing:
        """For the page: the table and what is compared."""
        if self.comparison is None:
            return NotCompared(note=self.note)
        from liftlab.page.cells.compare import code_of

        reference, note, rows, agree = self._scored()
        return Compared(
            version=self.version,
            note=self.note or note,
            linked=self.linked,
            software=self.software,
            agreement=self.agreement,
            legend=list(STANDING.values()),
            truth=self._truth(self.comparison) is not None,
            reference=self.reference,
            painted=self._painted_note(reference),
            object="" if self._asked is None else self._asked[0].object,
            split=agree is not None,
            agree=agree,
            code=code_of(self.comparison),
            panes=[self._pane(pane, row) for pane, row in enumerate(rows)],
        )

    def right_answer(self) -> tuple[PhotoMasks | None, str]:
        """What the answers are scored against, and why it is missing when it is."""
        comparison = self.comparison
        if comparison is None or not self.reference or comparison.asked is None:
            return None, ""
        try:
            if self.reference == PAINTED:
                return self._painted_masks(), ""
            if self.reference != TRUTH:
                return self._with_pane(int(self.reference)).masks_of_pane(int(self.reference)), ""
            capture, scene = self._truth(comparison), comparison.sessions[0].scene
            if capture is None or scene is None:
                return None, "This capture has no truth; take another reference."
            return true_masks(capture, scene, comparison.asked), ""
        except InputError as error:
            return None, str(error)

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        sessions = () if self.comparison is None else self.comparison.sessions
        return not self._viewers and all(session.resting for session in sessions)

    def rest(self) -> None:
        """Stop the 3D views and let go of answers and pictures; what is compared stays, and is answered again when it
        is looked at.
        """
        for viewer in self._viewers.values():
            viewer.close()
        self._viewers.clear()
        self._table, self._shades = None, Recent(PANES_MAX)
        for session in () if self.comparison is None else self.comparison.sessions:
            session.rest()

    def close(self) -> None:
        """Stop the 3D views and forget the comparison."""
        self.rest()
        self.comparison, self._asked, self._painted, self._table, self.note = None, None, None, None, ""

    def _with_pane(self, pane: int) -> Comparison:
        if self.comparison is None or not 0 <= pane < len(self.comparison.sessions):
            raise InputError("There is no such pane; start the comparison again.")
        return self.comparison

    def _try(self, ask: Any) -> None:
        """Ask methods; what goes wrong becomes the note."""
        try:
            ask()
        except InputError as error:
            self.note = str(error)
        except Exception:
            log.exception("a method failed in the comparison")
            self.note = DEFECT_SENTENCE

    def _painted_masks(self) -> PhotoMasks:
        """The painted object in the photos that were painted; the others say nothing."""
        painted = painted_object(self._session)
        if painted is None:
            raise InputError(
                "Nothing is painted yet: start a new object (N), take the Brush and paint the right answer in a photo."
            )
        photos = sorted({stroke.image for stroke in painted.asked.strokes})
        return {photo: self._session.photo_mask(painted.id, photo) for photo in photos}

    def _scored(self) -> "tuple[PhotoMasks | None, str, list[PaneScores], float | None]":
        """Right answer, why it is missing, the table, how far the answers agree; kept until one of them changes."""
        assert self.comparison is not None
        key = (self.comparison, self.version, self.reference, self._painted)
        if self._table is None or self._table[0] != key:
            reference, note = self.right_answer()
            rows = self.comparison.rows(reference)
            self._table = (key, (reference, note, rows, self.comparison.agreement()))
        return self._table[1]

    def _painted_note(self, reference: PhotoMasks | None) -> str:
        """Against what is scored, when that was painted."""
        painted = painted_object(self._session) if self.reference == PAINTED and reference else None
        return (
            ""
            if painted is None
            else f"Scored against {painted.name}, painted in {', '.join(reference or ())}."
        )

    def _truth(self, comparison: Comparison) -> str | None:
        """Name of the capture when it has truth."""
        scene, capture = comparison.sessions[0].scene, self._lab.status(comparison.scene_name).capture
        return capture if scene is not None and has_truth(capture, scene) else None

    def _pane(self, pane: int, row: PaneScores) -> PaneRow:
        """One row of the table, with what the pane offers."""
        assert self.comparison is not None
        session, state = self.comparison.sessions[pane], self.comparison.states[pane]
        result = state.result if state is not None else None
        return PaneRow(
            method=row.method,
            ready=row.ready,
            ms=row.ms,
            primitives=row.primitives,
            splats=result is not None and result.geometry == "gaussians",
            pixels=row.pixels,
            iou=row.iou,
            boundary=row.boundary_iou,
            message=row.message,
            granularity=self.comparison.choices[pane].granularity,
            view=self.views[pane],
            views=views_of(session),
        )

    def _draw_all(self) -> None:
        for pane in self._viewers:
            self._draw(pane)

    def _draw(self, pane: int) -> None:
        """Bring a pane's 3D view, when there is one, up to what it should show."""
        comparison, viewer = self.comparison, self._viewers.get(pane)
        if comparison is None or viewer is None:
            return
        session, state, view = comparison.sessions[pane], comparison.states[pane], self.views[pane]
        scene = session.scene
        assert scene is not None
        surface: SurfaceName = "points" if scene.gaussians is None or self.software else "splats"
        if view != "photo" and not self.agreement:
            token = (session.method, repr(session.config), view, view == "likeness" and self.version)
            try:
                shades = self._shades.get(token, lambda: feature_shades(session, state, view))
            except InputError as error:
                self.note = str(error)
            else:
                # Learnt features are the tone of their name, whichever way they become colours.
                viewer.show(Picture(Look("splats", "features"), (), tone_token=token), lambda _: shades)
                return
        shown = answer_shown(state, self.colour)
        if self.agreement:
            shown = standing_shown(comparison, pane, self.version) or shown
        viewer.show(Picture(Look(surface), shown), lambda name: tone_colours(session, "photo", name))

    def _camera_moved(self, pane: int, camera: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        if not self.linked:
            return
        for other, viewer in list(self._viewers.items()):
            if other != pane:
                viewer.place_camera(*camera)


def painted_object(session: "Session") -> "ObjectState | None":
    """The latest object that was painted and never clicked; None when there is none."""
    return next((state for state in reversed(session.objects) if _only_painted(state)), None)


def _only_painted(state: "ObjectState") -> bool:
    return bool(state.asked.strokes) and not state.asked.clicks
