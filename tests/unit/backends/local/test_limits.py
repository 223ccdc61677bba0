"""When replicas are looked at."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciao.backends.local.child import Child
from ciao.backends.local.limits import QUICK, SLOW, SPEED, Limits, nap
from ciao.backends.local.orphans import kill_strays
from fakes.processes import LINUX, left_of, until


@pytest.mark.parametrize("room", [0, SPEED // 100, SPEED // 10, SPEED // 5])
def test_the_next_look_comes_before_the_fastest_replica_could_be_beyond_its_limit(room: int) -> None:
    assert QUICK <= nap(room, look=0.0) <= max(QUICK, room / SPEED)


def test_who_is_far_from_its_limit_is_looked_at_rarely_and_not_never() -> None:
    assert nap(SPEED * 1000, look=0.0) == SLOW


def test_looking_takes_a_fifth_of_the_time_at_the_most() -> None:
    assert nap(0, look=0.1) == 0.4


@pytest.fixture
def jobs() -> Iterator[tuple[str, str]]:
    """Names that no other run of this test has; what they leave is ended."""
    names = (f"limits-{os.getpid()}-a", f"limits-{os.getpid()}-b")
    yield names
    for name in names:
        kill_strays(name)


@LINUX
def test_who_is_beyond_the_limit_is_killed_with_all_that_it_started_and_others_are_not(
    tmp_path: Path, jobs: tuple[str, str]
) -> None:
    one, other = jobs
    start = "import subprocess, time\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\ntime.sleep(1000)"
    children = [Child(name, str(tmp_path / name)) for name in ("worker-0", "worker-1")]
    for child, job in zip(children, jobs, strict=True):
        words = [sys.executable, "-c", start]
        child.start(words, {"PATH": "/usr/bin:/bin", "CIAO_JOB": job, "CIAO_REPLICA": child.name}, str(tmp_path))
    until(lambda: len(left_of(one)) == len(left_of(other)) == 2)
    limits = Limits(one, children, {"worker-0": "1Mi", "worker-1": "1Gi"})
    ((child, used),) = limits.exceeded()
    assert (child, used > 1024**2) == (children[0], True)
    until(lambda: not left_of(one))
    assert len(left_of(other)) == 2
    ((child, _),) = Limits(other, children[1:], {"worker-1": "1Mi"}).exceeded()
    until(lambda: not left_of(other))
    for ended in children:
        os.waitpid(ended.pid, 0)
        ended.close()


def test_who_is_not_limited_is_never_looked_at(tmp_path: Path) -> None:
    assert Limits("j", [Child("worker-0", str(tmp_path / "log"))], {"worker-0": "1Gi"}).due == math.inf
