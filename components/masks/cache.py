"""MaskCache: every object's mask in every view, compressed, memory-mapped, looked up by pixel in
microseconds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float16, Float32, Int, Int16, UInt8

from liftlab.components.errors import InputError
from liftlab.components.files import atomic_write, write_json
from liftlab.components.masks.clicks.state import SolverState
from liftlab.components.masks.judging.inputs import (
    Measured,
    click_inputs,
    distance_to_outside,
    object_inputs,
)
from liftlab.components.masks.judging.network import judge
from liftlab.components.masks.packing import pack_box
from liftlab.components.masks.softening import cut_soft, soft_by_distance
from liftlab.components.types import Array

SOLVER_FOLDER = "solver"
SCHEMA_VERSION = 1
KINDS = ("part", "object", "group", "plane")
OWN_SHARE = 0.5
"""Of the area of an object that a person added: from there up the judge's choice is the same thing, drawn worse, or one
that holds it."""
CLASSES_FILE = "classes.npy"
SOFT_FILE = "soft.npy"
_MEASURED = ("measures.npy", "inradius.npy", "agreement.npy", "relations.npy")
_ROW = ("block", "offset", "y0", "x0", "height", "width", "area")
"""Columns of the placement table: where the bits of one object in one view lie, and its bounding box."""


@dataclass(frozen=True)
class MaskCache:
    """Masks of O objects in V views; immutable, so any number of threads may read it.

    The bits of a mask are packed inside its bounding box, row by row, in one flat array that is memory-mapped
    after `load`. A cache made by `with_object` shares that array and adds a block of its own.
    """

    scene_key: str
    """Key of the scene whose views the masks belong to."""
    sizes: tuple[tuple[int, int], ...]
    """(height, width) of every view, view pixels."""
    kinds: tuple[str, ...]
    """Per object: "part", "object", "group" or "plane"."""
    foreground: Bool[Array, "O"]
    """Objects that are things rather than surroundings (docs/methods/wildseg3d.md section 8: S before any click)."""
    scores: Float[Array, "O"]
    """Quality of the proposal in [0, 1]."""
    placement: Int[Array, "V O 7"]
    """Columns of `_ROW` per view and object; area 0 where an object is not seen."""
    blocks: tuple[UInt8[Array, "_"], ...] = field(repr=False)
    """Packed bits; one array of the build, then one per added object."""
    solver_state: SolverState | None = field(default=None, repr=False)
    """What a click solver needs for what no cached mask covers; None when the masks came from elsewhere."""
    measured: Measured | None = field(default=None, repr=False)
    """What the judge knows of the objects of the build; None when nobody measured them."""
    soft: tuple[Float16[Array, "_ _"], ...] | None = field(default=None, repr=False)
    """Soft mask of every view by `soft_views`, view pixels; None in caches of before, and of those who built none."""
    classes: Int16[Array, "V O"] | None = field(default=None, repr=False)
    """Class of every mask of every view, 0 = surroundings, -1 = unknown; None where masks carry no classes."""
    order: Int[Array, "V O"] = field(init=False, repr=False)
    """Object indices by ascending area in each view (ties: smaller id first)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "order", np.argsort(self.placement[:, :, 6], axis=1, kind="stable"))

    @staticmethod
    def build(
        scene_key: str,
        masks: Sequence[Sequence[Bool[Array, "_ _"]]],
        *,
        sizes: Sequence[tuple[int, int]],
        kinds: Sequence[str],
        foreground: Sequence[bool],
        scores: Sequence[float],
    ) -> "MaskCache":
        """Pack `masks[object][view]`, each of the view's size.

        Raises:
            ValueError: A mask's size differs from its view's, a kind is unknown, or the lists differ in
                length.
        """
        if not len(masks) == len(kinds) == len(foreground) == len(scores):
            raise ValueError(
                f"masks, kinds, foreground and scores must have one entry per object; got {len(masks)}, "
                f"{len(kinds)}, {len(foreground)}, {len(scores)}."
            )
        placement = np.zeros((len(sizes), len(masks), len(_ROW)), np.int64)
        pieces: list[UInt8[Array, "_"]] = []
        offset = 0
        for index, per_view in enumerate(masks):
            offset = _pack_object(per_view, sizes, placement[:, index], pieces, block=0, offset=offset)
        bits = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
        return MaskCache(
            scene_key=scene_key,
            sizes=tuple((int(h), int(w)) for h, w in sizes),
            kinds=_checked_kinds(kinds),
            foreground=np.asarray(foreground, bool),
            scores=np.asarray(scores, np.float32),
            placement=placement,
            blocks=(bits,),
        )

    @property
    def num_views(self) -> int:
        return len(self.sizes)

    @property
    def object_ids(self) -> Int[Array, "O"]:
        """1..O; index = id - 1."""
        return np.arange(1, len(self.kinds) + 1)

    def area(self, view: int, object_id: int) -> int:
        """Pixels of the object in the view."""
        return int(self.placement[view, self._index(object_id), 6])

    def box(self, view: int, object_id: int) -> tuple[slice, slice]:
        """Rows and columns of the object's bounding box in the view; empty slices where it is not seen."""
        _, _, y0, x0, height, width, _ = self.placement[view, self._index(object_id)].tolist()
        return slice(y0, y0 + height), slice(x0, x0 + width)

    def mask(self, view: int, object_id: int) -> Bool[Array, "H W"]:
        """The object's mask in view pixels; all False where it is not seen."""
        out = np.zeros(self.sizes[view], bool)
        block, offset, y0, x0, height, width, area = self.placement[view, self._index(object_id)].tolist()
        if area:
            packed = self.blocks[block][offset : offset + (height * width + 7) // 8]
            inside = np.unpackbits(packed, count=height * width).view(bool).reshape(height, width)
            out[y0 : y0 + height, x0 : x0 + width] = inside
        return out

    def at(self, view: int, x: float | int, y: float | int) -> Int[Array, "K"]:
        """Ids of the objects that contain the view pixel under (x, y), by ascending area (ties: by id).

        Empty outside the image.
        """
        height, width = self.sizes[view]
        if not (0 <= x < width and 0 <= y < height):
            return np.zeros(0, np.int64)
        column, row = int(x), int(y)
        table = self.placement[view]
        dy, dx = row - table[:, 2], column - table[:, 3]
        boxed = (dy >= 0) & (dy < table[:, 4]) & (dx >= 0) & (dx < table[:, 5])
        hits = [
            index + 1
            for index in self.order[view][boxed[self.order[view]]].tolist()
            if self._bit(table[index], int(dy[index]), int(dx[index]))
        ]
        return np.array(hits, np.int64)

    def preferred(
        self,
        object_ids: Sequence[int] | Int[Array, "K"],
        *,
        click: tuple[int, float, float] | None = None,
    ) -> int | None:
        """Of candidates in ascending area, the one a person most likely means; None without candidates.

        With the (view, x, y) of a click the judge decides, where the candidates were measured. Objects that a person
        added were not: the smallest is meant unless the judge's choice is much smaller, a cup on a table that was
        added. Without a click, or without measures: the smallest whole object, else
        the smallest plane, group or part.
        """
        ids = [int(object_id) for object_id in object_ids]
        if click is not None and self.measured is not None and ids:
            return self._judged(ids, click)
        for kind in ("object", "plane", "group", "part"):
            for object_id in ids:
                if self.kinds[self._index(object_id)] == kind:
                    return object_id
        return None

    def _judged(self, ids: list[int], click: tuple[int, float, float]) -> int:
        """The candidate that the judge expects to fit best, or what a person added in its place."""
        assert self.measured is not None
        built = [object_id for object_id in ids if object_id <= self.measured.in_views.shape[1]]
        added = [object_id for object_id in ids if object_id not in built]
        if not built:
            return added[0]
        best = built[judge().choice(self.click_inputs(built, click))]
        own = [i for i in added if self.area(click[0], best) >= OWN_SHARE * self.area(click[0], i)]
        return own[0] if own else best

    def click_inputs(self, ids: Sequence[int], click: tuple[int, float, float]) -> Float32[Array, "K E"]:
        """What the judge is told of the candidates under a (view, x, y), in ascending area; they were measured."""
        assert self.measured is not None
        view, index = click[0], np.array(ids) - 1
        depth = np.array([self._depth_of(object_id, *click) for object_id in ids])
        return click_inputs(
            self.object_inputs[index],
            self.measured.in_views[view, index].astype(np.float32),
            self.placement[view, index, 6],
            depth / np.maximum(self.measured.inradius[view, index], depth),
            depth,
        )

    @cached_property
    def object_inputs(self) -> Float32[Array, "O D"]:
        """What the judge is told of every candidate of the build without a click."""
        assert self.measured is not None
        built = self.measured.in_views.shape[1]
        return object_inputs(
            self.measured, self.placement[:, :built, 6], self.kinds[:built], self.scores[:built],
            self.foreground[:built],
        )  # fmt: skip

    def _depth_of(self, object_id: int, view: int, x: float, y: float) -> float:
        """Distance of a pixel of an object from its outline, in pixels; the photo's border is outline."""
        rows, columns = self.box(view, object_id)
        inside = self.mask(view, object_id)[rows, columns]
        return distance_to_outside(inside, int(y) - rows.start, int(x) - columns.start)

    def is_agreed(self, object_id: int) -> bool:
        """Whether an object is a region that photos agree on: its leaves tell it only roughly."""
        index = self._index(object_id)
        return (
            self.measured is not None
            and index < len(self.measured.agreement)
            and bool(self.measured.agreement[index] > 0)
        )

    def with_object(
        self,
        masks_per_view: Sequence[Bool[Array, "_ _"]],
        *,
        kind: str = "object",
        foreground: bool = True,
        score: float = 1.0,
    ) -> "MaskCache":
        """A cache that holds one object more (its id is the last of `object_ids`) and shares all storage with
        this one."""
        row = np.zeros((self.num_views, 1, len(_ROW)), np.int64)
        pieces: list[UInt8[Array, "_"]] = []
        _pack_object(masks_per_view, self.sizes, row[:, 0], pieces, block=len(self.blocks), offset=0)
        bits = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
        return replace(
            self,
            kinds=self.kinds + _checked_kinds([kind]),
            foreground=np.append(self.foreground, foreground),
            scores=np.append(self.scores, np.float32(score)),
            placement=np.concatenate([self.placement, row], axis=1),
            blocks=(*self.blocks, bits),
            soft=self._soft_with(masks_per_view) if foreground else self.soft,
            classes=None if self.classes is None else np.insert(self.classes, len(self.kinds), -1, axis=1),
        )

    def _soft_with(
        self, masks_per_view: Sequence[Bool[Array, "_ _"]]
    ) -> tuple[Float16[Array, "_ _"], ...] | None:
        """The soft masks with one thing more in them."""
        if self.soft is None:
            return None
        both = zip(self.soft, masks_per_view, strict=True)
        return tuple(np.maximum(s, cut_soft(soft_by_distance(m)).astype(np.float16)) for s, m in both)

    def save(self, folder: Path) -> None:
        """Write `masks.npy` (bits), `placement.npy`, `masks.json`, soft masks, measures and `solver/` into a folder."""
        starts = np.concatenate([[0], np.cumsum([len(bits) for bits in self.blocks])])
        placement = self.placement.copy()
        placement[..., 1] += starts[placement[..., 0]]
        placement[..., 0] = 0
        for name, array in (("masks.npy", np.concatenate(self.blocks)), ("placement.npy", placement)):
            with atomic_write(folder / name) as file:
                np.save(file, array, allow_pickle=False)
        write_json(
            folder / "masks.json",
            {
                "schema_version": SCHEMA_VERSION,
                "scene_key": self.scene_key,
                "sizes": [list(size) for size in self.sizes],
                "objects": [
                    {"id": int(i), "kind": kind, "foreground": bool(fg), "score": round(float(score), 4)}
                    for i, kind, fg, score in zip(
                        self.object_ids, self.kinds, self.foreground, self.scores, strict=True
                    )
                ],
            },
        )
        arrays = {CLASSES_FILE: self.classes}
        if self.soft is not None:
            arrays[SOFT_FILE] = np.concatenate([soft.ravel() for soft in self.soft])
        if self.measured is not None:
            arrays |= zip(_MEASURED, vars(self.measured).values(), strict=True)
        for name, array in arrays.items():
            if array is not None:
                with atomic_write(folder / name) as file:
                    np.save(file, array, allow_pickle=False)
        if self.solver_state is not None:
            (folder / SOLVER_FOLDER).mkdir(exist_ok=True)
            self.solver_state.save(folder / SOLVER_FOLDER)

    @staticmethod
    def load(folder: Path, *, scene_key: str | None = None) -> "MaskCache":
        """Memory-map what `save` wrote.

        Raises:
            InputError: The masks belong to another scene than `scene_key`, or to another version of the
                format.
        """
        meta = json.loads((folder / "masks.json").read_text(encoding="utf-8"))
        if meta["schema_version"] != SCHEMA_VERSION:
            raise InputError(
                f"These masks have format version {meta['schema_version']}, this lab reads {SCHEMA_VERSION}: "
                "build them again."
            )
        if scene_key is not None and meta["scene_key"] != scene_key:
            raise InputError(
                "These masks belong to another reconstruction: build the masks of this scene again."
            )
        bits = np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False)
        placement = np.load(folder / "placement.npy", allow_pickle=False)
        objects, sizes = meta["objects"], tuple((int(h), int(w)) for h, w in meta["sizes"])
        return MaskCache(
            scene_key=meta["scene_key"],
            sizes=sizes,
            kinds=_checked_kinds([entry["kind"] for entry in objects]),
            foreground=np.array([entry["foreground"] for entry in objects], bool),
            scores=np.array([entry["score"] for entry in objects], np.float32),
            placement=placement,
            blocks=(bits,),
            measured=(
                Measured(*(np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in _MEASURED))
                if (folder / _MEASURED[0]).exists()
                else None
            ),
            solver_state=(
                SolverState.load(folder / SOLVER_FOLDER, scene_key=meta["scene_key"])
                if (folder / SOLVER_FOLDER).is_dir()
                else None
            ),
            soft=_read_soft(folder / SOFT_FILE, sizes),
            classes=np.load(folder / CLASSES_FILE) if (folder / CLASSES_FILE).exists() else None,
        )

    def _index(self, object_id: int) -> int:
        if not 1 <= object_id <= len(self.kinds):
            raise KeyError(object_id)
        return int(object_id) - 1

    def _bit(self, row: Int[Array, "7"], dy: int, dx: int) -> bool:
        """Whether the bit at (dy, dx) of a bounding box is set; most significant bit first, as
        `numpy.packbits`."""
        position = dy * int(row[5]) + dx
        byte = self.blocks[int(row[0])][int(row[1]) + (position >> 3)]
        return bool((int(byte) >> (7 - (position & 7))) & 1)


def _read_soft(path: Path, sizes: Sequence[tuple[int, int]]) -> tuple[Float16[Array, "_ _"], ...] | None:
    """The soft masks that `MaskCache.save` wrote, memory-mapped; None where there are none."""
    if not path.exists():
        return None
    stops = np.cumsum([height * width for height, width in sizes])[:-1]
    pieces = np.split(np.load(path, mmap_mode="r", allow_pickle=False), stops)
    return tuple(piece.reshape(size) for piece, size in zip(pieces, sizes, strict=True))


def _pack_object(
    per_view: Sequence[Bool[Array, "_ _"]],
    sizes: Sequence[tuple[int, int]],
    table: Int[Array, "V 7"],
    pieces: list[UInt8[Array, "_"]],
    *,
    block: int,
    offset: int,
) -> int:
    """Append one object's packed masks to `pieces`, fill its rows of `table`, and return the next free
    offset."""
    if len(per_view) != len(sizes):
        raise ValueError(f"masks must have one mask per view; got {len(per_view)} for {len(sizes)} views.")
    for view, (mask, size) in enumerate(zip(per_view, sizes, strict=True)):
        if mask.shape != tuple(size):
            raise ValueError(
                f"masks must have the view's size {tuple(size)} (H, W); got {mask.shape} in view {view}."
            )
        top, left, high, wide, packed = pack_box(mask)
        if len(packed) == 0:
            continue
        table[view] = (block, offset, top, left, high, wide, np.count_nonzero(mask))
        pieces.append(packed)
        offset += len(packed)
    return offset


def _checked_kinds(kinds: Sequence[str]) -> tuple[str, ...]:
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got '{kind}'.")
    return tuple(kinds)
