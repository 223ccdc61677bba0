"""The one thread in which jobs live."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator

import pytest

from ciao.engine import Engine
from ciao.errors import EngineError
from ciao.model import Event, Finished, Notice, Outcome, Phase

PATIENCE = 30.0
"""Seconds for what another thread does at once, if it gets to run."""

DONE = Finished(outcome=Outcome(phase=Phase.SUCCEEDED, ended=1.0))


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


async def endless(cleaned: threading.Event) -> AsyncGenerator[Event, None]:
    try:
        yield Notice(text="up")
        await asyncio.Event().wait()
    finally:
        cleaned.set()


async def short() -> AsyncGenerator[Event, None]:
    yield DONE


async def broken() -> AsyncGenerator[Event, None]:
    yield Notice(text="up")
    raise ValueError("no")


def test_a_run_ends_with_its_outcome_after_its_last_event(engine: Engine) -> None:
    told: list[Event] = []
    run = engine.run(short(), told.append)
    assert run.done.result(PATIENCE) == DONE.outcome
    assert told == [DONE]


def test_jobs_go_on_while_the_callers_thread_is_busy(engine: Engine) -> None:
    threads: list[str] = []
    engine.run(short(), lambda _: threads.append(threading.current_thread().name)).done.result(PATIENCE)
    assert threads == ["ciao-engine"]


def test_a_cancelled_run_cleans_up_and_has_no_outcome(engine: Engine) -> None:
    cleaned, up = threading.Event(), threading.Event()
    run = engine.run(endless(cleaned), lambda _: up.set())
    assert up.wait(PATIENCE)
    run.cancel()
    assert run.done.result(PATIENCE) is None
    assert cleaned.is_set()


def test_a_run_that_is_cancelled_at_once_can_still_tell_its_end(engine: Engine) -> None:
    async def pipeline() -> AsyncGenerator[Event, None]:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            yield DONE

    run = engine.run(pipeline(), lambda _: None)
    run.cancel()
    run.cancel()
    assert run.done.result(PATIENCE) == DONE.outcome


def test_an_error_reaches_whoever_waits(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no"):
        engine.run(broken(), lambda _: None).done.result(PATIENCE)


def test_an_engine_that_was_closed_says_so(engine: Engine) -> None:
    engine.run(short(), lambda _: None).done.result(PATIENCE)
    engine.close()
    with pytest.raises(EngineError, match="has stopped"):
        engine.run(short(), lambda _: None)


def test_commands_are_answered_while_a_job_runs(engine: Engine) -> None:
    cleaned = threading.Event()
    run = engine.run(endless(cleaned), lambda _: None)

    async def answer() -> int:
        return 42

    assert engine.call(answer()).result(PATIENCE) == 42
    run.cancel()
    run.done.result(PATIENCE)


def test_a_listener_that_raises_ends_its_own_run_alone(engine: Engine) -> None:
    def listener(event: Event) -> None:
        raise KeyError(event)

    cleaned = threading.Event()
    run = engine.run(endless(cleaned), listener)
    with pytest.raises(KeyError):
        run.done.result(PATIENCE)
    assert cleaned.is_set()
    assert engine.run(short(), lambda _: None).done.result(PATIENCE) == DONE.outcome


@pytest.mark.parametrize("leave", [SystemExit, KeyboardInterrupt])
def test_a_listener_that_wants_to_leave_does_not_take_the_engine_with_it(
    engine: Engine, leave: type[BaseException]
) -> None:
    def listener(event: Event) -> None:
        raise leave

    with pytest.raises(EngineError, match="was left by"):
        engine.run(short(), listener).done.result(PATIENCE)
    assert engine.run(short(), lambda _: None).done.result(PATIENCE) == DONE.outcome


def test_who_stops_to_wait_does_not_cancel_for_the_others(engine: Engine) -> None:
    up = threading.Event()
    run = engine.run(endless(threading.Event()), lambda _: up.set())
    assert up.wait(PATIENCE)
    assert not run.done.cancel()
    run.cancel()
    assert run.done.result(PATIENCE) is None


def test_an_engine_that_closes_lets_go_of_jobs_without_cancelling_them(engine: Engine) -> None:
    up, cancelled = threading.Event(), threading.Event()

    async def pipeline() -> AsyncGenerator[Event, None]:
        try:
            up.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
        yield DONE

    run = engine.run(pipeline(), lambda _: None)
    answer = engine.call(asyncio.sleep(1000))
    assert up.wait(PATIENCE)
    engine.close()
    for waiting in (run.done, answer):
        with pytest.raises(EngineError, match="has stopped"):
            waiting.result(PATIENCE)
    run.cancel()
    assert not cancelled.is_set()
