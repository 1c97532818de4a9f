"""What the records of all choices have in common: the settings an entry is made with, whether it can be used here."""

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from liftlab.components.errors import InputError, closest
from liftlab.components.models import ModelEntry, ModelStore, model_status
from liftlab.components.registry import Registry, check_choices, registry_of


@dataclass(frozen=True)
class Needs:
    """A model with weights that an entry runs on; see `liftlab models`."""

    model: str
    """Name in the catalogue; where any of a task will do, the one that is recommended to whoever has none."""
    task: str = ""
    """Any model of this task will do; empty: `model` alone."""

    def candidates(self, store: ModelStore) -> list[ModelEntry]:
        """The models that will do."""
        if not self.task:
            return [store.entry(self.model)]
        return [entry for entry in store.entries if entry.task == self.task]


@dataclass(frozen=True, kw_only=True)
class ChoiceRecord:
    """One entry of a registry of choices."""

    name: str
    """As in settings and on the command line."""
    label: str
    """What people read in a list, starting in lower case unless with a name."""
    summary: str
    """One sentence for people."""
    licence: str
    """Of its code; that of weights is the catalogue's."""
    make: Callable[..., Any]
    """Makes it; the subclasses say from what. Raises InputError with the command when a model is missing."""
    needs: Needs | None = None
    """None where nothing but this package is needed."""
    config: type | None = None
    """Dataclass of its settings, filled from `options` of the step's configuration; None: it reads the step's own."""


def settings_for(record: ChoiceRecord, config: Any) -> Any:
    """What `make` of a record is given first: `record.config` filled from `config.options[NAME]`, else all of `config`.

    Raises:
        InputError: There is no such option, or its value cannot be used.
    """
    if record.config is None:
        return config
    given = dict(config.options.get(record.name, {}))
    known = [setting.name for setting in fields(record.config)]
    for name in given:
        if name not in known:
            raise InputError(f"'{record.name}' has no option '{name}'. {closest(name, known)}")
    return record.config(**given)


def check_settings(config: Any) -> None:
    """Check a step's configuration: names are those of registries, and options those of entries that take some.

    Raises:
        InputError: A name is unknown, or an option is.
    """
    check_choices(config)
    if not config.options:
        return
    registries = [registry for setting in fields(config) if (registry := registry_of(setting)) is not None]
    takers = {one.name: one for registry in registries for one in registry.records() if one.config}
    for name in config.options:
        if name not in takers:
            raise InputError(f"Nothing called '{name}' takes options here. {closest(name, list(takers))}")
        settings_for(takers[name], config)


def missing(record: ChoiceRecord, store: ModelStore | None = None) -> str:
    """How to get what an entry needs, in a sentence or two; empty where it can be used here. Asks no network."""
    if record.needs is None:
        return ""
    store = store or ModelStore.open(os.environ)
    if any(model_status(store, entry).state == "ready" for entry in record.needs.candidates(store)):
        return ""
    wanted = model_status(store, store.entry(record.needs.model))
    return f"'{record.name}' needs the model {wanted.entry.name}. {wanted.sentence}"


def entry_of(config: Any, setting: str) -> Any:
    """The record that a field of a configuration names."""
    registry = next(registry_of(entry) for entry in fields(config) if entry.name == setting)
    assert isinstance(registry, Registry), f"{setting} must name an entry of a registry"
    return registry.get(getattr(config, setting))
