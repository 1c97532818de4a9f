"""What the commands of the command line share: an open lab, progress that can be stopped, settings, sentences."""

import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from liftlab.cli.commands import DEFAULT_PRESET, Common
from liftlab.cli.terminal import TerminalProgress
from liftlab.components.errors import Cancelled, InputError, closest
from liftlab.components.progress import CancelToken
from liftlab.files.reading import plain_from_json
from liftlab.machine.signals import NOTHING_KEPT, Stopped, on_signals

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab
    from liftlab.pipelines.base import MethodEntry


@contextlib.contextmanager
def opened_lab(command: Common) -> Iterator["Lab"]:
    from liftlab.engine.lab import Lab

    lab = Lab(command.workspace)
    try:
        yield lab
    finally:
        lab.close()


@contextlib.contextmanager
def working(label: str, expected_secs: float | None = None) -> Iterator[tuple[TerminalProgress, CancelToken]]:
    """Progress on stderr, and a token that the first signal which asks to end sets; a Ctrl-C after it stops at once.

    Raises:
        Stopped: After such a signal, when the work was cancelled.
    """
    token = CancelToken()
    progress = TerminalProgress(label, expected_secs=expected_secs)
    first = 0

    def react(number: int) -> None:
        nonlocal first
        if first and number == signal.SIGINT:
            raise Stopped(number)
        first = first or number
        token.cancel()

    with on_signals(react):
        try:
            yield progress, token
        except Cancelled as error:
            progress.end()
            if first:
                raise Stopped(first, str(error) or NOTHING_KEPT) from error
            raise
        except BaseException:
            progress.end()
            raise


def method_config(entry: "MethodEntry", settings: Sequence[str]) -> Any:
    """A method's configuration from KEY=VALUE settings; preset=NAME among them says what the others change, else they
    change the defaults.

    Raises:
        InputError: The method has no such preset or setting, or a value does not fit.
    """
    preset, rest = DEFAULT_PRESET, []
    for setting in settings:
        key, _, value = setting.partition("=")
        if key == "preset":
            preset = value
        else:
            rest.append(setting)
    return config_with(entry.config_class, rest, entry.preset(preset))


def config_with(config_class: type, settings: Sequence[str], start: Any = None) -> Any:
    """A configuration from KEY=VALUE settings; dots reach into groups of settings. What is not set is as in `start`,
    the defaults when that is None.
    """
    from liftlab.files.config_records import config_from_record, to_plain

    record = to_plain(config_class() if start is None else start)
    known = _setting_names(record)
    names = [name for name in known if not name.endswith(".")]
    for setting in settings:
        path, equals, text = setting.partition("=")
        if not equals or not (path in known or path.startswith(_free(known))):
            raise InputError(f"--set takes KEY=VALUE; got '{setting}'. {closest(path, names)}")
        *groups, key = path.split(".")
        place = record
        for group in groups:
            place = place.setdefault(group, {})
        try:
            place[key] = plain_from_json(text)
        except ValueError:  # a word, not a number or true or false
            place[key] = text
    return config_from_record(config_class, record)


def _setting_names(record: dict[str, Any]) -> list[str]:
    """Names of single settings; a group that is empty, as `options` of other packages' entries, ends in a dot."""
    names = []
    for key, value in record.items():
        inner = _setting_names(value) or [""] if isinstance(value, dict) else None
        names += [key] if inner is None else [f"{key}.{name}" for name in inner]
    return names


def _free(known: Sequence[str]) -> tuple[str, ...]:
    """Groups in which any name is taken here; whoever they are for says what it knows."""
    return tuple(name for name in known if name.endswith("."))


def expected_secs(lab: "Lab", name: str, steps: Sequence[str]) -> float | None:
    """Expected seconds of those steps that are not done; None for a scene that does not exist (yet)."""
    if name not in lab.scenes():
        return None
    status = lab.status(name)
    photos = len(lab.capture(status.capture).photos)
    done = {"reconstruct": status.reconstructed, "masks": status.masks, "prepare": False}
    return sum(lab.expected_secs(step, photos) for step in ("reconstruct", *steps) if not done[step])


def say(*sentences: str) -> None:
    for sentence in sentences:
        print(sentence, file=sys.stderr)
