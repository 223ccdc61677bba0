"""SIGINT while a cell waits."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import pytest

from ciao.frontends.notebook.interrupt import Interrupt


async def test_the_first_interrupt_wakes_the_cell_at_once() -> None:
    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(interrupt.asked, 30)
        with pytest.raises(KeyboardInterrupt):
            interrupt.check()


async def test_a_second_interrupt_is_harmless() -> None:
    with Interrupt() as interrupt:
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(interrupt.asked, 30)
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
    assert interrupt.hit


async def test_behind_the_cell_stands_the_handler_that_stood_before_it() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    async def cell() -> None:
        with Interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=lambda: asyncio.run(cell()))
    thread.start()
    thread.join()
    assert seen == [before]
