"""Masks that stand for the same Gaussians, and the clusters a text elects."""

import numpy as np
import pytest

from liftlab.components.features.clusters import clusters_of_distances, density_clusters
from liftlab.components.features.mask_votes import categories_of, elect, mask_distances
from liftlab.components.metrics.text import relevancy_of_similarities


def test_distances_are_one_minus_the_overlap_of_anchors() -> None:
    rng = np.random.default_rng(0)
    held = rng.random((6, 40)) < 0.4
    held[5] = False
    found = mask_distances(held)
    for i, a in enumerate(held):
        for j, b in enumerate(held):
            either = (a | b).sum()
            assert found[i, j] == pytest.approx(1 - (a & b).sum() / either if either else 1.0)
    hand = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 0]], bool)
    assert mask_distances(hand)[0].tolist() == [0.0, 0.5, 0.0]


def test_the_relevancy_of_the_method_file_elects_its_cluster() -> None:
    """r = min_c sigmoid(10 (e.q - e.c)) of the example is .549834; beside a cluster below .45 it is elected alone."""
    canonical = np.array([[0.20, 0.25, 0.22, 0.26]])
    example = float(relevancy_of_similarities(np.array([0.28]), canonical)[0])
    assert example == pytest.approx(0.549834, abs=1e-6)
    low = float(relevancy_of_similarities(np.array([0.21]), canonical)[0])
    assert low < 0.45
    relevancies, clusters = np.array([low, example, example + 0.1, low, 0.99]), np.array([0, 1, 1, 0, -1])
    (found,) = elect(relevancies, clusters)
    assert (found.cluster, found.member) == (1, 2)
    assert found.score == pytest.approx(example + 0.05)


def test_the_mean_of_a_cluster_counts_not_its_best_mask_and_noise_is_never_a_target() -> None:
    relevancies = np.array([0.9, 0.1, 0.5, 0.52, 0.95])
    clusters = np.array([0, 0, 1, 1, -1])
    assert [one.cluster for one in elect(relevancies, clusters)] == [1, 0]  # means .51 and .5
    assert [one.cluster for one in elect(relevancies - 0.2, clusters)] == [
        1
    ]  # none above .45: the best alone
    assert elect(relevancies, np.full(5, -1)) == ()
    assert elect(np.zeros(0), np.zeros(0, np.int64)) == ()


def test_clusters_of_distances_are_not_split_below_epsilon() -> None:
    rng = np.random.default_rng(1)
    spots = np.concatenate([middle + 0.02 * rng.random(12) for middle in (0.0, 0.1, 5.0)])
    distances = np.abs(spots[:, None] - spots)
    fine = clusters_of_distances(distances, smallest=5)
    coarse = clusters_of_distances(distances, smallest=5, epsilon=0.3)
    assert len({*fine[:12]} | {*fine[12:24]}) > 1
    assert len({*coarse[:24]}) == 1 and coarse[0] >= 0 and coarse[0] != coarse[-1] >= 0
    assert (clusters_of_distances(distances[:3, :3], smallest=5) == -1).all()


def test_tight_clusters_are_found_and_near_ones_joined() -> None:
    """With scikit-learn's own epsilon this fails under NumPy 2.4: clusters this tight are followed up its tree."""
    rng = np.random.default_rng(2)
    middles = np.array([[0.0, 0.0], [0.004, 0.0], [1.0, 0.0], [0.0, 1.0]])
    samples = np.concatenate([middle + 2e-4 * rng.normal(size=(30, 2)) for middle in middles])
    apart, joined = (
        density_clusters(samples, smallest=10),
        density_clusters(samples, smallest=10, epsilon=0.01),
    )

    def named(labels: np.ndarray) -> list[set[int]]:
        return [set(labels[start : start + 30].tolist()) - {-1} for start in range(0, 120, 30)]

    assert not named(apart.labels)[0] & named(apart.labels)[1]
    near, same, *far = named(joined.labels)
    assert near == same and len(near) == 1 and not near & (far[0] | far[1]) and far[0] != far[1]
    assert joined.count == len({*joined.labels[joined.labels >= 0]})


def test_each_cluster_belongs_to_the_category_of_its_largest_mean_relevancy() -> None:
    """Worked by hand: cluster 0 has means .5 and .45, cluster 1 .3 and .4, noise counts for none, a tie goes first."""
    clusters = np.array([0, 0, 1, 1, -1, 2])
    relevancies = np.array([[0.9, 0.1, 0.3, 0.3, 0.0, 0.2], [0.4, 0.5, 0.1, 0.7, 1.0, 0.2]])
    assert categories_of(relevancies, clusters).tolist() == [0, 1, 0]
    assert categories_of(relevancies, np.full(6, -1)).tolist() == []
