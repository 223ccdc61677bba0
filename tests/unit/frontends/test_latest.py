"""The last lines that a panel shows."""

from __future__ import annotations

from ciao.frontends.display.latest import LONGEST, SHOWN, Latest
from ciao.model import Line

NAMES = [f"worker-{n}" for n in range(1000)]


def test_the_last_line_of_the_first_replicas_is_kept_and_empty_lines_are_none() -> None:
    latest = Latest(NAMES)
    latest.hear([Line("worker-0", "", "one"), Line("worker-0", "", "two"), Line("worker-0", "", "  ")])
    assert latest.lines == {"worker-0": "two", "worker-1": "", "worker-2": "", "worker-3": ""}


def test_of_the_others_and_of_long_lines_nothing_is_held() -> None:
    latest = Latest(NAMES)
    latest.hear(Line(name, "", "x" * 16_000) for name in NAMES)
    assert list(map(len, latest.lines.values())) == [LONGEST] * SHOWN


def test_one_that_fails_comes_first_in_the_place_of_the_last() -> None:
    latest = Latest(NAMES)
    latest.hear([Line("worker-0", "", "well")])
    latest.fail("worker-700", "exit code 3")
    latest.fail("worker-0", "exit code 4")
    latest.fail("worker-800", "exit code 5")
    assert latest.lines == {
        "worker-700": "exit code 3",
        "worker-800": "exit code 5",
        "worker-0": "well",
        "worker-1": "",
    }


def test_never_more_than_four_however_many_fail() -> None:
    latest = Latest(NAMES[:2])
    for name in NAMES[100:]:
        latest.fail(name, "x")
    assert len(latest.lines) == SHOWN
