"""The slow work of one browser: which cell asked for it, and what is told of it until it ends."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from liftlab.components.errors import InputError
from liftlab.page.cells.status import CellMemory

if TYPE_CHECKING:
    from liftlab.components.types import Scene
    from liftlab.engine.jobs import Job
    from liftlab.engine.lab import Lab

CELLS = ("capture", "reconstruct", "masks", "gaussians", "methods")
"""In the order they are run; what one changes, the later ones have to follow."""
CELL_OF_STEP = {
    "reconstruct": "reconstruct",
    "masks": "masks",
    "gaussians": "gaussians",
    "prepare": "methods",
}
TELL_EVERY_SECS = 0.4
"""How often progress is pushed while a job runs."""


def new_memories() -> dict[str, CellMemory]:
    """Of a browser in which nothing ran yet."""
    return {name: CellMemory() for name in (*CELLS, "models")}


class CellWork:
    """The part of a browser (`liftlab.web.visitor.Visitor`) that starts, follows and stops work."""

    id: str
    lab: "Lab"
    cells: dict[str, CellMemory]
    scene_name: str | None

    @property
    def scene(self) -> "Scene | None":
        """The open scene."""
        raise NotImplementedError

    def push(self) -> None:
        """Send the present state to every open page of this browser."""
        raise NotImplementedError

    def push_cells(self) -> None:
        """Send how the cells stand."""
        raise NotImplementedError

    def push_scenes(self) -> None:
        """Send what can be opened."""
        raise NotImplementedError

    def say(self, sentence: str) -> None:
        """Tell the pages a sentence in place of the hint."""
        raise NotImplementedError

    def job_of(self, cell: str) -> "Job | None":
        """The job that a cell shows: one that is at its step, or failed there, whichever cell it was started from, or
        the cell's own; of several the latest.
        """
        jobs = [(name, memory.job) for name, memory in self.cells.items() if memory.job is not None]
        shown = []
        for name, job in jobs:
            at_step = job.state in ("running", "failed") and job.step in CELL_OF_STEP
            if (CELL_OF_STEP[job.step] if at_step else name) == cell:
                shown.append(job)
        return max(shown, key=lambda job: job.id, default=None)

    @property
    def busy(self) -> bool:
        """Whether work it asked for is not finished."""
        return any(memory.job is not None and not memory.job.finished for memory in self.cells.values())

    def fail(self, cell: str, sentence: str) -> None:
        """Show in a cell why it could not start."""
        memory = self.cells[cell]
        memory.job, memory.notes, memory.warnings = None, (), (sentence,)
        self.push_cells()

    def start(
        self,
        cell: str,
        label: str,
        work: Callable[..., Any],
        *,
        expected_secs: float | None = None,
        builds: str = "",
        then: Callable[[Any], Any] | None = None,
    ) -> None:
        """Queue a cell's work; its progress is pushed until it ends, then `then` gets its result.

        Args:
            builds: Scene that it makes, where it makes one.
        """
        memory = self.cells[cell]
        if memory.job is not None and not memory.job.finished:
            self.say(f"'{memory.job.label}' is still going on; cancel it first.")
            return
        memory.edited = False
        job = self.lab.jobs.submit(label, work, expected_secs=expected_secs, owner=self.id, builds=builds)
        self.follow(cell, job, then)

    def follow(self, cell: str, job: "Job", then: Callable[[Any], Any] | None = None) -> None:
        """Show a job, perhaps one that somebody else started, in a cell of this browser."""
        self.cells[cell].job = job
        threading.Thread(target=self._follow, args=(job, then), name="liftlab-follow", daemon=True).start()

    def cancel(self, cell: str) -> None:
        """Stop a cell's work."""
        job = self.job_of(cell) if cell in self.cells else None
        if job is not None:
            job.cancel()
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
        building = None
        while not job.wait(TELL_EVERY_SECS):
            self.push_cells()
            if job.builds != building:
                building = job.builds
                self.push_scenes()
        if job.state == "done" and then is not None:
            then(job.result())
        self.push()
        self.push_cells()
        self.push_scenes()

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
