"""Words to objects: a method's objects, measured once per scene, ranked for a text.

Every method answers through what it segments by itself (`Segmenter.decompose`): clusters of SAGA, labels of the
methods
that give every Gaussian one. A method that holds more than one way to cut the scene, as WildSeg3D does, offers all its
masks (`OffersMasks`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer

from liftlab.components.masks.cache import MaskCache
from liftlab.components.text.attributes import Attributes, measure
from liftlab.components.text.encoder import TextImageEncoder, relevancy_of_text
from liftlab.components.text.grammar import parse, separate_texts
from liftlab.components.text.matching import MATCHES, rank
from liftlab.components.text.names import answers_to, callable_names
from liftlab.components.text.query import Named, Query
from liftlab.components.text.things import find_things, pieces_of_one_thing, put_together
from liftlab.components.text.vocabulary import SILENT
from liftlab.components.text.words import tokenise
from liftlab.components.types import Array, Scene
from liftlab.pipelines.base import Segmenter
from liftlab.pipelines.offers import OffersMasks

STEP_VERSION = 6
SEEN_ENOUGH = 0.6
"""Share of the photos of the best seen object in which an object must be seen to be taken in full."""
AWAY = 0.15
"""Weight of what lies below or beside the plane that things stand on, or in it, such as a shadow."""
TINY, PIECE = 0.5, 0.4
"""Length of what is tiny, beside the median thing's (cube roots of volumes), and its weight."""
PRIOR_BY_MODEL = 0.25
"""Power of the prior in a ranking by an image-text model, which itself tells things from surroundings."""
MIN_SCORE = 0.02
"""Results below this are not listed."""
_PLAIN = tuple(f.name for f in fields(Attributes) if f.name not in ("clouds", "ground", "photos"))
"""Arrays of `Attributes` that are stored as they are."""


@dataclass(frozen=True)
class Found:
    """One object that fits a text."""

    object_id: int
    """Id in `SearchIndex.masks`."""
    score: float
    """In [0, 1]; the best fit of another text may score lower or higher."""


@dataclass(frozen=True)
class SearchResult:
    """Objects that fit a text, best first."""

    query: Query
    found: tuple[Found, ...]
    """Of a number that was asked for, so many at most."""
    fitting: int = 0
    """How many of them fit nearly as well as the best."""
    guess: str = ""
    """What is to be said of words that were guessed."""

    @property
    def message(self) -> str:
        """One sentence on words that are not known, on a number that does not fit or on nothing found; empty when
        there is nothing to say.
        """
        if not self.found:
            return " ".join(
                filter(None, (self.query.sentence or "Nothing in this scene fits these words.", self.guess))
            )
        count = self.query.number
        few = (
            ""
            if count is None or self.fitting >= count
            else (f"You asked for {count}, and {self.fitting} fit{'s' if self.fitting == 1 else ''}.")
        )
        return " ".join(sentence for sentence in (self.query.sentence, self.guess, few) if sentence)


@dataclass(frozen=True)
class SearchIndex:
    """A scene's objects with what was measured of them; read-only, made once per scene and method."""

    masks: MaskCache
    """Of the objects (and more); object ids are its."""
    objects: Attributes
    prior: Float[Array, "O"]
    """How likely each object is something a person would ask for, in [0, 1]."""

    def mask(self, view: int, object_id: int) -> Bool[Array, "H W"]:
        """The object's mask in view pixels."""
        return self.masks.mask(view, object_id)


def build_index(scene: Scene, masks: MaskCache) -> SearchIndex:
    """Find the things among cached masks and measure them."""
    things = find_things(scene, replace(masks, solver_state=None))
    objects = measure(scene, things.masks, things.object_ids.tolist())
    pieces = pieces_of_one_thing(objects, int((things.weight >= 1).sum()))
    if pieces:
        things = put_together(things, pieces)
        objects = measure(scene, things.masks, things.object_ids.tolist())
    return SearchIndex(things.masks, objects, things.weight * object_prior(objects, things.weight))


def with_objects(
    scene: Scene, index: SearchIndex, objects: Sequence[Sequence[Bool[Array, "_ _"]]]
) -> SearchIndex:
    """An index that also holds these objects, as ones that a person would ask for; their ids follow the others'.

    Args:
        objects: Of each its masks, one per view, view pixels; at least one pixel in some view.
    """
    masks, ids = index.masks, []
    for own in objects:
        masks = masks.with_object(own)
        ids.append(int(masks.object_ids[-1]))
    measured = index.objects.with_rows(measure(scene, masks, ids))
    return SearchIndex(masks, measured, np.concatenate([index.prior, np.ones(len(ids))]))


def masks_of(segmenter: Segmenter, prepared: Any) -> MaskCache:
    """The masks in which a method looks for words: its own offer, else what it segments by itself."""
    if isinstance(segmenter, OffersMasks):
        return segmenter.search_masks(prepared)
    return masks_from_labels(prepared.scene_key, segmenter.decompose(prepared))


def masks_from_labels(scene_key: str, labels: Sequence[Integer[Array, "_ _"]]) -> MaskCache:
    """A cache that holds every label (above 0) of label maps as an object, in ascending order of the labels."""
    cache = MaskCache.build(
        scene_key, [], sizes=[label.shape for label in labels], kinds=[], foreground=[], scores=[]
    )
    for object_id in sorted({int(i) for label in labels for i in np.unique(label)} - {0}):
        cache = cache.with_object([label == object_id for label in labels])
    return cache


def search(
    index: SearchIndex,
    text: str,
    *,
    names: dict[int, str] | None = None,
    metres_per_unit: float | None = None,
) -> SearchResult:
    """Rank a scene's objects for a text with the `attributes` encoder.

    Args:
        index: Of the scene.
        text: What a person typed.
        names: Object id to the name a person gave it; such names may be used in the text.
        metres_per_unit: Metres of one scene unit; None while the scale is not known, then real lengths are left out.
    """
    query = parse(text, names=callable_names((names or {}).values()), scaled=metres_per_unit is not None)
    scores = rank(query, index.objects, prior=index.prior, names=names, metres_per_unit=metres_per_unit)
    return _result(query, _ranked(index, scores))


def search_by_model(
    index: SearchIndex,
    embeddings: Float32[Array, "O D"],
    encoder: TextImageEncoder,
    text: str,
    *,
    names: dict[int, str] | None = None,
) -> SearchResult:
    """Rank a scene's objects for a text with an image-text model.

    Args:
        index: Of the scene.
        embeddings: Of its objects (`embed_objects`), in the order of `index.objects`.
        encoder: The model that made them.
        text: What a person typed; what follows "not" or "without" counts against, commas and semicolons between noun
            phrases look for each.
        names: Object id to the name a person gave it; an object that is named in the text fits it fully.
    """
    query = _query_of_model(text, names)
    wanted = (query.wanted, *query.others)
    named = {term.name.casefold() for one in wanted for term in one.terms if isinstance(term, Named)}
    texts = separate_texts(text, names=callable_names((names or {}).values()))
    fits = [relevancy_of_text(embeddings, one, encoder) for one in texts]
    scores = np.max(fits, axis=0) * index.prior**PRIOR_BY_MODEL
    for place, object_id in enumerate(index.objects.object_ids.tolist()):
        if answers_to((names or {}).get(object_id, "")) & named:
            scores[place] = 1.0
    return _result(query, _ranked(index, scores) if query.used else ())


def voted_result(text: str, found: Sequence[Found]) -> SearchResult:
    """What a method's own votes found for a text, best first, as a result."""
    return _result(_query_of_model(text, None), tuple(found))


def _query_of_model(text: str, names: dict[int, str] | None) -> Query:
    """A text for an image-text model, which knows every word; only names and a number are read."""
    called = callable_names((names or {}).values())
    read = [parse(one, names=called) for one in separate_texts(text, names=called)]
    wanted = [one for query in read for one in (query.wanted, *query.others)]
    words = tuple(word for word in tokenise(text) if word not in SILENT and word not in (",", ";"))
    return Query(text, wanted[0], tuple(dict.fromkeys(words)), (), others=tuple(wanted[1:]))


def _result(query: Query, found: tuple[Found, ...]) -> SearchResult:
    """As many as were asked for, if a number was."""
    fitting = found[: query.number]
    best = found[0].score if found else 0.0
    return SearchResult(query, fitting, sum(one.score >= MATCHES * best for one in fitting))


def _ranked(index: SearchIndex, scores: Float[Array, "O"]) -> tuple[Found, ...]:
    """Objects with a score worth listing, best first; equal scores by id."""
    ids = index.objects.object_ids
    order = np.lexsort((ids, -scores))
    return tuple(Found(int(ids[i]), float(scores[i])) for i in order if scores[i] >= MIN_SCORE)


def object_prior(objects: Attributes, weight: Float[Array, "O"]) -> Float[Array, "O"]:
    """How likely objects are things the photos were taken of, not surroundings.

    Such things are seen in most photos, stand over the plane that things stand on, rise above it, and do not reach
    below it. What is tiny beside the others is more often a piece of something.
    """
    if objects.count == 0:
        return np.zeros(0)
    seen = (objects.share > 0).sum(axis=0)
    prior = np.minimum(seen / (SEEN_ENOUGH * seen.max()), 1.0) ** 2
    sure = (prior >= 1) & (weight >= 1)
    if sure.any():
        size = np.cbrt(np.prod(np.nan_to_num(objects.extent), axis=1))
        prior = prior * _falling((TINY - size / max(float(np.median(size[sure])), 1e-9)) / 0.04, PIECE)
    if np.isfinite(objects.ground):
        height = np.nan_to_num(objects.extent[:, 2])
        typical = float(np.median(height[sure])) if sure.any() else 1.0
        below = np.nan_to_num((objects.ground - objects.low[:, 2]) / max(typical, 1e-9), nan=1.0)
        beside = 0.5 - np.nan_to_num(objects.over_ground)
        rise = np.nan_to_num((objects.high[:, 2] - objects.ground) / max(typical, 1e-9))
        for excess in ((below - 0.6) / 0.1, beside / 0.08, (0.1 - rise) / 0.03):
            prior = prior * _falling(excess, AWAY)
    return prior


def _falling(excess: Float[Array, "O"], floor: float) -> Float[Array, "O"]:
    """1 well below 0, `floor` well above."""
    return floor + (1 - floor) / (1 + np.exp(np.clip(excess, -30, 30)))


def save_index(index: SearchIndex, folder: Path) -> None:
    """Write the masks and `objects.npz` into an existing folder."""
    objects = index.objects
    index.masks.save(folder)
    lengths = np.array([len(cloud) for cloud in objects.clouds], np.int64)
    flat = np.concatenate([*objects.clouds, np.zeros((0, 3))]).astype(np.float32)
    plain = {name: getattr(objects, name) for name in _PLAIN}
    np.savez_compressed(
        folder / "objects.npz", **plain, clouds=flat, lengths=lengths, prior=index.prior,
        ground=np.float64(objects.ground), photos=np.array(objects.photos, dtype=np.str_),
    )  # fmt: skip


def load_index(folder: Path) -> SearchIndex:
    """Read what `save_index` wrote."""
    masks = MaskCache.load(folder)
    with np.load(folder / "objects.npz", allow_pickle=False) as file:
        read = {name: file[name] for name in file.files}
    clouds = np.split(read["clouds"].astype(np.float64), np.cumsum(read["lengths"])[:-1])
    objects = Attributes(
        clouds=tuple(clouds) if len(read["lengths"]) else (),
        ground=float(read["ground"]),
        photos=tuple(str(name) for name in read["photos"]),
        **{name: read[name] for name in _PLAIN},
    )
    return SearchIndex(masks, objects, read["prior"])
