"""What may come next on a command line."""

from __future__ import annotations

import pytest

from ciao.commands.completion import complete, wants_jobs
from ciao.model import Phase
from fakes.jobs import summary

JOBS = [summary("jax-aaaaa", Phase.RUNNING), summary("pytorch-bbbbb", replicas=("master-0", "worker-0"))]

OFFERED = [
    ("j", 0, ("jobs",)),
    ("de", 0, ("describe", "delete")),
    ("logs ", 5, ("jax-aaaaa", "pytorch-bbbbb")),
    ("logs py", 5, ("pytorch-bbbbb",)),
    ("logs pytorch-bbbbb ", 19, ("master-0", "worker-0")),
    ("logs --f", 5, ("--follow",)),
    ("logs --follow jax", 14, ("jax-aaaaa",)),
    ("logs -f -", 8, ("--follow", "--tail", "--since", "--grep", "--timestamps", "-t")),
    ("cancel ", 7, ("jax-aaaaa",)),
    ("stacks ", 7, ("jax-aaaaa",)),
    ("stacks pytorch-bbbbb w", 21, ("worker-0",)),
    ("help lo", 5, ("logs",)),
    ("help opt", 5, ("options",)),
    ("help wo", 5, ("worker",)),
    ("jobs ", 5, ()),
    ("run ", 4, ()),
    ("zzz a", 4, ()),
    ("logs jax worker-0 ", 18, ()),
]


@pytest.mark.parametrize(("line", "start", "words"), OFFERED)
def test_a_line_is_completed(line: str, start: int, words: tuple[str, ...]) -> None:
    assert complete(line, JOBS) == (start, words)


def test_without_a_running_job_those_that_ended_are_offered() -> None:
    assert complete("attach ", JOBS[1:]).words == ("pytorch-bbbbb",)


@pytest.mark.parametrize(("line", "wanted"), [("logs ", True), ("logs -", False), ("jo", False), ("config ", False)])
def test_the_backend_is_asked_only_where_a_job_may_stand(line: str, wanted: bool) -> None:  # noqa: FBT001  # a table's column
    assert wants_jobs(line) is wanted
