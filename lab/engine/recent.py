"""Keeps the results used last in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """At most `limit` values and about `most_bytes`, the one used longest ago is let go first; thread-safe.

    A value still used elsewhere (by a session) lives on there; letting go only means it is loaded again next
    time.
    """

    def __init__(
        self, limit: int, *, most_bytes: int | None = None, size_of: Callable[[T], int] = lambda value: 0
    ) -> None:
        """Empty.

        Args:
            most_bytes: The last value stays, however large it is; None counts values only.
            size_of: Bytes of a value.
        """
        self._limit, self._most_bytes, self._size_of = limit, most_bytes, size_of
        self._bytes = 0
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """The value of `key`, loaded once even when several threads ask at the same time."""
        with self._lock:
            if key not in self._values:
                value = load()  # which may ask for other keys
                self._values[key] = value
                self._bytes += self._size_of(value)
                while len(self._values) > 1 and self._too_much:
                    self._bytes -= self._size_of(self._values.popitem(last=False)[1])
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: Hashable, value: T) -> None:
        with self._lock:
            self.drop(key)
            self.get(key, lambda: value)

    def drop(self, key: Hashable) -> None:
        with self._lock:
            if key in self._values:
                self._bytes -= self._size_of(self._values.pop(key))

    @property
    def _too_much(self) -> bool:
        return len(self._values) > self._limit or (
            self._most_bytes is not None and self._bytes > self._most_bytes
        )

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)
