"""The stages of a local job at which somebody presses stop, and what may be left of it: nothing but its folder."""

from __future__ import annotations

import ast
import asyncio
import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ciao.backends.local.backend import Local
from ciao.backends.local.ports import lock_file
from ciao.home import JobFolder
from ciao.model import Phase
from ciao.settings import Settings
from fakes.chatty import TIMES
from fakes.kernel import Kernel
from fakes.processes import left_in, until

__all__ = [
    "AT_ONCE",
    "COLLECTIVE",
    "ENDING",
    "HEAD",
    "PRINTING",
    "SECOND",
    "STAGES",
    "Left",
    "phases",
    "soon",
    "stalling",
]

HEAD = "%framework=pytorch\n%worker=2\n"
FLOOD = "import os\ni = 0\nwhile True:\n    print(os.environ['RANK'], 'line', i)\n    i += 1\n"
COLLECTIVE = """import time, torch, torch.distributed as dist
dist.init_process_group("gloo")
print("meets", flush=True)
if dist.get_rank() == 1:
    time.sleep(3600)
dist.all_reduce(torch.ones(1000))
"""
ENDING = """%framework=pytorch
%master=1
%worker=2
import os, threading
if os.environ["CIAO_ROLE"] == "worker":
    threading.Event().wait()
print("is done", flush=True)
"""
SECOND = """%framework=pytorch
%worker=2
%retries=1
import os, threading
if os.environ["CIAO_ATTEMPT"] == "1":
    raise ValueError("no luck")
print("second is up", flush=True)
threading.Event().wait()
"""
PRINTING = HEAD + FLOOD
STAGES = [
    pytest.param(f"{HEAD}%package=--index-url=INDEX stalls\n{FLOOD}", "resolving", id="packing"),
    pytest.param(PRINTING, "", id="being created"),
    pytest.param(PRINTING, "job pytorch-", id="starting"),
    pytest.param(PRINTING, "line 50", id="printing"),
    pytest.param(
        f"{HEAD}%python=/usr/bin/python3\n{COLLECTIVE}", "meets", id="in a collective", marks=pytest.mark.torch
    ),
    pytest.param(ENDING, "is done", id="ending"),
    pytest.param(SECOND, "second is up", id="in its second attempt"),
]
"""A cell, and what it shows when the stage is reached. INDEX is where packages are waited for."""

AT_ONCE = 1.0
"""Seconds from the interrupt to the reply; looked at in `make soak` alone."""


def soon(seconds: float) -> float:
    """So many, and more on a machine that has more to do than it has cores."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


KEPT = "(t.name.startswith('asyncio_') or type(t).__name__ == 'GarbageCollectorThread')"
"""Pools of asyncio, and ZeroMQ's own thread, which starts with the first large message."""


class Left:
    """What a kernel, its jobs and the folder of all jobs have beyond what they had at first."""

    def __init__(self, kernel: Kernel, home: Path) -> None:
        self._kernel, self._home = kernel, home
        self._pid = int(kernel.run("import os; os.getpid()").results[0])
        self._before = self._own()

    @classmethod
    def warm(cls, kernel: Kernel, home: Path) -> Left:
        """After a first job: what stays for the next one is no remainder."""
        kernel.run("%framework=pytorch\nprint('warm')")
        kernel.run("%ciao delete --ended --yes")
        return cls(kernel, home)

    def after_a_stop(self, cell: str, stage: str, interrupts: int = 1) -> None:
        """Press stop, perhaps twice, when a cell has come so far, and look for all that should not be there."""
        request, ran = self._kernel.start(cell, until=stage)
        began = time.monotonic()
        for _ in range(interrupts):
            self._kernel.interrupt()
        self._kernel.wait(request, ran)
        took = time.monotonic() - began
        assert ran.error[0] == "KeyboardInterrupt"
        self._kernel.watch(request, ran, lambda ran: not ran.displays or ran.status.startswith("cancelled"))
        assert self() == ()
        assert {*phases(self._home)} <= {Phase.CANCELLED}
        assert TIMES == 1 or took < soon(AT_ONCE), took
        self._kernel.run("%ciao delete --ended --yes")
        assert phases(self._home) == []

    def __call__(self) -> Sequence[object]:
        """Nothing, after a while."""
        found: Sequence[object] = ()

        def nothing() -> bool:
            nonlocal found
            found = [*left_in(self._home), *self._locks(), *self._halves(), *self.of_the_kernel()]
            return not found

        try:
            until(nothing)
        except AssertionError:
            return found
        return ()

    def of_the_kernel(self) -> set[str]:
        """The same, of the kernel alone."""
        return self._own() - self._before

    def _own(self) -> set[str]:
        """The kernel's threads, but for those that are kept for later use; files that it has open there."""
        code = f"import threading; [t.name for t in threading.enumerate() if not {KEPT}]"
        threads: list[str] = ast.literal_eval(self._kernel.run(code).results[-1])
        return {*threads, *self._files()}

    def _files(self) -> Iterator[str]:
        for entry in Path(f"/proc/{self._pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                name = str(entry.readlink())
                if str(self._home) in name:
                    yield name

    def _locks(self) -> Iterator[Path]:
        """Of ports, cores and devices."""
        for path in self._home.glob("*/*.lock"):
            lock = lock_file(path)
            if lock is None:
                yield path
            else:
                os.close(lock)

    def _halves(self) -> Iterator[Path]:
        """Folders of jobs that are none, and of packages that were not finished."""
        yield from (folder.path for folder in JobFolder.unfinished(self._home))
        yield from self._home.glob("packages/.new-*/*")


def phases(home: Path) -> list[Phase]:
    """Of all jobs, as a list of them says."""
    return [summary.phase for summary in asyncio.run(Local(Settings(home=home)).jobs())]


@contextmanager
def stalling() -> Iterator[str]:
    """The address of an index of packages that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"
