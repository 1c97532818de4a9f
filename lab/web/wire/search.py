"""What the cell Search is told. It asks over requests of its own, not over the live line (`search_routes.py`)."""

from msgspec import Struct


class Suggested(Struct, frozen=True):
    """A guess of what an object is; no more than that until somebody accepts it."""

    name: str
    score: float
    """How likely it is right, in [0, 1]."""


class Found(Struct, frozen=True):
    """An object that words found."""

    id: int
    title: str
    score: float
    guesses: list[Suggested] = []
    """Best first; none of an object that has a name, or where nothing guesses."""


class Asked(Struct, frozen=True):
    """A question with its answer."""

    text: str
    colour: str
    """Of its heat, #RRGGBB."""
    message: str
    """What is said of the answer."""
    used: list[str]
    """Words that were understood."""
    unknown: list[str]
    """Words that were not."""
    histogram: list[int]
    """Objects by their share of the best score, in bins of equal width."""
    count: int
    """Objects above the threshold."""
    found: list[Found]
    """The best of them."""


class SearchState(Struct, frozen=True):
    """What the cell Search shows; it comes as the answer of a request."""

    version: int
    threshold: float
    """Share of the best score from which objects are shown."""
    note: str
    asks: list[Asked]
    history: list[str]
    """Earlier questions, the latest first."""
    encoder: str
    """What read the words."""
