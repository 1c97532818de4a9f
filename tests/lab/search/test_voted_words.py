"""Objects that a method finds by its own votes: kept with the lookup, asked for once, and shown by the page."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from liftlab.components.errors import InputError
from liftlab.components.text.attributes import measure
from liftlab.engine.lab import Lab
from liftlab.pipelines.offers import VotedObject
from liftlab.pipelines.search import SearchIndex
from liftlab.search import panel as panels
from liftlab.search.panel import WordPanel
from liftlab.search.words import WordLookup
from liftlab.session.session import Session
from tests.toy import Toy, make_toy
from tests.toy_workspace import NAME


class Votes:
    """Answers "the left half" and "the right half" of the first box, an object that no mask of the cache is."""

    def __init__(self, toy: Toy) -> None:
        self.toy, self.asked = toy, list[str]()

    def __call__(self, text: str, among: Sequence[str] = ()) -> tuple[VotedObject, ...]:
        self.asked.append(text)
        nothing = tuple(np.zeros(view.shape, bool) for view in self.toy.instance)
        if "half" not in text:
            return (VotedObject(0.9, np.zeros(1, bool), nothing),)
        return (VotedObject(0.7, np.zeros(1, bool), self.half("left" in text)),)

    def half(self, left: bool) -> tuple[np.ndarray, ...]:
        halves = []
        for view in self.toy.instance:
            columns = np.arange(view.shape[1])[None].repeat(view.shape[0], axis=0)
            middle = np.median(columns[view == 1])
            halves.append((view == 1) & ((columns < middle) == left))
        return tuple(halves)


@pytest.fixture
def toy() -> Toy:
    return make_toy(width=160, height=120, views=3)


def lookup_of(toy: Toy, votes: Votes) -> WordLookup:
    index = SearchIndex(toy.masks, measure(toy.scene, toy.masks, [1, 2, 3]), np.ones(3))
    return WordLookup(index, encoder="votes", voter=votes)


def test_what_was_voted_for_is_an_object_of_the_lookup(toy: Toy) -> None:
    votes = Votes(toy)
    bare = lookup_of(toy, votes)
    first, result = bare.answered(toy.scene, "the  left half")
    (found,) = result.found
    assert found.score == 0.7 and found.object_id not in (1, 2, 3)
    for view, half in enumerate(votes.half(True)):
        np.testing.assert_array_equal(first.index.mask(view, found.object_id), half)
    assert len(bare.index.objects.object_ids) == 3 and len(first.index.objects.object_ids) == 4
    second, other = first.answered(toy.scene, "the right half")
    assert other.found[0].object_id != found.object_id
    assert len(second.index.objects.object_ids) == 5
    again, same = second.answered(toy.scene, "the left half")
    assert (
        again is second and same.found == result.found and votes.asked == ["the left half", "the right half"]
    )
    with pytest.raises(ValueError, match="voted for by `answered`; got 'a cup'"):
        second.search("a cup")
    with pytest.raises(InputError, match="Say what to look for"):
        bare.answered(toy.scene, "  ")


def test_votes_for_nothing_that_is_seen_find_nothing(toy: Toy) -> None:
    grown, result = lookup_of(toy, Votes(toy)).answered(toy.scene, "a cup")
    assert result.found == () and result.message == "Nothing in this scene fits these words."
    assert len(grown.index.objects.object_ids) == 3


def test_a_lookup_without_votes_answers_as_it_searches(toy: Toy) -> None:
    plain = replace(lookup_of(toy, Votes(toy)), voter=None, encoder="attributes")
    same, result = plain.answered(toy.scene, "red")
    assert same is plain and result.found[0].object_id == 1


def test_the_page_shows_what_was_voted_for(lab: Lab, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any, encoder: str, **rest: Any) -> WordLookup:
        found = lookup_of(toy, votes)
        return found if encoder == "votes" else replace(found, voter=None, encoder=encoder)

    votes = Votes(toy)
    monkeypatch.setattr(panels, "build_word_lookup", build)
    session = Session(lab)
    session.open(NAME)
    panel = WordPanel(lab, session)
    panel.ask("the left half", "votes")
    panel.ask("the right half", "votes", beside=True)
    left, right = (ask.found[0].id for ask in panel.state().asks)
    assert left != right and panel.thumb(left) is not None and panel.thumb(right) is not None
    assert panel.heat("000.png", 160) is not None
    assert votes.asked == ["the left half", "the right half"]
    panel.add(left)
    assert panel.session.objects[-1].name == "the left half"
    panel.ask("red", "attributes", beside=True)
    assert [ask.text for ask in panel.state().asks] == ["red"] and panel.heat("000.png", 160) is not None


def test_only_methods_that_vote_can_be_asked_so(lab: Lab) -> None:
    with pytest.raises(InputError, match="does not vote for words: choose saga"):
        lab.word_lookup(NAME, "wildseg3d", encoder="votes")
