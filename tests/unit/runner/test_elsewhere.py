"""Exceptions of other processes, which come as text inside of an exception of the cell's process."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from ciao.runner.telling import tell

TRACEBACK = """\
Traceback (most recent call last):
  File "/lib/worker.py", line 302, in _worker_loop
    data = fetch(index)
           ^^^^^^^^^^^^
  File "cell_7.py", line 4, in load
    raise pkg.BadShard('no shard', 7)
pkg.BadShard: no shard
of two lines
"""


class BadShard(Exception):
    pass


class ProcessRaisedException(Exception):
    """As in torch.multiprocessing."""


class RemoteTraceback(Exception):
    """As in multiprocessing.pool."""


class ChildFailedError(Exception):
    """As in torch.distributed.elastic."""

    def get_first_failure(self) -> tuple[int, Any]:
        class Failure:
            error_file_data = {"message": {"extraInfo": {"py_callstack": TRACEBACK}}}  # noqa: RUF012  # as it is there

        return 1, Failure


def raised(error: BaseException, cause: BaseException | None = None) -> dict[str, Any]:
    try:
        raise error from cause  # noqa: TRY301  # to have a traceback
    except BaseException as e:  # noqa: BLE001  # of any type
        return tell(e, "cell_7.py")


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (
            ProcessRaisedException(f"\n\n-- Process 1 terminated with the following error:\n{TRACEBACK}"),
            "raised in process 1 that was spawned",
        ),
        (
            BadShard(f"Caught BadShard in DataLoader worker process 0.\nOriginal {TRACEBACK}"),
            "raised in DataLoader worker process 0",
        ),
        (ChildFailedError("\n=====\ntrain FAILED"), "raised in rank 1 of torchrun"),
    ],
)
def test_the_error_of_the_other_process_is_the_error(error: BaseException, note: str) -> None:
    told = raised(error)
    assert (told["ename"], told["module"], told["evalue"]) == ("BadShard", "pkg", "no shard\nof two lines")
    assert told["notes"] == [note]
    own, worker, load = told["frames"]
    assert own["file"] == __file__
    assert (worker["line"], worker["text"], worker["cell"]) == (302, "data = fetch(index)", False)
    assert (load["line"], load["name"], load["cell"]) == (4, "load", True)


def test_an_exception_that_came_itself_has_its_frames_and_not_their_text() -> None:
    told = raised(BadShard("no shard"), RemoteTraceback(f'\n"""\n{TRACEBACK}"""'))
    assert (told["ename"], told["evalue"], told["cause"]) == ("BadShard", "no shard", None)
    assert [frame["line"] for frame in told["frames"][1:]] == [302, 4]


@pytest.mark.parametrize(
    "error",
    [
        ProcessRaisedException("-- Process 1 terminated with the following error:\nkilled"),
        ProcessRaisedException(
            "-- Process 1 terminated with the following error:\nTraceback (most recent call last):\n"
        ),
        ProcessRaisedException("another text"),
        ValueError(f"Caught KeyError in a test.\nOriginal {TRACEBACK}"),
        ValueError(TRACEBACK),
        type("ChildFailedError", (Exception,), {})("of somebody else"),
    ],
)
def test_what_is_no_such_exception_stays_as_it_is(error: BaseException) -> None:
    told = raised(error)
    assert (told["ename"], told["evalue"]) == (type(error).__name__, str(error))
    assert told["notes"] == []


@pytest.mark.parametrize("said", [TRACEBACK, TRACEBACK.encode()])
def test_a_program_whose_output_was_captured_is_quoted(said: str | bytes) -> None:
    told = raised(subprocess.CalledProcessError(1, "train.py", output="seen by nobody", stderr=said))
    assert told["notes"] == [f"its output ends with\n{TRACEBACK.strip()}"]


@pytest.mark.parametrize("said", [None, "", b"\n", 7, object()])
def test_of_a_program_that_said_nothing_there_is_nothing_to_quote(said: object) -> None:
    assert raised(subprocess.CalledProcessError(1, "train.py", stderr=said))["notes"] == []  # type: ignore[arg-type]  # whatever it holds
