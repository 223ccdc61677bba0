"""The journal is read as the story of a job."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.backends.local.history import History
from ciao.model import Attempt, Event, Finished, Job, Notice, Phase, ReplicaChanged, ReplicaState, Traced

JOB = Job(name="j", backend="local", framework="pytorch", replicas=("worker-0", "worker-1"), created=1.0)
BEGAN = {"event": "attempt", "time": 2.0, "number": 1, "of": 1}


def replica(name: str, state: str, **more: Any) -> dict[str, Any]:
    return {"event": "replica", "time": 3.0, "replica": name, "state": state, **more}


def finished(phase: str, **more: Any) -> dict[str, Any]:
    return {"event": "finished", "time": 9.0, "phase": phase, "reason": "", **more}


def told(*entries: dict[str, Any]) -> tuple[History, list[Event]]:
    history = History(JOB)
    return history, [event for entry in entries for event in history.add(entry)]


def test_a_job_without_entries_is_pending() -> None:
    assert told()[0].summary().phase is Phase.PENDING


def test_a_job_that_began_runs() -> None:
    history, _ = told(BEGAN, replica("worker-0", "running", pid=7))
    assert history.summary().phase is Phase.RUNNING
    assert history.summary().replicas[0].state is ReplicaState.RUNNING
    assert history.processes == {"worker-0": 7}


def test_a_record_is_the_failure_of_the_process_that_then_exits_1() -> None:
    error = {"type": "error", "time": 2.5, "error": {"ename": "ValueError", "evalue": "no"}}
    record = {"event": "record", "time": 2.6, "replica": "worker-1", "record": error}
    history, _ = told(BEGAN, record, replica("worker-1", "failed", code=1), finished("failed"))
    assert history.outcome is not None
    assert history.outcome.failure is not None
    assert (history.outcome.failure.replica, history.outcome.failure.ename) == ("worker-1", "ValueError")
    assert history.summary().replicas[1].reason == "ValueError: no"


def test_the_stacks_that_a_crash_left_in_the_log_are_told_before_the_end_of_the_replica() -> None:
    died = {"type": "died", "time": 2.5, "error": {"ename": "Segmentation fault"}, "lines": 13, "crc": 7}
    record = {"event": "record", "time": 2.6, "replica": "worker-1", "record": died}
    _, events = told(BEGAN, record, replica("worker-1", "failed", code=-11))
    dump = Traced(replica="worker-1", reason="Segmentation fault", lines=13, checksum=7)
    assert dump in events[: next(i for i, e in enumerate(events) if isinstance(e, ReplicaChanged))]


def test_want_of_memory_is_the_failure_behind_what_the_replica_raised_because_of_it() -> None:
    error = {"type": "error", "time": 2.5, "error": {"ename": "RuntimeError", "evalue": "a worker died"}}
    record = {"event": "record", "time": 2.6, "replica": "worker-1", "record": error}
    killed = replica("worker-1", "failed", code=-9, memory={"limit": "1Gi", "peak": 1288490189})
    history, _ = told(BEGAN, record, killed, finished("failed"))
    assert history.outcome is not None
    assert history.outcome.failure is not None
    words = "OOMKilled: it used more memory than its limit of 1Gi: 1.2Gi when it was ended (exit code 137)"
    assert (history.outcome.failure.ename, history.summary().replicas[1].reason) == ("OOMKilled", words)


@pytest.mark.parametrize(
    ("memory", "ename", "words"),
    [
        ({"machine": True}, "OOMKilled", "this machine had no memory left"),
        ({"machine": False}, "SIGKILL", "killed by hand or by another program"),
        ({"machine": None}, "SIGKILL", "out of memory, or killed by hand"),
        (None, "SIGKILL", "out of memory, or killed by hand"),
    ],
)
def test_a_kill_is_told_by_what_is_known_of_the_machines_memory(memory: object, ename: str, words: str) -> None:
    history, _ = told(BEGAN, replica("worker-1", "failed", code=-9, memory=memory), finished("failed"))
    assert history.outcome is not None
    assert history.outcome.failure is not None
    assert history.outcome.failure.ename == ename
    assert history.outcome.failure.evalue.startswith(words)


def test_the_traceback_of_a_failure_is_told_as_soon_as_it_is_in_the_log() -> None:
    error = {"type": "error", "time": 2.5, "error": {"ename": "ValueError", "evalue": "no"}}
    records = [{"event": "record", "time": 2.6, "replica": "worker-1", "record": error}]
    records += [{**records[0], "record": {"type": "shown", "lines": 7, "crc": 4_000_000_000}}]
    _, events = told(BEGAN, *records)
    assert events == [Traced(replica="worker-1", reason="ValueError: no", lines=7, checksum=4_000_000_000)]


def raised(name: str, ename: str, evalue: str = "") -> dict[str, Any]:
    error = {"type": "error", "time": 4.0, "error": {"ename": ename, "evalue": evalue}}
    return {"event": "record", "time": 4.1, "replica": name, "record": error}


LOST = (replica("worker-1", "failed", code=-9), {"event": "spared", "time": 3.1, "replica": "worker-1", "left": 1})


def test_an_elastic_job_tells_whom_it_goes_on_without() -> None:
    _, events = told(BEGAN, *LOST)
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert notices == [
        "worker-1 is lost (SIGKILL: out of memory, or killed by hand): the job goes on with 1 of 2 workers"
    ]


def test_what_a_killed_workers_other_process_said_of_it_is_not_its_loss() -> None:
    killed = {**replica("worker-1", "failed", code=-9), "lost": True}
    _, events = told(BEGAN, raised("worker-1", "ConnectionResetError"), killed, LOST[1])
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.startswith("worker-1 is lost (SIGKILL")


@pytest.mark.parametrize("ours", [True, False])
def test_torchruns_own_report_is_told_by_its_lines_whoever_ended_it(*, ours: bool) -> None:
    report = {"v": 1, "type": "report", "lines": 30, "crc": 7}
    _, events = told(BEGAN, {"event": "record", "replica": "worker-1", "record": report, "ended_by_us": ours})
    assert events[-1] == Traced(replica="worker-1", reason="torchrun's own report", lines=30, checksum=7)


@pytest.mark.parametrize(
    ("later", "ename"),
    [
        ((raised("worker-0", "ValueError"),), "ValueError"),
        ((replica("worker-0", "failed", code=3),), "SIGKILL"),
        (
            (raised("worker-0", "ConnectionResetError"), {"event": "again", "time": 5.0, "replica": "worker-0"}),
            "SIGKILL",
        ),
    ],
    ids=[
        "an error of the code is none of the loss",
        "one loss too many began with the first",
        "who runs again has none",
    ],
)
def test_the_cause_of_an_elastic_jobs_end(later: tuple[dict[str, Any], ...], ename: str) -> None:
    history, _ = told(BEGAN, *LOST, *later, finished("failed"))
    assert history.outcome is not None
    assert history.outcome.failure is not None
    assert history.outcome.failure.ename == ename
    assert all(other.ename != "ConnectionResetError" for other in history.outcome.others)


def test_a_new_attempt_keeps_the_failure_before() -> None:
    again = {**BEGAN, "number": 2, "of": 2}
    history, events = told(BEGAN, replica("worker-0", "failed", code=-9), again, finished("succeeded"))
    assert [e.failure.ename for e in events if isinstance(e, Attempt)] == ["SIGKILL"]
    assert history.outcome is not None
    assert (history.outcome.attempts, history.outcome.failure) == (2, None)
    assert [f.ename for f in history.outcome.previous] == ["SIGKILL"]


def test_a_replica_that_did_not_start_says_why() -> None:
    history, _ = told(BEGAN, replica("worker-0", "failed", code=127, words="no such file"), finished("failed"))
    assert history.outcome is not None
    assert history.outcome.failure is not None
    assert (history.outcome.failure.kind, history.outcome.failure.evalue) == ("start", "no such file")


def test_a_timeout_says_its_limit() -> None:
    history, _ = told(BEGAN, finished("failed", timeout=90.0) | {"reason": "timeout"})
    assert history.outcome is not None
    assert history.outcome.failure is not None
    assert history.outcome.failure.evalue == "the job ran longer than its timeout of 90 s"


def test_lost_lines_are_told_before_the_end() -> None:
    _, events = told(BEGAN, finished("succeeded", lost_bytes=1234))
    assert [type(e) for e in events[-2:]] == [Notice, Finished]


def test_a_lost_job_has_no_running_replica() -> None:
    history, _ = told(BEGAN, replica("worker-0", "running", pid=7), {"event": "lost", "time": 5.0, "words": "gone"})
    assert history.summary().phase is Phase.LOST
    assert {r.state for r in history.summary().replicas} == {ReplicaState.ENDED}


def test_an_entry_of_a_later_version_is_passed_over() -> None:
    assert told(BEGAN, {"event": "weather", "time": 1.0})[1] == []


def test_what_a_replica_says_while_it_is_ended_is_no_failure() -> None:
    record = {"event": "record", "time": 2.6, "replica": "worker-1", "record": {"type": "exit", "code": 7}}
    history, _ = told(BEGAN, replica("worker-0", "failed", code=6), {**record, "ended_by_us": True}, finished("failed"))
    assert history.outcome is not None
    assert history.outcome.others == ()


def test_the_end_of_a_job_is_the_end_of_its_replicas() -> None:
    history, events = told(finished("cancelled"))
    assert {r.state for r in history.summary().replicas} == {ReplicaState.ENDED}
    assert isinstance(events[-1], Finished)


def test_what_comes_after_the_end_means_nothing() -> None:
    history, events = told(BEGAN, finished("succeeded"), {"event": "lost", "time": 10.0, "words": "gone"})
    assert history.summary().phase is Phase.SUCCEEDED
    assert [type(e) for e in events].count(Finished) == 1


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["worker-0", "failed"])
NESTED = VALUES | st.lists(VALUES) | st.dictionaries(st.text(), VALUES) | st.integers(min_value=10**400)
KEYS = ("time", "replica", "state", "pid", "code", "number", "of", "phase", "reason", "timeout", "lost_bytes", "words")
ENTRY = st.fixed_dictionaries(
    {"event": st.sampled_from(["attempt", "replica", "record", "finished", "lost"]) | NESTED},
    optional={k: NESTED | st.just(1.0) for k in KEYS} | {"record": NESTED | st.just({"type": "error", "error": {}})},
)


@given(entries=st.lists(ENTRY))
def test_a_damaged_journal_is_a_story_all_the_same(entries: list[dict[str, Any]]) -> None:
    history, _ = told(*entries)
    assert [r.replica for r in history.summary().replicas] == ["worker-0", "worker-1"]


@pytest.mark.parametrize("key", ["time", "replica", "state", "pid"])
def test_an_entry_that_lacks_something_is_passed_over(key: str) -> None:
    damaged = {k: v for k, v in replica("worker-0", "running", pid=7).items() if k != key}
    assert told(BEGAN, damaged)[1] == []
