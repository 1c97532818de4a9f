"""Measuring a scene: the distance between two places, and the scale that one known distance gives it.

The scale belongs to the scene (`scale.json` beside its reconstruction): everybody who opens it measures in real units.
"""

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from msgspec import Meta

from liftlab.components.bounds import Place
from liftlab.components.errors import InputError
from liftlab.components.files import inside, write_json
from liftlab.components.geometry.scale import METRES, UNIT_OF_WORD, box_text, length_text
from liftlab.components.text.attributes import extent_of
from liftlab.files.config_records import to_plain
from liftlab.files.reading import from_json, read_file
from liftlab.session.markers import marker_of
from liftlab.session.parts import point_on_ray
from liftlab.session.prompts import PhotoClick, check_click

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace
    from liftlab.session.objects import Answer
    from liftlab.session.session import Session

Point = tuple[Place, Place, Place]
"""World frame, scene units."""
SCHEMA_VERSION = 1
LENGTH_MAX = 1e6

log = logging.getLogger("liftlab")


@dataclass(frozen=True)
class Scale:
    """What one known distance says about a scene."""

    points: tuple[Point, Point]
    """The two places."""
    length: Annotated[float, Meta(gt=0, le=1e9)]
    """How far they are apart in reality, in `unit`."""
    unit: Literal["mm", "cm", "m", "in", "ft"]
    """One of `liftlab.components.geometry.scale.METRES`."""

    def __post_init__(self) -> None:
        if math.dist(*self.points) == 0:
            raise ValueError("must have two different places")

    @property
    def metres_per_unit(self) -> float:
        """Metres of one scene unit."""
        return self.length * METRES[self.unit] / math.dist(*self.points)


@dataclass(frozen=True)
class _ScaleFile:
    """scale.json."""

    schema_version: int
    scale: Scale


@dataclass(frozen=True)
class Rescale:
    """An edit: the scene's scale before and after it."""

    scene_key: str
    before: Scale | None
    after: Scale | None

    def do(self, state: "Session") -> None:
        write_scale(state.lab.workspace, self.scene_key, self.after)

    def undo(self, state: "Session") -> None:
        write_scale(state.lab.workspace, self.scene_key, self.before)


class Ruler:
    """Two places in a session's scene, and the scene's scale. Setting the scale can be undone through the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.points: tuple[Point, ...] = ()
        """What is measured: up to two places."""
        self._sizes: dict[int, tuple[Answer, tuple[float, float, float] | None]] = {}
        """By object: the answer that was measured last, and its size."""

    @property
    def scale(self) -> Scale | None:
        """What somebody measured in the scene; None while nobody has."""
        scene = self._session.scene
        return None if scene is None else read_scale(self._session.lab.workspace, scene.key)

    @property
    def metres_per_unit(self) -> float | None:
        """Metres of one scene unit; None while the scale is not known."""
        scene = self._session.scene
        return None if scene is None else metres_per_unit(self._session.lab.workspace, scene)

    def mark(self, photo: str, x: float, y: float) -> None:
        """Add a place by photo pixel; a third starts a new measurement.

        Raises:
            InputError: It lies outside the photo, or the reconstruction has no point there.
        """
        scene = self._session.need_scene()
        click = check_click(scene, PhotoClick(photo, x, y))
        world = marker_of(scene, click).world
        if world is None:
            raise InputError("The distance of this place is not known; click on a place with more detail.")
        self._add(world)

    def mark_ray(self, origin: Any, direction: Any) -> None:
        """Add the place that a ray of the 3D view meets. InputError when it meets nothing."""
        self._add(point_on_ray(self._session.need_scene(), origin, direction))

    def mark_point(self, point: Point) -> None:
        """Add a place by its world coordinates."""
        x, y, z = (float(value) for value in point)
        if not all(map(math.isfinite, (x, y, z))):
            raise InputError("A place needs three finite numbers.")
        self._add((x, y, z))

    def clear(self) -> None:
        """Measure nothing."""
        self.points = ()
        self.forget_sizes()

    def forget_sizes(self) -> None:
        """Measure the objects again when they are asked for next."""
        self._sizes = {}

    @property
    def length(self) -> float | None:
        """Between the two places, scene units; None before the second."""
        return math.dist(*self.points) if len(self.points) == 2 else None

    def set_scale(self, length: float, unit: str = "m") -> Scale:
        """Say how long the measured distance is in reality: from then on the scene has real units.

        Args:
            unit: mm, cm, m, in or ft (or written out).

        Raises:
            InputError: Two places are not marked yet, they are the same, or the length is no length.
        """
        known = UNIT_OF_WORD.get(unit.strip().casefold())
        if known is None:
            raise InputError(f"Lengths may be given in {', '.join(METRES)}; got '{unit}'.")
        if not (math.isfinite(length) and 0 < length * METRES[known] <= LENGTH_MAX):
            raise InputError(f"The real distance must be larger than 0; got {length:g} {known}.")
        scene = self._session.need_scene()
        if len(self.points) != 2 or math.dist(*self.points) == 0:
            raise InputError("Click on two places first, whose distance you know.")
        first, second = self.points
        scale = Scale((first, second), float(length), cast(Any, known))
        self._session.history.do(Rescale(scene.key, self.scale, scale))
        return scale

    def forget_scale(self) -> None:
        """Go back to a scene without a scale."""
        before = self.scale
        if before is not None:
            self._session.history.do(Rescale(self._session.need_scene().key, before, None))

    def size(self, object_id: int) -> tuple[float, float, float] | None:
        """Length and width on the ground and height of an object, scene units; None without a place in 3D."""
        state, scene = self._session.object(object_id), self._session.need_scene()
        if state.answer is None or state.answer.result.empty:
            return None
        known = self._sizes.get(object_id)
        if known is None or known[0] is not state.answer:
            extent = extent_of(scene, scene.pointmap.points[state.answer.selected("points")])
            size = None if extent is None else (float(extent[0]), float(extent[1]), float(extent[2]))
            known = self._sizes[object_id] = (state.answer, size)
        return known[1]

    def length_text(self, length: float) -> str:
        """A length given in scene units, for people."""
        factor = self.metres_per_unit
        return f"{length:.3g} scene units" if factor is None else length_text(length * factor)

    def size_text(self, object_id: int) -> str:
        """Size of an object for people; empty without a scale or a place in 3D."""
        factor, size = self.metres_per_unit, self.size(object_id)
        if factor is None or size is None:
            return ""
        return box_text((size[0] * factor, size[1] * factor, size[2] * factor))

    def _add(self, point: Point) -> None:
        self.points = (*self.points, point) if len(self.points) < 2 else (point,)


def metres_per_unit(workspace: "Workspace", scene: Any) -> float | None:
    """Metres of one unit of a scene: as measured, else 1 where its cameras came in metres, else None."""
    scale = read_scale(workspace, scene.key)
    if scale is not None:
        return scale.metres_per_unit
    return 1.0 if scene.units == "metres" else None


def read_scale(workspace: "Workspace", scene_key: str) -> Scale | None:
    """The scale kept with a scene; None where there is none, or its file is damaged (that is logged)."""
    path = inside(workspace.scene_folder(scene_key), "scale.json")
    if not path.exists():
        return None
    try:
        return from_json(read_file(path, "scale"), _ScaleFile).scale
    except ValueError as error:  # InputError among them
        log.warning("The scale of scene %s is damaged (%s) and left out.", scene_key, error)
        return None


def write_scale(workspace: "Workspace", scene_key: str, scale: Scale | None) -> None:
    """Keep a scale with a scene; None removes it."""
    path = inside(workspace.scene_folder(scene_key), "scale.json")
    if scale is None:
        path.unlink(missing_ok=True)
        return
    with workspace.disk_full_explained():
        write_json(path, {"schema_version": SCHEMA_VERSION, "scale": to_plain(scale)})
