"""What a cell raises."""

from __future__ import annotations

import dataclasses

import pytest

from ciao.errors import CommandError, OptionError
from ciao.frontends.display import failure
from ciao.frontends.display.failure import TrainingError
from ciao.frontends.display.traceback import CellSource
from ciao.model import Failure, FailureKind, Outcome, Phase, RemoteError

CELL = CellSource(label="Cell In[7]")


def failed(
    ename: str = "ValueError",
    evalue: str = "no data",
    *,
    kind: FailureKind = "exception",
    error: RemoteError | None = None,
) -> Outcome:
    cause = Failure(replica="worker-1", kind=kind, time=0.0, ename=ename, evalue=evalue, error=error)
    return Outcome(phase=Phase.FAILED, ended=0.0, failure=cause)


def error_of(outcome: Outcome) -> TrainingError:
    error = failure.of_outcome(outcome, CELL, job="pytorch-x2v9q", colour=False)
    assert error is not None
    return error


def test_success_raises_nothing() -> None:
    assert failure.of_outcome(Outcome(phase=Phase.SUCCEEDED, ended=0.0), CELL, job="j", colour=False) is None


def test_the_error_bears_the_name_and_the_words_of_the_remote_one() -> None:
    error = error_of(failed())
    assert (type(error).__name__, str(error)) == ("ValueError", "no data")
    assert isinstance(error, TrainingError)
    assert error.__notes__ == ["raised in worker-1"]


def test_it_is_rendered_with_the_remote_frames() -> None:
    error = error_of(failed(error=RemoteError(ename="ValueError", evalue="no data")))
    shown = error._render_traceback_()
    assert "Traceback (most recent call last)" in shown[1]
    assert shown[-1] == "raised in worker-1"


def test_an_end_without_an_exception_has_no_invented_frames() -> None:
    error = error_of(failed("SIGKILL", "out of memory, or killed by hand", kind="signal"))
    assert error._render_traceback_() == ["SIGKILL: out of memory, or killed by hand", "in worker-1"]


@pytest.mark.parametrize(
    ("phase", "name"), [(Phase.CANCELLED, "JobCancelled"), (Phase.LOST, "JobLost"), (Phase.FAILED, "JobFailed")]
)
def test_an_end_without_a_failure_is_named_for_it(phase: Phase, name: str) -> None:
    error = error_of(Outcome(phase=phase, ended=0.0, message="words"))
    assert error._render_traceback_() == [f"{name}: pytorch-x2v9q: words"]


HINT = "worker-1 runs /usr/bin/python3:\ninstall it there\x07"


def test_what_to_do_next_is_said_last_below_the_echoes() -> None:
    outcome = failed("ModuleNotFoundError", "No module named 'jax'")
    assert outcome.failure is not None
    other = dataclasses.replace(outcome.failure, replica="worker-2")
    error = error_of(dataclasses.replace(outcome, others=(other,), hint=HINT))
    lines = ["raised in worker-1", "the same in worker-2", "worker-1 runs /usr/bin/python3:", "install it there\ufffd"]
    assert error._render_traceback_()[1:] == lines
    assert error.__notes__ == [lines[0], *lines[2:]]


def test_what_to_do_next_is_said_where_no_replica_failed() -> None:
    error = error_of(Outcome(phase=Phase.LOST, ended=0.0, message="gone", hint="look there"))
    assert error._render_traceback_() == ["JobLost: pytorch-x2v9q: gone", "look there"]


def test_what_to_do_next_is_said_beside_a_record_that_cannot_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "render", lambda *_, **__: 1 / 0)
    outcome = failed(error=RemoteError(ename="ValueError", evalue="no data"))
    assert error_of(dataclasses.replace(outcome, hint="look"))._render_traceback_()[-1] == "look"


@pytest.mark.parametrize("ename", ["", "a\0b", "x\ny", "\udc80", "N" * 9000, "日本"])
def test_any_name_from_elsewhere_makes_an_error(ename: str) -> None:
    assert "no data" in "\n".join(error_of(failed(ename))._render_traceback_())


def test_a_record_that_cannot_be_shown_does_not_hide_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure, "render", lambda *_, **__: 1 / 0)
    error = error_of(failed(error=RemoteError(ename="ValueError", evalue="no data")))
    assert error._render_traceback_() == ["ValueError: no data", "raised in worker-1"]


def test_a_mistake_in_the_cell_is_shown_at_its_place() -> None:
    error = OptionError("there is no option 'x'", hint="Did you mean y?", line=3, column=2, width=1, source="%x=1")
    shown = failure.shown(error, "Cell In[7]")
    assert shown._render_traceback_() == [  # type: ignore[attr-defined]  # IPython asks for it
        "OptionError: there is no option 'x'\nCell In[7], line 3\n%x=1\n ^\nDid you mean y?"
    ]


def test_another_error_of_ours_is_its_message_and_its_hint() -> None:
    shown = failure.shown(CommandError("no", hint="Do y"), "")
    assert shown._render_traceback_() == ["CommandError: no\nDo y"]  # type: ignore[attr-defined]  # IPython asks for it


def test_what_an_error_quotes_of_strangers_moves_no_terminal() -> None:
    shown = failure.shown(CommandError("a label: \x1b]0;evil\x07", hint="\x1b[2J\x9b2J"), "")
    (text,) = shown._render_traceback_()  # type: ignore[attr-defined]  # IPython asks for it
    assert not {"\x1b", "\x07", "\x9b"} & set(text)


def test_a_group_leaves_the_cell_as_its_first_exception_alone() -> None:
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError(1)]), KeyError(2)])
    group.exceptions[0].exceptions[0].__context__ = group  # type: ignore[union-attr]  # the first is a group
    error = failure.single(group)
    assert isinstance(error, ValueError)
    assert error.__context__ is None


def test_an_interrupt_is_a_keyboard_interrupt_in_one_line() -> None:
    error = failure.Interrupted("j is being cancelled")
    assert isinstance(error, KeyboardInterrupt)
    assert type(error).__name__ == "KeyboardInterrupt"
    assert error._render_traceback_() == ["KeyboardInterrupt: j is being cancelled"]  # type: ignore[attr-defined]  # IPython asks for it


def test_what_befell_the_job_as_a_whole_names_no_replica() -> None:
    outcome = failed("DeadlineExceeded", "the job ran longer than its timeout of 10 s", kind="timeout")
    assert outcome.failure is not None
    whole = dataclasses.replace(outcome, failure=dataclasses.replace(outcome.failure, replica=""))
    shown = error_of(whole)._render_traceback_()
    assert shown == ["DeadlineExceeded: the job ran longer than its timeout of 10 s"]


def test_the_package_names_what_a_cell_raises() -> None:
    import ciao

    assert ciao.TrainingError is TrainingError
    with pytest.raises(AttributeError, match="no attribute 'Training'"):
        _ = ciao.Training
