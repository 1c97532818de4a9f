"""Finding objects of a scene by words: what is needed for it in memory, and the files a search writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from components.errors import InputError
from components.export import write_mask_png
from components.files import atomic_write, write_json
from components.geometry import mask_in_photo
from components.types import Scene
from lab.records import versions

if TYPE_CHECKING:
    from components.text.encoder import TextImageEncoder
    from pipelines.search import SearchIndex, SearchResult

Encoder = Literal["attributes", "open_clip"]
SEARCH_VERSION = 1
EMBEDDINGS_FILE = "embeddings.safetensors"
TEXT_MAX = 300
NAME_IOU = 0.5
"""A named object of a session is the object of a search that its masks overlap by at least this IoU."""


@dataclass(frozen=True)
class WordLookup:
    """One scene's objects as words can find them; cheap to ask again and again."""

    index: "SearchIndex"
    names: dict[int, str] = field(default_factory=dict)
    """Object id to the name a person gave it."""
    model: "TextImageEncoder | None" = field(default=None, repr=False)
    """Image-text model that reads the words; None = measured attributes."""
    embeddings: np.ndarray | None = field(default=None, repr=False)
    """Of the objects by that model, float32 [O, D]."""

    @property
    def encoder(self) -> Encoder:
        return "attributes" if self.model is None else "open_clip"

    def search(self, text: str) -> "SearchResult":
        """Rank the objects for a text. InputError for an empty or endless one."""
        from pipelines.search import search, search_by_model

        text = checked_search_text(text)
        if self.model is None or self.embeddings is None:
            return search(self.index, text, names=self.names)
        return search_by_model(self.index, self.embeddings, self.model, text, names=self.names)

    def title(self, object_id: int) -> str:
        """What an object is called: the name a person gave, else its number."""
        return self.names.get(object_id) or f"object {object_id}"


@dataclass(frozen=True)
class SearchHit:
    """One line of search.json."""

    object: str
    """Name of the object; its masks lie in masks/OBJECT."""
    score: float
    """In [0, 1]."""


@dataclass(frozen=True)
class SearchRecord:
    """What search.json says."""

    schema_version: int
    scene: str
    scene_key: str
    method: str
    encoder: str
    text: str
    results: tuple[SearchHit, ...]
    """Best first."""
    used: tuple[str, ...]
    """Words that decided the ranking."""
    unknown: tuple[str, ...]
    """Words that the encoder does not know."""
    message: str
    missing: tuple[str, ...]
    """Photos that could not be placed in the scene; their masks are all zero."""
    wall_secs: float
    versions: dict[str, str]


def checked_search_text(text: str) -> str:
    """The text without blanks around it. Raises InputError when there is nothing to look for."""
    cleaned = " ".join(text.split())
    if not cleaned:
        raise InputError("Say what to look for, for example: the large red thing.")
    if len(cleaned) > TEXT_MAX:
        raise InputError(f"A search may have up to {TEXT_MAX} characters; got {len(cleaned)}.")
    return cleaned


def names_of_objects(index: "SearchIndex", named: Mapping[str, Sequence[np.ndarray]]) -> dict[int, str]:
    """Which objects of an index are those that people named.

    Args:
        index: Of the scene.
        named: Name to masks bool [H, W] of every view, view pixels.

    Returns:
        Object id to name; names whose masks overlap no object by an IoU of 0.5 are left out.
    """
    found: dict[int, str] = {}
    for name, masks in named.items():
        area = sum(int(mask.sum()) for mask in masks)
        best, best_iou = 0, 0.0
        for object_id in index.objects.object_ids.tolist():
            own = shared = 0
            for view, mask in enumerate(masks):
                own += index.masks.area(view, object_id)
                rows, columns = index.masks.box(view, object_id)
                shared += int((index.mask(view, object_id)[rows, columns] & mask[rows, columns]).sum())
            iou = shared / max(own + area - shared, 1)
            if iou > best_iou:
                best, best_iou = object_id, iou
        if best_iou >= NAME_IOU:
            found[best] = name
    return found


def save_embeddings(embeddings: np.ndarray, folder: Path) -> None:
    """Write `embeddings.safetensors` into an existing folder."""
    from safetensors.numpy import save

    with atomic_write(folder / EMBEDDINGS_FILE) as file:
        file.write(save({"embeddings": np.ascontiguousarray(embeddings, np.float32)}))


def load_embeddings(folder: Path) -> np.ndarray:
    """Read what `save_embeddings` wrote."""
    from safetensors.numpy import load_file

    return load_file(folder / EMBEDDINGS_FILE)["embeddings"]


def write_search(
    scene: Scene,
    lookup: WordLookup,
    result: "SearchResult",
    folder: Path,
    *,
    scene_name: str,
    method: str,
    limit: int,
    wall_secs: float,
) -> SearchRecord:
    """masks/OBJECT/STEM.png of the best `limit` objects in every photo, and search.json."""
    from lab.config_records import to_plain

    best = result.found[:limit]
    for found in best:
        target = folder / "masks" / lookup.title(found.object_id)
        target.mkdir(parents=True)
        for name, (width, height) in scene.photo_sizes.items():
            mask = np.zeros((height, width), bool)
            if name not in scene.missing:
                view = scene.view_index(name)
                mask = mask_in_photo(scene.views[view], lookup.index.mask(view, found.object_id))
            write_mask_png(target / f"{name.rsplit('.', 1)[0]}.png", mask)
    record = SearchRecord(
        SEARCH_VERSION, scene_name, scene.key, method, lookup.encoder, result.query.text,
        tuple(SearchHit(lookup.title(found.object_id), round(found.score, 4)) for found in best),
        result.query.used, result.query.unknown, result.message, scene.missing, wall_secs, versions(),
    )  # fmt: skip
    write_json(folder / "search.json", to_plain(record))
    return record
