"""Who has the page open: the registry from a browser's cookie to what belongs to it.

Gradio's own state is copied around and not reliably dropped, so nothing heavy lives there. A browser that
has been away for a while is let go of; its prompts stay in the workspace and are taken up when it comes
back.
"""

import logging
import math
import shutil
import threading
import time
from typing import TYPE_CHECKING

from liftlab.components.files import content_key
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.export.downloads import forget_exports
from liftlab.machine.memory import REST_SECS, give_back
from liftlab.web.security import COOKIE_DAYS
from liftlab.web.uploads import forget_old_uploads
from liftlab.web.visitor import Visitor

if TYPE_CHECKING:
    from liftlab.engine.lab import Lab

AWAY_SECS = 900.0
"""After which a browser without an open page is let go of."""
REAP_EVERY_SECS = 15.0
TIDY_EVERY_SECS = 3600.0
CLOSING_SECS = 1.5
"""How long the end of the server waits for the 3D views to stop."""
MAX_VISITORS = 64
SAVED_DAYS = COOKIE_DAYS
"""Works of persons who never came back are forgotten after this: their browsers have forgotten them as well."""

log = logging.getLogger("liftlab.page")


class Visitors:
    """Browser id to `Visitor`. Thread-safe."""

    def __init__(
        self,
        lab: "Lab",
        *,
        initial_scene: str | None,
        viewer_points: int | None,
        local: bool = True,
        rest_secs: float = REST_SECS,
        login: str | None = None,
    ) -> None:
        """Nobody is here yet.

        Args:
            login: Name that everybody signs in with: works are kept under it, whatever the browser; None keeps them
                with each browser.
        """
        self.lab = lab
        self._person = None if login is None else f"login-{content_key('login', login)}"
        self.rest_secs = rest_secs
        self._tidied_at = -math.inf
        self.initial_scene = initial_scene
        self._viewer_points = viewer_points
        self._local = local
        self._lock = threading.Lock()
        self._known: dict[str, Visitor] = {}
        self._warm = threading.Event()

    def get(self, visitor_id: str) -> Visitor:
        """The visitor of this id, new or known; a new one takes up what it left, or opens the first scene."""
        self._warm.wait()
        with self._lock:
            visitor = self._known.get(visitor_id)
            if visitor is None:
                visitor = Visitor(
                    visitor_id, self.lab, viewer_points=self._viewer_points, person=self._person
                )
                visitor.opening = self.initial_scene or ""
                visitor.is_local = self._local
                self._known[visitor_id] = visitor
                threading.Thread(
                    target=self._begin, args=(visitor,), name="liftlab-open", daemon=True
                ).start()
            visitor.seen_at = time.monotonic()
        return visitor

    def known(self) -> list[Visitor]:
        with self._lock:
            return list(self._known.values())

    def warm_up(self) -> None:
        """Import what is slow to import, and load what clicks need compiled, while the page is already up."""
        try:
            import liftlab.pipelines.base
            import liftlab.session.session

            liftlab.pipelines.base.list_methods()
        finally:
            self._warm.set()
        from liftlab.components.geometry import view_consensus
        from liftlab.components.masks.graph import grid_cut

        grid_cut.warm_up()
        view_consensus.warm_up()

    def reap(self) -> None:
        """Let browsers without a page rest, and let go of those that have been away for long, the longest away first
        when there are too many.
        """
        now = time.monotonic()
        gone: list[Visitor] = []
        with self._lock:
            absent = sorted((v for v in self._known.values() if not v.present), key=lambda v: v.seen_at)
            too_many = len(self._known) - MAX_VISITORS
            for order, visitor in enumerate(absent):
                if not visitor.busy and (now - visitor.seen_at > AWAY_SECS or order < too_many):
                    gone.append(self._known.pop(visitor.id))
        tired = [
            v for v in absent if v not in gone and now - v.seen_at > self.rest_secs and not v.resting and not v.opening
        ]  # fmt: skip
        for visitor in gone:
            visitor.close()
        for visitor in tired:
            visitor.rest()
        if gone or tired:
            give_back()
        self._tidy(now)

    @property
    def reap_every_secs(self) -> float:
        """How often `reap` should be called."""
        return min(REAP_EVERY_SECS, self.rest_secs / 2)

    def _tidy(self, now: float) -> None:
        """Remove the works of persons who never came back."""
        if now - self._tidied_at < TIDY_EVERY_SECS:
            return
        self._tidied_at = now
        oldest = time.time() - SAVED_DAYS * 86400
        for folder in (self.lab.workspace.root / "sessions").glob("[!.]*"):
            files = [folder, *folder.glob("*.json")]
            if folder.name != self._person and max(path.stat().st_mtime for path in files) < oldest:
                shutil.rmtree(folder, ignore_errors=True)
                folder.unlink(missing_ok=True) if folder.is_file() else None
        forget_old_uploads(self.lab.workspace, [visitor.id for visitor in self.known()])

    def close(self) -> None:
        """Remove the downloads of all, and stop what they hold as far as that goes quickly: one may be at work."""
        visitors = self.known()
        for visitor in visitors:
            forget_exports(visitor)
        closing = [threading.Thread(target=visitor.close, daemon=True) for visitor in visitors]
        for thread in closing:
            thread.start()
        until = time.monotonic() + CLOSING_SECS
        for thread in closing:
            thread.join(max(until - time.monotonic(), 0.0))

    def _begin(self, visitor: Visitor) -> None:
        """Restore or open; in a thread of its own, for it may read a scene or queue its making."""
        from liftlab.page.cells.capture import open_or_build

        try:
            held = {other.works.id_of(other.session.scene_name) for other in self.known() if other.present}
            restored = visitor.restore(frozenset(work for work in held if work is not None))
            visitor.opening = ""
            if not restored and self.initial_scene is not None:
                open_or_build(visitor, self.initial_scene)
        except Exception:
            log.exception("opening the first scene failed")
            visitor.note = DEFECT_SENTENCE
        finally:
            visitor.opening = ""
            visitor.push()
            visitor.push_cells()
