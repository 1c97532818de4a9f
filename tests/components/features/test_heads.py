"""Heads: prototypes and linear classifiers over rendered features."""

import torch

from liftlab.components.features.heads import ObjectHead, cosine_rows, means_by_label

WEIGHT = torch.tensor([[0.0, 1.0], [1.0, 0.0], [-3.0, 0.0]])
ALL = torch.ones(3, dtype=torch.bool)
F = torch.tensor([[0.1, 5.0], [2.0, 0.1], [-0.1, 0.0], [-1.0, -2.0]])


def test_prototypes_go_by_direction() -> None:
    head = ObjectHead("prototypes", WEIGHT, torch.zeros(3), ALL)
    assert head.count == 2
    assert head.objects_of(F).tolist() == [0, 1, 2, 2]
    assert head.objects_of(F.reshape(2, 2, 2)).tolist() == [[0, 1], [2, 2]]


def test_unlike_features_can_be_rejected() -> None:
    head = ObjectHead("prototypes", WEIGHT, torch.zeros(3), ALL, min_cosine=0.5)
    assert head.objects_of(F).tolist() == [0, 1, 2, 0]


def test_objects_that_do_not_exist_are_never_answered() -> None:
    some = torch.tensor([True, True, False])
    assert ObjectHead("prototypes", WEIGHT, torch.zeros(3), some).objects_of(F).tolist() == [0, 1, 0, 1]
    assert ObjectHead("linear", WEIGHT, torch.zeros(3), some).objects_of(F).tolist() == [0, 1, 0, 1]
    none = torch.zeros(3, dtype=torch.bool)
    assert ObjectHead("prototypes", WEIGHT, torch.zeros(3), none).objects_of(F).tolist() == [0, 0, 0, 0]


def test_the_classifier_has_a_bias() -> None:
    bias = torch.tensor([0.0, 9.0, 0.0])
    assert ObjectHead("linear", WEIGHT, bias, ALL).objects_of(F).tolist() == [1, 1, 1, 1]


def test_cosine_rows() -> None:
    cosine = cosine_rows(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]]), [0, 2])
    assert cosine[0, 0] == 1 and cosine[1, 2] == 1
    assert 0.999 < float(cosine[0, 1]) < 1  # another object, however alike
    assert cosine[0, 2:].tolist() == [0, 0]


def test_means_by_label() -> None:
    means = means_by_label(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([2, 2, 0]), 2)
    assert means.tolist() == [[5.0], [0.0], [2.0]]
