"""The session as the browser needs it: one small message per change, pictures on request."""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.geometry.projection import photo_from_view, project
from liftlab.engine.recent import Recent
from liftlab.export.downloads import offers
from liftlab.page.hints import empty_hint, hint_of
from liftlab.pictures.layers import layer_jpeg, layers_of
from liftlab.pictures.overlays import (
    Layer,
    data_url,
    disagreement_png,
    drawn,
    overlay_png,
    photo_jpeg,
    photo_lookup,
    picture_size,
)
from liftlab.pictures.palette import rgb
from liftlab.session.arrangement import NOWHERE
from liftlab.session.prompts import WorldClick
from liftlab.view3d.tones import offers_features
from liftlab.web.wire.cards import WorkRow
from liftlab.web.wire.messages import (
    ExportOffer,
    Mark,
    Measured,
    MethodOffer,
    ObjectRow,
    Overlay,
    Photo,
    Ready,
    State,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from liftlab.components.types import Scene
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session
    from liftlab.web.visitor import Visitor

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 in photo pixels."""
HIDDEN_BEHIND = 0.03
"""A point is hidden in a photo whose surface is nearer than the point by this share of its depth."""
OVERLAY_PX = 1280
"""Width of the masks over the large photo."""
NAMES_SHOWN = 3
"""Of the objects of a work."""
NO_OBJECT = (110, 110, 110)
"""Colour of a preview before there is an object."""
_lookups: Recent[np.ndarray] = Recent(200, most_bytes=96 * 2**20, size_of=lambda lookup: lookup.nbytes)
"""Shared by everybody: (scene key, photo, picture size) to `photo_lookup`."""
_photos: Recent[bytes] = Recent(2000, most_bytes=64 * 2**20, size_of=len)
"""Shared by everybody: JPEGs by (photo of a capture or a scene, width)."""


def state_of(visitor: "Visitor") -> State:
    """The message that draws the Segment workspace. Call with the visitor's lock held."""
    if visitor.opening:
        return _waiting(visitor, "loading", f"Opening the scene “{visitor.opening}”…")
    if visitor.building:
        return _waiting(visitor, "loading", "Building the scene. It opens here as soon as it is ready.")
    if visitor.scene is None:
        return _waiting(visitor, "failed" if visitor.note else "empty", visitor.note or empty_hint(visitor))
    return _ready(visitor, visitor.scene)


def _waiting(visitor: "Visitor", phase: Literal["loading", "failed", "empty"], hint: str) -> Waiting:
    return Waiting(version=visitor.version, phase=phase, warn=bool(visitor.note), hint=hint)


def _ready(visitor: "Visitor", scene: "Scene") -> Ready:
    from liftlab.page.cells.segment import code_of

    session = visitor.session
    registered = {view.name for view in scene.views}
    photos = [
        Photo(name, width, height, name in registered, name in scene.doubtful)
        for name, (width, height) in sorted(_photo_sizes(scene).items())
    ]
    objects, status = session.objects, visitor.status
    prepared = () if status is None else status.methods
    seen = _seen(visitor, objects)
    marks, boxes = _marks(scene, session)
    current = session.current
    result = current.result if current is not None else None
    lit = result is not None and not result.empty
    if visitor.photo not in {photo.name for photo in photos}:
        visitor.photo = scene.views[0].name
    return Ready(
        version=visitor.version,
        scene_key=scene.key,
        warn=bool(visitor.note),
        hint=hint_of(visitor, current),
        scene=visitor.scene_name,
        photos=photos,
        show=visitor.photo,
        seen=seen,
        layers=layers_of(scene),
        splats=scene.gaussians is not None,
        features=offers_features(session),
        splats_key=scene.gaussians_key,
        look=replace(visitor.look, surface="splats") if visitor.view.previewing else visitor.look,
        previewing=visitor.view.previewing,
        cropped=session.stage.arrangement.crop is not None,
        mended=session.stage.arrangement.mended,
        mendable=scene.gaussians is not None and _left_places(session, objects),
        moving=visitor.moving,
        heat=bool(visitor.words.asks),
        ruler=_ruler(scene, session),
        objects=[_object(visitor, entry) for entry in objects],
        current=current.id if current is not None else None,
        lit=lit,
        clicked=current is not None and not current.asked.empty,
        granularity=current.granularity if current is not None else None,
        ms=current.ms if current is not None and result is not None else None,
        can_undo=session.history.can_undo,
        can_redo=session.history.can_redo,
        marks=marks,
        boxes=boxes,
        methods=[_with_state(offer, prepared) for offer in _method_offers()],
        method=session.method,
        works=_works(visitor),
        exports=[ExportOffer(**offer) for offer in offers(splats=scene.gaussians is not None)]
        if any(e.result is not None and not e.result.empty for e in objects)
        else [],
        code=code_of(visitor),
        overlay=_overlay_message(visitor, visitor.photo) if visitor.photo in seen else None,
    )


def _photo_sizes(scene: "Scene") -> dict[str, tuple[int, int]]:
    return scene.photo_sizes or {view.name: (view.lens.width, view.lens.height) for view in scene.views}


def _object(visitor: "Visitor", entry: "ObjectState") -> ObjectRow:
    empty = entry.result is None or entry.result.empty
    place = visitor.session.stage.arrangement.of(entry.id)
    return ObjectRow(
        id=entry.id,
        name=entry.name,
        colour=entry.colour,
        visible=entry.id not in visitor.hidden,
        note="nothing selected yet" if empty else _note(visitor, entry),
        slow=entry.result is not None
        and not empty
        and entry.result.provenance.slow_path
        and not entry.photo_only,
        removed=place.removed,
        moved=not place.removed and not place.untouched,
        method=entry.method,
        photo_only=entry.photo_only,
    )


def _left_places(session: "Session", objects: "Sequence[ObjectState]") -> bool:
    """Whether an object was taken out or moved away, so that its place can be filled in."""
    return any(entry.count and session.stage.arrangement.of(entry.id).displaced for entry in objects)


def _works(visitor: "Visitor") -> list[WorkRow]:
    """What the person has of the open scene."""
    current = visitor.works.id_of(visitor.session.scene_name)
    return [
        WorkRow(work.id, work.name, named(work.objects), work.changed, work.id == current)
        for work in visitor.works.of_scene(visitor.session)
    ]


def named(objects: "Sequence[str]") -> str:
    """Names of a work's objects, the first of them."""
    shown = ", ".join(objects[:NAMES_SHOWN])
    return f"{shown} and {len(objects) - NAMES_SHOWN} more" if len(objects) > NAMES_SHOWN else shown


def _note(visitor: "Visitor", entry: "ObjectState") -> str:
    """What is said of an object under its name."""
    count = len(visitor.photos_of(entry))
    parts = ["in one photo only" if count == 1 else f"in {count} photos"]
    if size := visitor.session.ruler.size_text(entry.id):
        parts.insert(0, size)
    place = visitor.session.stage.arrangement.of(entry.id)
    if place.removed:
        parts.append("taken out")
    elif place.offset != NOWHERE:
        parts.append("moved")
    if place.copies and not place.removed:
        parts.append(f"{len(place.copies) + 1} of it")
    if len({each.choice.name for each in visitor.session.book.entries}) > 1:
        parts.append(f"by {entry.method}")
    return ", ".join(parts)


def _ruler(scene: "Scene", session: "Session") -> Measured:
    """What is measured and the scene's scale, for people; per photo the ends that are in it."""
    ruler = session.ruler
    points: dict[str, list[tuple[float, float]]] = {}
    for point in ruler.points:
        for photo, (x, y) in _seen_from(scene, point, hidden=True).items():
            points.setdefault(photo, []).append((x, y))
    factor, length = ruler.metres_per_unit, ruler.length
    return Measured(
        count=len(ruler.points),
        length=None if length is None else ruler.length_text(length),
        points=points,
        scale="" if factor is None else f"1 scene unit = {ruler.length_text(1.0)}",
        measured=ruler.scale is not None,
    )


def _marks(scene: "Scene", session: "Session") -> tuple[dict[str, list[Mark]], dict[str, list[Corners]]]:
    """Clicks and boxes of the current object, per photo, in photo pixels."""
    marks: dict[str, list[Mark]] = {}
    boxes: dict[str, list[Corners]] = {}
    current = session.current
    if current is None:
        return marks, boxes
    for click, marker in zip(current.clicks, session.markers(current.id), strict=True):
        if marker.box is not None and marker.image is not None:
            boxes.setdefault(marker.image, []).append(marker.box)
            continue
        places = _seen_from(scene, click.world) if isinstance(click, WorldClick) else {}
        if not places and marker.image is not None and marker.xy is not None:
            places = {marker.image: marker.xy}
        for photo, (x, y) in places.items():
            marks.setdefault(photo, []).append(Mark(x, y, marker.positive))
    return marks, boxes


def _seen_from(
    scene: "Scene", world: tuple[float, float, float], *, hidden: bool = False
) -> dict[str, tuple[float, float]]:
    """Photo pixels of a world point, in the photos where nothing lies before it (or also there, where `hidden`)."""
    places = {}
    for index, view in enumerate(scene.views):
        xy, depth = project(view.camera, np.array(world))
        height, width = view.image.shape[:2]
        if depth <= 0 or not (0 <= xy[0] < width and 0 <= xy[1] < height):
            continue
        row, column = int(xy[1]), int(xy[0])
        _, surface = project(view.camera, scene.pointmap.pts3d[index, row, column].astype(np.float64))
        if not hidden and scene.pointmap.valid[index, row, column] and surface < depth * (1 - HIDDEN_BEHIND):
            continue
        x, y = photo_from_view(view, xy).tolist()
        places[view.name] = (x, y)
    return places


def _seen(visitor: "Visitor", objects: "Sequence[ObjectState]") -> dict[str, int]:
    """Photos that show an object, with the version of their overlay (part of its address)."""
    shown = [entry for entry in objects if entry.id not in visitor.hidden]
    return {name: visitor.version for entry in shown for name in visitor.photos_of(entry)}


def _overlay_message(visitor: "Visitor", photo: str) -> Overlay | None:
    png = overlay_of(visitor, photo, OVERLAY_PX)
    return None if png is None else Overlay(photo, data_url(png))


def overlay_of(visitor: "Visitor", photo: str, width: int) -> bytes | None:
    """All visible objects over one photo as PNG, at most `width` across; None when it is not in the scene."""
    session = visitor.session
    if visitor.scene is None or photo not in {view.name for view in visitor.scene.views}:
        return None
    lookup = cached_photo_lookup(visitor.scene, photo, width)
    index = visitor.scene.view_index(photo)
    layers: list[Layer] = []
    current = session.current
    for entry in sorted(session.objects, key=lambda e: current is not None and e.id == current.id):
        if entry.result is None or entry.result.empty or entry.id in visitor.hidden:
            continue
        is_current = current is not None and entry.id == current.id
        layers.append((drawn(entry.masks[index], lookup), rgb(entry.colour), is_current))
    return overlay_png(layers, lookup.shape[1], lookup.shape[0])


def hover_url(visitor: "Visitor", photo: str, x: float, y: float) -> str | None:
    """Preview of what a click would take, as a data URL; None when nothing is cached there."""
    session, scene = visitor.session, visitor.scene
    mask = session.hover(photo, x, y)
    if scene is None or mask is None or not mask.any():
        return None
    shown = drawn(mask, cached_photo_lookup(scene, photo, OVERLAY_PX // 2))
    current = session.current
    colour = rgb(current.colour) if current is not None else NO_OBJECT
    return data_url(overlay_png([(shown, colour, False)], shown.shape[1], shown.shape[0]))


def cached_photo_lookup(scene: "Scene", photo: str, width: int) -> np.ndarray:
    """`photo_lookup` of a photo, made once."""
    view = scene.views[scene.view_index(photo)]
    return _lookups.get((scene.key, photo, picture_size(view, width)), lambda: photo_lookup(view, width))


def _with_state(offer: MethodOffer, prepared: "Sequence[str]") -> MethodOffer:
    ready = offer.name in prepared
    return offer if ready else msgspec.structs.replace(offer, title=f"{offer.title} (not prepared)")


@cache
def _method_offers() -> list[MethodOffer]:
    """Methods for the drop-down; looking for installed packages takes a while and its answer does not change."""
    from liftlab.pipelines.base import list_methods

    return [MethodOffer(m.name, m.name, m.summary) for m in list_methods()]


def photo_bytes(visitor: "Visitor", name: str, width: int) -> bytes | None:
    """A photo of the open scene as JPEG: the original where the capture is at hand, else the working copy."""
    scene, scene_name = visitor.scene, visitor.session.scene_name
    if scene is None or scene_name is None:
        return None
    entry = visitor.lab.workspace.scene_entry(scene_name)
    try:
        photos = {photo.name: photo for photo in visitor.lab.capture(entry.capture).photos} if entry else {}
    except InputError:
        photos = {}
    if name in photos:
        from liftlab.components.captures import load_photo

        path = photos[name].path
        key = (path, path.stat().st_mtime_ns, width)
        return _encoded(key, lambda: photo_jpeg(load_photo(photos[name]), width))
    images = {view.name: view.image for view in scene.views}
    if name not in images:
        return None
    return _encoded((scene.key, name, width), lambda: photo_jpeg(images[name], width))


def _encoded(key: "Hashable", encode: "Callable[[], bytes]") -> bytes:
    """Encoded once, and not while others wait for theirs."""
    if key not in _photos:
        _photos.put(key, encode())
    return _photos.get(key, encode)


def layer_bytes(visitor: "Visitor", layer: str, photo: str, width: int) -> bytes | None:
    """A layer of a photo as JPEG (`photo_layers`); None when there is none of this name."""
    scene = visitor.scene
    if scene is None or photo not in {view.name for view in scene.views}:
        return None
    for name in layers_of(scene):
        if name == layer:
            return layer_jpeg(scene, photo, name, width, cached_photo_lookup(scene, photo, width))
    return None


def split_of(visitor: "Visitor", photo: str, width: int) -> bytes | None:
    """Where the compared methods disagree, as a translucent PNG over a photo; None without two answers."""
    with visitor.lock:
        scene, comparison = visitor.scene, visitor.panes.comparison
        if scene is None or comparison is None or photo not in {view.name for view in scene.views}:
            return None
        split = comparison.disagreement_in_photo(photo)
    return None if split is None else disagreement_png(split, cached_photo_lookup(scene, photo, width))


def pane_overlay_of(visitor: "Visitor", pane: int, photo: str, width: int) -> bytes | None:
    """The answer of one compared method over a photo as PNG, in the object's colour; None when there is none."""
    with visitor.lock:
        scene, panes = visitor.scene, visitor.panes
        if scene is None or panes.comparison is None or photo not in {view.name for view in scene.views}:
            return None
        states = panes.comparison.states
        state = states[pane] if 0 <= pane < len(states) else None
        if state is None or state.answer is None:
            return None
        mask, colour = state.masks[scene.view_index(photo)], rgb(panes.colour)
    lookup = cached_photo_lookup(scene, photo, width)
    return overlay_png([(drawn(mask, lookup), colour, True)], lookup.shape[1], lookup.shape[0])
