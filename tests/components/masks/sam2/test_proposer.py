"""Proposals of SAM 2.1 with random weights: distinct, sorted, computed once."""

import numpy as np

from liftlab.components.masks.sam2.network import Sam2Network
from liftlab.components.masks.sam2.proposer import Sam2Proposer, Sam2ProposerConfig
from liftlab.components.models.result_cache import ResultCache
from tests.toy import Toy

OPEN = Sam2ProposerConfig(
    points_per_side=3, min_quality=0.0, min_stability=0.0, stability_offset=0.0, duplicate=1.0
)
"""Thresholds that let masks of random weights through."""


def test_proposals_are_distinct_sorted_and_kept(network: Sam2Network, toy: Toy, encoded: list[int]) -> None:
    image = toy.scene.views[0].image
    found = Sam2Proposer(network, OPEN).masks_of(image)
    areas = found.masks.sum(axis=(1, 2)).tolist()
    assert len(areas) >= 2 and areas == sorted(areas, reverse=True) and min(areas) > 0
    assert found.masks.shape[1:] == image.shape[:2]
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    again = Sam2Proposer(
        Sam2Network(network.model, "tiny", ResultCache(network.results.folder)), OPEN
    ).masks_of(image)
    assert np.array_equal(again.masks, found.masks) and encoded == [1]
    one = Sam2ProposerConfig(**{**vars(OPEN), "clicks_per_pass": 2})
    split = Sam2Proposer(Sam2Network(network.model, "tiny", ResultCache(None)), one).masks_of(image)
    assert split.masks.shape == found.masks.shape


def test_thresholds_only_take_masks_away(network: Sam2Network, toy: Toy) -> None:
    image = toy.scene.views[0].image
    count = [
        len(Sam2Proposer(network, Sam2ProposerConfig(**{**vars(OPEN), **change})).masks_of(image).masks)
        for change in ({}, {"duplicate": 0.3}, {"max_masks": 1}, {"min_quality": 0.99}, {"min_share": 0.9})
    ]
    assert count[0] >= count[1] >= 1 and count[2] == 1 and count[3] == 0 and count[4] <= count[0]
