"""Undo and redo: every edit is an object with `do` and `undo`; the cursor moves only after success."""

from typing import Generic, Protocol, TypeVar

S_contra = TypeVar("S_contra", contravariant=True)
LONGEST = 500


class Edit(Protocol[S_contra]):
    """A change to a state that can be taken back. `do` and `undo` either succeed or leave the state as it
    was.
    """

    def do(self, state: S_contra) -> None: ...

    def undo(self, state: S_contra) -> None: ...


T = TypeVar("T")


class History(Generic[T]):
    """The edits made to one state, oldest first; the oldest are forgotten beyond `LONGEST`."""

    def __init__(self, state: T) -> None:
        self._state = state
        self._edits: list[Edit[T]] = []
        self._cursor = 0

    @property
    def can_undo(self) -> bool:
        return self._cursor > 0

    @property
    def can_redo(self) -> bool:
        return self._cursor < len(self._edits)

    def do(self, edit: Edit[T]) -> None:
        """Make an edit; what had been undone before can no longer be redone."""
        edit.do(self._state)
        del self._edits[self._cursor :]
        self._edits.append(edit)
        del self._edits[: max(0, len(self._edits) - LONGEST)]
        self._cursor = len(self._edits)

    def undo(self) -> bool:
        """Take back the last edit; False when there is none."""
        if not self.can_undo:
            return False
        self._edits[self._cursor - 1].undo(self._state)
        self._cursor -= 1
        return True

    def redo(self) -> bool:
        """Make the edit taken back last again; False when there is none."""
        if not self.can_redo:
            return False
        self._edits[self._cursor].do(self._state)
        self._cursor += 1
        return True

    def put_away(self) -> tuple[tuple[Edit[T], ...], int]:
        """All edits and where the cursor stands, for `take_up`."""
        return tuple(self._edits), self._cursor

    def take_up(self, edits: tuple[Edit[T], ...], cursor: int) -> None:
        """Go on with what `put_away` gave, once the state is as it was then."""
        self._edits, self._cursor = list(edits), cursor

    def clear(self) -> None:
        self._edits.clear()
        self._cursor = 0
