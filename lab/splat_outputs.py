"""What is exported of an object's splats: files for other viewers, the scene without it, a turn around it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from components.errors import InputError
from components.scale import scaled_gaussians
from components.types import Gaussians, Scene
from lab.static_viewer import write_viewer

if TYPE_CHECKING:
    from components.gaussians.boundary import Boundary, Parted
    from lab.objects import ObjectState
    from lab.session import Session

SPLAT_EXPORTS: dict[str, str] = {
    "splats": "Splats of the object (PLY)",
    "spz": "Splats of the object, small (SPZ)",
    "without": "Splats of the scene without the object (PLY)",
    "gif": "A turn around the object (GIF)",
    "mp4": "A turn around the object (MP4)",
    "viewer": "The scene with the objects lit, as one page to share (HTML)",
}
"""Kinds of export that need the scene's splats, and what they are called for people."""
LEAST = 4
"""Fewer splats of an object than this are nothing that could be taken away."""


def splat_scene(session: "Session") -> Scene:
    """The session's scene with its splats. Raises InputError when they are not trained."""
    name = session.scene_name
    if name is None:
        raise InputError("No scene is open; choose one first.")
    scene = session.lab.scene(name)
    if scene.gaussians is None:
        raise InputError(
            f"The scene '{name}' has no splats yet; train them first (liftlab gaussians {name})."
        )
    return scene


class SplatWriter:
    """Writes the exports of one call; what several of them need is computed once.

    Args:
        session: Its objects are written.
        boundary: What happens to splats across an object's outline: "keep", "trim" or "split".
        scale: Splat files are written so much larger than the scene is.
    """

    def __init__(self, session: "Session", boundary: "Boundary", *, scale: float = 1.0) -> None:
        self.session, self.scale = session, scale
        self.boundary: Boundary = boundary
        self.scene = splat_scene(session)
        self._parted: dict[int, Parted] = {}
        self._turns: dict[int, list[np.ndarray]] = {}

    def write(self, kind: str, objects: "Sequence[ObjectState]", folder: Path) -> None:
        """One kind of `SPLAT_EXPORTS`. InputError for an object that has no splats."""
        if kind == "viewer":
            write_viewer(folder / "viewer.html", self.scene, [self._lit(state) for state in objects])
            return
        for state in objects:
            self._write_one(kind, state, folder)

    def _write_one(self, kind: str, state: "ObjectState", folder: Path) -> None:
        from components.export import write_gif, write_mp4

        if kind == "splats":
            self._save(folder / f"{state.name}-splats.ply", self.thing(state))
        elif kind == "spz":
            self._save(folder / f"{state.name}.spz", self.thing(state))
        elif kind == "without":
            self._save(folder / "without" / f"{state.name}.ply", self.part(state).rest)
        elif kind == "gif":
            write_gif(folder / f"{state.name}.gif", self.turn(state))
        else:
            write_mp4(folder / f"{state.name}.mp4", self.turn(state))

    def _save(self, path: Path, gaussians: Gaussians) -> None:
        from components.gaussians.files import write_gaussians

        write_gaussians(path, gaussians if self.scale == 1 else scaled_gaussians(gaussians, self.scale))

    def _lit(self, state: "ObjectState") -> tuple[tuple[int, int, int], np.ndarray]:
        """Colour and Gaussians of an object."""
        from components.gaussians.selection import under_masks

        gaussians, result = self.scene.gaussians, state.result
        assert gaussians is not None and result is not None
        red, green, blue = bytes.fromhex(state.colour.lstrip("#"))
        if result.geometry == "gaussians":
            return (red, green, blue), result.selected
        cameras = [view.camera for view in self.scene.views]
        return (red, green, blue), under_masks(
            gaussians, cameras, state.masks, device=self.session.lab.device
        )

    def part(self, state: "ObjectState") -> "Parted":
        """The scene's splats in two: the object's and the rest."""
        from components.gaussians.boundary import part

        if state.id not in self._parted:
            gaussians, result = self.scene.gaussians, state.result
            assert gaussians is not None and result is not None
            own = result.selected if result.geometry == "gaussians" else None
            self._parted[state.id] = part(
                gaussians, [view.camera for view in self.scene.views], state.masks, selected=own,
                boundary=self.boundary, device=self.session.lab.device,
            )  # fmt: skip
        return self._parted[state.id]

    def thing(self, state: "ObjectState") -> Gaussians:
        """The object's splats."""
        thing = self.part(state).thing
        if len(thing.means) < LEAST:
            raise InputError(
                f"No splats lie inside '{state.name}'; choose a larger object, or train them longer."
            )
        return thing

    def turn(self, state: "ObjectState") -> list[np.ndarray]:
        """Frames of the turn around the object."""
        from components.export import turntable_cameras, turntable_frames

        if state.id not in self._turns:
            thing = self.thing(state)
            cameras = turntable_cameras(thing, self.scene.up, [view.camera for view in self.scene.views])
            self._turns[state.id] = list(turntable_frames(thing, cameras, device=self.session.lab.device))
        return self._turns[state.id]
