"""The prompts of one browser as a file of the workspace, so that a reload or a restart finds them."""

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.components.files import write_json
from liftlab.files.reading import from_json, read_file

if TYPE_CHECKING:
    from liftlab.engine.workspace import Workspace
    from liftlab.session.session import Session

UNSAVED = "Your prompts cannot be saved ({reason}): they stay while the lab runs, and are lost when it ends."

log = logging.getLogger("liftlab.page")


class SavedPrompts:
    """`sessions/ID.json`, written only when the session changed since."""

    def __init__(self, workspace: "Workspace", visitor_id: str) -> None:
        self._workspace = workspace
        self._path = workspace.session_path(visitor_id)
        self._version = 0
        """Of the session as the file has it; 0 is a session that nothing was done with."""
        self._written = False
        """By this browser, since it is here."""
        self._failed = False
        """The last try to write."""

    def save(self, session: "Session") -> str:
        """Write the session when it changed, whole or not at all.

        Returns:
            A sentence for the person where it cannot be written, once until it works again; else nothing.
        """
        version = session.version  # before the record: what changes meanwhile is written the next time
        if version == self._version or (session.scene_name is None and not self._written):
            return ""
        try:
            with self._workspace.disk_full_explained():
                write_json(self._path, session.to_json())
        except (InputError, OSError) as error:
            told, self._failed = self._failed, True
            if told:
                return ""
            log.warning("the session %s cannot be saved: %s", self._path.name, error)
            why = error.__cause__ if isinstance(error, InputError) else error
            reason = why.strerror if isinstance(why, OSError) and why.strerror else "the disk is full"
            return UNSAVED.format(reason=reason.lower())
        self._version, self._written, self._failed = version, True, False
        return ""

    def restore(self, session: "Session") -> bool:
        """Have the session take up what was saved; False when there is nothing, or nothing that fits."""
        try:
            if not self._path.exists():
                return False
            session.from_json(from_json(read_file(self._path, "saved session"), dict[str, Any]))
        except (OSError, ValueError) as error:
            log.warning("the saved session %s was not restored: %s", self._path.name, error)
            return False
        self._version = session.version
        with contextlib.suppress(OSError):  # somebody came back for it: it is not old (`Visitors.reap`)
            self._path.touch()
        return True
