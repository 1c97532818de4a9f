"""Clicks answered by SAM 2.1's decoder: with a network that knows the truth, and with one of random weights."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.masks.cache import MaskCache
from liftlab.components.masks.sam2.network import Embedding, Sam2Network
from liftlab.components.masks.sam2.solver import Sam2ClickSolver
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from tests.tiny_sam2 import CPU
from tests.toy import Toy, make_toy

SIDE = 288


class Oracle(Sam2Network):
    """A network that knows the truth: it answers with the instance under the first positive click or in the box."""

    toy: Toy
    asked: list[tuple[int, list[list[list[float]]], list[list[int]], bool]]
    """Per pass: view, points, labels, and whether it started from a mask."""

    def __init__(self, toy: Toy) -> None:
        super().__init__(SimpleNamespace(device=CPU, image_size=4 * SIDE), "oracle")
        object.__setattr__(self, "toy", toy)
        object.__setattr__(self, "asked", [])

    def embed(self, image: np.ndarray) -> Embedding:
        view = next(i for i, v in enumerate(self.toy.scene.views) if v.image is image)
        level = torch.full((1, 1, 1, 1), float(view))
        return Embedding((level, level, level), (image.shape[0], image.shape[1]))

    def decode(self, embedding, points, labels, *, box=None, mask_logits=None, several=False):
        view = int(embedding.levels[0])
        self.asked.append((view, points.tolist(), labels.tolist(), mask_logits is not None))
        truth = self.toy.instance[view]
        if (labels == 1).any():
            xy = points[0][labels[0] == 1][0]
        else:
            assert box is not None
            xy = (box[0][:2] + box[0][2:]) / 2
        mask = truth == truth[int(xy[1]), int(xy[0])]
        for x, y in points[0][labels[0] == 0]:
            mask = mask & (truth != truth[int(y), int(x)])
        wide = torch.from_numpy(np.where(mask, 5.0, -5.0).astype(np.float32))[None]
        logits = torch.nn.functional.interpolate(wide[None], size=(SIDE, SIDE), mode="nearest")
        small = logits.clone()
        small[:, :, SIDE // 2 :] = -5
        return (torch.cat([logits, small, torch.full_like(logits, 5.0)], dim=1) if several else logits), (
            torch.tensor([[0.9, 0.5, 0.4]]) if several else torch.tensor([[0.9]])
        )


@pytest.fixture(scope="module")
def wide_toy() -> Toy:
    return make_toy(width=160, height=120)


@pytest.fixture(scope="module")
def cache(wide_toy: Toy) -> MaskCache:
    return build_masks(wide_toy.scene, MasksConfig())


@pytest.fixture
def oracle(wide_toy: Toy) -> Oracle:
    return Oracle(wide_toy)


@pytest.fixture
def solver(wide_toy: Toy, cache: MaskCache, oracle: Oracle) -> Sam2ClickSolver:
    return Sam2ClickSolver(wide_toy.scene, cache, oracle)


def middle_of(toy: Toy, view: int, box: int) -> tuple[float, float]:
    rows, columns = np.nonzero(toy.instance[view] == box)
    return float(np.median(columns)) + 0.5, float(np.median(rows)) + 0.5


def click(toy: Toy, view: int, box: int, positive: bool = True, granularity: float | None = None) -> Click:
    return Click(view, *middle_of(toy, view, box), positive, granularity)


@pytest.mark.parametrize("box", [1, 2, 3])
def test_the_clicked_photo_gets_the_networks_mask_and_the_others_follow(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle, box: int
) -> None:
    answer = solver.solve(ClickList((click(wide_toy, 1, box),), ()))
    truth = wide_toy.instance == box
    assert (answer.masks[1] == truth[1]).mean() > 0.995
    for view in (0, 2, 3):
        assert (answer.masks[view] & truth[view]).sum() > 0.75 * (answer.masks[view] | truth[view]).sum()
    assert len(oracle.asked) == 1 and len(answer.leaves)


def test_one_click_more_costs_one_pass_of_the_decoder(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle
) -> None:
    one, two = click(wide_toy, 0, 2), click(wide_toy, 3, 2)
    first = solver.solve(ClickList((one,), ()))
    assert [view for view, *_ in oracle.asked] == [0]
    solver.solve(ClickList((one, two), ()))
    assert [view for view, *_ in oracle.asked] == [0, 3]
    again = solver.solve(ClickList((one,), ()))
    assert len(oracle.asked) == 2
    assert all(np.array_equal(a, b) for a, b in zip(first.masks, again.masks, strict=True))


def test_a_negative_click_elsewhere_starts_from_what_is_seen_there(
    wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle
) -> None:
    positive, negative = click(wide_toy, 0, 2), click(wide_toy, 2, 3, positive=False)
    answer = solver.solve(ClickList((positive, negative), ()))
    view, _, labels, started = oracle.asked[-1]
    assert (view, labels, started) == (2, [[0, 1]], True)
    x, y = middle_of(wide_toy, 2, 3)
    assert not answer.masks[2][int(y), int(x)]


def test_a_box_and_granularity_reach_the_decoder(wide_toy: Toy, solver: Sam2ClickSolver) -> None:
    rows, columns = np.nonzero(wide_toy.instance[0] == 1)
    box = Box(0, *(float(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
    boxed = solver.solve(ClickList((), (box,)))
    assert (boxed.masks[0] == (wide_toy.instance[0] == 1)).mean() > 0.99
    areas = [
        int(solver.solve(ClickList((click(wide_toy, 0, 1, granularity=g),), ())).masks[0].sum())
        for g in (0.0, 0.5, 1.0)
    ]
    assert areas == sorted(areas) and areas[0] < areas[1] < areas[2]


def test_nothing_positive_selects_nothing(wide_toy: Toy, solver: Sam2ClickSolver, oracle: Oracle) -> None:
    answer = solver.solve(ClickList((click(wide_toy, 0, 1, positive=False),), ()))
    assert not any(mask.any() for mask in answer.masks) and oracle.asked == []


def test_without_a_scene_graph_only_the_clicked_photo_is_answered(wide_toy: Toy, oracle: Oracle) -> None:
    answer = Sam2ClickSolver(wide_toy.scene, wide_toy.masks, oracle).solve(
        ClickList((click(wide_toy, 0, 1),), ())
    )
    assert [bool(mask.any()) for mask in answer.masks] == [True, False, False, False]


def test_the_real_network_answers_clicks_the_same_way_twice(
    wide_toy: Toy, cache: MaskCache, network: Sam2Network, encoded: list[int]
) -> None:
    given = ClickList((click(wide_toy, 0, 1), click(wide_toy, 2, 3, positive=False)), ())
    answers = [Sam2ClickSolver(wide_toy.scene, cache, network).solve(given).masks for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))
    assert [mask.shape for mask in answers[0]] == [(120, 160)] * 4 and len(encoded) <= 2
