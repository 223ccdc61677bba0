"""Which kernel tells how a job ended, and that it does so once."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ciao.errors import BackendError, JobNotFound
from ciao.frontends.notebook import notices
from ciao.frontends.notebook.endings import EVERY, Endings
from ciao.frontends.notebook.untold import KEPT, Untold
from ciao.model import Failure, Job, Outcome, Phase, Summary
from ciao.session import Session

JOB = Job(
    name="jax-x1",
    backend="local",
    framework="jax",
    replicas=("worker-0",),
    created=1000.0,
    cell="Cell In[4]",
    notebook="a.ipynb",
)
SUCCEEDED = Outcome(phase=Phase.SUCCEEDED, ended=1180.0)


class Engine:
    """Answers when it is asked to."""

    def __init__(self) -> None:
        self.asked: list[Future[dict[str, str]]] = []

    def call(self, work: Any) -> Future[dict[str, str]]:
        work.close()
        self.asked.append(Future())
        return self.asked[-1]


class Fake:
    """A session, and its own backend."""

    def __init__(self, *known: Summary | Exception) -> None:
        self.engine = Engine()
        self._known = list(known)

    def everywhere(self) -> Fake:
        return self

    async def job(self, name: str) -> Summary:
        found = self._known.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def untold(tmp_path: Path) -> Untold:
    return Untold(tmp_path / "home" / "untold")


def left_behind(tmp_path: Path, *jobs: str, notebook: str = "a.ipynb") -> None:
    """By a kernel that is gone, and with it its locks."""
    (tmp_path / "untold").mkdir(exist_ok=True)
    for job in jobs:
        (tmp_path / "untold" / job).write_text(notebook)


def test_a_job_is_told_by_the_kernel_that_runs_it_and_by_no_other(tmp_path: Path) -> None:
    first, second = untold(tmp_path), untold(tmp_path)
    first.keep("jax-x1", "a.ipynb")
    assert second.inherit("a.ipynb") == []
    assert first.inherit("a.ipynb") == []  # it is its own


def test_what_a_dead_kernel_left_is_taken_over_once_and_by_its_own_notebook(tmp_path: Path) -> None:
    left_behind(tmp_path, "jax-x1", "jax-x2")
    left_behind(tmp_path, "jax-x3", notebook="b.ipynb")
    first, second = Untold(tmp_path / "untold"), Untold(tmp_path / "untold")
    assert first.inherit("a.ipynb") == ["jax-x1", "jax-x2"]
    assert second.inherit("a.ipynb") == []
    first.drop("jax-x1")
    assert sorted(path.name for path in (tmp_path / "untold").iterdir()) == ["jax-x2", "jax-x3"]


def test_a_disk_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    untold(tmp_path).keep("jax-x1", "")
    untold(tmp_path).drop("jax-x1")
    assert untold(tmp_path).inherit("") == []


def test_each_end_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endings = Endings(tmp_path / "untold", lambda: pytest.fail("nothing is asked"))
    endings.keep(JOB)
    endings.add("jax-x1", "it ended")
    endings.tell()
    endings.tell()
    assert capsys.readouterr().out == "it ended\n"
    assert list((tmp_path / "untold").iterdir()) == []


def test_what_the_user_knows_is_not_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endings = Endings(tmp_path / "untold", lambda: pytest.fail("nothing is asked"))
    endings.keep(JOB)
    endings.add("jax-x1", "it ended")
    endings.drop("jax-x1")
    endings.tell()
    endings.add("jax-x1", "it ended")  # by the thread that draws its panel, which looks twice a second
    endings.tell()
    assert capsys.readouterr().out == ""


def test_a_job_of_the_kernel_before_is_asked_for_until_it_has_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left_behind(tmp_path, "jax-x1", "jax-x2")
    fake, seconds = Fake(), [0.0]
    endings = Endings(tmp_path / "untold", lambda: cast("Session", fake), clock=lambda: seconds[0])
    endings.inherit("a.ipynb")
    fake.engine.asked[0].set_result({"jax-x1": "one ended"})
    endings.wait()
    endings.tell()
    assert capsys.readouterr().out == "one ended\n"
    assert len(fake.engine.asked) == 1  # not at each cell
    seconds[0] = EVERY
    endings.tell()
    fake.engine.asked[1].set_result({"jax-x2": ""})
    endings.tell()
    assert capsys.readouterr().out == ""  # it was deleted
    assert list((tmp_path / "untold").iterdir()) == []
    seconds[0] = 2 * EVERY
    endings.tell()
    assert len(fake.engine.asked) == 2


def test_who_ended_it_by_a_command_knows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endings = Endings(tmp_path / "untold", lambda: pytest.fail("nothing is asked"))
    endings.keep(JOB)
    endings.keep(replace(JOB, name="jax-x2"))
    endings.told("jax-x1 cancelled after 3 s")
    endings.add("jax-x1", "one was cancelled")
    endings.add("jax-x2", "two ended")
    endings.tell()
    assert capsys.readouterr().out == "two ended\n"


def test_where_nobody_knows_the_notebook_the_next_kernel_says_nothing(tmp_path: Path) -> None:
    untold(tmp_path).keep("jax-x1", "")
    assert not (tmp_path / "home").exists()
    left_behind(tmp_path, "jax-x1", notebook="")
    assert Untold(tmp_path / "untold").inherit("") == []


def test_what_nobody_asked_for_in_two_weeks_is_removed_unless_its_kernel_lives(tmp_path: Path) -> None:
    living = Untold(tmp_path / "untold")
    living.keep("jax-x1", "a.ipynb")
    left_behind(tmp_path, "jax-x2", "jax-x3")
    for name, age in (("jax-x1", KEPT + 60), ("jax-x2", KEPT + 60), ("jax-x3", KEPT - 60)):
        os.utime(tmp_path / "untold" / name, times=(time.time() - age,) * 2)
    assert Untold(tmp_path / "untold").inherit("b.ipynb") == []
    assert sorted(path.name for path in (tmp_path / "untold").iterdir()) == ["jax-x1", "jax-x3"]


async def test_what_cannot_be_found_out_is_asked_again_and_what_is_no_more_is_not() -> None:
    ended = Summary(job=JOB, phase=Phase.SUCCEEDED, replicas=(), outcome=SUCCEEDED)
    running = Summary(job=JOB, phase=Phase.RUNNING, replicas=())
    fake = Fake(ended, running, JobNotFound("gone"), BackendError("away"))
    assert await notices.ended(cast("Session", fake), ["a", "b", "c", "d"]) == {
        "a": "job jax-x1 succeeded in 3 min (started by Cell In[4]): `%ciao logs jax-x1`",
        "c": "",
    }


def test_a_failure_is_told_with_its_cause() -> None:
    failure = Failure(replica="worker-0", kind="exception", time=0, ename="ValueError", evalue="bad\nluck")
    outcome = Outcome(phase=Phase.FAILED, ended=1180.0, failure=failure)
    words = "failed after 3 min: worker-0: ValueError: bad luck"
    assert notices.sentence(JOB, outcome, 1000.0) == (
        f"job jax-x1 {words} (started by Cell In[4]): `%ciao logs jax-x1`"
    )
