"""Losses against their literal float64 reference, their gradients, the matching, and what truncation is for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from liftlab.components.openvocab import literal
from liftlab.components.openvocab.losses import (
    LossConfig,
    Prediction,
    ViewTargets,
    class_loss,
    judging_loss,
    mask_bce,
    mask_dice,
    objectness_loss,
    shares,
    view_loss,
)
from liftlab.components.openvocab.matching import match, matching_cost
from liftlab.components.openvocab.supervision import partial_targets, scene_targets, view_targets

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def random_case(seed: int = 0, queries: int = 5, columns: int = 7, instances: int = 3, names: int = 4):
    """Logits, class logits with "no object", objectness, instances."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    covers = (draw(instances, columns) > 0).double()
    labels = torch.randint(names, (instances,), generator=generator)
    return draw(queries, columns), draw(queries, names + 1), draw(queries).sigmoid(), covers, labels


def test_the_worked_example_of_truncation() -> None:
    logits = torch.tensor([[2.0, 2, 2, -2]], dtype=torch.float64)
    whole = torch.tensor([[1.0, 1, 0, 0]], dtype=torch.float64)
    assert mask_bce(logits, whole).item() == pytest.approx(0.626928, abs=1e-6)
    assert mask_dice(logits, whole).item() == pytest.approx(0.214942, abs=1e-6)
    seen = [0, 1, 3]
    assert mask_bce(logits[:, seen], whole[:, seen]).item() == pytest.approx(0.126928, abs=1e-6)
    assert mask_dice(logits[:, seen], whole[:, seen]).item() == pytest.approx(0.073268, abs=1e-6)


def test_mask_losses_are_the_literal_ones() -> None:
    logits, _, _, covers, _ = random_case()
    for row, target in zip(logits[:3], covers, strict=True):
        own, wanted = row.tolist(), target.tolist()
        assert mask_bce(row[None], target[None]).item() == pytest.approx(literal.bce(own, wanted), rel=1e-9)
        assert mask_dice(row[None], target[None]).item() == pytest.approx(literal.dice(own, wanted), rel=1e-9)


def test_class_loss_is_the_literal_one() -> None:
    _, classes, _, covers, labels = random_case()
    ignored = torch.tensor([False, True, False, False, True])
    targets = ViewTargets(
        torch.arange(5), torch.arange(7), covers, labels, torch.ones(5, 3, dtype=torch.bool), ignored
    )
    query, instance = torch.tensor([0, 1]), torch.tensor([2, 0])
    mine = class_loss(classes, targets, query, instance, LossConfig())
    wanted = [int(labels[2]), int(labels[0]), 4, 4, 4]
    reference = literal.cross_entropy(classes.tolist(), wanted, [1.0, 1.0, 0.1, 0.1, 0.0])
    assert mine.item() == pytest.approx(reference, rel=1e-9)
    without = class_loss(classes, targets, query, instance, LossConfig(ignore_unlabelled=False))
    reference = literal.cross_entropy(classes.tolist(), wanted, [1.0, 1.0, 0.1, 0.1, 0.1])
    assert without.item() == pytest.approx(reference, rel=1e-9)


def test_objectness_loss_is_the_literal_one() -> None:
    masks = torch.tensor([[3.0, 3, -3, -3], [3, -3, -3, -3], [3, 3, 3, -3]], dtype=torch.float64)
    wanted = torch.tensor([[1.0, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 0]], dtype=torch.float64)
    u = torch.tensor([0.3, 0.9, 0.8], dtype=torch.float64)
    original = LossConfig(objectness_iou=0.5)
    for least in (0.5, -1.0):
        mine = objectness_loss(u, masks, wanted, LossConfig(objectness_iou=least))
        reference = literal.objectness(u.tolist(), masks.tolist(), wanted.tolist(), least)
        assert mine.item() == pytest.approx(reference)
    assert objectness_loss(u[1:2], masks[1:2], wanted[1:2], original).item() == 0
    # A bad mask teaches that it is bad; a network that never saw one calls all good.
    assert objectness_loss(u[1:2], masks[1:2], wanted[1:2], LossConfig()).item() == pytest.approx(0.81)


def test_ious_count_points_and_any_mask_can_be_judged() -> None:
    # Superpoints of 10, 30 and 60 points; the thing holds the first two, the mask the last two: IoU 30 of 100.
    masks, sizes = torch.tensor([[-1.0, 1, 1], [1, 1, 1]]), torch.tensor([10.0, 30, 60])
    said, thing = torch.tensor([0.5, 0.9]), torch.tensor([[1.0, 1, 0]])
    by_points = objectness_loss(said[:1], masks[:1], thing, LossConfig(), sizes)
    assert by_points.item() == pytest.approx((0.5 - 0.3) ** 2)
    allowed = torch.tensor([[True], [False]])  # the second query starts on nothing
    targets = ViewTargets(
        torch.arange(2), torch.arange(3), thing, torch.tensor([0]), allowed, torch.zeros(2, dtype=torch.bool)
    )
    config = LossConfig(objectness_weight=2.0)
    assert judging_loss(masks, said, targets, config, sizes).item() == pytest.approx(2 * 0.2**2)
    nothing = replace(targets, allowed=torch.zeros_like(allowed))
    assert judging_loss(masks, said, nothing, config, sizes).item() == 0
    said = torch.tensor([0.5, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda u: judging_loss(masks.double(), u, targets, config, sizes.double()), said
    )


def test_every_query_answers_for_the_thing_it_lies_on() -> None:
    logits, classes, _, covers, labels = random_case(5)
    allowed = torch.tensor([[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=torch.bool)
    query, instance = match(logits, classes, covers, labels, allowed, matcher="own")
    assert query.tolist() == [0, 1, 2, 4] and instance.tolist() == [0, 0, 2, 0]
    assert torch.allclose(shares(instance, torch.float64) ** -2, torch.tensor([3.0, 3, 1, 3]).double())
    # None of them is called "no object": that is for the query on no thing alone.
    targets = ViewTargets(
        torch.arange(5), torch.arange(7), covers, labels, allowed, torch.zeros(5, dtype=torch.bool)
    )
    right = torch.full_like(classes, -30.0)
    right[query, labels[instance]] = 30.0
    right[3, -1] = 30.0
    assert class_loss(right, targets, query, instance, LossConfig()).item() < 1e-9
    matched = match(logits, classes, covers, labels, allowed, matcher="hungarian")
    assert class_loss(right, targets, *matched, LossConfig()).item() > 1


def test_the_cost_is_the_literal_one() -> None:
    logits, classes, _, covers, labels = random_case(3)
    mine = matching_cost(logits, classes, covers, labels)
    p = classes.softmax(dim=1)
    for q in range(5):
        for g in range(3):
            reference = literal.cost(logits[q].tolist(), float(p[q, labels[g]]), covers[g].tolist(), 0.5)
            assert mine[q, g].item() == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize("loss", [mask_bce, mask_dice])
def test_gradients_of_mask_losses(loss) -> None:
    logits, _, _, covers, _ = random_case(1)
    start = logits[:3].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda a: loss(a, covers), (start,))


def test_gradients_of_the_whole_loss_of_a_view() -> None:
    logits, classes, u, covers, labels = random_case(2)
    targets = ViewTargets(
        torch.arange(5), torch.arange(7), covers, labels, torch.ones(5, 3, dtype=torch.bool),
        torch.zeros(5, dtype=torch.bool),
    )  # fmt: skip
    masks = (logits + 6 * (covers.repeat(2, 1)[:5] - 0.5)).requires_grad_()

    def whole(a, b, c):
        return view_loss(Prediction(a, b, c, torch.zeros(5, 2, dtype=torch.float64)), targets, LossConfig())

    start = (masks.detach().requires_grad_(), classes.requires_grad_(), u.requires_grad_())
    assert torch.autograd.gradcheck(whole, start)


def test_matching_keeps_to_allowed_pairs() -> None:
    logits, classes, _, covers, labels = random_case(4)
    allowed = torch.zeros(5, 3, dtype=torch.bool)
    allowed[3, 1] = allowed[4, 1] = True
    query, instance = match(logits, classes, covers, labels, allowed, matcher="hungarian")
    assert instance.tolist() == [1] and query.tolist()[0] in (3, 4)
    assert len(match(logits, classes, covers, labels, allowed & False, matcher="hungarian")[0]) == 0


def test_the_cheapest_matching_leaves_ties_alone_and_shares_queries() -> None:
    logits = torch.tensor([[5.0, 5, -5], [-5, -5, 5], [-5, -5, 5]], dtype=torch.float64)
    classes = torch.zeros(3, 3, dtype=torch.float64)
    covers = torch.tensor([[1.0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.float64)
    labels, allowed = torch.tensor([0, 1, 0]), torch.ones(3, 3, dtype=torch.bool)
    query, instance = match(logits, classes, covers, labels, allowed, matcher="sparse_top1")
    assert instance.tolist() == [0, 2] and query.tolist() == [0, 0]  # 1 and 2 tie for the second thing
    query, instance = match(logits, classes, covers, labels, allowed, matcher="hungarian")
    assert sorted(instance.tolist()) == [0, 1, 2] and len(set(query.tolist())) == 3


SUPERPOINT = np.array([0, 0, 1, 1, 2, 2, 3, 3])
NAMES, COLUMNS = {1: "mug", 2: "bowl"}, {"mug": 0, "bowl": 1}


def seen_by_views() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first view sees superpoints 0, 1, 3; the second 2 and 3. Superpoints 0 to 2 are the mug."""
    visible = np.array([[1, 1, 1, 1, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1, 1]], bool)
    ids = np.array([[1, 1, 1, 1, 0, 0, 255, 255], [0, 0, 0, 0, 1, 1, 0, 0]])
    sees = np.array([[True, True, False, True], [False, False, True, True]])
    return visible, ids, sees


def test_a_view_teaches_its_own_rows_and_columns() -> None:
    visible, ids, sees = seen_by_views()
    queries = np.array([0, 2, 3])
    first, second = view_targets(
        SUPERPOINT, queries, visible, ids, sees, NAMES, COLUMNS, [0, 1], assign="every"
    )
    assert first.rows.tolist() == [0, 2] and first.columns.tolist() == [0, 1, 3]
    assert first.covers.tolist() == [[1, 1, 0]] and first.labels.tolist() == [0]
    assert first.allowed.tolist() == [[True], [False]]
    assert first.ignored.tolist() == [False, False]  # the last is known to be no thing
    assert second.rows.tolist() == [1, 2] and second.ignored.tolist() == [False, True]


def test_by_the_paper_a_query_belongs_to_one_view() -> None:
    visible, ids, sees = seen_by_views()
    both = view_targets(
        SUPERPOINT, np.array([0, 2, 3]), visible, ids, sees, NAMES, COLUMNS, [0, 1], assign="one"
    )
    assert [t.rows.tolist() for t in both] == [[0, 2], [1]]


def test_a_view_of_nothing_known_is_skipped() -> None:
    visible, ids, sees = seen_by_views()
    queries = np.arange(4)
    for names in ({}, {1: "never heard of"}):
        assert not view_targets(SUPERPOINT, queries, visible, ids, sees, names, COLUMNS, [0], assign="every")


def test_without_vip_the_hidden_part_is_punished() -> None:
    visible, ids, _ = seen_by_views()
    (only,) = partial_targets(SUPERPOINT, np.arange(4), visible, ids, NAMES, COLUMNS, [0], 4)
    assert only.columns.tolist() == [0, 1, 2, 3] and only.covers.tolist() == [[1, 1, 0, 0]]


def test_full_labels_are_one_view_and_novel_things_are_not_background() -> None:
    truth = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    known = np.array([True] * 6 + [False] * 2)
    (only,) = scene_targets(SUPERPOINT, np.arange(4), truth, NAMES, COLUMNS, 4, known=known)
    assert only.covers.tolist() == [[1, 1, 0, 0]] and only.ignored.tolist() == [False, False, False, True]
