"""The one queue through which all slow work of a lab goes: first in, first out, one worker thread."""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from liftlab.components.errors import Cancelled, InputError
from liftlab.components.progress import CancelToken, Progress

log = logging.getLogger("liftlab.jobs")

JobState = Literal["queued", "running", "done", "failed", "cancelled"]
FINISHED: tuple[JobState, ...] = ("done", "failed", "cancelled")
DEFECT_SENTENCE = "Something went wrong inside LiftLab; the details are in the log of the workspace."


_this_thread = threading.local()
"""`job`: what the worker of a queue does."""


class Job:
    """One piece of slow work. Attributes may be read from any thread at any time."""

    def __init__(
        self, job_id: int, label: str, work: Callable[[Progress, CancelToken], Any], queue: "JobQueue"
    ) -> None:
        self.id = job_id
        self.label = label
        self.owner: str | None = None
        """Session that asked for it; None for the lab itself."""
        self.state: JobState = "queued"
        self.fraction = 0.0
        """Share done in [0, 1]."""
        self.message = ""
        """What it is doing, one short sentence."""
        self.step = ""
        """Step of a scene that it is at or ended with (`tell_step`); empty while it does none."""
        self.builds = ""
        """Scene that it makes, from photos up to one that can be clicked (`tell_builds`); empty for other work."""
        self.error = ""
        """One sentence for people once the state is "failed"."""
        self._work: Callable[[Progress, CancelToken], Any] | None = work
        self._queue = queue
        self._given_secs: float | None = None
        self._token = CancelToken()
        self._started: float | None = None
        self._ended: float | None = None
        self._value: Any = None
        self._exception: BaseException | None = None
        self._finished = threading.Event()

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def elapsed_secs(self) -> float:
        """Seconds since it started running; 0 while queued."""
        if self._started is None:
            return 0.0
        return (self._ended or time.monotonic()) - self._started

    @property
    def expected_secs(self) -> float | None:
        """Expected total seconds: as given at first, led over to what the progress says; None when nobody
        knows.
        """
        by_progress = self.elapsed_secs / self.fraction if self.fraction > 0.05 else None
        if by_progress is None or self._given_secs is None:
            return by_progress if by_progress is not None else self._given_secs
        return (1 - self.fraction) * self._given_secs + self.fraction * by_progress

    @property
    def position(self) -> int:
        """Jobs ahead of this one, the running one included; 0 when it runs or is finished."""
        return self._queue.jobs_ahead(self)

    def cancel(self) -> None:
        """Ask it to stop: a queued job is dropped at once, a running one stops at its next check."""
        self._token.cancel()
        self._queue.drop(self)

    def wait(self, timeout_secs: float | None = None) -> bool:
        """Wait for its end; False when the time ran out first."""
        return self._finished.wait(timeout_secs)

    def result(self, timeout_secs: float | None = None) -> Any:
        """What the work returned, waiting for it. Raises what the work raised, `Cancelled`, or
        TimeoutError.
        """
        if not self.wait(timeout_secs):
            raise TimeoutError(f"'{self.label}' is still {self.state}.")
        if self._exception is not None:
            raise self._exception
        return self._value

    def _report(self, fraction: float, message: str = "") -> None:
        self.fraction = min(max(float(fraction), 0.0), 1.0)
        if message:
            self.message = message

    def run(self) -> None:
        """Do the work; called by the queue's worker, once. Every exception ends the job, never the worker."""
        self._started = time.monotonic()
        self.state = "running"
        _this_thread.job = self
        try:
            self._token.check()
            assert self._work is not None, "a job runs once"
            self._value = self._work(self._report, self._token)
        except Cancelled as stop:
            self._end("cancelled", stop)
        except InputError as error:
            log.info("'%s' refused: %s", self.label, error)
            self._end("failed", error, str(error))
        except MemoryError as error:
            log.exception("'%s' ran out of memory", self.label)
            self._end("failed", error, "Memory ran out: use a smaller photo size or fewer photos.")
        except BaseException as error:
            log.exception("'%s' failed", self.label)
            self._end("failed", error, f"{DEFECT_SENTENCE} ({type(error).__name__})")
        else:
            self.fraction = 1.0
            self._end("done")

    def _end(self, state: JobState, exception: BaseException | None = None, sentence: str = "") -> None:
        self._ended = time.monotonic()
        self._exception = exception
        self.error = sentence
        self.state = state
        self._work = None  # frees what the closure holds
        self._finished.set()


def tell_step(step: str) -> None:
    """Say which step of a scene the work of this thread is at, when it is a job's."""
    job = getattr(_this_thread, "job", None)
    if job is not None:
        job.step = step


def tell_builds(scene: str) -> None:
    """Say which scene the work of this thread makes, where that is known only once it runs, when it is a job's."""
    job = getattr(_this_thread, "job", None)
    if job is not None:
        job.builds = scene


class JobQueue:
    """First in, first out, one worker: two heavy steps at once would only slow each other down.

    Args:
        keep_finished: Finished jobs remembered for display; older ones are forgotten.
    """

    def __init__(self, *, keep_finished: int = 50) -> None:
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._done: deque[Job] = deque(maxlen=keep_finished)
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._closed = False

    def submit(
        self,
        label: str,
        work: Callable[[Progress, CancelToken], Any],
        *,
        expected_secs: float | None = None,
        owner: str | None = None,
        builds: str = "",
    ) -> Job:
        """Put `work` at the end of the queue. Raises InputError when the lab is shutting down."""
        with self._changed:
            if self._closed:
                raise InputError("The lab is shutting down; start it again to run this.")
            job = Job(next(self._ids), label, work, self)
            job.owner, job.builds = owner, builds
            job._given_secs = expected_secs
            self._waiting.append(job)
            if self._worker is None:
                self._worker = threading.Thread(target=self._serve, name="liftlab-jobs", daemon=True)
                self._worker.start()
            self._changed.notify_all()
        return job

    @property
    def jobs(self) -> list[Job]:
        """Finished (oldest first), running and queued jobs."""
        with self._changed:
            running = [self._running] if self._running else []
            return [*self._done, *running, *self._waiting]

    @property
    def active(self) -> list[Job]:
        """The running and the queued jobs, in the order they run."""
        return [job for job in self.jobs if not job.finished]

    def building(self, scene: str) -> Job | None:
        """The job that makes a scene, running or queued."""
        return next((job for job in self.active if job.builds == scene), None)

    def find(self, job_id: int) -> Job | None:
        return next((job for job in self.jobs if job.id == job_id), None)

    def jobs_ahead(self, job: Job) -> int:
        with self._changed:
            if job not in self._waiting:
                return 0
            return self._waiting.index(job) + (1 if self._running else 0)

    def drop(self, job: Job) -> None:
        """Take a job out of the queue if it still waits there."""
        with self._changed:
            if job not in self._waiting:
                return
            self._waiting.remove(job)
            self._done.append(job)
            job._end("cancelled", Cancelled())

    def stop(self) -> None:
        """Cancel everything and take nothing more; waits for nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for job in self.active:
            job.cancel()

    def close(self, timeout_secs: float = 5.0) -> None:
        """Cancel everything and wait for the worker to end."""
        self.stop()
        worker = self._worker
        if worker is not None:
            worker.join(timeout_secs)

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                job = self._running = self._waiting.popleft()
            job.run()
            with self._changed:
                self._running = None
                self._done.append(job)


__all__ = ["DEFECT_SENTENCE", "FINISHED", "Job", "JobQueue", "JobState", "tell_builds", "tell_step"]
