"""What the 3D view shows of a scene, brought about with as little sent as possible.

A `Picture` says what should be seen. Each part of it is a node that is sent once, when first wanted, and shown
or hidden afterwards; changing the look back and forth sends a few bytes per node. Where an object is taken out
of the scene, only the chunks it touches get a second node, without it.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Bool, UInt8

from liftlab.components.types import Array
from liftlab.view3d.frame import ViewerFrame, thin, tint
from liftlab.view3d.surfaces import LIFTED, MAX_LIT, Surface, SurfaceName

if TYPE_CHECKING:
    from viser import SceneApi, SceneNodeHandle

Tone = Literal["photo", "objects", "depth", "normals", "features", "heat"]
Rest = Literal["shown", "dimmed", "hidden"]
Offset = tuple[float, float, float]
Colours = Callable[[SurfaceName], UInt8[Array, "N 3"]]
NO_OFFSET: Offset = (0.0, 0.0, 0.0)
FADE = 0.78
"""How far dimmed colours go towards the background."""


@dataclass(frozen=True)
class Look:
    """How the scene is drawn."""

    surface: SurfaceName = "points"
    tone: Tone = "photo"
    rest: Rest = "shown"
    """Everything that is not a visible object."""


@dataclass(frozen=True)
class ShownObject:
    """An object in the 3D view."""

    id: int
    token: Hashable
    """Another one when the selection changed."""
    selected: Callable[[SurfaceName], Bool[Array, "N"]]
    """Of the primitives of a surface's geometry."""
    colour: tuple[int, int, int]
    """RGB, 0 to 255."""
    visible: bool = True
    removed: bool = False
    """Taken out of the scene."""
    offset: Offset = NO_OFFSET
    """Moved by this much, world frame."""
    copies: tuple[Offset, ...] = ()
    """Also stands at its place plus each of these, world frame."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Splats in place of others, where objects were taken out. Drawn in the photos' colours only."""

    token: Hashable
    """Another one when it changed."""
    hidden: Bool[Array, "N"]
    """Of the scene's Gaussians."""
    surface: Surface
    """The new ones."""


@dataclass(frozen=True)
class Picture:
    """Everything that should be seen of the scene."""

    look: Look = field(default_factory=Look)
    objects: tuple[ShownObject, ...] = ()
    crop: tuple[Offset, Offset] | None = None
    """Lowest and highest corner of the part shown, world frame; None shows all."""
    tone_token: Hashable = None
    """Another one when the colours of a tone other than "photo" changed."""
    patch: Patch | None = None

    @property
    def shown_patch(self) -> Patch | None:
        """The patch, where what is drawn is what it is for."""
        return self.patch if self.look.surface == "splats" and self.look.tone == "photo" else None


@dataclass(frozen=True)
class _Wanted:
    """One node as it should be."""

    key: Hashable
    """The node is sent again when it changes."""
    owner: Hashable
    send: Callable[[str], "SceneNodeHandle"]
    offset: Offset = NO_OFFSET


@dataclass
class _Sent:
    key: Hashable
    owner: Hashable
    handle: "SceneNodeHandle"


class Drawing:
    """The nodes of one scene in one browser. Call under the viewer's lock, inside an atomic block."""

    def __init__(self, scene: "SceneApi", frame: ViewerFrame, background: tuple[int, int, int]) -> None:
        self.surfaces: dict[SurfaceName, Surface] = {}
        self.background = background
        self._scene, self._frame = scene, frame
        self._sent: dict[str, _Sent] = {}

    def show(self, picture: Picture, colours: Colours) -> None:
        """Bring the nodes to `picture`.

        Args:
            colours: Of the primitives of a surface in the picture's tone; asked only for what is sent.
        """
        look = picture.look
        surface = self.surfaces.get(look.surface) or self.surfaces["points"]
        wanted: dict[str, _Wanted] = {}
        if look.rest != "hidden":
            wanted |= self._base(surface, picture, colours)
        for entry in picture.objects:
            wanted |= self._object(surface, entry, picture)
        owners: set[Hashable] = {"base", *((entry.id, entry.token) for entry in picture.objects)}
        if picture.patch is not None:
            owners.add(("mended", picture.patch.token))
        self._apply(wanted, owners)

    def _base(self, surface: Surface, picture: Picture, colours: Colours) -> dict[str, _Wanted]:
        """The scene itself, without what is taken out of it."""
        look, out = picture.look, {}
        tone = f"{surface.name}-{look.tone}" + ("-dim" if look.rest == "dimmed" else "")
        token = (
            None if look.tone == "photo" else picture.tone_token,
            look.rest == "dimmed" and self.background,
        )
        hidden = self._taken_out(surface, picture)
        for number, chunk in enumerate(surface.chunks):
            name, index, key = f"/base/{tone}-{number}", chunk, (tone, token)
            if hidden is not None and hidden[chunk].any():
                index = chunk[~hidden[chunk]]
                left = blake2b(hidden[chunk].tobytes(), digest_size=16).digest()
                name, key = f"/left/{tone}-{number}", (tone, token, left)
                if len(index) == 0:
                    continue

            def send(name: str, index: np.ndarray = index) -> "SceneNodeHandle":
                shade = surface.colours if look.tone == "photo" else colours(surface.name)
                shade = shade[index]
                return surface.add(
                    self._scene, name, index, self._faded(shade) if look.rest == "dimmed" else shade
                )

            out[name] = _Wanted(key, "base", send)
        if (patch := picture.shown_patch) is not None and surface.name == "splats":
            out |= self._patched(patch, picture)
        return out

    def _patched(self, patch: Patch, picture: Picture) -> dict[str, _Wanted]:
        """The splats of a patch."""
        dimmed = picture.look.rest == "dimmed"
        out: dict[str, _Wanted] = {}
        for number, chunk in enumerate(patch.surface.chunks):
            index = chunk
            if picture.crop is not None:
                index = chunk[~self._outside(patch.surface, picture.crop)[chunk]]
            if len(index):

                def send(name: str, index: np.ndarray = index) -> "SceneNodeHandle":
                    shade = patch.surface.colours[index]
                    return patch.surface.add(
                        self._scene, name, index, self._faded(shade) if dimmed else shade
                    )

                key = (patch.token, picture.crop, dimmed and self.background)
                out[f"/mended/{number}"] = _Wanted(key, ("mended", patch.token), send)
        return out

    def _object(self, surface: Surface, entry: ShownObject, picture: Picture) -> dict[str, _Wanted]:
        """An object's light and, where it stands apart from the scene, the object itself."""
        if entry.removed:
            return {}
        look, out = picture.look, {}
        apart = look.rest != "shown" or entry.offset != NO_OFFSET
        places = [entry.offset, *(_plus(entry.offset, copy) for copy in entry.copies)]
        for number, offset in enumerate(places):
            if (apart or number > 0) and (entry.visible or look.rest == "shown"):
                out[f"/pieces/{surface.name}/{entry.id}-{number}"] = _Wanted(
                    (entry.token, picture.crop), (entry.id, entry.token),
                    lambda name: self._send_piece(surface, entry, picture, name), offset,
                )  # fmt: skip
            if entry.visible and look.rest == "shown":
                out[f"/lit/{surface.name}/{entry.id}-{number}"] = _Wanted(
                    (entry.token, entry.colour, picture.crop), (entry.id, entry.token),
                    lambda name: self._send_lit(surface, entry, picture, name), offset,
                )  # fmt: skip
        return out

    def _send_piece(
        self, surface: Surface, entry: ShownObject, picture: Picture, name: str
    ) -> "SceneNodeHandle":
        index = self._inside(surface, entry, picture)
        return surface.add(self._scene, name, index, surface.colours[index])

    def _send_lit(
        self, surface: Surface, entry: ShownObject, picture: Picture, name: str
    ) -> "SceneNodeHandle":
        inside = self._inside(surface, entry, picture)
        index = inside[thin(len(inside), MAX_LIT[surface.name])]
        swell = LIFTED[surface.name] * max(1.0, len(inside) / max(len(index), 1)) ** 0.5
        return surface.add(self._scene, name, index, tint(surface.colours[index], entry.colour), swell=swell)

    def _inside(self, surface: Surface, entry: ShownObject, picture: Picture) -> np.ndarray:
        """Primitives of an object that are drawn and lie in the crop."""
        selected = entry.selected(surface.name)
        parts = [chunk[selected[chunk]] for chunk in surface.chunks]
        index = np.concatenate([*parts, np.zeros(0, np.intp)])
        return index if picture.crop is None else index[~self._outside(surface, picture.crop)[index]]

    def _taken_out(self, surface: Surface, picture: Picture) -> np.ndarray | None:
        """Primitives that the base leaves out; None when there are none."""
        dimmed = picture.look.rest == "dimmed"
        parts = [
            entry.selected(surface.name)
            for entry in picture.objects
            if entry.removed or entry.offset != NO_OFFSET or (dimmed and entry.visible)
        ]
        if picture.crop is not None:
            parts.append(self._outside(surface, picture.crop))
        if picture.shown_patch is not None and surface.name == "splats":
            parts.append(picture.shown_patch.hidden)
        return np.any(np.stack(parts), axis=0) if parts else None

    def _outside(self, surface: Surface, crop: tuple[Offset, Offset]) -> np.ndarray:
        low, high = (self._frame.from_world(np.array(corner)) for corner in crop)
        return np.any((surface.positions < low) | (surface.positions > high), axis=1)

    def _faded(self, colours: np.ndarray) -> np.ndarray:
        grey = (colours @ np.array([0.299, 0.587, 0.114]))[:, None]
        return (FADE * np.array(self.background) + (1 - FADE) * grey).astype(np.uint8)

    def _apply(self, wanted: dict[str, _Wanted], owners: set[Hashable]) -> None:
        for name in [n for n, sent in self._sent.items() if n not in wanted and sent.owner not in owners]:
            self._sent.pop(name).handle.remove()
        for name, node in wanted.items():
            sent = self._sent.get(name)
            if sent is None or sent.key != node.key or sent.owner != node.owner:
                if sent is not None:
                    sent.handle.remove()
                sent = self._sent[name] = _Sent(node.key, node.owner, node.send(name))
            place = np.array(node.offset) * self._frame.scale
            if not np.array_equal(sent.handle.position, place):
                sent.handle.position = place
            sent.handle.visible = True  # sends nothing when it is
        for name, sent in self._sent.items():
            if name not in wanted:
                sent.handle.visible = False


def _plus(first: Offset, second: Offset) -> Offset:
    return (first[0] + second[0], first[1] + second[1], first[2] + second[2])
