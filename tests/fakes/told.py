"""What a run told, for tests that look at all of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ciao.model import Event, Failure, Finished, JobSpec, Lines, Outcome


class Ran:
    """Everything that a run told, sorted by kind."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events

    @property
    def outcome(self) -> Outcome:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last.outcome

    def lines(self, replica: str) -> list[str]:
        batches = [e.lines for e in self.events if isinstance(e, Lines)]
        return [line.text for batch in batches for line in batch if line.replica == replica]

    @property
    def failure(self) -> Failure:
        """The first by cause; the job must have failed."""
        assert self.outcome.failure is not None, self.outcome
        return self.outcome.failure


Spec = Callable[..., JobSpec]
Run = Callable[[JobSpec], Awaitable[Ran]]
Create = Callable[[JobSpec], Awaitable[str]]
