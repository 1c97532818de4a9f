"""Overlap of boxes by hand."""

import torch

from liftlab.components.masks.boxes import box_iou


def test_the_overlap_of_boxes_by_hand() -> None:
    box = torch.tensor([0.0, 0.0, 2.0, 2.0])
    others = torch.tensor([[0.0, 0, 2, 2], [1, 1, 3, 3], [2, 0, 4, 2], [0, 0, 1, 2]])
    torch.testing.assert_close(box_iou(box, others), torch.tensor([1.0, 1 / 7, 0.0, 0.5]))


def test_empty_boxes_share_nothing() -> None:
    assert box_iou(torch.zeros(4), torch.zeros(1, 4)).tolist() == [0.0]
