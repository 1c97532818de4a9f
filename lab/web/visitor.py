"""One browser: its session, its 3D view, the work it asked for, and the lines over which states are pushed
to it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from liftlab.compare.panes import Panes
from liftlab.components.errors import InputError
from liftlab.engine.jobs import DEFECT_SENTENCE
from liftlab.export.downloads import forget_exports
from liftlab.files.identifiers import checked_visitor_id
from liftlab.page.cells.status import CellMemory
from liftlab.search.panel import WordPanel
from liftlab.view3d.drawing import Look
from liftlab.view3d.viewer import Viewer
from liftlab.web.public_text import AS_THEY_ARE, message_without_paths
from liftlab.web.saved_prompts import SavedPrompts
from liftlab.web.scene_view import SceneView
from liftlab.web.uploads import forget_uploads
from liftlab.web.wire.messages import Cells, Message, plain_of

if TYPE_CHECKING:
    from liftlab.components.types import Gaussians, Scene
    from liftlab.engine.jobs import Job
    from liftlab.engine.lab import Lab
    from liftlab.engine.scene_status import SceneStatus
    from liftlab.session.objects import ObjectState
    from liftlab.session.session import Session

CELLS = ("capture", "reconstruct", "masks", "gaussians", "methods")
"""In the order they are run; what one changes, the later ones have to follow."""
TELL_EVERY_SECS = 0.4
"""How often progress is pushed while a job runs."""

log = logging.getLogger("liftlab.page")


class Visitor:
    """Everything that belongs to one browser. What touches its session runs under `lock`."""

    def __init__(self, visitor_id: str, lab: "Lab", *, viewer_points: int | None = None) -> None:
        from liftlab.session.session import Session

        self.id = checked_visitor_id(visitor_id)
        self.lab = lab
        self.is_local = True
        """Whether it may be told where files lie on this machine."""
        self.lock = threading.RLock()
        self.session: Session = Session(lab)
        self.words = WordPanel(lab, self.session)
        """What it searches for."""
        self.panes = Panes(lab, self.session, most=viewer_points)
        self.scene_name: str | None = None
        """Scene the cells are about; open, or being built."""
        self.cells = {name: CellMemory() for name in (*CELLS, "models")}
        self.settings: dict[str, dict[str, str]] = {}
        """By method: settings for its next preparation, as JSON values by name."""
        self.positive = True
        """What a plain click in 3D means."""
        self.photo: str | None = None
        """Photo on the screen."""
        self.hidden: set[int] = set()
        """Objects whose colours are switched off."""
        self.look = Look()
        """How the 3D view draws the scene."""
        self.measuring = False
        """Whether clicks go to the ruler."""
        self.moving = False
        """Whether the current object has handles to be dragged by."""
        self.note = ""
        """Sentence that replaces the hint until the next change, for example an error."""
        self.opening = ""
        """Name of the scene being opened; empty when none is."""
        self.version = 0
        self.seen_at = time.monotonic()
        self.view = SceneView(self, most=viewer_points)
        """Its 3D view."""
        self._lines: dict[asyncio.Queue, asyncio.AbstractEventLoop] = {}
        self._saved = SavedPrompts(lab.workspace, visitor_id)

    # Lines to open pages

    def join(self, line: asyncio.Queue) -> None:
        """Push states to this queue from now on; call from its event loop."""
        self._lines[line] = asyncio.get_running_loop()
        self.seen_at = time.monotonic()

    def leave(self, line: asyncio.Queue) -> None:
        self._lines.pop(line, None)
        self.seen_at = time.monotonic()

    @property
    def present(self) -> bool:
        """Whether a page is open."""
        return bool(self._lines)

    @property
    def busy(self) -> bool:
        """Whether work it asked for is not finished."""
        return any(memory.job is not None and not memory.job.finished for memory in self.cells.values())

    def push(self) -> None:
        """Send the present state to every open page of this browser. From any thread."""
        from liftlab.page.state import state_of

        if not self.present:  # nobody to tell, and it may rest
            return
        with self.lock:
            state = state_of(self)
        self._send(state)

    def push_cells(self) -> None:
        """Send how the cells stand."""
        from liftlab.page.cells import statuses

        if not self.present:
            return
        with self.lock:
            cells = statuses(self)
        self._send(Cells(cells))

    def push_compare(self) -> None:
        """Send what the Compare cell shows."""
        if not self.present:
            return
        with self.lock:
            message = self.panes.message()
        self._send(message)

    def compare(self, methods: list[str]) -> None:
        """Compare methods on the open scene; none closes the comparison."""
        self.change_panes(lambda panes: panes.choose(methods))

    def change_panes(self, change: Callable[[Panes], None]) -> None:
        """Change what the comparison shows; a sentence meant for people becomes its note."""
        with self.lock:
            try:
                change(self.panes)
            except InputError as error:
                self.panes.note = str(error)
        self.push_compare()

    def viewer_of(self, pane: int | None) -> Viewer | None:
        """The 3D view of the workspace, or of a pane of the comparison; None when there is no such pane."""
        if pane is None:
            return self.viewer
        with self.lock:
            return self.panes.viewer(pane)

    def _send(self, message: Message) -> None:
        told = message_without_paths(plain_of(message), (self.lab.workspace.root,), kept=AS_THEY_ARE)
        for line, loop in list(self._lines.items()):
            if loop.is_closed():  # the server is going down
                self.leave(line)
                continue
            loop.call_soon_threadsafe(line.put_nowait, told)

    # Session

    @property
    def scene(self) -> "Scene | None":
        """The open scene."""
        return self.session.scene if self.session.scene_name is not None else None

    @property
    def status(self) -> "SceneStatus | None":
        """Which steps of the scene are done; None without a scene in the workspace."""
        if self.scene_name is None or self.scene_name not in self.lab.scenes():
            return None
        return self.lab.status(self.scene_name)

    @property
    def method(self) -> str:
        return self.session.method

    def act(self, change: Callable[["Session"], Any]) -> None:
        """Change the session, draw the result, save the prompts, tell the pages."""
        with self.lock:
            self._change(change)
        self.push()
        with self.lock:  # after the page has its answer: other methods may be slower
            changed = self.panes.follow(self.session)
        if changed:
            self.push_compare()

    def _change(self, change: Callable[["Session"], Any]) -> None:
        """A sentence meant for people (InputError) becomes the note; any other error is logged and said to
        be ours.
        """
        self.note = ""
        try:
            change(self.session)
        except InputError as error:
            self.note = str(error)
        except Exception:
            log.exception("a change of the session failed")
            self.note = DEFECT_SENTENCE
        self.version += 1
        self.view.draw()
        self.note = f"{self.note} {self._saved.save(self.session)}".strip()

    def say(self, sentence: str) -> None:
        self.note = sentence
        self.push()

    def open(self, scene_name: str) -> None:
        """Open a scene, or open it again after a step has changed it; pages see what is going on."""
        self.opening = scene_name
        self.push()
        try:
            with self.lock:
                self.scene_name = scene_name
                self._change(lambda session: session.open(scene_name))
                if self.panes.comparison is not None:
                    self.panes.choose([choice.method for choice in self.panes.comparison.choices])
        finally:
            self.opening = ""
            self.push()
            self.push_cells()
            self.push_compare()

    def adopt(self, session: "Session") -> None:
        """Take over scene, objects and clicks of another session."""
        record = session.to_json()
        with self.lock:
            self.scene_name = record["scene"]
            self._change(lambda own: own.from_json(record))
        self.push()
        self.push_cells()

    def fail(self, cell: str, sentence: str) -> None:
        """Show in a cell why it could not start."""
        memory = self.cells[cell]
        memory.job, memory.notes, memory.warnings = None, (), (sentence,)
        self.push_cells()

    # 3D

    @property
    def viewer(self) -> Viewer:
        """Its 3D view, started when first asked for."""
        with self.lock:
            return self.view.viewer

    def preview(self, gaussians: "Gaussians | None") -> None:
        """Show splats in the making in place of the scene; None goes back to the scene."""
        with self.lock:
            self.view.preview(gaussians)

    def look_at(self, look: Look) -> None:
        """Draw the scene in another way; pages are told."""
        with self.lock:
            self.look = look
            self.act(lambda session: None)

    def set_moving(self, on: bool) -> None:
        """Give the current object handles, or take them away."""
        with self.lock:
            self.moving = on
            self.act(lambda session: None)

    def set_measuring(self, on: bool) -> None:
        """Send clicks to the ruler, or to the current object again."""
        with self.lock:
            self.measuring = on
            if not on:
                self.session.ruler.clear()
            self.act(lambda session: None)

    def photos_of(self, entry: "ObjectState") -> list[str]:
        """Names of the photos in which an object is seen."""
        if self.scene is None or entry.answer is None:
            return []
        counts = entry.answer.masks.counts
        return [view.name for view, count in zip(self.scene.views, counts, strict=True) if count]

    # Slow work

    def start(
        self,
        cell: str,
        label: str,
        work: Callable[..., Any],
        *,
        expected_secs: float | None = None,
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        """Queue a cell's work; its progress is pushed until it ends, then `then` gets its result."""
        memory = self.cells[cell]
        if memory.job is not None and not memory.job.finished:
            self.say(f"'{memory.job.label}' is still going on; cancel it first.")
            return
        memory.edited = False
        job = self.lab.jobs.submit(label, work, expected_secs=expected_secs, owner=self.id)
        self.follow(cell, job, then)

    def follow(self, cell: str, job: "Job", then: Callable[[Any], Any] | None = None) -> None:
        """Show a job, perhaps one that somebody else started, in a cell of this browser."""
        self.cells[cell].job = job
        threading.Thread(target=self._follow, args=(job, then), name="liftlab-follow", daemon=True).start()

    def cancel(self, cell: str) -> None:
        """Stop a cell's work."""
        memory = self.cells.get(cell)
        if memory is not None and memory.job is not None:
            memory.job.cancel()
            self.push_cells()

    @property
    def building(self) -> "Job | None":
        """Work that has to end before there is anything to click."""
        for name in CELLS:
            job = self.cells[name].job
            if self.scene is None and job is not None and not job.finished:
                return job
        return None

    def _follow(self, job: "Job", then: Callable[[Any], Any] | None) -> None:
        self.push()
        while not job.wait(TELL_EVERY_SECS):
            self.push_cells()
        if job.state == "done" and then is not None:
            then(job.result())
        self.push()
        self.push_cells()

    def mark_edited(self, cell: str) -> None:
        """The inputs of a cell changed: it and the later ones no longer show what would come out."""
        self.cells[cell].edited = True
        self.push_cells()

    def earlier_edited(self, cell: str) -> bool:
        return any(self.cells[name].edited for name in CELLS[: CELLS.index(cell)])

    def needs_scene_name(self) -> str:
        """The scene the cells are about. InputError when there is none."""
        if self.scene_name is None:
            raise InputError("There is no capture yet; bring photos in the first cell.")
        return self.scene_name

    # Keeping

    def restore(self) -> bool:
        """Take up the prompts of an earlier visit; False when there are none that fit."""
        if not self._saved.restore(self.session):
            return False
        self.scene_name = self.session.scene_name
        with self.lock:
            self.view.draw()
        return self.scene is not None

    @property
    def resting(self) -> bool:
        """Whether it holds nothing heavy."""
        return not self.view.started and self.session.resting and self.panes.resting

    def rest(self) -> None:
        """Let go of everything heavy, unless a page is open: 3D views with their threads, masks and answers.

        Objects, history, what is compared, downloads and running work stay. The first thing that is asked of it brings
        the rest back.
        """
        with self.lock:
            if self.present:
                return
            self.panes.rest()
            self.view.close()
            self.session.rest()

    def close(self) -> None:
        """For good: downloads go too."""
        with self.lock:
            self.panes.close()
            self.view.close()
        forget_exports(self)
        forget_uploads(self.lab.workspace, self.id)
