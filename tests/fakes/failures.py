"""Kinds of failure, each as a cell and what its error must say, wherever the replicas run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fakes.kernel import Ran

__all__ = ["KINDS", "LOSING", "MEETING", "Kind", "check", "plain"]

MEETING = """import os, socket, sys, time
rank = int(os.environ["RANK"])
def connect():
    while True:
        try:
            return socket.create_connection((os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])))
        except OSError:
            time.sleep(0.1)
if rank == 0:
    peer = socket.create_server(("", int(os.environ["MASTER_PORT"]))).accept()[0]
else:
    peer = connect()
print("met at", time.time(), flush=True)
"""
"""Two replicas that are bound to each other, as those of a collective are."""

LOSING = 'if not peer.recv(1):\n    raise ConnectionError("Connection closed by peer")\n'
"""What the other does: it fails too, and earlier if it is quicker."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of failure.

    ``death`` is what the second of two replicas does; the lines that the error must name are marked by ``#!``.
    ``words`` are in the error's value, by backend if it is not the same everywhere; ``shown`` is in the whole text.
    Without a ``victim`` it is all of the cell's code. A victim may be ended before it can tell of its loss.
    """

    name: str
    death: str
    ename: str
    words: str | Mapping[str, str] = ""
    head: str = "%framework=pytorch\n%worker=2;%memory=200Mi\n"
    where: str = "worker-1"
    shown: tuple[str, ...] = ()
    victim: bool = True

    def cell(self, options: str = "") -> str:
        """With more lines of options."""
        body = "".join(f"    {line}\n" for line in self.death.splitlines())
        if not self.victim:
            return f"{self.head}{options}{self.death}"
        return f"{self.head}{options}{MEETING}if rank == 1:\n{body}{LOSING}"

    def lines(self, options: str = "") -> list[int]:
        """Numbers of the lines that are marked."""
        return [n for n, line in enumerate(self.cell(options).splitlines(), start=1) if "#!" in line]


KINDS = (
    Kind(
        name="exception",
        death="def step(batch):\n    raise ValueError(f'bad batch {batch}')  #!\nstep(7)  #!",
        ename="ValueError",
        words="bad batch 7",
    ),
    Kind(
        name="cause",
        death="try:\n    {}['k']  #!\nexcept KeyError as e:\n    raise RuntimeError('outer') from e  #!",
        ename="RuntimeError",
        words="outer",
        shown=("KeyError: 'k'", "The above exception was the direct cause"),
    ),
    Kind(
        name="group",
        death="def load(shard):\n    raise OSError(f'no shard {shard}')  #!\nerrors = []\nfor shard in range(2):\n"
        "    try:\n        load(shard)  #!\n    except OSError as e:\n        errors.append(e)\n"
        "class Several(Exception):\n    exceptions = errors\nraise Several('two shards')  #!",
        ename="Several",
        words="two shards",
        shown=("1. OSError: no shard 0", "2. OSError: no shard 1"),
    ),
    Kind(
        name="syntax",
        death="open('broken.py', 'w').write('def f():\\n    return 1 +* 2\\n')\nimport broken  #!",
        ename="SyntaxError",
        words="(broken.py, line 2)",
        shown=("----> 2     return 1 +* 2", " ^\n"),
    ),
    Kind(
        name="recursion",
        death="def odd(n): return even(n)  #!\ndef even(n): return odd(n)  #!\nodd(1)  #!",
        ename="RecursionError",
        words="maximum recursion depth exceeded",
        shown=("[... odd() and even() repeat ",),
    ),
    Kind(
        name="evil",
        death="class Evil(Exception):\n    def __str__(self): return 1 / 0\n    __repr__ = __reduce__ = __str__\n"
        "raise Evil  #!",
        ename="Evil",
        words="<exception str() failed>",
    ),
    Kind(
        name="hangs",
        death="class Hangs(Exception):\n    def __str__(self): time.sleep(1000)\nraise Hangs  #!",
        ename="Hangs",
        words="<exception str() does not return>",
    ),
    Kind(
        name="long",
        death="raise ValueError('\\n'.join(map(str, range(10_000))))  #!",
        ename="ValueError",
        words="[... 9,940 more lines in the log ...]",
        shown=("[... 9,940 more lines in the log ...]\n9990\n",),
    ),
    Kind(
        name="child",
        death="from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context\n"
        "def part(n): return 1 / n  #!\nwith ProcessPoolExecutor(1, get_context('fork')) as pool:\n"
        "    list(pool.map(part, [0]))  #!",
        ename="ZeroDivisionError",
        words="division by zero",
        shown=("raised in another process",),
    ),
    Kind(name="exit", death="sys.exit('no data')", ename="SystemExit", words="no data (exit code 1)"),
    Kind(name="leaves", death="os._exit(3)", ename="SystemExit", words="exit code 3"),
    Kind(
        name="shown",
        death="import traceback\ntry:\n    1 / 0  #!\nexcept ZeroDivisionError:\n"
        "    traceback.print_exc()\n    os._exit(4)",
        ename="SystemExit",
        words="exit code 4; its log ends with ZeroDivisionError: division by zero",
    ),
    Kind(
        name="killed",
        death="os.kill(os.getpid(), 9)",
        ename="SIGKILL",
        words={"local": "killed by hand or by another program", "kubeflow": "killed: by hand, or by its node"},
    ),
    Kind(
        name="terminated",
        death="import subprocess\nsubprocess.run([sys.executable, '-c', 'import os; os.kill(os.getppid(), 15)'])\n"
        "time.sleep(60)",
        ename="SIGTERM",
        words="ended by hand or by another program",
    ),
    Kind(name="aborted", death="os.abort()  #!", ename="SIGABRT", words="aborted itself"),
    Kind(
        name="segfault",
        death="import ctypes\ndef native():\n    ctypes.string_at(0)  #!\nnative()  #!",
        ename="SIGSEGV",
        words="segmentation fault in native code",
        shown=("in string_at()",),
    ),
    Kind(
        name="memory",
        death="kept = [bytearray(b'x') * 9_000_000 for _ in range(200)]",
        ename="OOMKilled",
        words="limit of 200Mi",
        shown=("Raise it, for example %worker=2;%memory=",),
    ),
    Kind(
        name="rank",
        death="import os, time\nif os.environ['RANK'] == '1':\n    raise ValueError('no data')  #!\ntime.sleep(600)\n",
        ename="ValueError",
        words="no data",
        head="%framework=pytorch\n%nproc=2\n",
        where="master-0 (rank 1)",
        victim=False,
    ),
    Kind(
        name="retried",
        death="import os\nraise ValueError('attempt ' + os.environ.get('CIAO_ATTEMPT', '?'))  #!\n",
        ename="ValueError",
        words="attempt ",
        head="%framework=pytorch\n%retries=1\n",
        where="master-0",
        shown=("attempt 1 failed in master-0: ValueError: attempt ",),
        victim=False,
    ),
)


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def check(kind: Kind, ran: Ran, *, backend: str, options: str = "") -> None:
    """All that the error of this cell must say."""
    name, value, text = ran.error
    text = plain(text)
    words = kind.words if isinstance(kind.words, str) else kind.words[backend]
    assert (name, words in value) == (kind.ename, True), ran
    assert re.search(rf"^(?:raised )?in {re.escape(kind.where)}$", text, re.MULTILINE), text
    found = {int(number) for number in re.findall(r"Cell In\[\d+\], line (\d+)", text)}
    assert sorted(found) == kind.lines(options), text
    for part in kind.shown:
        assert part in text, f"{text}\n{ran}"
    others = re.findall(r"^worker-0 .*", text.partition(f"in {kind.where}")[2], re.MULTILINE)
    assert others in ([], ["worker-0 failed because of it: ConnectionError: Connection closed by peer"]), text
    assert ran.status.startswith("failed after "), ran.status
