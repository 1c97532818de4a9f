"""The embedded words: synonyms and phrases find what they mean, what is not known is said."""

import numpy as np
import pytest

from liftlab.components.text.word_vectors import FILE, TextEncoder, word_vectors

KINDS = (
    "mug", "bottle", "plush animal", "potted plant", "gift", "waste bin", "armchair", "laptop", "spectacles", "book",
    "alarm clock", "table lamp", "scissors", "banana", "pencil", "shoe", "picture frame", "rug", "suitcase", "hammer",
)  # fmt: skip
MEANT = {
    "cup": "mug", "coffee mug": "mug", "mugs": "mug", "mugg": "mug", "beaker": "mug", "water bottle": "bottle",
    "flask": "bottle", "stuffed animal": "plush animal", "teddy bear": "plush animal", "soft toy": "plush animal",
    "flower pot": "potted plant", "houseplant": "potted plant", "flower": "potted plant", "plant": "potted plant",
    "present": "gift", "wrapped gift": "gift", "trash can": "waste bin", "garbage can": "waste bin", "rubbish bin":
    "waste bin",
    "sofa": "armchair", "something to sit on": "armchair", "couch": "armchair", "notebook computer": "laptop",
    "computer": "laptop", "glasses": "spectacles", "eyeglasses": "spectacles", "novel": "book",
    "something to read": "book", "timepiece": "alarm clock", "clock": "alarm clock", "lamp": "table lamp",
    "fruit": "banana", "pen": "pencil", "boot": "shoe", "footwear": "shoe", "photo frame": "picture frame",
    "picture on the wall": "picture frame", "carpet": "rug", "luggage": "suitcase", "tool": "hammer",
}  # fmt: skip


def test_there_are_forty() -> None:
    assert len(MEANT) >= 40


@pytest.mark.parametrize("text", MEANT)
def test_synonyms_and_phrases_find_what_they_mean(text: str) -> None:
    encoder = word_vectors()
    likeness = encoder.encode_texts(KINDS) @ encoder.encode_texts([text])[0]
    assert KINDS[int(likeness.argmax())] == MEANT[text]


def test_rows_are_of_unit_length_and_repeatable() -> None:
    encoder = word_vectors()
    assert isinstance(encoder, TextEncoder)
    rows = encoder.encode_texts(["mug", "the old coffee mug on a table"])
    assert rows.dtype == np.float32 and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.array_equal(rows, encoder.encode_texts(["mug", "the old coffee mug on a table"]))


def test_what_is_not_known_is_said() -> None:
    read = word_vectors().read("a mugg beside the zxqv")
    assert read.used == ("mug",) and read.respelt == (("mugg", "mug"),) and read.unknown == ("zxqv",)
    assert "mugg" in read.sentence and "zxqv" in read.sentence
    nothing = word_vectors().read("zxqv")
    assert not nothing.vector.any() and nothing.used == ()


def test_what_follows_a_preposition_counts_less() -> None:
    encoder = word_vectors()
    mug, table = encoder.encode_texts(["mug", "table"])
    text = encoder.read("mug on the table").vector
    assert text @ mug > text @ table


def test_the_file_is_small() -> None:
    assert FILE.stat().st_size <= 1.5 * 2**20 and len(word_vectors().words) == 10_000
    assert word_vectors().vectors.shape[1] <= 128
