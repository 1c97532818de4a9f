"""SAGA's votes for words on the toy: boxes of three colours, and an encoder that reads colours."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.progress import Cancelled, CancelToken
from liftlab.components.text.encoder import relevancy_of_text
from liftlab.pipelines.base import get_method, seeded
from liftlab.pipelines.methods.saga.method import Saga, SagaPrepared
from liftlab.pipelines.methods.saga.text import PAPER_CROPS, embed_masks, find_by_votes
from tests.components.text.test_encoder import ColourEncoder
from tests.toy import Toy, box_of_gaussians, gaussian_toy

SAGA = Saga(replace(get_method("saga").quick, groups=True), device=torch.device("cpu"))
"""Taught by groups as well, or the best mask of a colour might be a part of its box."""
WORDS = {1: "red", 3: "green"}


@pytest.fixture(scope="module")
def toy() -> Toy:
    return gaussian_toy()


@pytest.fixture(scope="module")
def prepared(toy: Toy) -> SagaPrepared:
    return SAGA.prepare(toy.scene, toy.masks, cancel=CancelToken(), generator=seeded(0))


def test_masks_of_one_box_vote_together(prepared: SagaPrepared, toy: Toy) -> None:
    voted = SAGA.votes(prepared)
    assert len(voted.places) == len(voted.clusters) == len(voted.scales) == len(voted.features)
    torch.testing.assert_close(voted.features.norm(dim=1), torch.ones(len(voted.features)))
    own = [{*voted.clusters[voted.places[:, 1] == box].tolist()} - {-1} for box in (1, 2, 3)]
    assert own[0] and not own[0] & (own[1] | own[2])


@pytest.mark.parametrize("box", WORDS)
def test_a_word_finds_the_box_of_its_colour(prepared: SagaPrepared, toy: Toy, box: int) -> None:
    hits = SAGA.voter(prepared, ColourEncoder())(WORDS[box])
    best = hits[0]
    assert len(best.masks) == len(toy.scene.views)
    lit, truth = best.masks[1], toy.instance[1] == box
    assert (lit & truth).sum() > 0.5 * lit.sum() > 0
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    owner = box_of_gaussians(toy)
    assert best.selected[owner == box].mean() > 0.5
    other = 3 if box == 1 else 1
    assert best.selected[owner == other].mean() < 0.1


def test_among_categories_each_cluster_is_one_of_them(prepared: SagaPrepared, toy: Toy) -> None:
    encoder, voted = ColourEncoder(), SAGA.votes(prepared)
    embeddings = embed_masks(toy.scene, toy.masks, voted, encoder, PAPER_CROPS, cancel=CancelToken())
    affinity, names = SAGA._affinity(prepared), ("red", "green")
    found = {
        name: [
            voted.clusters[voted.places.tolist().index(list(hit.place))]
            for hit in find_by_votes(affinity, voted, embeddings, encoder, name, names)
        ]
        for name in names
    }
    assert sorted([*found["red"], *found["green"]]) == list(range(voted.clusters.max() + 1))
    assert found["red"] and found["green"]
    alone = [hit.score for hit in find_by_votes(affinity, voted, embeddings, encoder, "red", ("red",))]
    assert len(alone) == voted.clusters.max() + 1 and alone == sorted(alone, reverse=True)


def test_the_score_is_the_mean_relevancy_of_the_masks_of_a_cluster(prepared: SagaPrepared, toy: Toy) -> None:
    encoder, voted = ColourEncoder(), SAGA.votes(prepared)
    cancel = CancelToken()
    embeddings = embed_masks(toy.scene, toy.masks, voted, encoder, PAPER_CROPS, cancel=cancel)
    relevancies = relevancy_of_text(embeddings, "red", encoder)
    (best, *_) = find_by_votes(SAGA._affinity(prepared), voted, embeddings, encoder, "red")
    assert np.array_equal(best.selected, SAGA.voter(prepared, encoder)("red")[0].selected)
    member = next(i for i, place in enumerate(voted.places.tolist()) if tuple(place) == best.place)
    cluster = voted.clusters == voted.clusters[member]
    assert best.score == pytest.approx(float(relevancies[cluster].mean()), abs=1e-6)
    assert relevancies[member] == relevancies[cluster].max()


def test_looking_at_masks_can_be_stopped(prepared: SagaPrepared) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        SAGA.voter(prepared, ColourEncoder(), cancel=cancel)


def test_the_same_votes_again(prepared: SagaPrepared) -> None:
    one, other = SAGA.votes(prepared), SAGA.votes(prepared)
    assert np.array_equal(one.clusters, other.clusters) and torch.equal(one.features, other.features)
