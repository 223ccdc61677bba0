"""A standstill is told once, and nothing else is taken for one. The clock is a number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.pace import Behind, progress
from ciao.logs.standstill import Standstill, Still, span
from ciao.model import (
    Attempt,
    Created,
    Event,
    Failure,
    Finished,
    Line,
    Lines,
    Notice,
    Outcome,
    Phase,
    ReplicaChanged,
    ReplicaState,
    ReplicaStatus,
)
from fakes.jobs import summary

PATIENCE = 100.0
NAMES = tuple(f"worker-{n}" for n in range(4))


def changed(name: str, state: ReplicaState = ReplicaState.RUNNING) -> ReplicaChanged:
    return ReplicaChanged(status=ReplicaStatus(replica=name, state=state, since=0.0))


def lines(**texts: str) -> Lines:
    return Lines(lines=tuple(Line(name.replace("_", "-"), "", text) for name, text in texts.items()))


def running(names: Sequence[str] = NAMES) -> Standstill:
    seen = Standstill(PATIENCE)
    seen.see(Created(job=summary("a-1", replicas=tuple(names)).job), 0.0)
    for name in names:
        seen.see(changed(name), 0.0)
    return seen


def told(seen: Standstill, until: float, *, since: float = 0.0) -> Iterator[tuple[float, Still | Behind]]:
    """What is found by looks every five seconds, all of it told."""
    now = since
    while now <= until:
        if (found := seen.look(now)) is not None:
            assert seen.tell(found)
            yield now, found
        now += 5.0


def test_no_line_from_anybody_for_a_while_is_told_once() -> None:
    seen = running()
    seen.see(lines(worker_0="hello"), 10.0)
    ((when, found),) = told(seen, 2000.0)
    assert (when, found) == (115.0, Still(since=10.0, running=4))


def test_that_lines_come_again_is_told_and_the_next_standstill_too() -> None:
    seen = running()
    assert len(list(told(seen, 150.0))) == 1
    assert seen.see(lines(worker_3="x"), 160.0) == "lines come again, after 2 min"
    assert seen.see(lines(worker_3="x"), 161.0) == ""
    assert len(list(told(seen, 400.0, since=162.0))) == 1


def test_what_was_found_and_not_told_does_not_go_on_either() -> None:
    seen = running()
    found = seen.look(101.0)
    assert found is not None
    assert seen.see(lines(worker_0="x"), 102.0) == ""
    assert not seen.tell(found)


def test_what_is_better_told_later_is_looked_at_again() -> None:
    seen = running()
    first = seen.look(101.0)
    assert first is not None
    seen.later(first, 101.0)
    ((when, found),) = told(seen, 1000.0, since=102.0)
    assert when > 201.0
    assert found == first


@pytest.mark.parametrize(
    "event", [lines(worker_0="x"), changed("worker-1", ReplicaState.SUCCEEDED), lines(worker_1="step 1")]
)
def test_whatever_moves_is_no_standstill(event: Event) -> None:
    seen = running()
    for now in range(0, 1000, 90):
        seen.see(event, float(now))
        assert not list(told(seen, now + 89.0, since=float(now)))


def test_a_notice_is_no_sign_of_life() -> None:
    seen = running()
    for now in range(0, 100, 10):
        seen.see(Notice(text="the cluster is heard again"), float(now))
    assert len(list(told(seen, 200.0))) == 1


@pytest.mark.parametrize("state", [ReplicaState.WAITING, None])
def test_while_one_waits_to_start_nothing_is_told(state: ReplicaState | None) -> None:
    seen = Standstill(PATIENCE)
    seen.see(Created(job=summary("a-1", replicas=NAMES).job), 0.0)
    for name in NAMES[1:]:
        seen.see(changed(name), 0.0)
    if state is not None:
        seen.see(changed(NAMES[0], state), 0.0)
    assert not list(told(seen, 1000.0))
    seen.see(changed(NAMES[0]), 1000.0)
    assert [when for when, _ in told(seen, 1200.0, since=1000.0)] == [1105.0]


def test_of_a_job_that_is_over_or_starts_again_nothing_is_told() -> None:
    over, again, ended = running(), running(), running()
    over.see(Finished(outcome=Outcome(phase=Phase.SUCCEEDED, ended=0.0)), 1.0)
    failure = Failure(replica="worker-0", kind="exit", time=0.0, ename="SystemExit", evalue="")
    again.see(Attempt(number=2, of=3, failure=failure), 1.0)
    for name in NAMES:
        ended.see(changed(name, ReplicaState.ENDED), 1.0)
    assert [*told(over, 999.0), *told(again, 999.0), *told(ended, 999.0)] == []


def trained(seen: Standstill, steps: range, writers: Sequence[str], *, each: float = 10.0) -> list[Behind | Still]:
    """Each writer writes a step every so often; who was found meanwhile."""
    found: list[Behind | Still] = []
    for step in steps:
        seen.see(Lines(lines=tuple(Line(name, "", f"step {step} loss 0.{step}") for name in writers)), step * each)
        found += [one for _, one in told(seen, step * each + each - 1, since=step * each)]
    return found


def test_that_one_alone_writes_is_usual() -> None:
    assert trained(running(), range(100), NAMES[:1]) == []


def test_a_first_line_that_others_do_not_follow_is_usual() -> None:
    seen = running()
    seen.see(lines(worker_1="step 0 begins", worker_2="step 0 begins"), 0.0)
    assert trained(seen, range(1, 100), NAMES[:1]) == []


def test_one_that_stops_while_the_others_go_on_is_told_once_and_that_it_goes_on() -> None:
    seen = running()
    assert trained(seen, range(8), NAMES) == []
    (found,) = trained(seen, range(8, 60), NAMES[:3])
    assert isinstance(found, Behind)
    assert (found.replica, found.at, found.stopped, found.since) == ("worker-3", "step 7", True, 70.0)
    assert seen.see(lines(worker_3="step 8 loss 0.8"), 600.0) == "worker-3 goes on"


def test_one_that_comes_slowly_is_told_only_if_it_is_far_behind_for_long() -> None:
    seen = running()
    found: list[tuple[float, Still | Behind]] = []
    for now in range(0, 600, 10):
        slow = f"step {now // 40} loss 1"
        seen.see(lines(worker_0=f"step {now // 10} loss 1", worker_1=f"step {now // 10} loss 2", worker_2=slow), now)
        found += told(seen, now + 9.0, since=float(now))
    ((when, one),) = found
    assert isinstance(one, Behind)
    assert (one.replica, one.stopped) == ("worker-2", False)
    assert when > PATIENCE + 100.0


def test_a_little_behind_is_not_far_behind() -> None:
    seen = running()
    for now in range(0, 2000, 10):
        seen.see(lines(worker_0=f"step {now // 10}", worker_1=f"step {now // 15}"), now)
        assert not list(told(seen, now + 9.0, since=float(now)))


def test_epochs_begin_their_steps_anew() -> None:
    assert progress("[rank 3] Epoch: 2, step 17/400 loss 0.5") == (
        "[rank #] Epoch: # step #/# loss #",
        "epoch 2 step 17",
        (2, 17),
    )
    seen = running()
    for step in range(200):
        text = f"epoch {step // 50} step {step % 50}"
        seen.see(lines(worker_0=text, worker_1=text), step * 10.0)
        assert not list(told(seen, step * 10 + 9.0, since=step * 10.0))


@given(st.text(max_size=60))
def test_any_line_has_a_progress_or_none(text: str) -> None:
    found = progress(text)
    assert found is None or len(found[2]) >= 1


EVENTS = st.one_of(
    st.builds(lambda n, s: changed(NAMES[n], s), st.integers(0, 3), st.sampled_from(ReplicaState)),
    st.builds(lambda n, k: Lines(lines=(Line(NAMES[n], "", f"step {k}"),)), st.integers(0, 3), st.integers(0, 99)),
)


@given(st.lists(st.tuples(st.floats(0.1, 300.0), EVENTS), max_size=40))
@settings(max_examples=150)
def test_nothing_is_told_before_its_time_nor_while_one_waits(script: list[tuple[float, Event]]) -> None:
    seen, now, states, last = running(), 0.0, dict.fromkeys(NAMES, ReplicaState.RUNNING), 0.0
    for pause, event in script:
        for _, found in told(seen, now + pause, since=now):
            assert ReplicaState.WAITING not in states.values()
            assert not isinstance(found, Still) or now + pause - last > PATIENCE
            assert not isinstance(found, Behind) or states[found.replica] is ReplicaState.RUNNING
        now += pause
        last = now
        seen.see(event, now)
        if isinstance(event, ReplicaChanged):
            states[event.status.replica] = event.status.state


@pytest.mark.parametrize(("seconds", "words"), [(4.6, "5 s"), (59, "59 s"), (300, "5 min"), (7500, "2 h 5 min")])
def test_a_span_is_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
