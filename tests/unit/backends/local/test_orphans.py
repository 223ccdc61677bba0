"""Who left the group of its replica is found by its environment."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciao.backends.local import orphans
from ciao.backends.local.orphans import kill_strays
from fakes.processes import LINUX


@pytest.fixture
def stray() -> Iterator[subprocess.Popen[bytes]]:
    env = os.environ | {"CIAO_JOB": "jax-orphan", "CIAO_REPLICA": "worker-1"}
    with subprocess.Popen(["sleep", "1000"], env=env, start_new_session=True) as process:
        while not Path(f"/proc/{process.pid}/environ").read_bytes():  # a moment of its start in which it has none
            time.sleep(0.001)
        yield process
        process.kill()


@LINUX
@pytest.mark.parametrize("replica", [None, "worker-1"])
def test_a_stray_of_the_job_is_killed(stray: subprocess.Popen[bytes], replica: str | None) -> None:
    kill_strays("jax-orphan", replica)
    assert stray.wait(30) == -9


def test_who_was_killed_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, looks, killed = {b"CIAO_JOB=jax-orphan"}, iter([True] * 5), list[int]()
    monkeypatch.setattr(orphans, "GONE", 60.0)  # as the whole test may take on a busy machine
    monkeypatch.setattr(orphans, "_processes", lambda: [7])
    monkeypatch.setattr(orphans, "_environment", lambda _: ours if next(looks, False) else set())
    monkeypatch.setattr(orphans, "_kill", killed.append)
    kill_strays("jax-orphan")
    assert (killed, next(looks, "gone")) == ([7], "gone")


@LINUX
@pytest.mark.parametrize(("job", "replica"), [("jax-orpha", None), ("jax-orphan", "worker-0"), ("orphan", None)])
def test_those_of_others_live_on(stray: subprocess.Popen[bytes], job: str, replica: str | None) -> None:
    kill_strays(job, replica)
    assert stray.poll() is None


def test_a_system_that_tells_of_no_process_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr("ciao.backends.local.orphans.os.listdir", nothing)
    kill_strays("jax-orphan")
