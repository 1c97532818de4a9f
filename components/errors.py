"""Errors whose text is written for the person at the page or the terminal."""


class InputError(ValueError):
    """What a person gave cannot be used; the message is one sentence saying what is wrong and what to do.

    The lab shows the message as it is. Anything else that escapes is our defect and is logged with its traceback.
    """


class Cancelled(Exception):
    """Raised inside a step when its `CancelToken` was set; nothing of the step is kept."""


def closest(name: str, available: list[str]) -> str:
    """Return "Did you mean 'x'? Available: ..." for an unknown `name`; without a near match only the list."""
    import difflib

    near = difflib.get_close_matches(name, available, n=1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Available: {', '.join(available) or 'none'}."
