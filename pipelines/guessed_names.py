"""Words for things whose names nobody gave: guesses of a network, and names that mean alike.

"mug" finds what is guessed to be a mug; "cup" finds it too, and what somebody named "mug". A guess is never more than
a suggestion until a person accepts it, and every answer that rests on one says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from liftlab.components.progress import CancelToken, Progress, no_progress
from liftlab.components.text.grammar import parse
from liftlab.components.text.names import callable_names, kind_of
from liftlab.components.text.word_vectors import WordVectors
from liftlab.components.text.words import tokenise
from liftlab.components.types import Array
from liftlab.pipelines.offers import SuggestsNames
from liftlab.pipelines.search import SearchIndex, SearchResult, search

Guesses = dict[int, tuple[tuple[str, float], ...]]
"""Object id to up to three names with how likely each is right."""
MEANS_ALIKE = 0.4
"""Cosine from which two names mean alike: 36 of the 40 synonyms and phrases that tests ask for lie above it, and one
in a hundred pairs of families of the training captures."""


@dataclass(frozen=True)
class Meant:
    """What a text's words for things were taken to mean."""

    names: dict[int, str]
    """Object id to the name or word it answers to in this text."""
    sure: dict[int, float]
    """Of the objects that answer by a guess, or by a name that means alike: how likely they are meant."""
    sentence: str
    """What a person should know of it."""


def guess_names(
    segmenter: SuggestsNames,
    prepared: Any,
    index: SearchIndex,
    *,
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> Guesses:
    """Guesses of what every object of an index is."""
    ids = index.objects.object_ids.tolist()
    out: Guesses = {}
    for done, object_id in enumerate(ids):
        if cancel is not None:
            cancel.check()
        progress(done / len(ids), "Guessing what things are")
        masks = [index.mask(view, object_id) for view in range(index.masks.num_views)]
        names = segmenter.suggested_names(prepared, masks)
        if names:
            out[int(object_id)] = names
    return out


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
    return replace(result, found=tuple(order), guess=meant.sentence)


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
