"""What lists of scenes and works are made of."""

from typing import Literal

from msgspec import Struct


class SceneCard(Struct, frozen=True):
    """A scene, or photos that can become one."""

    name: str
    kind: Literal["scene", "unready", "photos", "example"]
    """"scene" when it opens at once, "unready" when steps are missing, "photos" when nothing is built of them yet,
    "example" when it comes with LiftLab."""
    building: bool
    """It is being built."""
    note: str
    """What there is of it, for people."""
    made: float | None
    """Seconds since 1970 UTC; null for an example."""
    work: str
    """Objects that the person has in it; empty for none."""
    worked: float | None
    """When the person changed them last."""
    open: bool
    """It is the open one."""


class WorkRow(Struct, frozen=True):
    """A saved work of the open scene."""

    id: str
    name: str
    """That a person gave it; empty while it has none."""
    objects: str
    """Their names, for people."""
    changed: float
    """Seconds since 1970 UTC."""
    current: bool
    """It is the one that is open."""
