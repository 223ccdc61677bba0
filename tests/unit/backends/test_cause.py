"""Which failure came first."""

from __future__ import annotations

import pytest

from ciao.backends.cause import abort_looks_secondary, first_by_cause, looks_secondary
from ciao.model import Failure, FailureKind, RemoteError


def failure(replica: str, time: float, ename: str, evalue: str = "", kind: FailureKind = "exception") -> Failure:
    error = RemoteError(ename=ename, evalue=evalue) if kind == "exception" else None
    return Failure(
        replica=replica,
        kind=kind,
        time=time,
        ename=ename,
        evalue=evalue,
        error=error,
        secondary=looks_secondary(ename, evalue),
    )


def test_the_earliest_of_equals_is_the_cause() -> None:
    first, others = first_by_cause([failure("worker-1", 2.0, "ValueError"), failure("worker-0", 1.0, "KeyError")])
    assert first is not None
    assert (first.replica, [o.replica for o in others]) == ("worker-0", ["worker-1"])


def test_a_lost_peer_is_never_the_cause_of_a_real_error() -> None:
    lost = failure("worker-0", 1.0, "RuntimeError", "[pair.cc:598] Connection closed by peer [127.0.0.1]:20001")
    first, _ = first_by_cause([lost, failure("worker-1", 9.0, "ValueError", "mine")])
    assert first is not None
    assert first.ename == "ValueError"


def test_a_lost_peer_alone_is_the_cause() -> None:
    lost = failure("worker-0", 1.0, "ConnectionRefusedError", "db:5432")
    assert first_by_cause([lost]) == (lost, ())


def test_a_kill_that_was_reaped_a_moment_late_comes_first() -> None:
    raised = failure("worker-0", 1.00, "RuntimeError", "words nobody knows")
    killed = failure("worker-1", 1.05, "SIGKILL", kind="signal")
    first, _ = first_by_cause([raised, killed])
    assert first is killed


def test_no_failure_has_no_cause() -> None:
    assert first_by_cause([]) == (None, ())


@pytest.mark.parametrize(
    ("ename", "evalue"),
    [
        ("RuntimeError", "[../third_party/gloo/pair.cc:598] Connection closed by peer [10.0.0.2]:5"),
        ("RuntimeError", "Connection reset by peer"),
        ("XlaRuntimeError", "UNAVAILABLE: The following tasks are unhealthy"),
        ("JaxRuntimeError", "DEADLINE_EXCEEDED: Barrier timed out"),
        ("BrokenPipeError", "[Errno 32] Broken pipe"),
        ("SIGABRT", ""),
        ("RuntimeError", "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE)"),
        ("RuntimeError", "NCCL communicator was aborted on rank 2. Original reason for failure was: ..."),
        ("RuntimeError", "ncclRemoteError: A call failed possibly due to a network error or a remote process exiting"),
        ("RuntimeError", "[../gloo/transport/tcp/buffer.cc:136] Application timeout caused pair closure"),
        ("InternalError", "Collective ops is aborted by: a worker has gone"),
        ("XlaRuntimeError", "INTERNAL: Barrier timed out. Barrier_id: psum"),
        ("HorovodInternalError", "rank 3 is gone"),
    ],
)
def test_errors_of_a_lost_peer_are_known(ename: str, evalue: str) -> None:
    assert looks_secondary(ename, evalue)


@pytest.mark.parametrize(
    ("ename", "evalue"), [("ValueError", "bad"), ("SIGKILL", ""), ("RuntimeError", "CUDA out of memory")]
)
def test_errors_of_its_own_are_not_taken_for_a_lost_peer(ename: str, evalue: str) -> None:
    assert not looks_secondary(ename, evalue)


@pytest.mark.parametrize(
    ("said", "follows"),
    [
        ("", "yes"),
        ("terminate called without an active exception", "yes"),
        ("Connection reset by peer", "yes"),
        ("free(): invalid pointer", "no"),
    ],
)
def test_an_abort_that_gives_no_reason_follows_from_another_end(said: str, follows: str) -> None:
    assert ("yes" if abort_looks_secondary(said) else "no") == follows
