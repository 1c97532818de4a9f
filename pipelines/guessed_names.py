"""Words for things whose names nobody gave: guesses of a network, and names that mean alike.

"mug" finds what is guessed to be a mug; "cup" finds it too, and what somebody named "mug". A guess is never more than
a suggestion until a person accepts it, and every answer that rests on one says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from liftlab.components.text.grammar import parse
from liftlab.components.text.names import callable_names, kind_of
from liftlab.components.text.word_vectors import WordVectors
from liftlab.components.text.words import tokenise
from liftlab.components.types import Array, Scene
from liftlab.pipelines.offers import NamedThing
from liftlab.pipelines.search import PIECE, SearchIndex, SearchResult, search, with_objects

Guesses = dict[int, tuple[tuple[str, float], ...]]
"""Object id to up to three names with how likely each is right."""
MEANS_ALIKE = 0.4
"""Cosine from which two names mean alike: 36 of the 40 synonyms and phrases that tests ask for lie above it, and one
in a hundred pairs of families of the training captures."""
SAME_THING = 0.5
"""Masks show the same thing from this IoU, as AP50 and PQ take it."""
MOSTLY = 0.8
"""Share of an object in a thing from which it is a piece of it."""


@dataclass(frozen=True)
class Meant:
    """What a text's words for things were taken to mean."""

    names: dict[int, str]
    """Object id to the name or word it answers to in this text."""
    sure: dict[int, float]
    """Of the objects that answer by a guess, or by a name that means alike: how likely they are meant."""
    sentence: str
    """What a person should know of it."""


def with_named_things(
    scene: Scene, index: SearchIndex, things: Sequence[NamedThing]
) -> tuple[SearchIndex, Guesses]:
    """An index whose objects have the names that were guessed for things of another method, and the guesses.

    A thing gives its names to the one object that is it, never to its pieces. One that the index does not have as a
    whole becomes an object of its own; pieces of it then stand behind it in every ranking.

    Args:
        scene: Of both.
        index: Objects as words find them up to now.
        things: As they were found elsewhere, best first.
    """
    ids = index.objects.object_ids.tolist()
    areas, shared = _overlaps(index, ids, things)
    own = np.array([sum(int(mask.sum()) for mask in thing.masks) for thing in things], np.float64)
    ious = shared / np.maximum(own[:, None] + areas - shared, 1)
    guesses: Guesses = {}
    alone: list[NamedThing] = []
    prior = index.prior.copy()
    for row, thing in enumerate(things):
        if not thing.names or own[row] == 0:
            continue
        if ids and ious[row].max() >= SAME_THING:  # two ways of looking agree that it is a thing
            guesses.setdefault(ids[int(ious[row].argmax())], thing.names)
            continue
        alone.append(thing)
        prior[(shared[row] > MOSTLY * areas) & (areas < own[row])] *= PIECE
    if alone:
        index = with_objects(scene, replace(index, prior=prior), [thing.masks for thing in alone])
        for object_id, thing in zip(index.objects.object_ids[-len(alone) :].tolist(), alone, strict=True):
            guesses[object_id] = tuple((name, chance * thing.score) for name, chance in thing.names)
    return index, guesses


def _overlaps(
    index: SearchIndex, ids: Sequence[int], things: Sequence[NamedThing]
) -> tuple[Float[Array, "O"], Float[Array, "K O"]]:
    """Pixels of every object over all views, and how many of them each thing holds."""
    areas, shared = np.zeros(len(ids)), np.zeros((len(things), len(ids)))
    for view in range(index.masks.num_views):
        for column, object_id in enumerate(ids):
            rows, columns = index.masks.box(view, object_id)
            mask = index.mask(view, object_id)[rows, columns]
            areas[column] += mask.sum()
            for row, thing in enumerate(things):
                shared[row, column] += (mask & thing.masks[view][rows, columns]).sum()
    return areas, shared


def search_with_guesses(
    index: SearchIndex,
    text: str,
    guesses: Guesses,
    encoder: WordVectors,
    *,
    names: dict[int, str] | None = None,
    metres_per_unit: float | None = None,
) -> SearchResult:
    """`search`, in which words for things find objects by guesses and by names that mean alike.

    Args:
        index: Of the scene.
        text: What a person typed.
        guesses: Of its objects.
        encoder: Says what means alike.
        names: Object id to the name a person gave it.
        metres_per_unit: As for `search`.
    """
    meant = meaning_of(text, guesses, encoder, names or {})
    result = search(index, text, names=meant.names, metres_per_unit=metres_per_unit)
    found = [replace(one, score=one.score * meant.sure.get(one.object_id, 1.0)) for one in result.found]
    order = sorted(found, key=lambda one: (-one.score, one.object_id))
    return replace(
        result, query=replace(result.query, guessed=True), found=tuple(order), guess=meant.sentence
    )


def meaning_of(text: str, guesses: Guesses, encoder: WordVectors, names: dict[int, str]) -> Meant:
    """Which objects the words of a text mean that are neither attributes nor given names."""
    unknown = parse(text, names=callable_names(names.values())).unknown
    called, sure, said = dict(names), {}, []
    for phrase in _phrases(text, unknown):
        read = encoder.read(phrase)
        if not read.used:
            continue
        likely = _likely(read.vector.astype(np.float64), guesses, names, encoder)
        if not likely:
            continue
        for object_id, score in likely.items():
            if score > sure.get(object_id, 0.0):
                called[object_id], sure[object_id] = phrase, score
        guessed = sum(object_id not in names for object_id in likely)
        if guessed:
            said.append(f"“{phrase}” is a guess: {guessed} thing{'s' * (guessed > 1)} may be one.")
        if read.respelt:
            said.append(read.sentence)
    return Meant(called, sure, " ".join(said))


def _phrases(text: str, unknown: Sequence[str]) -> list[str]:
    """Words of a text that are not understood otherwise, neighbours together."""
    out: list[list[str]] = [[]]
    for token in tokenise(text):
        if token in unknown:
            out[-1].append(token)
        elif out[-1]:
            out.append([])
    return [" ".join(words) for words in out if words]


def _likely(
    wanted: Float[Array, "T"], guesses: Guesses, names: Mapping[int, str], encoder: WordVectors
) -> dict[int, float]:
    """Objects that a phrase may mean, each with how likely: by their names, and by their guesses where they have
    none."""
    out: dict[int, float] = {}
    for object_id in {*guesses, *names}:
        own = ((kind_of(names[object_id]), 1.0),) if object_id in names else guesses[object_id]
        fit = encoder.encode_texts([name for name, _ in own]).astype(np.float64) @ wanted
        alike = [score * min(f, 1.0) for (_, score), f in zip(own, fit, strict=True) if f >= MEANS_ALIKE]
        if alike:
            out[object_id] = float(max(alike))
    return out
