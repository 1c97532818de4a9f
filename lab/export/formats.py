"""The formats in which a session is taken away: one record each, in one registry.

Page, command line, `liftlab doctor`, downloads and docs/formats.md read the registry; nothing else has to know a
format. A package of its own enters one through the entry-point group "liftlab.exporters": importing the module that
the entry point names must call `EXPORT_FORMATS.register`.
"""

import importlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from liftlab.components.errors import InputError
from liftlab.components.files import inside
from liftlab.components.geometry.scale import scene_in_metres
from liftlab.components.registry import PluginError, Registry
from liftlab.components.types import Scene

if TYPE_CHECKING:
    from liftlab.components.gaussians.boundary import Boundary
    from liftlab.export.splats import ObjectSplats
    from liftlab.session.session import ObjectState, Session

log = logging.getLogger("liftlab.export")

Purpose = Literal["3d", "splats", "share", "training", "again"]
"""For 3D programs; for viewers of splats; to show others; to train and annotate; to go on another day."""
EVERYTHING = "all"
"""Not a format: stands for all that have `in_everything`."""
OBJECT = "OBJECT"
"""Stands for an object's name in `ExportFormat.file`."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
GROUP = "liftlab.exporters"
OURS = {
    name: f"liftlab.export.{module}"
    for module, names in {
        "point_files": ("ply", "glb"),
        "mask_files": ("masks", "coco"),
        "camera_files": ("colmap", "transforms", "dataset"),
        "splat_files": ("splats", "spz", "without", "without_all", "gif", "mp4", "viewer"),
        "run_files": ("segmentation", "notebook"),
    }.items()
    for name in names
}
"""Our formats in the order in which people see them, each with its module, which imports what is heavy when it writes.
"""


@dataclass(frozen=True)
class Unit:
    """The unit of the coordinates in exported files."""

    factor: float
    """Of these units one scene unit has so many."""
    metres: float | None
    """Metres of one; None while the scene's scale is not known."""

    @staticmethod
    def of(session: "Session", *, metres: bool = False) -> "Unit":
        """The scene's own unit, or metres. InputError for metres while the scale is not known."""
        known = session.ruler.metres_per_unit
        if not metres:
            return Unit(1.0, known)
        if known is None:
            raise InputError(
                "The scene has no scale, so nothing can be written in metres; measure a known distance in it first."
            )
        return Unit(known, 1.0)

    def applied(self, scene: Scene) -> Scene:
        """The scene with its coordinates in this unit."""
        return scene if self.factor == 1 else scene_in_metres(scene, self.factor)


@dataclass(frozen=True)
class ExportRequest:
    """What one call takes away; every format of the call is given the same one, and what several need is made once."""

    session: "Session"
    """With a scene open."""
    objects: "tuple[ObjectState, ...]"
    """Those to write, each with something selected; a format that `needs_objects` gets one at least."""
    metres: bool = False
    """Coordinates in metres; else in the scene's own unit."""
    boundary: "Boundary" = "split"
    """What happens to splats across an object's outline: "keep", "trim" or "split"."""
    mended: bool = False
    """Splats of the scene: what objects leave behind is filled in."""

    @cached_property
    def placed(self) -> "ExportRequest":
        """The request without objects that have no place in 3D."""
        some = tuple(state for state in self.objects if not state.photo_only)
        return self if len(some) == len(self.objects) else replace(self, objects=some)

    @cached_property
    def unit(self) -> Unit:
        """Of the coordinates that are written."""
        return Unit.of(self.session, metres=self.metres)

    @cached_property
    def scene(self) -> Scene:
        """The session's scene with its coordinates in `unit`."""
        scene = self.session.scene
        assert scene is not None
        return self.unit.applied(scene)

    @cached_property
    def offset(self) -> tuple[float, float, float]:
        """What takes coordinates in `unit` back to those of the splat file that was brought, where these were too large
        to compute with.
        """
        lab, name = self.session.lab, self.session.scene_name
        entry = lab.workspace.scene_entry(name) if name else None
        if entry is None or entry.capture not in lab.captures():
            return (0.0, 0.0, 0.0)
        x, y, z = lab.capture(entry.capture).offset
        factor = self.unit.factor
        return (x * factor, y * factor, z * factor)

    @cached_property
    def splats(self) -> "ObjectSplats":
        """Splats of objects and of what is around them; for formats that need splats."""
        from liftlab.export.splats import ObjectSplats

        return ObjectSplats(self.session, self.boundary, mended=self.mended)


@dataclass(frozen=True)
class ExportFormat:
    """One kind of export."""

    name: str
    """As in `--kinds` and in addresses: small letters, digits, "-" and "_"."""
    title: str
    """What it gives, short enough for a narrow column."""
    short: str
    """The file format in one word."""
    summary: str
    """Title and format in one line: the tooltip."""
    media_type: str
    """Of its file, where it is a single one."""
    file: str
    """Files it writes, below the folder: OBJECT stands for an object's name, STEM for a photo's without its ending."""
    write: Callable[[ExportRequest, Path], None]
    """Writes the files into an existing, empty folder. InputError where an object cannot be written."""
    content: str
    """What is in the file, for docs/formats.md (Markdown, no table)."""
    opens_in: str = ""
    """Programs that read it, for docs/formats.md."""
    needs_splats: bool = False
    """The scene's splats must be trained."""
    needs_objects: bool = True
    """Something must be selected."""
    needs_place: bool = True
    """Its objects must have a place in 3D; others, which are outlines in a photo, are left out."""
    purpose: Purpose = "3d"
    """What people want it for: where the page's menu has it."""
    in_everything: bool = True
    """"Everything" holds it."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name == EVERYTHING:
            raise ValueError(
                f"name must be small letters, digits, '-' and '_', and not '{EVERYTHING}'; got '{self.name}'."
            )
        parts = PurePosixPath(self.file).parts
        if not parts or ".." in parts or self.file.startswith("/"):
            raise ValueError(f"file must be a path below the export's folder; got '{self.file}'.")

    def path(self, folder: Path, state: "ObjectState") -> Path:
        """Where an object's file goes, the folders above it made. For formats with one file per object."""
        first, *more = (part.replace(OBJECT, state.name) for part in PurePosixPath(self.file).parts)
        path = inside(folder, first, *more)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


class ExportFormats(Registry[ExportFormat]):
    """The registry. People export while the lab runs, so a package that cannot be loaded takes no other's format away:
    it is left out, and `broken` says so.
    """

    def __init__(self) -> None:
        super().__init__("export", group=GROUP, builtin=OURS)
        self._broken: dict[str, PluginError] = {}

    @property
    def broken(self) -> list[PluginError]:
        """One for each entry point that cannot be loaded, with its name and the cause."""
        self._load()
        return list(self._broken.values())

    def get(self, name: str) -> ExportFormat:
        """The format called `name`; InputError with the nearest names, or why its package cannot be loaded."""
        if name not in self.builtin and name not in self.names() and name in self._broken:
            raise self._broken[name]
        return super().get(name)

    def package_of(self, record: ExportFormat) -> str:
        """The installed package that a format comes from, or its module where none says so; "" for ours."""
        if record.name in OURS:
            return ""
        module = record.write.__module__
        top = module.partition(".")[0]
        for point in entry_points(group=GROUP):
            if point.dist is not None and point.module.partition(".")[0] == top:
                return f"{point.dist.name} {point.dist.version}"
        return module

    def _load(self) -> None:
        if self._complete:
            return
        for module in self.builtin.values():
            importlib.import_module(module)
        broken = {}
        for point in entry_points(group=self.group):
            before = set(self._records)
            try:
                point.load()
            except Exception as error:
                for name in set(self._records) - before:  # nothing of a module that stopped half-way
                    self.forget(name)
                broken[point.name] = PluginError(
                    f"The {self.kind} plug-in '{point.name}' ({point.value}) failed to load: {error}"
                )
                log.warning("%s", broken[point.name])
        self._broken, self._complete = broken, True


EXPORT_FORMATS = ExportFormats()
