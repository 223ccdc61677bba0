"""Which processes are a replica's, and what memory is theirs. Real processes."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ciao.backends.local import processes
from ciao.backends.local.processes import Family, used
from fakes.processes import LINUX, until

pytestmark = LINUX

MIB = 1024**2
WAIT = "print('up', flush=True); sys.stdin.read()\n"
CHILD = "subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=0, start_new_session={alone})\n"


@contextmanager
def replica(code: str, job: str = "j-1") -> Iterator[int]:
    """The process id of a root that has run this code, and waits."""
    environ = {**os.environ, "CIAO_JOB": job, "CIAO_REPLICA": "worker-0"}
    words = [sys.executable, "-c", f"import os, subprocess, sys, time\n{code}{WAIT}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environ, start_new_session=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process.pid
        os.killpg(process.pid, signal.SIGKILL)  # those that it forked would outlive it, and be found by other tests
        process.stdin.close()


@pytest.mark.parametrize("alone", ["False", "True"], ids=["in its session", "in a session of its own"])
def test_what_a_replica_starts_is_the_replicas(alone: str) -> None:
    with replica(CHILD.format(alone=alone)) as root, replica(CHILD.format(alone=alone)) as other:
        family = Family("j-1", {"worker-0": root, "worker-1": other})
        assert len(family.members(root)) == len(family.members(other)) == 2
        assert not set(family.members(root)) & set(family.members(other))


def test_what_it_starts_later_is_found_at_the_next_look() -> None:
    family = Family("j-1", {"me": os.getpid()})
    family.members(os.getpid())
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.pid in family.members(os.getpid())


def test_who_has_lost_its_parent_and_left_its_session_is_known_by_its_environment() -> None:
    lost = f"import subprocess, sys; {CHILD.format(alone=True)}"
    code = f"subprocess.run([sys.executable, '-c', {lost!r}], stdin=0, start_new_session=True)\n"
    with replica(code) as root:
        assert len(Family("j-1", {"worker-0": root}).members(root)) == 2
        assert len(Family("j-2", {"worker-0": root}).members(root)) == 1


def test_nothing_is_looked_through_while_the_system_has_no_new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    family = Family("j-1", {"worker-0": os.getpid()})
    family.members(os.getpid())
    monkeypatch.setattr(processes, "_read", lambda _: b"0.1 0.1 0.1 1/80 " + family._newest)
    monkeypatch.setattr(os, "listdir", lambda _: pytest.fail("looked through all processes"))
    assert os.getpid() in family.members(os.getpid())


def test_memory_that_is_used_counts_and_a_file_that_is_mapped_does_not(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"x" * 64 * MIB)
    with replica("kept = b'x' * (100 * 1024**2)\n") as root:
        assert 100 * MIB < used([root], limit=50 * MIB) < 130 * MIB
    reading = f"import mmap\nkept = mmap.mmap(os.open({str(file)!r}, os.O_RDONLY), 0, prot=mmap.PROT_READ)\n"
    with replica(f"{reading}kept.count(b'y') if hasattr(kept, 'count') else kept.find(b'y')\n") as root:
        assert processes._resident(root) > 64 * MIB
        assert used([root], limit=50 * MIB) < 30 * MIB


def test_what_processes_share_counts_once_as_long_as_they_share_it() -> None:
    fork = "for _ in range(3):\n    if os.fork() == 0:\n        {}\n        time.sleep(60)\n        os._exit(0)\n"
    kept = "kept = bytearray(b'x') * (60 * 1024**2)\n"
    with replica(kept + fork.format("pass")) as root:
        family = Family("j-1", {"worker-0": root})
        until(lambda: len(family.members(root)) == 4)
        until(lambda: sum(map(processes._unbacked, family.members(root))) > 200 * MIB)
        assert used(family.members(root), limit=100 * MIB) < 100 * MIB
    with replica(kept + fork.format("kept[::4096] = bytes(len(kept[::4096]))")) as root:
        family = Family("j-1", {"worker-0": root})
        until(lambda: used(family.members(root), limit=100 * MIB) > 200 * MIB)


def test_shared_memory_counts() -> None:
    code = "import mmap\nkept = mmap.mmap(-1, 80 * 1024**2)\nkept[::4096] = bytes(len(kept[::4096]))\n"
    with replica(code) as root:
        assert used([root], limit=50 * MIB) > 80 * MIB


def test_the_exact_question_is_asked_only_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_shares", lambda _: 7)
    assert used([os.getpid()], limit=1) == 7
    assert used([os.getpid()], limit=mmap.PAGESIZE * 2**40) > 7


def test_a_process_that_has_ended_uses_nothing() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert used([process.pid], limit=0) == 0
