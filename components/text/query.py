"""What a text asks for: terms, orders and the descriptions they make up."""

from dataclasses import dataclass, field

from liftlab.components.text.vocabulary import Bound, Relation


@dataclass(frozen=True)
class Colour:
    """Has one of these colours."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Property:
    """Is large, flat, round, on the left, ..."""

    name: str


@dataclass(frozen=True)
class Length:
    """A side of the object is below, above or near a real length."""

    measure: str
    """"height", "length" (the longer side on the ground), "width", "thickness", "longest" (of all three)."""
    bound: Bound
    metres: float


@dataclass(frozen=True)
class Named:
    """A person gave the object this name."""

    name: str


@dataclass(frozen=True)
class Order:
    """Comes `rank`-th when the objects that satisfy everything else are ordered by a measure."""

    measure: str
    descending: bool
    rank: int = 1
    """1 = first; -1 = last."""
    landmark: "Description | None" = None
    """Of `distance`: to what; None = to the photographer."""


@dataclass(frozen=True)
class Place:
    """Stands in a relation to landmarks."""

    relation: Relation
    landmarks: tuple["Description", ...]


@dataclass(frozen=True)
class Not:
    """Does not satisfy a term."""

    term: "Term"


@dataclass(frozen=True)
class Whole:
    """Is what a whole description says; of one with an order, the first by it."""

    description: "Description"


Term = Colour | Property | Length | Named | Place | Not | Whole


@dataclass(frozen=True)
class Description:
    """What one noun phrase says."""

    terms: tuple[Term, ...] = ()
    orders: tuple[Order, ...] = ()
    count: int | None = None
    """How many objects were asked for; None when no number was said."""
    plural: bool = False
    support: bool = False
    """The noun is the table, the floor: what things stand on."""

    @property
    def empty(self) -> bool:
        return not (self.terms or self.orders or self.support)

    @property
    def asks(self) -> bool:
        """Whether it says what to look for; "three things" does."""
        return not self.empty or self.count is not None


@dataclass(frozen=True)
class Query:
    """A text, understood as far as it goes."""

    text: str
    wanted: Description
    used: tuple[str, ...]
    """Words that decide the ranking, in order, as they were written (small letters)."""
    unknown: tuple[str, ...]
    """Words that are not known, in order."""
    photo: str | None = None
    """Photo whose left and right are meant ("in photo 005"); None = the first."""
    unscaled: tuple[str, ...] = ()
    """Lengths that say nothing because the scene has no scale, as they were written."""
    others: tuple[Description, ...] = ()
    """Further things that are looked for, each by itself."""
    near: tuple[tuple[str, str], ...] = ()
    """Words that are not known, each with a known one that is spelt much like it."""
    guessed: bool = False
    """Guesses of what things are were asked as well."""

    @property
    def number(self) -> int | None:
        """How many objects were asked for; None without a number, or where several things are looked for."""
        return None if self.others else self.wanted.count

    @property
    def sentence(self) -> str:
        """What a person should know about how the text was read; empty when all of it was."""
        used = f"used: {', '.join(self.used)}" if self.used else "nothing of it could be used"
        if self.unscaled:
            words = " and ".join(f"'{word}'" for word in (*self.unscaled, *self.unknown))
            return (
                f"{words} left out: the scene has no scale until you measure a known distance in it; {used}."
            )
        if self.unknown:
            near = dict(self.near)
            words = " and ".join(
                f"'{word}' (did you mean '{near[word]}'?)" if word in near else f"'{word}'"
                for word in self.unknown
            )
            if self.guessed:
                return f"Nothing is named or guessed to be {words}; {used}."
            return f"I don't know {words} without a name you give, guessed names or a text model; {used}."
        return "" if self.used else "Say what to look for, for example: the large red thing."


@dataclass
class Phrase:
    """A description while its words are read."""

    terms: list[Term] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    count: int | None = None
    plural: bool = False
    support: bool = False
    noun: bool = False
    rank: int | None = None
    """Of an ordinal that waits for what it orders."""
    rank_word: str = ""
    negate: bool = False
    either: bool = False
    """The next colour is an alternative to the last one."""

    def add(self, term: Term) -> None:
        last = self.terms[-1] if self.terms else None
        if self.either and isinstance(term, Colour) and isinstance(last, Colour):
            self.terms.pop()
            term = Colour((*last.names, *term.names))
        self.terms.append(Not(term) if self.negate else term)
        self.either = False

    def finish(self) -> Description:
        return Description(tuple(self.terms), tuple(self.orders), self.count, self.plural, self.support)
