"""Bounds of numbers that people, files and pages give, as types: whoever reads such a number checks it against its
type (`liftlab.files.reading`), and says the range in one sentence.

They keep a mistyped or hostile number from running for days or filling the memory; they are wide, not advice.
"""

from typing import Annotated

from msgspec import Meta


def within(low: int | float, high: int | float) -> Meta:
    """Metadata of a number that lies in [low, high]; NaN lies in no range."""
    return Meta(ge=low, le=high)


def few(low: int, high: int) -> Meta:
    """Metadata of a sequence, mapping or text that has `low` to `high` entries."""
    return Meta(min_length=low, max_length=high)


Share = Annotated[float, within(0, 1)]
"""A part of a whole."""
Amount = Annotated[float, within(0, 1e6)]
"""A weight, cost, threshold or the like, that is not negative."""
Rate = Annotated[float, within(0, 100)]
"""Of learning."""
Seed = Annotated[int, within(0, 2**31 - 1)]
"""Of random numbers."""
Pixel = Annotated[float, within(-1e6, 1e6)]
"""A coordinate in a photo."""
Place = Annotated[float, within(-1e9, 1e9)]
"""A coordinate in a scene, or a difference of two."""
Count = Annotated[int, within(0, 10**12)]
Seconds = Annotated[float, within(0, 1e9)]
FileName = Annotated[str, few(1, 255)]
Line = Annotated[str, few(0, 1000)]
"""Of text."""
Key = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
"""Of a result in the workspace."""
Digest = Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
"""SHA-256, or nothing."""
Colour = Annotated[str, Meta(pattern="^#[0-9A-Fa-f]{6}$")]
"""#RRGGBB."""
Name = Annotated[str, Meta(min_length=1, max_length=64)]
"""Of a model, a method or the like."""
