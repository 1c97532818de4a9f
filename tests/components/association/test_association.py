"""Association through Gaussians: ranking, the memory bank's rules by hand, and the order of views."""

import numpy as np
import pytest

from liftlab.components.association import MemoryBank, associate, covered, front, likely, union
from liftlab.components.association.bank import BankVariant, densest_first
from liftlab.components.errors import Cancelled
from liftlab.components.geometry.projection import project
from liftlab.components.progress import CancelToken
from tests.toy import toy_cameras

IDS = np.arange(10)
DEPTHS = np.arange(1.0, 11.0)
PROBABILITIES = np.array([0.1, 0.9, 0.2, 0.3, 0.8, 0.1, 0.1, 0.2, 0.1, 0.1])


def span(*ranges: tuple[int, int]) -> np.ndarray:
    """Indices of closed ranges, as docs/methods/proto_saga.md section 9 writes them."""
    return np.concatenate([np.arange(low, high + 1) for low, high in ranges])


def bank(variant: BankVariant) -> MemoryBank:
    made = MemoryBank(200, variant=variant)
    made.add(span((0, 9)))
    made.add(span((20, 29)))
    return made


def test_ranking_worked_example() -> None:
    nearest, likeliest = front(IDS, DEPTHS, 0.2), likely(IDS, PROBABILITIES, 0.2)
    assert nearest.tolist() == [0, 1] and likeliest.tolist() == [1, 4]
    assert union([nearest, likeliest]).tolist() == [0, 1, 4]


def test_at_least_one_and_ties_by_index() -> None:
    assert front(np.array([7, 3, 5]), np.array([2.0, 2.0, 2.0]), 0.2).tolist() == [3]
    assert front(np.array([7, 3, 5]), np.array([2.0, 2.0, 2.0]), 0.7).tolist() == [3, 5, 7]
    assert front(np.zeros(0, np.int64), np.zeros(0), 0.2).tolist() == []
    assert likely(np.array([7, 3, 5]), np.array([0.5, 0.5, 0.5]), 0.1).tolist() == [3]


def test_ranks_are_strictly_below_the_limit() -> None:
    """Literally: keep i where its rank, counted from 0, is below share x E."""
    for E in range(1, 30):
        ids, depths = np.arange(E), np.arange(E, dtype=float)
        for tenths in range(1, 10):
            kept = [rank for rank in range(E) if 10 * rank < tenths * E]
            assert front(ids, depths, tenths / 10).tolist() == kept


@pytest.mark.parametrize(("share", "expected"), [(0.1, 1), (0.2, 2), (0.3, 3), (0.7, 7)])
def test_rank_limit_is_not_hurt_by_rounding(share: float, expected: int) -> None:
    assert len(front(IDS, DEPTHS, share)) == expected  # 0.7 * 10 is 6.999... in floats


def test_every_patch_gives_its_nearest() -> None:
    patch = np.array([0, 0, 0, 0, 0, 0, 4, 4, 4, 4])
    assert front(IDS, DEPTHS, 0.2, patch=patch).tolist() == [0, 6]
    assert front(IDS, DEPTHS, 0.5, patch=patch).tolist() == [0, 1, 2, 6, 7]


@pytest.mark.parametrize(
    ("gaussians", "paper", "gaga"),
    [
        (span((9, 16)), 1, 1),  # 1/8 = 0.125 and 1/9 = 0.1111
        (span((8, 19), (100, 106)), 1, 3),  # 2/19 = 0.1053 and 2/21 = 0.0952: the variants differ
        (span((9, 18)), 3, 3),  # 0.1 is not above 0.1; 0.0909
        (span((5, 9), (20, 23)), 1, 1),  # 5/9 against 4/9
    ],
)
def test_bank_worked_examples(gaussians: np.ndarray, paper: int, gaga: int) -> None:
    assert bank("paper").join(gaussians) == paper
    assert bank("gaga").join(gaussians) == gaga


def test_scores_of_both_variants() -> None:
    S = span((8, 19), (100, 106))
    assert bank("paper").scores(S).tolist() == pytest.approx([2 / 19, 0])
    assert bank("gaga").scores(S).tolist() == pytest.approx([2 / 21, 0])


def test_ownership_rule_adds_only_what_nobody_owns() -> None:
    S = span((5, 9), (20, 23))
    code, plain = bank("gaga"), bank("paper")
    code.join(S)
    plain.join(S)
    assert code.sizes == [10, 10]  # all ids are owned: nothing is added
    assert plain.sizes == [14, 10]
    code.join(span((8, 9), (20, 20), (50, 51)))
    assert code.entry(1).tolist() == span((0, 9), (50, 51)).tolist()
    code.add(span((0, 3)))  # a new entry takes all its Gaussians, owned or not
    assert code.sizes == [12, 10, 4]


def test_masks_without_gaussians_are_skipped() -> None:
    made = bank("paper")
    assert made.join(np.zeros(0, np.int64)) == 0 and made.size == 2
    found = associate([[np.zeros(0, np.int64), span((0, 3))]], 10)
    assert found.objects[0].tolist() == [0, 0, 1] and found.count == 1


def test_more_than_255_objects_do_not_wrap_around() -> None:
    found = associate([[np.array([i]) for i in range(300)]] * 2, 300)
    assert found.count == 300 and found.objects[1].tolist() == list(range(301))


def test_the_first_view_founds_one_entry_per_mask() -> None:
    same = span((0, 9))
    found = associate([[same, same], [same]], 10)
    assert found.count == 2 and found.objects[1].tolist() == [0, 1]


def test_order_of_views_decides_between_one_object_and_two() -> None:
    A, B = [span((0, 19))], [span((0, 11)), span((12, 19))]
    over_merged = associate([A, B], 20)
    assert over_merged.count == 1 and over_merged.objects[1].tolist() == [0, 1, 1]
    assert over_merged.shared == (0.0, 1.0)
    split = associate([B, A], 20)
    assert split.count == 2 and split.objects[1].tolist() == [0, 1]  # the larger overlap
    reordered = associate([A, B], 20, order=[1, 0])
    assert reordered.count == 2 and reordered.objects[0].tolist() == [0, 1]


def test_order_must_name_every_view() -> None:
    with pytest.raises(ValueError, match="each of the 2 views once"):
        associate([[], []], 3, order=[0, 0])


def test_cancelling_stops_association() -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        associate([[span((0, 3))]], 10, cancel=cancel)


def test_labels_become_objects() -> None:
    found = associate([[span((0, 3)), span((4, 9))], [span((4, 8)), span((0, 3))]], 10)
    labels = np.array([[0, 1], [2, 2]], np.int32)
    assert found.label_map(0, labels).tolist() == [[0, 1], [2, 2]]
    assert found.label_map(1, labels).tolist() == [[0, 2], [1, 1]]


def test_covered_gaussians_are_those_projected_onto_the_mask() -> None:
    (camera,) = toy_cameras(1)
    rng = np.random.default_rng(0)
    means = rng.uniform(-3, 3, (800, 3))
    labels = np.zeros((camera.height, camera.width), np.int32)
    labels[20:50, 30:60], labels[10:20, :] = 1, 2
    index, label, depth, patch = covered(camera, labels, means)
    expected = []
    for i, point in enumerate(means):
        xy, z = project(camera, point)
        if z > 0 and 0 <= xy[0] < camera.width and 0 <= xy[1] < camera.height:
            row, column = int(xy[1]), int(xy[0])
            if labels[row, column]:
                where = (row * 32 // camera.height) * 32 + column * 32 // camera.width
                expected.append((i, int(labels[row, column]), pytest.approx(float(z)), where))
    assert len(expected) > 20
    found = zip(index.tolist(), label.tolist(), depth.tolist(), patch.tolist(), strict=True)
    assert list(found) == expected


def test_start_at_the_view_with_most_labels() -> None:
    few, many = np.zeros((4, 4), np.int32), np.ones((4, 4), np.int32)
    assert densest_first([few, many, few]) == [1, 0, 2]
    assert densest_first([]) == []
