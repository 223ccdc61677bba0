"""One program: its lines, its end, and its early end."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from ciao.s2i.command.running import KEPT, LONGEST, Ended, run

ENVIRON = {"PATH": os.environ["PATH"]}


async def said(script: str, folder: Path) -> list[str]:
    heard: list[str] = []
    await run(["sh", "-c", script], environ=ENVIRON, folder=folder, heard=heard.append)
    return heard


async def test_every_line_of_both_outputs_is_heard(tmp_path: Path) -> None:
    assert await said("echo one; echo two >&2; printf three", tmp_path) == ["one", "two", "three"]


async def test_a_bar_that_is_drawn_again_is_lines_and_colours_are_gone(tmp_path: Path) -> None:
    assert await said(r"printf '10%%\r20%%\r\033[1;32mdone\033[0m\n'", tmp_path) == ["10%", "20%", "done"]


async def test_broken_utf8_is_no_error(tmp_path: Path) -> None:
    assert await said(r"printf '\377 caf\303\251\n'", tmp_path) == ["\ufffd café"]


async def test_a_line_without_an_end_takes_no_more_memory_than_its_limit(tmp_path: Path) -> None:
    (line,) = await said("head -c 300000 /dev/zero | tr '\\0' x", tmp_path)
    assert len(line) <= LONGEST


async def test_the_last_lines_come_with_the_code(tmp_path: Path) -> None:
    with pytest.raises(Ended) as caught:
        await run(["sh", "-c", "seq 1000; exit 7"], environ=ENVIRON, folder=tmp_path)
    assert (caught.value.code, len(caught.value.lines), caught.value.lines[-1]) == (7, KEPT, "1000")


async def test_it_has_no_input_and_only_the_environment_that_it_is_given(tmp_path: Path) -> None:
    lines = await run(
        ["sh", "-c", "cat; env | grep -v PWD | grep -v _="], environ=ENVIRON | {"A": "b"}, folder=tmp_path
    )
    assert {line.partition("=")[0] for line in lines} <= {"PATH", "A", "SHLVL"}


async def test_who_stops_to_wait_ends_all_that_it_started(tmp_path: Path) -> None:
    task, pids = await begun("sleep 600 & echo $!; echo $$; wait", tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [pid for pid in pids if alive(pid)]


async def test_it_is_asked_first_and_may_take_away_what_it_made(tmp_path: Path) -> None:
    (tmp_path / "mount").touch()
    task, _ = await begun(
        "trap 'rm mount; exit 1' TERM; echo $$; echo $$; while :; do sleep 0.01; done", tmp_path, grace=60
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # in a coroutine


async def test_one_that_will_not_end_is_killed_with_what_it_started(tmp_path: Path) -> None:
    task, pids = await begun(
        "trap '' TERM; (trap '' TERM; sleep 600) & echo $!; echo $$; while :; do wait; done", tmp_path
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [pid for pid in pids if alive(pid)]


async def begun(script: str, folder: Path, grace: float = 0.05) -> tuple[asyncio.Task[tuple[str, ...]], list[int]]:
    """Once it has told two numbers of processes."""
    pids: asyncio.Queue[int] = asyncio.Queue()
    task = asyncio.create_task(
        run(
            ["sh", "-c", script],
            environ=ENVIRON,
            folder=folder,
            heard=lambda line: pids.put_nowait(int(line)),
            grace=grace,
        )
    )
    async with asyncio.timeout(30):
        return task, [await pids.get(), await pids.get()]


def alive(pid: int) -> bool:
    """Killed is not yet gone; a moment later it is, or waits for nobody but its parent."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return False
    return True
