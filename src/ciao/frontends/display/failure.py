"""The exceptions that a cell raises: the training code's own, the cell's mistakes, an interrupt.

IPython asks an exception for ``_render_traceback_``. It must not fail and must not find an exception group in the
context of what it shows (IPython then sends the frontend nothing at all).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ciao.errors import CellError, CiaoError
from ciao.frontends.display.traceback import CellSource, bounded, echoes, printable, render
from ciao.model import Failure, Outcome, Phase

__all__ = ["Interrupted", "TrainingError", "of_outcome", "shown", "single"]

E = TypeVar("E", bound=CiaoError)


class TrainingError(Exception):
    """The training code failed. What is raised is a subclass that bears the name of the remote exception.

    ``outcome`` has everything that is known of the end of the job.
    """

    outcome: Outcome
    text: Sequence[str] = ()

    def _render_traceback_(self) -> list[str]:
        return [*self.text] or [f"{type(self).__name__}: {self}"]


class _Interrupted(KeyboardInterrupt):
    def _render_traceback_(self) -> list[str]:
        return [f"KeyboardInterrupt: {self}" if str(self) else "KeyboardInterrupt"]


Interrupted: type[KeyboardInterrupt] = type("KeyboardInterrupt", (_Interrupted,), {"__module__": "builtins"})
"""A KeyboardInterrupt by name and by nature, shown in one line."""


def of_outcome(outcome: Outcome, cell: CellSource, *, job: str, colour: bool) -> TrainingError | None:
    """What the cell raises when its job ended so; None if it went well."""
    if outcome.phase is Phase.SUCCEEDED:
        return None
    if outcome.failure is None:
        name = {Phase.CANCELLED: "JobCancelled", Phase.LOST: "JobLost"}.get(outcome.phase, "JobFailed")
        error = _raised(name, f"{job}: {outcome.message or outcome.phase.value}", outcome)
        if outcome.hint:
            error.text = _noted(error, _hint(outcome))
        return error
    failure = outcome.failure
    error = _raised(failure.ename, failure.evalue, outcome)
    _noted(error, [*_where(failure), *_hint(outcome)])
    error.text = _safely(lambda: _text(failure, outcome, cell, colour=colour), error)
    return error


def shown(error: E, label: str) -> E:
    """The same error, which IPython then shows as it was designed: no frames of ours, the line with its caret."""
    name = type(error).__name__
    if isinstance(error, CellError):
        hint = f"\n{error.hint}" if error.hint else ""
        text = f"{name}: {error.message}\n{label}, line {error.line}\n{error.picture()}{hint}"
    else:
        text = f"{name}: {error.message}" + (f"\n{error.hint}" if error.hint else "")
    error._render_traceback_ = lambda: [printable(text)]  # type: ignore[attr-defined]  # IPython asks for it
    return error


def single(error: BaseException) -> BaseException:
    """The first exception inside nested groups, with nothing of the group left in its context."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    error.__context__ = error.__cause__ = None
    return error


def _raised(ename: str, evalue: str, outcome: Outcome) -> TrainingError:
    name = printable(ename).replace("\n", " ")[:200] or "Error"
    error: TrainingError = type(name, (TrainingError,), {"__module__": "builtins"})(bounded(printable(evalue)))
    error.outcome = outcome
    return error


def _text(failure: Failure, outcome: Outcome, cell: CellSource, *, colour: bool) -> list[str]:
    if failure.error is None:
        blocks = [f"{printable(failure.ename)}: {bounded(printable(failure.evalue))}"]
    else:
        blocks = render(failure.error, cell, replica=failure.replica, colour=colour)
    return [*blocks, *_where(failure), *echoes(outcome), *_hint(outcome)]


def _where(failure: Failure) -> list[str]:
    """The replica, in a line; none for what befell the job as a whole."""
    if not failure.replica:
        return []
    return [f"raised in {failure.place}" if failure.kind == "exception" else f"in {failure.place}"]


def _hint(outcome: Outcome) -> list[str]:
    return printable(outcome.hint).splitlines()


def _noted(error: TrainingError, notes: Sequence[str]) -> list[str]:
    """The error in lines, with notes that programs see as well."""
    for note in notes:
        error.add_note(note)
    return [f"{type(error).__name__}: {error}", *notes]


def _safely(text: Callable[[], list[str]], error: TrainingError) -> list[str]:
    try:
        return text()
    except Exception:  # noqa: BLE001  # a record from elsewhere must not hide the error that it tells of
        return [f"{type(error).__name__}: {error}", *getattr(error, "__notes__", [])]
