"""Registries of what a person chooses by name: one record per entry, read by everything that offers the choice.

A package of its own enters a record through the registry's entry-point group: importing the module that the entry point
names must call `register`.
"""

import importlib
import sys
from collections.abc import Mapping
from dataclasses import Field, fields
from importlib.metadata import entry_points
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from liftlab.components.errors import InputError, closest

CHOICES = "choices"
"""Key of a config field's `metadata` under which the registry stands whose names the field takes."""


@runtime_checkable
class Record(Protocol):
    """What every entry has."""

    @property
    def name(self) -> str: ...


R = TypeVar("R", bound=Record)


class PluginError(InputError, ImportError):
    """An installed package offers an entry that cannot be loaded; the message names it and says why."""


class Registry(Generic[R]):
    """Entries of one kind by name: ours first, then those of installed packages, in order of registration."""

    def __init__(
        self,
        kind: str,
        *,
        group: str,
        builtin: Mapping[str, str] | None = None,
    ) -> None:
        """An empty registry.

        Args:
            kind: What an entry is called in sentences for people, for example "text encoder".
            group: Entry-point group of other packages' entries.
            builtin: Our entries by name, in the order of listing: each with the module that registers it, imported when
                the entry is first asked for. A name, so that the module may import that of the registry.
        """
        self.kind, self.group = kind, group
        self.builtin = dict(builtin or {})
        self._records: dict[str, R] = {}
        self._complete = False

    def register(self, record: R) -> R:
        """Enter a record. ValueError when its name is taken, or is not one word."""
        if len(record.name.split()) != 1:
            raise ValueError(f"name must be one word; got '{record.name}'.")
        taken: Any = self._records.get(record.name)
        if taken is None and self.builtin.get(record.name, __name__) not in sys.modules:
            taken = self.builtin[record.name]  # ours, not loaded yet
        if taken is not None:
            raise ValueError(f"name must be unused; got '{record.name}', taken by {taken}. Choose another.")
        self._records[record.name] = record
        return record

    def forget(self, name: str) -> R:
        """Take an entry out again, as tests do with theirs."""
        return self._records.pop(name)

    def look_again(self) -> None:
        """Ask the installed packages anew at the next question, after one was installed into a running process."""
        self._complete = False

    def records(self) -> list[R]:
        """All entries. PluginError when a package's entry point cannot be loaded."""
        self._load()
        return sorted(self._records.values(), key=self._place)

    def names(self) -> list[str]:
        """Names of all entries, in the order of `records`."""
        return [record.name for record in self.records()]

    def get(self, name: str) -> R:
        """The entry called `name`, and of ours no other is loaded; InputError with the nearest names when there is
        none.
        """
        if name not in self._records and name in self.builtin:
            importlib.import_module(self.builtin[name])
        if name not in self._records:
            self._load()
        if name not in self._records:
            raise InputError(f"Unknown {self.kind} '{name}'. {closest(name, self.names())}")
        return self._records[name]

    def _load(self) -> None:
        """Import what registers entries, once. Without a lock: importing twice at a time is the import system's job."""
        if self._complete:
            return
        for module in self.builtin.values():
            importlib.import_module(module)
        for point in entry_points(group=self.group):
            try:
                point.load()
            except Exception as error:
                raise PluginError(
                    f"The {self.kind} plug-in '{point.name}' ({point.value}) failed to load: {error}"
                ) from error
        self._complete = True

    def _place(self, record: R) -> int:
        return [*self.builtin, record.name].index(record.name)


def chosen_from(registry: Registry[Any]) -> dict[str, Any]:
    """`metadata` of a config field that holds the name of one of a registry's entries."""
    return {CHOICES: registry}


def registry_of(setting: "Field[Any]") -> Registry[Any] | None:
    """The registry whose names a config field takes; None for any other field."""
    return setting.metadata.get(CHOICES)


def check_choices(config: Any) -> None:
    """Raises InputError when a field of a config dataclass holds no name of its registry."""
    for setting in fields(config):
        registry = registry_of(setting)
        if registry is not None:
            registry.get(getattr(config, setting.name))
