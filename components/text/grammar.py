"""From a text to a `Query`: which words belong to one description, and what each says (`reader`)."""

import difflib
from collections.abc import Collection
from itertools import pairwise

from liftlab.components.text.query import Description, Not, Place, Query
from liftlab.components.text.reader import Reader
from liftlab.components.text.vocabulary import KNOWN, NEGATIONS, SILENT
from liftlab.components.text.words import tokenise

MAX_WORDS = 60
LIKE_ENOUGH, LEAST_LETTERS = 0.8, 4
"""Share of letters (difflib's ratio) from which a known word is suggested for an unknown one of so many letters."""
_HANGS_ON = NEGATIONS | {"with", "that", "which", "who", "whose", "on", "in", "at", "of", "from", "for", "to"}
"""Words that say more of what was named before."""
Names = dict[tuple[str, ...], str]
"""Words of the names that people gave, each with the name."""


def parse(text: str, *, names: Collection[str] = (), scaled: bool = True) -> Query:
    """Read a text. Commas and semicolons between full noun phrases separate several things that are looked for.

    Args:
        text: At most 60 words; further ones are reported as unknown.
        names: Names that people gave to objects; they win over every other meaning of their words.
        scaled: Real lengths mean something: the scene's scale is known. Else they are left out and reported.
    """
    tokens = tokenise(text)
    named = {tuple(tokenise(name)): name for name in names}
    readers = [Reader(part, named, scaled) for part in _parts(tokens[:MAX_WORDS], named, scaled)]
    wanted = [_whole(reader) for reader in readers]
    unknown = [word for reader in readers for word in reader.unknown]
    unknown += [word for word in tokens[MAX_WORDS:] if word.isalpha()]
    return Query(
        text, wanted[0], tuple(dict.fromkeys(word for reader in readers for word in reader.used)),
        tuple(dict.fromkeys(unknown)), next((reader.photo for reader in readers if reader.photo), None),
        tuple(words for reader in readers for words in reader.unscaled), tuple(wanted[1:]),
        _spelt_alike(unknown, names),
    )  # fmt: skip


def _spelt_alike(unknown: list[str], names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Known words, and words of names, that are spelt much like unknown ones."""
    known = sorted(KNOWN | {word for name in names for word in tokenise(name)}) if unknown else []
    found = {word: difflib.get_close_matches(word, known, n=1, cutoff=LIKE_ENOUGH) for word in unknown}
    return tuple((word, alike[0]) for word, alike in found.items() if alike and len(word) >= LEAST_LETTERS)


def _whole(reader: Reader) -> Description:
    """All that a reader's words say of one thing."""
    wanted = reader.description()
    while not reader.done:  # whatever the grammar could not attach still counts for the whole
        reader.skip_joint()
        wanted = _merged(wanted, reader.description())
    return wanted


def separate_texts(text: str, *, names: Collection[str] = ()) -> list[str]:
    """The texts of the things that are looked for, for a reader that knows every word: an image-text model.

    "coffee mug, stapler" are two; "large, red ball" and "mug, not the blue one" are one, the text itself.
    """
    named = {tuple(tokenise(name)): name for name in names}
    parts = _parts(tokenise(text)[:MAX_WORDS], named, True, every_word=True)
    return [" ".join(part) for part in parts] if len(parts) > 1 else [text]


def _parts(tokens: list[str], names: Names, scaled: bool, *, every_word: bool = False) -> list[list[str]]:
    """The words of each thing that is looked for; one list where they are of one.

    Args:
        every_word: Words that the grammar does not know say something, too.
    """
    marks = [-1, *(at for at, word in enumerate(tokens) if word in (",", ";")), len(tokens)]
    pieces = [tokens[first + 1 : last] for first, last in pairwise(marks)]
    parts = [pieces[0]]
    for mark, piece in zip(marks[1:], pieces[1:], strict=False):
        bare = piece[1:] if piece[:1] == ["and"] else piece
        both = (parts[-1], bare)
        apart = all(_names_a_thing(each, names, scaled, every_word) for each in both)
        if apart or (
            tokens[mark] == ";" and all(_says_something(e, names, scaled, every_word) for e in both)
        ):
            parts.append(bare)
        else:
            parts[-1] = [*parts[-1], tokens[mark], *piece]
    return parts


def _names_a_thing(tokens: list[str], names: Names, scaled: bool, every_word: bool) -> bool:
    """Whether words are a full noun phrase: a noun, what is said of it, and nothing that hangs on what was before."""
    reader = Reader(tokens, names, scaled)
    read = reader.description()
    return (
        reader.done
        and reader.noun
        and (not _HANGS_ON.issuperset(tokens[:1]) if every_word else not read.empty)
        and not any(isinstance(term, Not | Place) for term in read.terms[:1])
    )


def _says_something(tokens: list[str], names: Names, scaled: bool, every_word: bool) -> bool:
    return (every_word and not SILENT.issuperset(tokens)) or not _whole(Reader(tokens, names, scaled)).empty


def _merged(a: Description, b: Description) -> Description:
    return Description(
        a.terms + b.terms, a.orders + b.orders, a.count or b.count, a.plural or b.plural, a.support
    )
