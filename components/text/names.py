"""What the names that people give to objects say: "mug 1" and "mug 2" are two mugs."""

import re
from collections.abc import Iterable

from liftlab.components.text.vocabulary import KNOWN

_TRAILING_NUMBER = re.compile(r"(?<=\S)\s*\d+$")


def kind_of(name: str) -> str:
    """The name without a number at its end; the name itself when it is nothing but a number."""
    return _TRAILING_NUMBER.sub("", name)


def answers_to(name: str) -> set[str]:
    """What an object of this name is called by, small letters: the name, what it is one of, and the ends of that, since
    a purple mug is a mug. An end that means something by itself keeps that meaning: a "box left" is not what is left.
    """
    kind = kind_of(name).casefold()
    words = kind.split()
    ends = (" ".join(words[start:]) for start in range(1, len(words)))
    return {name.casefold(), kind, *(end for end in ends if end not in KNOWN)}


def callable_names(names: Iterable[str]) -> set[str]:
    """All that objects of these names can be called by."""
    return {called for name in names for called in answers_to(name)}
