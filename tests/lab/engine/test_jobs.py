"""The queue: order, cancelling, and failures that end a job and nothing else."""

import logging
import threading

import pytest

from liftlab.components.errors import Cancelled, InputError
from liftlab.engine.jobs import Job, JobQueue
from tests.not_none import not_none


@pytest.fixture
def queue():
    queue = JobQueue()
    yield queue
    queue.close()


def blocked(queue: JobQueue) -> tuple[Job, threading.Event]:
    """A running job that ends when the event is set, or when it is cancelled."""
    started, release = threading.Event(), threading.Event()

    def work(progress, cancel):
        started.set()
        while not release.wait(0.005):
            cancel.check()
        return "released"

    job = queue.submit("block", work)
    assert started.wait(5)
    return job, release


def test_jobs_run_in_order_and_tell_their_place(queue: JobQueue) -> None:
    first, release = blocked(queue)
    order: list[int] = []
    rest = [queue.submit(str(i), lambda progress, cancel, i=i: order.append(i)) for i in range(4)]
    assert [job.position for job in (first, *rest)] == [0, 1, 2, 3, 4]
    assert [job.state for job in rest] == ["queued"] * 4
    release.set()
    for job in rest:
        job.result(5)
    assert order == [0, 1, 2, 3]
    assert first.result() == "released"
    assert {job.state for job in queue.jobs} == {"done"}
    assert [job.fraction for job in rest] == [1.0] * 4


def test_a_queued_job_that_is_cancelled_never_runs(queue: JobQueue) -> None:
    _, release = blocked(queue)
    ran = []
    job = queue.submit("late", lambda progress, cancel: ran.append(1))
    after = queue.submit("after", lambda progress, cancel: "ran")
    job.cancel()
    assert job.state == "cancelled"
    assert after.position == 1
    release.set()
    assert after.result(5) == "ran"
    assert ran == []
    with pytest.raises(Cancelled):
        job.result()


def test_a_running_job_stops_at_its_next_check_and_the_next_one_runs(queue: JobQueue) -> None:
    job, _ = blocked(queue)
    after = queue.submit("after", lambda progress, cancel: 7)
    job.cancel()
    assert after.result(5) == 7
    assert job.state == "cancelled"
    assert job.error == ""


def test_what_a_person_did_wrong_is_told_as_it_is(queue: JobQueue) -> None:
    def refuse(progress, cancel):
        raise InputError("Bring two photos.")

    job = queue.submit("refuse", refuse)
    with pytest.raises(InputError):
        job.result(5)
    assert (job.state, job.error) == ("failed", "Bring two photos.")


@pytest.mark.parametrize("failure", [ZeroDivisionError("x"), MemoryError(), SystemExit(3)])
def test_a_defect_ends_its_job_with_a_sentence_and_a_traceback_in_the_log(queue, failure, caplog) -> None:
    def fail(progress, cancel):
        raise failure

    logging.getLogger("liftlab").propagate = True
    with caplog.at_level(logging.ERROR, logger="liftlab.jobs"):
        job = queue.submit("break", fail)
        assert job.wait(5)
    assert job.state == "failed"
    assert job.error.endswith((".", ")"))
    assert caplog.records[0].exc_info is not None
    assert queue.submit("next", lambda progress, cancel: "alive").result(5) == "alive"


def test_expected_time_follows_the_given_one_first_and_the_progress_later(queue: JobQueue) -> None:
    seen = {}
    ready, go_on = threading.Event(), threading.Event()

    def work(progress, cancel):
        progress(0.5, "halfway")
        ready.set()
        go_on.wait(5)

    job = queue.submit("work", work, expected_secs=100.0)
    assert ready.wait(5)
    job._started = not_none(job._started) - 30  # as if it had run for half a minute
    seen["half"] = job.expected_secs
    go_on.set()
    job.result(5)
    assert seen["half"] == pytest.approx(0.5 * 100 + 0.5 * 60, abs=1)
    assert job.message == "halfway"


def test_a_closed_queue_takes_nothing_and_stops_what_runs() -> None:
    queue = JobQueue()
    job, _ = blocked(queue)
    queue.close()
    assert job.state == "cancelled"
    with pytest.raises(InputError, match="shutting down"):
        queue.submit("late", lambda progress, cancel: None)


def test_only_the_last_finished_jobs_are_remembered() -> None:
    queue = JobQueue(keep_finished=3)
    for i in range(10):
        queue.submit(str(i), lambda progress, cancel: None).result(5)
    queue.close()
    assert len(queue.jobs) <= 3
