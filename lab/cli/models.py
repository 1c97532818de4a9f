"""`liftlab models`: what models there are, how each stands, and bringing one here."""

import os
import sys
from typing import Any

from liftlab.cli.commands import Models
from liftlab.cli.support import say, working
from liftlab.components.errors import InputError
from liftlab.components.models import ModelEntry, ModelStatus, ModelStore, download, model_status, reachable
from liftlab.components.models.kept_files import clear_kept, kept_bytes
from liftlab.components.models.memory import memory_advice
from liftlab.components.models.states import size_text


def run_models(command: Models) -> dict[str, Any]:
    """List the models, bring one, or check every file that is here."""
    store = ModelStore.open(os.environ)
    if command.action == "list":
        if command.name is not None:
            raise InputError(
                "`liftlab models` lists them all: leave out the name, or say `liftlab models get NAME`."
            )
        return _list(store, command)
    if command.action == "verify":
        return _verify(store, command)
    if command.action == "clear":
        return _clear(store, command)
    if command.name is None:
        names = ", ".join(entry.name for entry in store.entries)
        raise InputError(f"Say which model: `liftlab models get NAME`. Available: {names}.")
    return _get(store, store.entry(command.name), command)


def _list(store: ModelStore, command: Models) -> dict[str, Any]:
    statuses = model_statuses(store, ask_network=not command.offline)
    if not command.json:
        print(f"Models folder: {store.folders[0]}")
        for status in statuses:
            entry = status.entry
            size = size_text(entry.megabytes)
            print(
                f"{entry.name:26} {status.state:16} {size:>7}  {entry.licence}\n  {entry.summary}\n  {status.sentence}"
            )
        print(kept_sentence(store))
    return {
        "folder": str(store.folders[0]), "models": [status_record(status) for status in statuses],
        "kept_bytes": kept_bytes(store.kept_folder),
    }  # fmt: skip


def kept_sentence(store: ModelStore) -> str:
    """What results of networks take up, and how to clear them."""
    size = kept_bytes(store.kept_folder)
    if size == 0:
        return "No results of networks are kept."
    return f"Results of networks kept, so that nothing is computed twice: {size / 1e6:.0f} MB. `liftlab models clear`"


def _clear(store: ModelStore, command: Models) -> dict[str, Any]:
    """Remove kept results of networks; models stay."""
    if command.name is not None:
        raise InputError("`liftlab models clear` removes all kept results of networks; leave out the name.")
    gone = clear_kept(store.kept_folder)
    if not command.json:
        print(f"{gone / 1e6:.1f} MB of results of networks removed; they are computed again when needed")
    return {"bytes_removed": gone}


def model_statuses(store: ModelStore, *, ask_network: bool) -> list[ModelStatus]:
    """How every model stands; asks the network (two seconds at most) only for files that are not here."""
    absent = [entry.address for entry in store.entries if store.find(entry) is None]
    answers = reachable(absent) if ask_network else {}
    return [model_status(store, entry, reachable=answers.get(entry.address)) for entry in store.entries]


def status_record(status: ModelStatus) -> dict[str, Any]:
    """A model's status for programs and for the page."""
    entry = status.entry
    return {
        "name": entry.name, "task": entry.task, "summary": entry.summary, "state": status.state,
        "sentence": status.sentence, "megabytes": entry.megabytes, "licence": entry.licence,
        "non_commercial": entry.non_commercial, "address": entry.address, "file": entry.file,
        "path": str(status.path) if status.path else None,
    }  # fmt: skip


def _get(store: ModelStore, entry: ModelEntry, command: Models) -> dict[str, Any]:
    import psutil

    found = store.find(entry)
    if found is not None and store.intact(entry, found):
        store.verified(entry)
        say(f"{entry.name} is here already: {found}")
        return status_record(model_status(store, entry))
    _confirm_licence(store, entry, accepted=command.accept_licence)
    advice = memory_advice(entry, store.entries, psutil.virtual_memory().available)
    if advice:
        say(advice)
    with working(f"Downloading {entry.name}") as (progress, cancel):
        path = download(entry, store.folders[0], progress=progress.report, cancel=cancel)
        progress.done(f"{entry.name} is in {path.parent}")
    status = model_status(store, entry)
    if status.state != "ready":
        say(status.sentence)
    return status_record(status)


def _confirm_licence(store: ModelStore, entry: ModelEntry, *, accepted: bool) -> None:
    """Show the licence of a non-commercial model and have it confirmed, once."""
    if store.accepted(entry):
        return
    say(f"{entry.name} comes under {entry.licence}: not for commercial use. {entry.licence_address}")
    if not accepted:
        if not sys.stdin.isatty():
            raise InputError(
                f"The licence of '{entry.name}' must be confirmed: read {entry.licence_address} and run "
                f"`liftlab models get {entry.name} --accept-licence`."
            )
        print("Do you accept this licence? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise InputError("The licence was not accepted, so nothing was downloaded.")
    store.accept(entry)


def _verify(store: ModelStore, command: Models) -> dict[str, Any]:
    """Compare every file that is here with its checksum."""
    wanted = store.entries if command.name is None else [store.entry(command.name)]
    found = []
    for entry in wanted:
        if store.find(entry) is None:
            continue
        try:
            store.verified(entry)
            sentence = ""
        except InputError as error:
            sentence = str(error)
        found.append({"name": entry.name, "sound": not sentence, "sentence": sentence})
        if not command.json:
            print(f"{entry.name:26} {sentence or 'sound'}")
    return {"models": found}
