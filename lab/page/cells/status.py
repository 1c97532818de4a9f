"""What a cell of the page shows besides its inputs: state, sentences, progress and the equivalent Python."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from liftlab.web.wire.messages import CellState, CellStatus, Curve, JobProgress

if TYPE_CHECKING:
    from liftlab.engine.jobs import Job


@dataclass
class CellMemory:
    """What a cell remembers about its last run, per browser."""

    job: "Job | None" = None
    edited: bool = False
    """Its inputs changed since it last ran."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    inputs: dict[str, Any] = field(default_factory=dict)
    """What it last ran with."""
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Of the run under way."""
    curves: dict[str, Curve | None] = field(default_factory=dict)
    """By method: how its training went."""


def progress_of(job: "Job") -> JobProgress:
    """A job's progress for the browser."""
    return JobProgress(
        fraction=round(job.fraction, 3),
        message=job.message or job.label,
        elapsed_secs=round(job.elapsed_secs, 1),
        expected_secs=job.expected_secs and round(job.expected_secs, 1),
        position=job.position,
    )


def with_job(status: CellStatus, job: "Job | None") -> CellStatus:
    """`status` overlaid with what the cell's latest job is doing or how it failed."""
    if job is None:
        return status
    if not job.finished:
        state: CellState = "running" if job.state == "running" else "queued"
        return replace(status, state=state, job=progress_of(job), wants_open=False)
    if job.state == "failed":
        return replace(
            status, state="failed", error=job.error, elapsed_secs=job.elapsed_secs, wants_open=True
        )
    if job.state == "cancelled":  # one that kept what it had reached when it was stopped is done
        return replace(status, notes=(*status.notes, "Cancelled; nothing was kept."))
    return replace(status, elapsed_secs=job.elapsed_secs)


def count_text(count: int) -> str:
    """ "920", "58k", "2.4M"."""
    if count >= 1_000_000:
        return f"{count / 1e6:.1f}M"
    return f"{count / 1000:.0f}k" if count >= 1000 else str(count)
