"""How a job stands, in one line."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ciao.frontends.display.status import Stage, View, duration, failed, line
from ciao.model import Failure, Outcome, Phase, ReplicaState, ReplicaStatus

START = 1_795_442_602.0  # 2026-11-23 14:03:22 UTC


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def view(**changes: object) -> View:
    given = {"name": "jax-x1", "where": "local", "asked": START, "started": START, "now": START + 125}
    return View(**{**given, **changes})  # type: ignore[arg-type]  # a test may change any field


def replicas(**states: str) -> dict[str, ReplicaStatus]:
    return {
        name: ReplicaStatus(replica=name, state=ReplicaState(s.split(":")[0]), since=START, reason=s.partition(":")[2])
        for name, s in states.items()
    }


def outcome(phase: Phase, **changes: object) -> Outcome:
    return Outcome(phase=phase, ended=START + 12.3, **changes)  # type: ignore[arg-type]  # a test may change any field


def failure(replica: str = "worker-1", ename: str = "ValueError", evalue: str = "no such file") -> Failure:
    return Failure(replica=replica, kind="exception", time=START, ename=ename, evalue=evalue)


def test_a_running_job_says_as_of_when_so_that_a_saved_notebook_stays_true() -> None:
    words = line(view(replicas=replicas(a="running", b="running", c="waiting:no free port"))).text
    since = "running for 2 min 5 s as of 2026-11-23 14:05:27"
    assert words == f"{since} · jax-x1 on local · 1 waiting: no free port · 2 running"


def test_the_key_changes_only_with_the_state() -> None:
    assert line(view(now=START + 1)).key == line(view(now=START + 99)).key
    assert line(view()).key != line(view(replicas=replicas(a="running"))).key


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (outcome(Phase.SUCCEEDED), "succeeded in 12 s"),
        (outcome(Phase.SUCCEEDED, attempts=2), "succeeded in 12 s (attempt 2)"),
        (outcome(Phase.FAILED, failure=failure()), "failed after 12 s: worker-1: ValueError: no such file"),
        (
            outcome(Phase.FAILED, failure=failure(), others=(failure("worker-0"),)),
            "failed after 12 s: worker-1: ValueError: no such file (1 other failed too)",
        ),
        (outcome(Phase.CANCELLED), "cancelled after 12 s"),
        (outcome(Phase.LOST, message="its supervisor is gone"), "lost: its supervisor is gone"),
    ],
)
def test_an_outcome_in_words(end: Outcome, words: str) -> None:
    assert line(view(outcome=end, replicas=replicas(a="ended"))).text == f"{words} · jax-x1 on local"


def test_before_the_job_exists_it_is_being_prepared() -> None:
    assert line(view(name="", started=None)).text.startswith("preparing for 2 min 5 s as of 2026-11-23 14:05:27 ")


def test_before_a_replica_runs_the_job_is_pending() -> None:
    assert line(view(started=None)).text.startswith("pending for 2 min 5 s as of ")


def test_a_job_that_is_being_cancelled_says_so_since_the_interrupt() -> None:
    found = line(view(stage=Stage("cancelling", START + 120), replicas=replicas(a="running")))
    assert found.text == "cancelling for 5 s as of 2026-11-23 14:05:27 · jax-x1 on local · 1 running"


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Stage("background", START), "started in the background at 2026-11-23 14:03:22 · jax-x1 on local"),
        (Stage("refused", START), "not started · jax-x1 on local"),
    ],
)
def test_what_a_cell_leaves_behind_is_true_whenever_it_is_read(stage: Stage, words: str) -> None:
    assert line(view(stage=stage, replicas=replicas(a="waiting"))).text == words


def test_the_end_of_a_job_counts_for_more_than_what_was_known_before() -> None:
    found = line(view(stage=Stage("cancelling", START), outcome=outcome(Phase.CANCELLED)))
    assert found.text.startswith("cancelled after ")


def test_a_failure_of_the_whole_job_names_no_replica() -> None:
    assert failed(failure(replica="", ename="TimeoutError", evalue="")) == "TimeoutError"


def test_a_long_error_is_cut_to_one_line() -> None:
    text = line(view(outcome=outcome(Phase.FAILED, failure=failure(evalue="x\ny " * 500)))).text
    assert "\n" not in text
    assert len(text) < 200


def test_a_wait_says_why_and_what_to_do_even_if_that_is_long() -> None:
    words = "the namespace's quota few is used up: asked pods=1, used pods=0 of pods=0. It starts when others end; " * 2
    waiting = {
        name: ReplicaStatus(replica=name, state=ReplicaState.WAITING, since=0, reason=why)
        for name, why in (("a", "no room"), ("b", words), ("c", words), ("d", ""))
    }
    text = line(view(started=None, replicas=waiting)).text
    assert text.endswith(f"4 waiting: {words.strip()} (and 1 other reason)")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (3.21, "3.2 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3720, "1 h 2 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
