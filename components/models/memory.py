"""Whether a model fits into memory, and which smaller one would."""

from collections.abc import Sequence

from liftlab.components.models.catalogue import MIB, ModelEntry
from liftlab.components.models.states import size_text


def memory_advice(entry: ModelEntry, entries: Sequence[ModelEntry], available_bytes: int) -> str:
    """One sentence when a model needs more memory than there is, with the largest of its kind that fits; else "".

    Args:
        entry: The model asked for.
        entries: The catalogue.
        available_bytes: Free memory of the device that it shall run on.
    """
    available = available_bytes / MIB
    if entry.memory_megabytes <= available:
        return ""
    fitting = [e for e in entries if e.module == entry.module and e.memory_megabytes <= available]
    sentence = f"'{entry.name}' needs {size_text(entry.memory_megabytes)} of memory and {size_text(available)} are free"
    if not fitting:
        return f"{sentence}: close other programs first."
    largest = max(fitting, key=lambda e: e.memory_megabytes)
    return f"{sentence}: take '{largest.name}' ({size_text(largest.memory_megabytes)})."
