"""Finding objects of a scene by words: what is needed for it in memory, and the files a search writes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liftlab.components.errors import InputError
from liftlab.components.export import write_mask_png
from liftlab.components.files import atomic_write, content_key, inside, write_json
from liftlab.components.geometry.projection import mask_in_photo
from liftlab.components.progress import CancelToken, Progress, part_of
from liftlab.components.types import Scene
from liftlab.engine.step_keys import prepared_key
from liftlab.engine.step_runner import run_step
from liftlab.session.given_names import given_names
from liftlab.session.ruler import metres_per_unit
from liftlab.session.saving.records import versions

if TYPE_CHECKING:
    from liftlab.components.text.encoder import TextImageEncoder
    from liftlab.engine.lab import Lab
    from liftlab.engine.workspace import Workspace
    from liftlab.pipelines.offers import Voter
    from liftlab.pipelines.search import Found, SearchIndex, SearchResult

SEARCH_VERSION = 1
EMBEDDINGS_FILE = "embeddings.safetensors"
TEXT_MAX = 300
GUESSING = "words"
"""The encoder that also guesses what things are."""
VOTING = "votes"
"""The encoder by which a method votes for words."""
NAMING_METHOD = "ovseg3r"
"""Whose network does."""
NAME_IOU = 0.5
"""A named object is the object of a search that its masks overlap by at least this IoU."""


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
    encoder: str = "attributes"
    """Who reads the words; an entry of `TEXT_ENCODERS`."""
    metres_per_unit: float | None = None
    """Metres of one scene unit; None while the scale is not known."""
    guesses: dict[int, tuple[tuple[str, float], ...]] = field(default_factory=dict)
    """Object id to up to three guesses of what it is, with how likely each is right; of the encoder `words`."""
    voter: "Voter | None" = field(default=None, repr=False, compare=False)
    """The method's own way to what words name, by the image-text model; None where it has none."""
    voted: "dict[str, tuple[Found, ...]]" = field(default_factory=dict)
    """Text to what was voted for; these objects are in the index."""

    def search(self, text: str) -> "SearchResult":
        """Rank the objects for a text; with votes, one that `answered` was asked for.

        InputError for an empty or endless text.
        """
        from liftlab.pipelines.search import search, search_by_model, voted_result

        text = checked_search_text(text)
        if text in self.voted:
            return voted_result(text, self.voted[text])
        if self.voter is not None:
            raise ValueError(f"text must have been voted for by `answered`; got '{text}'.")
        if self.encoder == GUESSING:
            from liftlab.components.text.word_vectors import word_vectors
            from liftlab.pipelines.guessed_names import search_with_guesses

            return search_with_guesses(
                self.index, text, self.guesses, word_vectors(), names=self.names,
                metres_per_unit=self.metres_per_unit,
            )  # fmt: skip
        if self.model is None or self.embeddings is None:
            return search(self.index, text, names=self.names, metres_per_unit=self.metres_per_unit)
        return search_by_model(self.index, self.embeddings, self.model, text, names=self.names)

    def answered(self, scene: Scene, text: str) -> "tuple[WordLookup, SearchResult]":
        """The answer to a text, and the lookup that holds the objects of the answer.

        A method that votes for words (SAGA) finds objects that no lookup held before: they come behind the others, once
        per text. Elsewhere this is `search`, and the lookup stays as it is. InputError for an empty or endless text.
        """
        from liftlab.components.text.grammar import separate_texts
        from liftlab.pipelines.search import Found, with_objects

        text = checked_search_text(text)
        if self.voter is None or text in self.voted:
            return self, self.search(text)
        voted = [hit for one in separate_texts(text) for hit in self.voter(one)]
        hits = [hit for hit in voted if any(mask.any() for mask in hit.masks)]
        hits.sort(key=lambda hit: -hit.score)
        index = with_objects(scene, self.index, [hit.masks for hit in hits]) if hits else self.index
        ids = index.objects.object_ids[len(self.index.objects.object_ids) :].tolist()
        found = tuple(Found(int(i), hit.score) for i, hit in zip(ids, hits, strict=True))
        grown = replace(self, index=index, voted=self.voted | {text: found})
        return grown, grown.search(text)

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


def build_word_lookup(
    lab: "Lab",
    name: str,
    method: str,
    config: Any,
    *,
    encoder: str,
    progress: Progress,
    cancel: CancelToken,
) -> WordLookup:
    """`Lab.word_lookup` but for the names that people gave."""
    from liftlab.pipelines import search as step
    from liftlab.pipelines.choices.text_encoders import TEXT_ENCODERS
    from liftlab.pipelines.offers import need_votes

    TEXT_ENCODERS.get(encoder)  # before anything is computed
    if encoder == VOTING:
        need_votes(lab.segmenter(method, config))
    prepared = lab.prepare(name, method, config, progress=part_of(progress, 0.0, 0.8), cancel=cancel)
    segmenter, scene = lab.segmenter(method, config), lab.reconstruct(name, cancel=cancel)
    entry = lab.workspace.scene_entry(name)
    assert entry is not None
    inputs = {"scene": scene.key, "method": prepared_key(entry, method, segmenter)}
    key = content_key("search", inputs, step.STEP_VERSION)

    def build(part: Progress) -> "SearchIndex":
        part(0.0, "Measuring every object")
        return step.build_index(scene, step.masks_of(segmenter, prepared))

    index = run_step(
        lab.workspace, "search", key, lab.workspace.search_folder(scene.key, key), lab.indexes, inputs, config,
        build=build, save=step.save_index, load=step.load_index, photos=len(scene.views),
        progress=part_of(progress, 0.8, 1.0), cancel=cancel,
    )  # fmt: skip
    if encoder == GUESSING:
        index, guesses = _guesses(lab, name, index, progress=progress, cancel=cancel)
        return WordLookup(index, encoder=encoder, guesses=guesses)
    model = lab.text_encoder(encoder)
    if model is None:
        return WordLookup(index, encoder=encoder)
    if encoder == VOTING:
        voter = need_votes(segmenter).voter(prepared, model, cancel=cancel)
        return WordLookup(index, model=model, encoder=encoder, voter=voter)
    embeddings = _embeddings(lab, scene, index, key, model, progress=progress, cancel=cancel)
    return WordLookup(index, model=model, embeddings=embeddings, encoder=encoder)


def _guesses(
    lab: "Lab", name: str, index: "SearchIndex", *, progress: Progress, cancel: CancelToken
) -> "tuple[SearchIndex, dict[int, tuple[tuple[str, float], ...]]]":
    """An index with the things of the network that names things, whose method is prepared when that is missing, and
    what it says they are."""
    from liftlab.pipelines.guessed_names import with_named_things
    from liftlab.pipelines.offers import SuggestsNames

    config = lab.config_of(name, NAMING_METHOD)
    prepared = lab.prepare(name, NAMING_METHOD, config, progress=progress, cancel=cancel)
    segmenter = lab.segmenter(NAMING_METHOD, config)
    assert isinstance(segmenter, SuggestsNames)
    progress(1.0, "Guessing what things are")
    scene = lab.reconstruct(name, cancel=cancel)
    return with_named_things(scene, index, segmenter.named_things(prepared))


def _embeddings(
    lab: "Lab",
    scene: Scene,
    index: "SearchIndex",
    objects_key: str,
    model: "TextImageEncoder",
    *,
    progress: Progress,
    cancel: CancelToken,
) -> np.ndarray:
    """Of an index's objects by an image-text model, kept under the objects' key and the model."""
    from liftlab.components.text.encoder import CropConfig, embed_objects

    crops = CropConfig()
    inputs = {"objects": objects_key, "model": model.identity}
    key = content_key("embeddings", inputs, asdict(crops))
    return run_step(
        lab.workspace, "search", key, lab.workspace.search_folder(scene.key, key), lab.embeddings, inputs, crops,
        build=lambda part: embed_objects(
            scene, index.masks, index.objects.object_ids.tolist(), model, crops, progress=part, cancel=cancel
        ),
        save=save_embeddings, load=load_embeddings, photos=len(scene.views), progress=progress, cancel=cancel,
    )  # fmt: skip


def with_names_and_scale(workspace: "Workspace", scene: Scene, lookup: WordLookup) -> WordLookup:
    """A lookup (of `build_word_lookup`) that knows what people said of the scene up to now:
    names of objects, the scale.

    A named object that is none of the lookup's objects (it was painted, or made by clicks that no mask answers)
    becomes one of them; an image-text model finds it by its name alone.
    """
    from liftlab.pipelines.search import with_objects

    lookup = replace(lookup, metres_per_unit=metres_per_unit(workspace, scene))
    named = given_names(workspace, scene.key)
    names = names_of_objects(lookup.index, named)
    rest = [name for name in named if name not in names.values()]
    if not rest:
        return replace(lookup, names=names)
    index = with_objects(scene, lookup.index, [named[name] for name in rest])
    names |= dict(zip(index.objects.object_ids[-len(rest) :].tolist(), rest, strict=True))
    embeddings = lookup.embeddings
    if embeddings is not None:
        embeddings = np.pad(embeddings, ((0, len(rest)), (0, 0)))
    return replace(lookup, index=index, names=names, embeddings=embeddings)


def names_of_objects(index: "SearchIndex", named: Mapping[str, Sequence[np.ndarray]]) -> dict[int, str]:
    """Which objects of an index are those that people named.

    Args:
        index: Of the scene.
        named: Name to masks bool [H, W] of every view, view pixels.

    Returns:
        Object id to name; names whose masks overlap no object by an IoU of 0.5 are left out.
    """
    ids = index.objects.object_ids.tolist()
    areas = {i: sum(index.masks.area(view, i) for view in range(index.masks.num_views)) for i in ids}
    found: dict[int, str] = {}
    for name, masks in named.items():
        area = sum(int(mask.sum()) for mask in masks)
        best, best_iou = 0, 0.0
        for object_id in ids:
            own = areas[object_id]
            if object_id in found or min(own, area) < NAME_IOU * max(own, area):
                continue  # it cannot overlap that much
            shared = 0
            for view, mask in enumerate(masks):
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
    from liftlab.files.config_records import to_plain

    best = result.found[:limit]
    for found in best:
        target = inside(folder, "masks", lookup.title(found.object_id))
        target.mkdir(parents=True)
        for name, (width, height) in scene.photo_sizes.items():
            mask = np.zeros((height, width), bool)
            if name not in scene.missing:
                view = scene.view_index(name)
                mask = mask_in_photo(scene.views[view], lookup.index.mask(view, found.object_id))
            write_mask_png(inside(target, f"{name.rsplit('.', 1)[0]}.png"), mask)
    record = SearchRecord(
        SEARCH_VERSION, scene_name, scene.key, method, lookup.encoder, result.query.text,
        tuple(SearchHit(lookup.title(found.object_id), round(found.score, 4)) for found in best),
        result.query.used, result.query.unknown, result.message, scene.missing, wall_secs, versions(),
    )  # fmt: skip
    write_json(folder / "search.json", to_plain(record))
    return record
