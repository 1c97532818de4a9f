"""The words of a text, and a place among them."""

import re

_LENGTH_AS_ONE = re.compile(r"(\d)(mm|cm|m|in|ft)\b")
"""A number and its unit without a space between: "10cm"."""


def tokenise(text: str) -> list[str]:
    """Words in small letters, commas and semicolons; other punctuation is dropped."""
    plain = text.casefold().replace("\u2019", "'").replace("non-", "non ")
    plain = _LENGTH_AS_ONE.sub(r"\1 \2", plain)
    return re.findall(r"\d+\.\d+|[^\W_]+(?:['-][^\W_]+)*|[,;]", plain)


def singular(word: str) -> str:
    """The word without a plural ending, where what is left looks like a word."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


class WordCursor:
    """A place among the words of one text."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    @property
    def done(self) -> bool:
        return self.at >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """The word here, or so many words on; empty behind the last."""
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def starts(self, phrase: tuple[str, ...]) -> bool:
        """Whether these words come next."""
        return tuple(self.tokens[self.at : self.at + len(phrase)]) == phrase

    def take(self, count: int = 1) -> None:
        """Go on by so many words."""
        self.at += count
