"""Words for things: guesses and given names that mean alike, together with colours and places."""

from collections.abc import Sequence

import numpy as np
import pytest

from liftlab.components.text.word_vectors import word_vectors
from liftlab.pipelines.guessed_names import guess_names, meaning_of, search_with_guesses
from liftlab.pipelines.search import SearchIndex, build_index
from tests.toy import Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(views=3, width=160, height=120)


@pytest.fixture(scope="module")
def index(toy: Toy) -> SearchIndex:
    return build_index(toy.scene, toy.masks)


@pytest.fixture(scope="module")
def boxes(index: SearchIndex, toy: Toy) -> dict[int, int]:
    """Box 1 to 3 to the index's object id."""
    out = {}
    for object_id in index.objects.object_ids.tolist():
        for box in (1, 2, 3):
            found, truth = index.mask(0, object_id), toy.instance[0] == box
            if (found & truth).sum() > 0.8 * (found | truth).sum():
                out[box] = object_id
    return out


def guesses(boxes: dict[int, int]) -> dict[int, tuple[tuple[str, float], ...]]:
    return {
        boxes[1]: (("mug", 0.7), ("bowl", 0.2)),
        boxes[2]: (("mug", 0.5),),
        boxes[3]: (("plush animal", 0.8),),
    }


@pytest.mark.parametrize("text", ["mug", "the mugs", "a mugg", "cup", "coffee mug"])
def test_a_word_finds_all_that_is_guessed_so_the_surest_first(
    index: SearchIndex, boxes: dict[int, int], text: str
) -> None:
    result = search_with_guesses(index, text, guesses(boxes), word_vectors())
    assert [one.object_id for one in result.found] == [boxes[1], boxes[2]]
    assert "is a guess: 2 things may be one" in result.message


def test_guesses_go_with_colours_and_places(index: SearchIndex, boxes: dict[int, int]) -> None:
    def best(text: str) -> int:
        return search_with_guesses(index, text, guesses(boxes), word_vectors()).found[0].object_id

    assert best("the blue mug") == boxes[2]
    assert best("the red cup") == boxes[1]
    assert best("the mug left of the teddy bear") in (boxes[1], boxes[2])
    assert best("the thing right of the blue mug") == boxes[3]


def test_what_somebody_named_answers_to_words_that_mean_alike(
    index: SearchIndex, boxes: dict[int, int]
) -> None:
    names = {boxes[3]: "mug"}
    result = search_with_guesses(index, "cup", {}, word_vectors(), names=names)
    assert [one.object_id for one in result.found] == [boxes[3]] and "guess" not in result.message


def test_a_given_name_stands_against_a_guess(index: SearchIndex, boxes: dict[int, int]) -> None:
    meant = meaning_of("cup", guesses(boxes), word_vectors(), {boxes[1]: "lamp"})
    assert boxes[1] not in meant.sure and boxes[2] in meant.sure


def test_what_nothing_is_taken_for_stays_unknown(index: SearchIndex, boxes: dict[int, int]) -> None:
    result = search_with_guesses(index, "wug", guesses(boxes), word_vectors())
    assert result.found == () and "'wug'" in result.message
    assert search_with_guesses(index, "red", guesses(boxes), word_vectors()).guess == ""


def test_a_method_is_asked_for_every_object(index: SearchIndex, toy: Toy) -> None:
    class Namer:
        def suggested_names(self, prepared, masks: Sequence[np.ndarray]) -> tuple[tuple[str, float], ...]:
            return (("mug", 0.5),) if (masks[0] & (toy.instance[0] == 2)).any() else ()

    found = guess_names(Namer(), None, index)
    assert set(found) <= set(index.objects.object_ids.tolist()) and set(found.values()) == {(("mug", 0.5),)}
