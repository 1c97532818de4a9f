"""Undo and redo as laws over random edits."""

import random

import pytest

from liftlab.session.history import LONGEST, History


class Add:
    def __init__(self, value: int) -> None:
        self.value = value

    def do(self, state: list[int]) -> None:
        if self.value < 0:
            raise ValueError("refused")
        state.append(self.value)

    def undo(self, state: list[int]) -> None:
        assert state.pop() == self.value


@pytest.mark.parametrize("seed", range(5))
def test_undo_and_redo_walk_along_the_states_that_were(seed: int) -> None:
    rng = random.Random(seed)
    state: list[int] = []
    history = History(state)
    states, cursor = [[]], 0
    for step in range(300):
        action = rng.choice(["do", "do", "undo", "redo"])
        if action == "do":
            history.do(Add(step))
            states, cursor = [*states[: cursor + 1], list(state)], cursor + 1
        elif action == "undo":
            assert history.undo() == (cursor > 0)
            cursor = max(0, cursor - 1)
        else:
            assert history.redo() == (cursor < len(states) - 1)
            cursor = min(len(states) - 1, cursor + 1)
        assert state == states[cursor]
        assert (history.can_undo, history.can_redo) == (cursor > 0, cursor < len(states) - 1)


def test_a_failed_edit_leaves_state_and_history_as_they_were() -> None:
    state: list[int] = []
    history = History(state)
    history.do(Add(1))
    history.do(Add(2))
    history.undo()
    with pytest.raises(ValueError, match="refused"):
        history.do(Add(-1))
    assert state == [1]
    assert history.redo()
    assert state == [1, 2]


def test_the_oldest_edits_are_forgotten() -> None:
    state: list[int] = []
    history = History(state)
    for value in range(LONGEST + 50):
        history.do(Add(value))
    while history.undo():
        pass
    assert state == list(range(50))
