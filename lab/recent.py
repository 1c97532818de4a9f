"""Keeps the results used last in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """At most `limit` values, the one used longest ago is let go first; thread-safe.

    A value still used elsewhere (by a session) lives on there; letting go only means it is loaded again next
    time.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """The value of `key`, loaded once even when several threads ask at the same time."""
        with self._lock:
            if key not in self._values:
                self._values[key] = load()
                while len(self._values) > self._limit:
                    self._values.popitem(last=False)
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: Hashable, value: T) -> None:
        with self._lock:
            self._values.pop(key, None)
            self.get(key, lambda: value)

    def drop(self, key: Hashable) -> None:
        with self._lock:
            self._values.pop(key, None)

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._values

    def __len__(self) -> int:
        return len(self._values)
