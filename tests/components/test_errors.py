"""Names in sentences."""

import pytest

from liftlab.components.errors import listed


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (list("abcdef"), "a, b, c, d, e and f"),
        (list("abcdefg"), "a, b, c, d, e and 2 more"),
    ],
)
def test_lists_read_as_sentences(names: list[str], said: str) -> None:
    assert listed(names) == said
