"""How far the code is on its way."""

from __future__ import annotations

import pytest

from ciao.frontends.display.packing import Progress, amount
from ciao.model import Packing

MB = 1_000_000


def pushing(done: int | None = None, total: int | None = None, step: str = "pushing the code") -> Packing:
    return Packing(step=step, done=done, total=total)


def text(progress: Progress, now: float) -> str:
    shown = progress.shown(now)
    return shown.text if shown else ""


def test_what_takes_less_than_a_second_is_never_shown() -> None:
    progress = Progress()
    progress.hear(pushing(), 0.0)
    progress.hear(pushing(5, 9), 0.5)
    assert progress.shown(0.99) is None
    assert progress.end(0.99) == ""


def test_after_a_second_it_is_shown_how_far_it_is_and_how_fast_it_goes() -> None:
    progress = Progress()
    progress.hear(pushing(0, 50 * MB), 0.0)
    progress.hear(pushing(12 * MB, 50 * MB), 2.0)
    assert text(progress, 2.0) == "pushing the code: 12 of 50 MB, 6 MB/s"


def test_a_step_without_bytes_is_its_words() -> None:
    progress = Progress()
    progress.hear(pushing(step="installing \x1b[31mpackages"), 0.0)
    assert text(progress, 1.0) == "installing packages"


def test_without_a_total_the_bytes_so_far_are_told() -> None:
    progress = Progress()
    progress.hear(pushing(900), 0.0)
    assert text(progress, 1.0) == "pushing the code: 900 B"


def test_the_rate_is_that_of_the_last_seconds_and_falls_when_nothing_goes_on() -> None:
    progress = Progress()
    for second in range(11):
        progress.hear(pushing(second * 10 * MB, 200 * MB), float(second))
    assert text(progress, 10.0).endswith("10 MB/s")
    for second in range(11, 15):
        progress.hear(pushing((100 + second - 10) * MB, 200 * MB), float(second))
    assert text(progress, 14.0).endswith("1 MB/s")
    assert text(progress, 34.0).endswith("kB/s")


def test_a_transfer_that_begins_anew_has_no_rate_of_before() -> None:
    progress = Progress()
    progress.hear(pushing(0, 50 * MB), 0.0)
    progress.hear(pushing(40 * MB, 50 * MB), 2.0)
    progress.hear(pushing(0, 50 * MB), 2.5)
    assert text(progress, 2.6) == "pushing the code: 0 of 50 MB"


def test_the_key_changes_by_step_and_by_quarter() -> None:
    progress, keys = Progress(), []
    for done in range(101):
        progress.hear(pushing(done, 100), done / 10)
        shown = progress.shown(done / 10)
        keys += [shown.key] if shown else []
    assert list(dict.fromkeys(keys)) == [f"pushing the code {quarter}" for quarter in range(5)]


def test_no_line_stays_of_what_took_a_moment() -> None:
    progress = Progress()
    progress.hear(pushing(), 0.0)
    assert progress.end(2.9) == ""


def test_the_end_tells_what_took_long() -> None:
    progress = Progress()
    progress.hear(pushing(step="looking for the base image"), 0.0)
    progress.hear(pushing(step="installing packages"), 0.4)
    progress.hear(pushing(50 * MB, 50 * MB, step="pushing the packages"), 9.0)
    progress.hear(pushing(1, 1), 11.5)
    assert progress.end(11.6) == "packed in 11.6 s: installing packages (8.6 s), pushing the packages (2.5 s, 50 MB)"
    assert progress.shown(20.0) is None


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (9.96e6, "10 MB"), (24e6, "24 MB"), (1.25e9, "1.2 GB")],
)
def test_bytes_are_for_people(size: float, words: str) -> None:
    assert amount(size) == words
