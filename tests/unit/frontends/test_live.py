"""The line about the code's way in a shell."""

from __future__ import annotations

import pytest

from ciao.frontends.shell.live import ERASE, Live
from ciao.model import Packing


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def pushed(live: Live, clock: Clock, *, seconds: int) -> None:
    """A push that takes this long, looked at ten times a second."""
    for tenth in range(seconds * 10 + 1):
        clock.time = tenth / 10
        live.hear(Packing(step="pushing the code", done=tenth, total=seconds * 10))
        live.tick()


def test_in_a_file_there_is_a_line_a_quarter_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(replaces=False, clock=(clock := Clock()))
    pushed(live, clock, seconds=20)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("pushing the code: 10 of 200 B, 10 B/s")


def test_a_terminal_has_one_line_that_is_replaced_and_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(replaces=True, clock=(clock := Clock()))
    pushed(live, clock, seconds=3)
    assert live.end() == "packed in 3.0 s: pushing the code (3.0 s, 30 B)"
    written = capsys.readouterr().err
    assert "\n" not in written
    assert written.count("pushing") == 6  # from the second one on twice a second, and at each quarter
    assert written.endswith(ERASE)


def test_other_words_do_not_come_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(replaces=True, clock=(clock := Clock()))
    pushed(live, clock, seconds=2)
    with live.paused():
        assert capsys.readouterr().err.endswith(ERASE)
    live.tick()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("replaces", [True, False])
def test_what_takes_less_than_a_second_writes_nothing(capsys: pytest.CaptureFixture[str], *, replaces: bool) -> None:
    live = Live(replaces=replaces, clock=(clock := Clock()))
    pushed(live, clock, seconds=0)
    clock.time = 0.9
    live.tick()
    assert live.end() == ""
    assert capsys.readouterr().err == ""
