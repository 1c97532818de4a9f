"""Words for things: guesses and given names that mean alike, together with colours and places."""

import numpy as np
import pytest

from liftlab.components.text.word_vectors import word_vectors
from liftlab.pipelines.guessed_names import meaning_of, search_with_guesses, with_named_things
from liftlab.pipelines.offers import NamedThing
from liftlab.pipelines.search import PIECE, SearchIndex, build_index
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
    assert result.found == ()
    assert result.message == "Nothing is named or guessed to be 'wug'; nothing of it could be used."
    assert search_with_guesses(index, "red", guesses(boxes), word_vectors()).guess == ""


def thing(*held: np.ndarray, name: str, score: float = 0.5) -> NamedThing:
    return NamedThing(tuple(held), ((name, 0.5),), score)


def test_a_thing_names_the_one_object_that_it_is(index: SearchIndex, boxes: dict[int, int], toy: Toy) -> None:
    things = [thing(*(toy.instance == 2), name="mug"), thing(*(toy.instance == 1), name="bowl")]
    same, found = with_named_things(toy.scene, index, things)
    assert same is index
    assert found == {boxes[2]: (("mug", 0.5),), boxes[1]: (("bowl", 0.5),)}


def test_a_whole_that_the_index_has_in_pieces_joins_it_and_stands_before_them(
    index: SearchIndex, boxes: dict[int, int], toy: Toy
) -> None:
    both = np.isin(toy.instance, (1, 3))
    both[:, :20, :20] = True  # so that neither box is half of it
    grown, found = with_named_things(toy.scene, index, [thing(*both, name="mug", score=0.4)])
    (new,) = set(found) - set(index.objects.object_ids.tolist())
    assert found[new] == (("mug", 0.2),), (
        "only one way of looking found it: its name is as sure as it is a thing"
    )
    assert all((grown.mask(view, new) == both[view]).all() for view in range(3))
    before, after = (dict(zip(i.objects.object_ids.tolist(), i.prior, strict=True)) for i in (index, grown))
    for box, weight in ((1, PIECE), (3, PIECE), (2, 1)):
        assert after[boxes[box]] == pytest.approx(before[boxes[box]] * weight)
    assert [one.object_id for one in search_with_guesses(grown, "cup", found, word_vectors()).found] == [new]


def test_of_two_things_that_are_one_object_the_better_names_it(
    index: SearchIndex, boxes: dict[int, int], toy: Toy
) -> None:
    mine = toy.instance == 3
    same, found = with_named_things(toy.scene, index, [thing(*mine, name="mug"), thing(*mine, name="bowl")])
    assert same is index and found == {boxes[3]: (("mug", 0.5),)}


def test_a_thing_without_a_name_or_without_a_pixel_changes_nothing(index: SearchIndex, toy: Toy) -> None:
    nothing = thing(*np.zeros_like(toy.instance, bool), name="mug")
    nameless = NamedThing(tuple(toy.instance == 1), (), 0.9)
    assert with_named_things(toy.scene, index, [nothing, nameless]) == (index, {})
