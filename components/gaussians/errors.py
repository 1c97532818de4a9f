"""Sentences for splat files that cannot be used."""

from pathlib import Path

from liftlab.components.errors import InputError


def not_splats(path: Path, reason: str) -> InputError:
    """The file is something else, or a layout we do not know."""
    return InputError(
        f"This file does not hold Gaussian splats: {reason}. Bring a splat PLY, SPZ or SOG. ({path.name})"
    )


def damaged(path: Path, reason: str) -> InputError:
    """The file is of the right kind but broken."""
    return InputError(
        f"This splat file is damaged or incomplete: {reason}. Export or copy it again. ({path.name})"
    )
