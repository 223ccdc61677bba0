"""A job is cancelled while its replicas wait in C, in a real collective: no process and no port is left of it."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from pathlib import Path

import pytest

from ciao.backends.base import Backend
from ciao.home import JobFolder
from ciao.model import Lines, Phase
from ciao.settings import Settings
from fakes.processes import LINUX, left_of
from fakes.told import Create, Spec

pytestmark = [pytest.mark.torch, LINUX]

WAITING = """import os, signal, sys, time, torch, torch.distributed as dist
dist.init_process_group('gloo')
{before}
print('up', flush=True)
if dist.get_rank() == 1:
    while True: time.sleep(600)
dist.all_reduce(torch.ones(1000))
"""


def listening_on(job: str) -> set[str]:
    """The local addresses on which processes of the job listen."""
    inodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"CIAO_JOB={job}".encode() in (process / "environ").read_bytes().split(b"\0"):
                inodes |= {str(fd.readlink()) for fd in (process / "fd").iterdir()}
    return {address for address, inode in listening() if f"socket:[{inode}]" in inodes}


def listening() -> list[tuple[str, str]]:
    """(address, inode) of every socket of this machine that listens."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [row.split() for t in tables if t.exists() for row in t.read_text().splitlines()[1:]]
    return [(row[1], row[9]) for row in rows if row[3] == "0A"]


@pytest.mark.parametrize(
    "before",
    ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "signal.signal(signal.SIGTERM, lambda *_: None)"],
    ids=["plain", "ignores SIGTERM", "handles SIGTERM in Python"],
)
async def test_three_ranks(
    job: Create, spec: Spec, backend: Backend, settings: Settings, torch_python: str, before: str
) -> None:
    name = await job(spec(WAITING.format(before=before), workers=3, python=torch_python))
    await _all_up(name, backend, 3)
    ports = listening_on(name)
    assert ports
    outcome = await backend.cancel(name)
    assert (outcome.phase, outcome.failure) == (Phase.CANCELLED, None)
    assert left_of(name) == []
    assert not ports & {address for address, _ in listening()}
    folder = JobFolder.of(settings.home, name)
    assert [" up\n" in folder.log_file(f"worker-{i}").read_text() for i in range(3)] == [True] * 3
    assert (await backend.job(name)).phase is Phase.CANCELLED


async def _all_up(name: str, backend: Backend, count: int) -> None:
    seen: set[str] = set()
    async with asyncio.timeout(60), aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, Lines):
                seen |= {line.replica for line in event.lines if line.text == "up"}
            if len(seen) == count:
                return
