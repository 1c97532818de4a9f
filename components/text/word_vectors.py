"""Words as unit vectors, offline: everyday words that mean alike lie near each other.

Made once by `python -m assets.make_words` from all-MiniLM-L6-v2; `words.safetensors` holds them as int8.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from liftlab.components.text.vocabulary import PHOTO_WORDS, RELATIONS, SILENT, THINGS
from liftlab.components.text.words import singular, tokenise
from liftlab.components.types import Array

FILE = Path(__file__).with_name("words.safetensors")
LIKE_ENOUGH = 0.8
"""Share of letters that a word must have in common with a known one to be read as it (difflib's ratio): "mugg" is "mug"
at 0.86; "notebook" is no "textbook" at 0.75."""
BESIDE_HEAD = 0.5
"""Weight of what follows a preposition beside what stands before it: "a picture on the wall" is a picture first."""
LEADS_ON = frozenset(word for phrase, _ in RELATIONS for word in phrase) | {
    "with",
    "for",
    "of",
    "from",
    "in",
    "at",
}
"""Words of relations and prepositions, which carry no meaning of their own here."""


@runtime_checkable
class TextEncoder(Protocol):
    """Puts texts into a space where near means alike."""

    @property
    def identity(self) -> str:
        """Names what it is in keys of kept results and in weights that were trained with it."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32[Array, "T D"]:
        """Unit embeddings of texts; zero for a text that says nothing it knows."""
        ...


@dataclass(frozen=True)
class Reading:
    """How a text was read."""

    vector: Float32[Array, "D"]
    """Unit length; zero where no word is known."""
    used: tuple[str, ...]
    """Words and phrases of the vocabulary that it is the mean of."""
    respelt: tuple[tuple[str, str], ...]
    """Words that are not in the vocabulary, each with the nearest spelling that was taken."""
    unknown: tuple[str, ...]
    """Words that are not used."""

    @property
    def sentence(self) -> str:
        """What a person should know of it; empty when every word is known."""
        parts = [f"“{word}” is read as “{taken}”." for word, taken in self.respelt]
        if self.unknown:
            parts.append(f"Not known: {', '.join(self.unknown)}.")
        return " ".join(parts)


@dataclass(frozen=True)
class WordVectors:
    """The embedded vocabulary; a `TextEncoder`."""

    words: tuple[str, ...]
    vectors: Float32[Array, "M D"]
    """Unit rows."""
    identity: str

    @cached_property
    def row_of(self) -> dict[str, int]:
        return {word: row for row, word in enumerate(self.words)}

    @cached_property
    def _longest(self) -> int:
        return max(len(word.split()) for word in self.words)

    def encode_texts(self, texts: Sequence[str]) -> Float32[Array, "T D"]:
        """Unit embeddings; zero for a text of which no word is known."""
        rows = [self.read(text).vector for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.vectors.shape[1])

    def read(self, text: str) -> Reading:
        """The mean of the longest known phrases of a text, without words that carry no meaning of their own.

        A word that is not known is replaced by the nearest spelling, if that is near enough.
        """
        tokens = [word for word in tokenise(text) if word not in (",", ";")]
        used: list[str] = []
        weights: list[float] = []
        weight = 1.0
        respelt: list[tuple[str, str]] = []
        unknown: list[str] = []
        at = 0
        while at < len(tokens):
            length, phrase = self._known_at(tokens, at)
            if phrase is not None:
                used.append(phrase)
                weights.append(weight)
            elif tokens[at] in LEADS_ON:
                weight = BESIDE_HEAD if used else weight
            elif not _silent(tokens[at]):
                taken = self._nearest_spelling(tokens[at])
                if taken is None:
                    unknown.append(tokens[at])
                else:
                    used.append(taken)
                    weights.append(weight)
                    respelt.append((tokens[at], taken))
            at += length
        total = np.array(weights, np.float32) @ self.vectors[[self.row_of[word] for word in used]]
        size = float(np.linalg.norm(total))
        vector = total / size if size > 0 else np.zeros(self.vectors.shape[1])
        return Reading(vector.astype(np.float32), tuple(used), tuple(respelt), tuple(unknown))

    def _known_at(self, tokens: list[str], at: int) -> tuple[int, str | None]:
        """How many words the longest known phrase from here takes, and the phrase; one word and None without any."""
        for length in range(min(self._longest, len(tokens) - at), 0, -1):
            words = tokens[at : at + length]
            for phrase in (" ".join(words), " ".join([*words[:-1], singular(words[-1])])):
                if phrase in self.row_of and not (length == 1 and _silent(phrase)):
                    return length, phrase
        return 1, None

    def _nearest_spelling(self, word: str) -> str | None:
        if len(word) < 3 or not word.isalpha():
            return None
        near = difflib.get_close_matches(word, self._single, n=1, cutoff=LIKE_ENOUGH)
        return near[0] if near else None

    @cached_property
    def _single(self) -> list[str]:
        return [word for word in self.words if " " not in word]


def _silent(word: str) -> bool:
    return (word in SILENT and word not in PHOTO_WORDS) or word in THINGS or word in LEADS_ON


@cache
def word_vectors() -> WordVectors:
    """The vocabulary that ships."""
    return read_word_vectors(FILE)


def read_word_vectors(file: Path) -> WordVectors:
    """A vocabulary from its file."""
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        stored = opened.get_tensor("vectors").astype(np.float32)
        words = tuple(bytes(opened.get_tensor("words")).decode("utf-8").split("\n"))
        identity = (opened.metadata() or {})["identity"]
    return WordVectors(words, stored / np.linalg.norm(stored, axis=1, keepdims=True), identity)
