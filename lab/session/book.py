"""The objects of a session as they are asked for: in order, with their names, and which of them clicks go to.

The book knows nothing of scenes and answers. It makes edits (`ChangeObject`); the session's history does and undoes
them, each time with the answer first.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from liftlab.components.errors import InputError
from liftlab.pictures.palette import next_colour
from liftlab.session.objects import MethodChoice, ObjectRequest
from liftlab.session.prompts import ADJUST_MAX, ObjectPrompts, PhotoStroke, PromptClick, new_object_name

if TYPE_CHECKING:
    from liftlab.session.session import Session


@dataclass(frozen=True)
class ChooseMethod:
    """An edit: what will answer the next object, while there is none."""

    before: MethodChoice
    after: MethodChoice

    def do(self, state: "Session") -> None:
        state.book.choose(self.after)

    def undo(self, state: "Session") -> None:
        state.book.choose(self.before)


@dataclass(frozen=True)
class ChangeObjects:
    """An edit of several objects at once: all of them, or none when one fails."""

    changes: tuple["ChangeObject", ...]

    def do(self, state: "Session") -> None:
        _all_or_none([(partial(c.do, state), partial(c.undo, state)) for c in self.changes])

    def undo(self, state: "Session") -> None:
        _all_or_none([(partial(c.undo, state), partial(c.do, state)) for c in reversed(self.changes)])


def _all_or_none(steps: Sequence[tuple[Callable[[], None], Callable[[], None]]]) -> None:
    """Do the first of each pair in order; when one fails, the second of those done, backwards."""
    with contextlib.ExitStack() as back:
        for do, undo in steps:
            do()
            back.callback(undo)
        back.pop_all()


@dataclass(frozen=True)
class ChangeObject:
    """An edit: one object's ask before and after it (None: not there), and which object was current."""

    before: ObjectRequest | None
    after: ObjectRequest | None
    current_before: int | None
    current_after: int | None
    place: int
    """Index in the list of objects."""

    def do(self, state: "Session") -> None:
        state.answerer.follow(self.before, self.after)  # first, so that a failure changes nothing
        state.book.put(self.before, self.after, self.place, self.current_after)

    def undo(self, state: "Session") -> None:
        state.answerer.follow(self.after, self.before)
        state.book.put(self.after, self.before, self.place, self.current_before)


class ObjectBook:
    """Objects by id, names that are free, and the edits that change them."""

    def __init__(self) -> None:
        self.entries: tuple[ObjectRequest, ...] = ()
        """In order of creation."""
        self.current_id: int | None = None
        """Object that clicks go to; None before the first."""
        self.choice = MethodChoice()
        """What answers the current object, or the next one while there is none."""
        self.version = 0
        """Grows with every change."""
        self._next_id = 1

    # Looking up

    def entry(self, object_id: int | None) -> ObjectRequest:
        """One object. InputError when it is gone."""
        for entry in self.entries:
            if entry.id == object_id:
                return entry
        raise InputError("This object is gone; choose another one.")

    @property
    def current(self) -> ObjectRequest:
        """The object that clicks go to. InputError before the first."""
        if self.current_id is None:
            raise InputError("There is no object yet; click on one first.")
        return self.entry(self.current_id)

    def fresh(self, name: str | None, *, named: bool = True) -> ObjectRequest:
        """An object that is not in the book yet, with the next number and colour; None takes a free name.

        Args:
            named: A person gave it this name.

        Raises:
            InputError: The name is taken or cannot be a file name.
        """
        named = named and name is not None
        if name is None:
            taken = {entry.prompts.object.casefold() for entry in self.entries}
            name = next(n for i in range(1, len(taken) + 2) if (n := f"object {i}") not in taken)
        prompts = ObjectPrompts(self.free_name(name))
        entry = ObjectRequest(
            self._next_id, next_colour([e.colour for e in self.entries]), prompts, named, self.choice
        )
        self._next_id += 1
        return entry

    def free_name(self, name: str, own_id: int | None = None) -> str:
        """`name` when no object but `own_id` has it. InputError when it is taken or cannot be a file name."""
        name = new_object_name(name)
        for entry in self.entries:
            if entry.id != own_id and entry.prompts.object.casefold() == name.casefold():
                raise InputError(f"Another object is called '{entry.prompts.object}'; choose another name.")
        return name

    # Edits

    def change(self, before: ObjectRequest | None, after: ObjectRequest | None) -> ChangeObject:
        """The edit that puts `after` where `before` is; None adds or deletes. The object becomes current."""
        place = len(self.entries) if before is None else self.entries.index(before)
        current = self.current_id
        if after is not None:
            current = after.id
        elif before is not None and before.id == current:
            rest = [entry for entry in self.entries if entry is not before]
            current = rest[min(place, len(rest) - 1)].id if rest else None
        return ChangeObject(before, after, self.current_id, current, place)

    def renamed(self, object_id: int, name: str) -> ChangeObject:
        """The edit that gives an object another name."""
        entry = self.entry(object_id)
        prompts = replace(entry.prompts, object=self.free_name(name, object_id))
        return self.change(entry, replace(entry, prompts=prompts, named=True))

    def answered_by(self, choice: MethodChoice) -> "ChangeObject | ChooseMethod | None":
        """The edit that has another method answer the current object, or the next one while there is none; None when
        it does already.
        """
        if choice == self.choice:
            return None
        if self.current_id is None:
            return ChooseMethod(self.choice, choice)
        return self.change(self.current, replace(self.current, method=choice))

    def all_answered_by(self, choice: MethodChoice) -> ChangeObjects | None:
        """The edit that has another method answer all objects; the current one stays current. None when it does."""
        changes = tuple(
            ChangeObject(e, replace(e, method=choice), self.current_id, self.current_id, place)
            for place, e in enumerate(self.entries)
            if e.choice != choice
        )
        return ChangeObjects(changes) if changes else None

    def asked(self, prompts: ObjectPrompts) -> ChangeObject | None:
        """The edit that asks something else for the current object; None when that is what it asks for."""
        entry = self.current
        return None if prompts == entry.prompts else self.change(entry, replace(entry, prompts=prompts))

    def marked(self, mark: PromptClick | PhotoStroke) -> ChangeObject:
        """The edit that adds a click, a box or a stroke to the current object.

        Where there is no object yet, the same edit makes the first one, so that one undo takes it all back.
        """
        before = None if self.current_id is None else self.current
        entry = before or self.fresh(None)
        prompts = entry.prompts
        if isinstance(mark, PhotoStroke):
            prompts = replace(prompts, strokes=(*prompts.strokes, mark))
        else:
            prompts = replace(prompts, clicks=(*prompts.clicks, mark))
        return self.change(before, replace(entry, prompts=prompts))

    def adjusted(self, steps: int) -> ChangeObject | None:
        """The edit that grows (positive) or shrinks the current object, as far as that goes."""
        prompts = self.current.prompts
        if not prompts.clicks:
            raise InputError("There is nothing to grow or shrink yet; click on an object first.")
        steps = max(-ADJUST_MAX, min(ADJUST_MAX, prompts.adjust + steps))
        return self.asked(replace(prompts, adjust=steps))

    # What edits and sessions do

    def put(
        self, before: ObjectRequest | None, after: ObjectRequest | None, place: int, current: int | None
    ) -> None:
        """Have `after` at a place where `before` was, and `current` as the current object. Only edits call it."""
        entries = list(self.entries)
        entries[place : place + (before is not None)] = [] if after is None else [after]
        self.entries, self.current_id = tuple(entries), current
        self._follow_current()
        self.version += 1

    def select(self, object_id: int) -> None:
        """Make an object current; no edit. InputError when it is gone."""
        self.entry(object_id)
        if object_id != self.current_id:
            self.current_id = object_id
            self._follow_current()
            self.version += 1

    def choose(self, choice: MethodChoice) -> None:
        """Have the next object answered by another method. Only edits and sessions that are taken up call it."""
        if choice != self.choice:
            self.choice = choice
            self.version += 1

    def fill(self, entries: Sequence[ObjectRequest], current: int | None, choice: MethodChoice) -> None:
        """Have the objects of a saved session instead; `current` counts where it is one of them.

        Args:
            choice: What answers objects that do not say, and the next one.
        """
        self.choice = choice
        self.entries = tuple(e if e.method else replace(e, method=choice) for e in entries)
        self.current_id = current if any(entry.id == current for entry in entries) else None
        self._next_id = max(max((entry.id for entry in entries), default=0) + 1, self._next_id)
        self._follow_current()
        self.version += 1

    def clear(self) -> None:
        """Have no object; ids are not used again."""
        if self.entries or self.current_id is not None:
            self.version += 1
        self.entries, self.current_id = (), None

    def _follow_current(self) -> None:
        if self.current_id is not None:
            self.choice = self.current.choice
