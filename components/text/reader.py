"""From words to descriptions: a small grammar of colours, sizes, shapes, places, order and negation.

    the largest blue thing next to the yellow ring
    two red things, not round
    the second thing from the left

Words it does not know are kept in `Query.unknown` and change nothing; nothing is guessed.
"""

from liftlab.components.geometry.scale import METRES, UNIT_OF_WORD
from liftlab.components.text.query import (
    Colour,
    Description,
    Length,
    Named,
    Not,
    Order,
    Phrase,
    Place,
    Property,
    Term,
    Whole,
)
from liftlab.components.text.vocabulary import (
    BOUNDS,
    COLOURS,
    COMPARATIVES,
    EXCLUSIONS,
    MEASURE_OF_PROPERTY,
    MEASURED_AS,
    NEGATIONS,
    NUMBERS,
    ORDINALS,
    PHOTO_WORDS,
    PROPERTIES,
    RELATIONS,
    SHAPE_NOUNS,
    SILENT,
    SUPERLATIVES,
    SUPPORTS,
    THINGS,
    UNIVERSAL,
    Bound,
    Relation,
)
from liftlab.components.text.words import WordCursor, singular

_COLOUR_OF = {word: name for name, words in COLOURS.items() for word in words}
_PROPERTY_OF = {word: name for name, words in PROPERTIES.items() for word in words}
_PHRASES = sorted(RELATIONS, key=lambda entry: -len(entry[0]))
_AFTER_A_PLACE = ("the", "a", "an", "front", "back", "between", "photo")
_BOUNDS = sorted(BOUNDS, key=len, reverse=True)
_BARE_PLACE = {"left_of": "left", "right_of": "right", "in_front_of": "front", "behind": "back"}
"""What a place relation still says when its landmark is not known."""


def _content_of(phrase: tuple[str, ...]) -> str:
    """The words of a relation that say something: "to the left of" is "left", "next to" stays."""
    for word in phrase:
        if _PROPERTY_OF.get(word) in {"left", "right", "front", "back"} and len(phrase) > 1:
            return word
    return " ".join(word for word in phrase if word not in {"the", "of"})


class Reader(WordCursor):
    """Recursive descent over the words of one text."""

    def __init__(self, tokens: list[str], names: dict[tuple[str, ...], str], scaled: bool) -> None:
        super().__init__(tokens)
        self.scaled = scaled
        self.names = dict(sorted(names.items(), key=lambda entry: -len(entry[0])))
        self.used: list[str] = []
        self.unknown: list[str] = []
        self.unscaled: list[str] = []
        self.photo: str | None = None
        self.noun = False
        """Whether the last description had one."""

    def skip_joint(self) -> None:
        """Step over what separates two descriptions that stand side by side."""
        while self.peek() in (",", ";", "and", "but"):
            self.take()

    def description(self, *, landmark: bool = False) -> Description:
        """Read one noun phrase with all that hangs on it. A landmark ends where its sentence part ends."""
        phrase = Phrase()
        while not self.done:
            if landmark and (self.peek() in (",", ";", "but") or self._joins_outer()):
                break
            if not self._word(phrase):
                break
        if phrase.rank is not None and not phrase.orders:
            self.unknown.append(phrase.rank_word)
        self.noun = phrase.noun
        return phrase.finish()

    def _joins_outer(self) -> bool:
        """Whether an "and" here leads back to what the landmark belongs to: another relation or another landmark."""
        return self.peek() == "and"

    def _word(self, phrase: Phrase) -> bool:
        """Read the next word or fixed phrase into `phrase`; False when it does not belong to it."""
        for read in (
            self._photo, self._name, self._length, self._exclusion, self._negation, self._from_side, self._side,
            self._relation,
        ):  # fmt: skip
            if read(phrase):
                return True
        return self._single(phrase)

    def _photo(self, phrase: Phrase) -> bool:
        """ "in photo 005", "in the first photo": whose left and right are meant."""
        skip = 0
        while self.peek(skip) in ("in", "from", "seen", "the", "of"):
            skip += 1
        word, after = self.peek(skip), self.peek(skip + 1)
        if word in PHOTO_WORDS and any(c.isdigit() for c in after):
            self.photo = after
            self.take(skip + 2)
            return True
        if word in ORDINALS and after in PHOTO_WORDS and skip:
            self.photo = f"#{ORDINALS[word]}"
            self.take(skip + 2)
            return True
        return False

    def _name(self, phrase: Phrase) -> bool:
        for words, name in self.names.items():
            length = len(words)
            here = self.tokens[self.at : self.at + length]
            if words and (tuple(here) == words or (here and (*here[:-1], singular(here[-1])) == words)):
                self.used.append(" ".join(here))
                phrase.add(Named(name))
                phrase.noun = True
                self.take(length)
                return True
        return False

    def _length(self, phrase: Phrase) -> bool:
        """ "taller than 10 cm", "at most 5 cm high", "10 cm long": a real length and what it is one of."""
        measure, ahead = "longest", 0
        bound: Bound = "near"
        comparative = COMPARATIVES.get(self.peek())
        if comparative is not None:
            if self.peek(1) != "than":
                return False
            measure, bound, ahead = comparative[0], "above" if comparative[1] else "below", 2
        else:
            words = next((words for words in _BOUNDS if self.starts(words)), ())
            bound, ahead = BOUNDS[words] if words else "near", len(words)
        number, unit = self.peek(ahead), UNIT_OF_WORD.get(self.peek(ahead + 1))
        if self.peek(ahead + 1) == "in" and self.peek(ahead + 2) in _AFTER_A_PLACE:
            return False  # "3 in the back" are no inches
        if unit is None or not number.replace(".", "", 1).isdecimal():
            return False
        ahead += 2
        if comparative is None and self.peek(ahead) in MEASURED_AS:
            measure, ahead = MEASURED_AS[self.peek(ahead)], ahead + 1
        words_here = " ".join(self.tokens[self.at : self.at + ahead])
        self.take(ahead)
        if self.scaled:
            self.used.append(words_here)
            phrase.add(Length(measure, bound, float(number) * METRES[unit]))
        else:
            self.unscaled.append(words_here)
        return True

    def _negation(self, phrase: Phrase) -> bool:
        if self.peek() not in NEGATIONS:
            return False
        self.take()
        before, used = len(phrase.terms), len(self.used)
        phrase.negate = True
        while not self.done and (self.peek() in SILENT or singular(self.peek()) in THINGS):
            if self.peek() == "and":
                break
            if self._relation(phrase):
                break
            self.take()
        if len(phrase.terms) == before and not self.done:
            self._word(phrase)
        while self.peek() in ("or", "nor") and not self.done:
            self.take()
            self._word(phrase)
        phrase.negate = False
        if len(self.used) > used:
            self.used.insert(used, "not")
        return True

    def _exclusion(self, phrase: Phrase) -> bool:
        """ "anything but the red ball", "other than red or blue": whole descriptions that must not fit."""
        words = next((words for words in EXCLUSIONS if self.starts(words)), ())
        if not words and self.peek() == "but" and self.peek(1) not in NEGATIONS:
            words = ("but",) if UNIVERSAL & set(self.tokens[: self.at]) else ()
        if not words:
            return False
        self.take(len(words))
        place = len(self.used)
        while not self.done:
            one = self.description(landmark=True)
            alone = one.terms[0] if len(one.terms) == 1 and not one.orders else Whole(one)
            if one.terms or one.orders:
                phrase.terms.append(alone.term if isinstance(alone, Not) else Not(alone))
            if self.peek() not in ("and", "or", ","):
                break
            self.take()
        if len(self.used) > place:
            self.used.insert(place, "not")
        return True

    def _from_side(self, phrase: Phrase) -> bool:
        """ "second from the left": the ordinal counts along that direction."""
        if self.peek() != "from" or phrase.rank is None:
            return False
        skip = 2 if self.peek(1) == "the" else 1
        found = MEASURE_OF_PROPERTY.get(_PROPERTY_OF.get(self.peek(skip), ""))
        if found is None:
            return False
        self.used += [phrase.rank_word, self.peek(skip)]
        phrase.orders.append(Order(found[0], found[1], phrase.rank))
        phrase.rank = None
        self.take(skip + 1)
        return True

    def _side(self, phrase: Phrase) -> bool:
        """ "on the left", "in front", "at the back", "in the corner": a place in the photo, without a landmark."""
        if self.peek() not in ("on", "in", "at", "to", "towards", "toward"):
            return False
        skip = 1
        while self.peek(skip) in ("the", "very", "far"):
            skip += 1
        name = _PROPERTY_OF.get(self.peek(skip), "")
        if name not in ("left", "right", "front", "back", "middle", "corner"):
            return False
        word, after = self.peek(skip), self.peek(skip + 1)
        end = skip + 2 if after == "side" else skip + 1
        if self.peek(end) == "of" and name in ("left", "right", "front", "back"):
            return False  # a relation to what follows
        if name in ("front", "back", "left", "right") and _PROPERTY_OF.get(after) in (
            "left",
            "right",
            "corner",
        ):
            end = skip + 1  # "in the back left corner": one after the other
        self.used.append(word)
        phrase.add(Property(name))
        self.take(end)
        return True

    def _relation(self, phrase: Phrase) -> bool:
        for words, relation in _PHRASES:
            if self.starts(words):
                return self._landmarks(phrase, words, relation)
        if self.peek() == "in" and self._leads_to_thing():
            return self._landmarks(phrase, ("in",), "inside")
        if self.peek() in ("right", "left") and self.peek(1) == "to":
            relation = "right_of" if self.peek() == "right" else "left_of"
            return self._landmarks(phrase, (self.peek(), "to"), relation)
        return False

    def _leads_to_thing(self) -> bool:
        """Whether "in" is followed by something to be in, not by a part of a photo."""
        ahead = 1
        while self.peek(ahead) in ("the", "a", "an"):
            ahead += 1
        word = self.peek(ahead)
        return (
            bool(word)
            and word not in PHOTO_WORDS
            and word not in SILENT
            and _PROPERTY_OF.get(word) != "middle"
        )

    def _landmarks(self, phrase: Phrase, words: tuple[str, ...], relation: Relation) -> bool:
        negate, phrase.negate = phrase.negate, False
        self.take(len(words))
        place = len(self.used)
        first = self.description(landmark=True)
        landmarks = (first,)
        if relation == "between":
            if self.peek() == "and":
                self.take()
                landmarks = (first, self.description(landmark=True))
            elif first.plural or first.count == 2:
                landmarks = (first, first)
        phrase.negate = negate
        known = all(not landmark.empty for landmark in landmarks)
        term: Term | None = Place(relation, landmarks) if known else None
        if relation == "between" and len(landmarks) == 1:
            term = None
        if term is None and relation in _BARE_PLACE:
            term = Property(_BARE_PLACE[relation])
        if term is not None:
            self.used.insert(place, _content_of(words))
            phrase.add(term)
        return True

    def _single(self, phrase: Phrase) -> bool:
        word, base = self.peek(), singular(self.peek())
        self.take()
        if word == "or":
            phrase.either = True
        elif word in SUPERLATIVES:
            self._superlative(phrase, word)
        elif word in ("most", "least"):
            self._most(phrase, word)
        elif word in ORDINALS:
            phrase.rank, phrase.rank_word = ORDINALS[word], word
        elif word in _COLOUR_OF or word.removesuffix("ish") in _COLOUR_OF:
            self.used.append(word)
            phrase.add(Colour((_COLOUR_OF.get(word) or _COLOUR_OF[word.removesuffix("ish")],)))
        elif word in _PROPERTY_OF:
            self.used.append(word)
            phrase.add(Property(_PROPERTY_OF[word]))
        elif base in SHAPE_NOUNS:
            self.used.append(word)
            phrase.add(Property(SHAPE_NOUNS[base]))
            self._noun(phrase, word != base)
        elif word in NUMBERS and not (word == "one" and self._ends_phrase(phrase)):
            phrase.count = NUMBERS[word]
            phrase.plural = phrase.count > 1
            self.used.append(word)
        elif word.isdigit() and 0 < int(word) <= 99:
            phrase.count, phrase.plural = int(word), int(word) > 1
            self.used.append(word)
        elif base in THINGS:
            self._noun(phrase, word != base)
        elif base in SUPPORTS:
            phrase.support = True
            self.used.append(word)
            self._noun(phrase, False)
        elif word not in SILENT and word not in {",", ";", "but"}:
            self.unknown.append(word)
            self._noun(phrase, False)
        return True

    def _noun(self, phrase: Phrase, plural: bool) -> None:
        phrase.noun = True
        phrase.plural |= plural

    def _ends_phrase(self, phrase: Phrase) -> bool:
        """Whether "one" stands for a thing ("the red one") and not for a number ("one red thing")."""
        return bool(phrase.terms or phrase.orders or phrase.rank)

    def _superlative(self, phrase: Phrase, word: str) -> None:
        measure, descending = SUPERLATIVES[word]
        rank, phrase.rank = phrase.rank or 1, None
        self.used += [phrase.rank_word, word] if phrase.rank_word else [word]
        phrase.rank_word = ""
        landmark = None
        ahead = 0
        if measure == "distance":
            while singular(self.peek(ahead)) in THINGS and self.peek(ahead):
                ahead += 1
            if self.peek(ahead) in ("to", "from"):
                self.take(ahead + 1)
                landmark = self.description(landmark=True)
                if landmark.empty:
                    landmark = None
        phrase.orders.append(Order(measure, descending, rank, landmark))

    def _most(self, phrase: Phrase, word: str) -> None:
        """ "the most red", "the least round"."""
        name = _PROPERTY_OF.get(self.peek()) or _COLOUR_OF.get(self.peek())
        if name is None:
            self.unknown.append(word)
            return
        measure, descending = MEASURE_OF_PROPERTY.get(name, (name, True))
        self.used += [word, self.peek()]
        self.take()
        phrase.orders.append(Order(measure, descending == (word == "most"), phrase.rank or 1))
        phrase.rank = None
