"""The click solver on the toy scene: whole objects, and corrections that act where one clicks."""

import threading

import numpy as np
import pytest

from liftlab.components.clicks import Box, Click, ClickList
from liftlab.components.masks.clicks.pieces import GraphCutConfig, PieceFinder, centrality, inradius
from liftlab.components.masks.clicks.solver import ClickSolver, GraphCutSolver
from liftlab.pipelines.steps.masks import MasksConfig, build_masks
from tests.toy import Toy, make_toy


@pytest.fixture(scope="module")
def toy() -> Toy:
    return make_toy(width=160, height=120)


JUDGE = "liftlab.components.masks.clicks.pieces.judge"


@pytest.fixture(scope="module")
def cache(toy: Toy):
    return build_masks(toy.scene, MasksConfig())


@pytest.fixture
def solver(toy: Toy, cache) -> GraphCutSolver:
    return GraphCutSolver(toy.scene, cache, GraphCutConfig())


def click(toy: Toy, box: int, view: int, *, positive: bool = True) -> Click:
    rows, columns = np.nonzero(toy.instance[view] == box)
    middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return Click(view, columns[middle] + 0.5, rows[middle] + 0.5, positive)


def pooled(masks: tuple[np.ndarray, ...], truth: np.ndarray) -> float:
    stacked = np.stack(masks)
    return float((stacked & truth).sum() / (stacked | truth).sum())


def test_it_is_a_click_solver(solver: GraphCutSolver) -> None:
    assert isinstance(solver, ClickSolver)


@pytest.mark.parametrize("box", [1, 2, 3])
def test_one_click_gives_the_box_in_every_view(toy: Toy, solver: GraphCutSolver, box: int) -> None:
    answer = solver.solve(ClickList((click(toy, box, 0),), ()))
    assert pooled(answer.masks, toy.instance == box) > 0.8
    assert answer.object_ids and len(answer.leaves)


def test_the_judge_says_what_a_later_positive_click_adds(
    toy: Toy, cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ClickList((click(toy, 1, 0), click(toy, 3, 1)), ())
    under = cache.at(1, both.clicks[1].x, both.clicks[1].y).tolist()
    added = set()
    for index in range(len(under)):
        monkeypatch.setattr(JUDGE, lambda k=index: lambda inputs: np.arange(len(inputs)) == k)
        added.add(GraphCutSolver(toy.scene, cache, GraphCutConfig()).solve(both).object_ids[-1])
    assert len(added & set(under)) >= 2


def test_what_holds_all_positive_clicks_comes_first_and_nothing_that_holds_a_negative_one(
    toy: Toy, cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = PieceFinder(toy.scene, cache, GraphCutConfig())
    monkeypatch.setattr(JUDGE, lambda: lambda inputs: np.full(len(inputs), 0.5))
    first, last = click(toy, 2, 0), click(toy, 3, 0)
    in_first, in_last = (set(cache.at(one.view, one.x, one.y).tolist()) for one in (first, last))
    ordered = finder._likeliest_first((first, last))
    assert set(ordered) == in_last
    assert set(ordered[: len(in_first & in_last)]) == in_first & in_last
    out = click(toy, 2, 0, positive=False)
    left = set(finder._likeliest_first((last, out, last)))
    assert left and left == in_last - in_first


def test_a_second_box_is_added_and_a_negative_click_takes_only_it_away(
    toy: Toy, solver: GraphCutSolver
) -> None:
    both = (click(toy, 1, 0), click(toy, 3, 1))
    joined = solver.solve(ClickList(both, ()))
    assert pooled(joined.masks, (toy.instance == 1) | (toy.instance == 3)) > 0.8
    parted = solver.solve(ClickList((*both, click(toy, 3, 2, positive=False)), ()))
    assert pooled(parted.masks, toy.instance == 1) > 0.75


@pytest.mark.parametrize("seed", range(4))
def test_a_later_positive_click_only_adds_and_a_negative_one_only_takes_away(
    toy: Toy, solver: GraphCutSolver, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    given = [click(toy, int(rng.integers(1, 4)), int(rng.integers(4)))]
    before = solver.solve(ClickList(tuple(given), ()))
    changes = 0
    for _ in range(8):
        positive = bool(rng.integers(2))
        given.append(Click(int(rng.integers(4)), rng.uniform(0, 160), rng.uniform(0, 120), positive))
        after = solver.solve(ClickList(tuple(given), ()))
        for old, new in zip(before.masks, after.masks, strict=True):
            assert not (old & ~new if positive else new & ~old).any()
            changes += int((old != new).sum())
        lost, won = set(before.leaves) - set(after.leaves), set(after.leaves) - set(before.leaves)
        assert not (lost if positive else won)
        before = after
    assert changes > 0


def test_a_click_at_the_rim_of_a_thing_does_not_mean_the_whole_thing(
    toy: Toy, solver: GraphCutSolver
) -> None:
    first = click(toy, 1, 0)
    rows, columns = np.nonzero(toy.instance[0] == 3)
    rim = Click(0, float(columns.max()) - 0.5, float(rows[columns.argmax()]) + 0.5, True)
    middle = click(toy, 3, 0)
    thing = toy.instance[0] == 3
    at_rim = solver.solve(ClickList((first, rim), ())).masks[0]
    in_middle = solver.solve(ClickList((first, middle), ())).masks[0]
    assert (in_middle & thing).sum() > 0.8 * thing.sum()
    assert at_rim[int(rim.y), int(rim.x)] and (at_rim & thing).sum() < 0.5 * thing.sum()


def test_where_a_photo_shows_nothing_of_the_object_a_click_stays_around_itself(
    toy: Toy, cache, solver: GraphCutSolver
) -> None:
    first = click(toy, 1, 0)
    selection = solver.solve(ClickList((first,), ()))
    edge = Click(3, 2.5, 2.5, True)  # on the floor's far edge, far from every box
    after = solver.solve(ClickList((first, edge), ())).masks
    added = [int((new & ~old).sum()) for old, new in zip(selection.masks, after, strict=True)]
    assert after[3][2, 2] and max(added) < 0.2 * 160 * 120


def test_the_clicked_pixel_becomes_what_was_asked(toy: Toy, solver: GraphCutSolver) -> None:
    first = click(toy, 1, 0)
    for x, y, positive in ((150, 110, True), (first.x + 6, first.y + 2, False)):
        last = Click(0, float(x), float(y), positive)
        answer = solver.solve(ClickList((first, last), ()))
        assert answer.masks[0][int(y), int(x)] == positive


def test_equal_clicks_give_equal_masks_with_and_without_memory(toy: Toy, cache) -> None:
    given = ClickList((click(toy, 2, 0), click(toy, 3, 1, positive=False), click(toy, 1, 2)), ())
    step_by_step = GraphCutSolver(toy.scene, cache, GraphCutConfig())
    for count in range(1, 4):
        answer = step_by_step.solve(ClickList(given.clicks[:count], ()))
    at_once = GraphCutSolver(toy.scene, cache, GraphCutConfig(remembered=1)).solve(given)
    assert all(np.array_equal(a, b) for a, b in zip(answer.masks, at_once.masks, strict=True))


def test_nothing_asked_gives_empty_masks(toy: Toy, solver: GraphCutSolver) -> None:
    for given in (ClickList((), ()), ClickList((click(toy, 1, 0, positive=False),), ())):
        answer = solver.solve(given)
        assert not any(mask.any() for mask in answer.masks) and len(answer.leaves) == 0


def test_a_negative_click_before_the_first_positive_one_counts(toy: Toy, solver: GraphCutSolver) -> None:
    given = ClickList((click(toy, 3, 0, positive=False), click(toy, 2, 0)), ())
    assert pooled(solver.solve(given).masks, toy.instance == 2) > 0.75


def test_a_box_takes_what_fills_it(toy: Toy, solver: GraphCutSolver) -> None:
    rows, columns = np.nonzero(toy.instance[1] == 1)
    box = Box(1, float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    assert pooled(solver.solve(ClickList((), (box,))).masks, toy.instance == 1) > 0.8


def test_granularity_counts_up_the_candidates(toy: Toy, solver: GraphCutSolver) -> None:
    first = click(toy, 2, 0)
    areas = []
    for granularity in (0.0, 0.5, 1.0):
        asked = Click(first.view, first.x, first.y, True, granularity)
        areas.append(sum(int(mask.sum()) for mask in solver.solve(ClickList((asked,), ())).masks))
    assert areas == sorted(areas)


def test_threads_get_the_same_answers(toy: Toy, solver: GraphCutSolver) -> None:
    given = [ClickList((click(toy, box, 0),), ()) for box in (1, 2, 3)]
    expected = [[int(mask.sum()) for mask in solver.solve(g).masks] for g in given]
    wrong: list[int] = []

    def ask(number: int) -> None:
        for _ in range(3):
            areas = [int(mask.sum()) for mask in solver.solve(given[number]).masks]
            if areas != expected[number]:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1, 2, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_masks_without_solver_state_are_refused(toy: Toy) -> None:
    with pytest.raises(ValueError, match="solver state"):
        GraphCutSolver(toy.scene, toy.masks, GraphCutConfig())


def test_centrality_is_one_in_the_middle_half_way_out_a_half_and_zero_outside() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:26, 10:31] = True  # a square of 21
    mask[30:33, 40:59] = True  # another piece does not count
    spot = {x: centrality(mask, Click(0, x + 0.5, 15.5, True)) for x in (20, 15, 10, 5)}
    assert spot[20] == 1 and spot[15] == pytest.approx(6 / 11) and spot[10] == pytest.approx(1 / 11)
    assert spot[5] == 0
    assert centrality(mask, Click(0, 50.5, 31.5, True)) == 1


def test_inradius() -> None:
    mask = np.zeros((20, 20), bool)
    assert inradius(mask) == 0
    mask[4:11, 5:16] = True
    assert inradius(mask) == 4
