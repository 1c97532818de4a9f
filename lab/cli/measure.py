"""`liftlab measure`: a distance in a scene, and the scale that a known one gives it."""

import re
from typing import Any

from liftlab.cli.commands import Measure
from liftlab.cli.support import opened_lab, say
from liftlab.components.errors import InputError

_LENGTH = re.compile(r"\s*([0-9]*[.,]?[0-9]+)\s*([a-z]+)\s*")


def run(command: Measure) -> dict[str, Any]:
    """Measure between two places; with `--known`, keep the scale with the scene."""
    from liftlab.session.session import Session

    if len(command.places) not in (0, 2) or (command.known is not None and not command.places):
        raise InputError("Give two places, for example: --places 000.jpg:120,80 000.jpg:340,90.")
    with opened_lab(command) as lab:
        session = Session(lab)
        session.open(command.name)
        ruler = session.ruler
        if command.forget:
            ruler.forget_scale()
        for place in command.places:
            mark(session, place)
        if command.known is not None:
            ruler.set_scale(*length_of(command.known))
        length, factor = ruler.length, ruler.metres_per_unit
        if length is not None:
            say(f"Distance: {ruler.length_text(length)}")
        if factor is None:
            say("The scene has no scale; give one with --places and --known.")
        return {
            "scene": command.name, "length": length, "metres_per_unit": factor,
            "metres": None if length is None or factor is None else length * factor,
        }  # fmt: skip


def mark(session: Any, place: str) -> None:
    """Add a place to a session's ruler: "PHOTO:X,Y" or "X,Y,Z"."""
    photo, _, numbers = place.rpartition(":")
    try:
        values = [float(value) for value in numbers.split(",")]
    except ValueError:
        values = []
    if photo and len(values) == 2:
        session.ruler.mark(photo, *values)
    elif not photo and len(values) == 3:
        session.ruler.mark_point((values[0], values[1], values[2]))
    else:
        raise InputError(f"A place is PHOTO:X,Y in photo pixels or X,Y,Z of the scene; got '{place}'.")


def length_of(text: str) -> tuple[float, str]:
    """A length as people write it: "12.5 cm" is 12.5 and "cm"."""
    match = _LENGTH.fullmatch(text.casefold())
    if match is None:
        raise InputError(f"A length is a number with a unit, for example 12.5 cm; got '{text}'.")
    return float(match[1].replace(",", ".")), match[2]
