"""Whose line it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.frontends.display.colour import PALETTE, Prefixes, colour_of, plain
from fakes.unfolded import unfolded


def luminance(number: int) -> float:
    """Of an entry of the 256-colour cube, as WCAG 2 defines it."""
    levels = (0, 95, 135, 175, 215, 255)
    rgb = [levels[(number - 16) // 36], levels[(number - 16) // 6 % 6], levels[(number - 16) % 6]]
    linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("number", PALETTE)
def test_every_colour_can_be_read_on_white_and_on_black(number: int) -> None:
    assert 1.05 / (luminance(number) + 0.05) > 3
    assert (luminance(number) + 0.05) / 0.056 > 3  # JupyterLab's dark is #111111


def test_neighbours_have_different_colours() -> None:
    assert len({colour_of(f"worker-{n}") for n in range(8)}) == 8


def test_a_name_has_its_colour_for_ever() -> None:
    assert [colour_of(n) for n in ("master-0", "worker-0", "worker-1", "odd")] == [161, 64, 133, 32]


def test_prefixes_are_as_wide_as_the_longest_name() -> None:
    prefixes = Prefixes(["ps-0", "worker-10"], colour=False)
    assert prefixes.block("ps-0", ["a", "b"]) == "ps-0      | a\nps-0      | b\n"
    assert prefixes.block("worker-10", [""]) == "worker-10 | \n"


def test_the_colour_ends_with_the_prefix() -> None:
    number = colour_of("ps-0")
    assert Prefixes(["ps-0"], colour=True).block("ps-0", ["a"]) == f"\x1b[38;5;{number}mps-0 | \x1b[0ma\n"


def test_the_users_colours_stay_and_end_with_their_line() -> None:
    shown = Prefixes(["ps-0"], colour=False).block("ps-0", ["\x1b[31mred", "none"])
    assert shown == "ps-0 | \x1b[31mred\x1b[0m\nps-0 | none\n"


@pytest.mark.parametrize(
    "moving",
    [
        "\x1b[A",
        "\x1b[2J",
        "\x1b[1;1H",
        "\x1b]0;title\x07",
        "\x1b]52;c;AAAA\x1b\\",
        "\x1bc",
        "\x9b2J",
        "\x08",
        "\x07",
        "\x1b",
        "\x0b",
    ],
)
def test_a_line_colours_its_own_text_and_moves_nothing(moving: str) -> None:
    shown = Prefixes([], colour=False).block("ps-0", [f"a{moving}\x1b[1;31mb\x1b[38:5:9mc\td"])
    assert shown == "ps-0 | a\x1b[1;31mb\x1b[38:5:9mc\td\x1b[0m\n"


def test_of_a_progress_bar_the_last_state_is_shown() -> None:
    assert Prefixes([], colour=False).block("ps-0", ["1%\r2%", "dos\r"]) == "ps-0 | 2%\nps-0 | dos\n"


def test_plain_text_has_neither_colours_nor_controls() -> None:
    assert plain("\x1b[1;31ma\x1b[0m\tb\n\n c\x00\u202e \x1b]8;;http://x\x1b\\d\x1b") == "a b c d"


@given(st.text())
def test_plain_text_is_one_line(text: str) -> None:
    assert plain(text).isprintable()


def test_a_line_of_all_replicas_says_how_many() -> None:
    prefixes = Prefixes(["worker-0", "worker-1"], colour=False)
    assert prefixes.block("worker-0+worker-1", ["a", "b"]) == "[2 replicas] a\n[2 replicas] b\n"


def test_a_line_of_some_replicas_names_them() -> None:
    prefixes = Prefixes([f"worker-{n}" for n in range(9)], colour=False)
    assert prefixes.block("worker-0+worker-1+worker-2+worker-7", ["a"]) == "[worker-0..2,7] a\n"


def test_a_line_of_half_of_twenty_names_them_too() -> None:
    names = ["master-0", *(f"worker-{n}" for n in range(20))]
    who = ["master-0", *(f"worker-{n}" for n in range(20) if n not in (9, 12, 13, 16, 17, 18, 19))]
    shown = Prefixes(names, colour=False).block("+".join(who), ["start"])
    assert shown == "[master-0, worker-0..8,10..11,14..15] start\n"
    job = "job jax-x1 on local · 1 master + 20 workers\n"
    assert unfolded(job + shown) == job + "".join(f"{name:9} | start\n" for name in who)


def test_a_line_of_many_that_cannot_be_named_shortly_says_how_many_of_all() -> None:
    prefixes = Prefixes([f"worker-{n}" for n in range(40)], colour=False)
    assert prefixes.block("+".join(f"worker-{n}" for n in range(0, 40, 2)), ["a"]) == "[20 of 40 replicas] a\n"


def test_where_colours_are_spared_the_first_line_of_a_block_has_one() -> None:
    block = Prefixes(["worker-0"], colour=True).block("worker-0", ["a", "b"], sparing=True)
    assert block == "\x1b[38;5;64mworker-0 | \x1b[0ma\nworker-0 | b\n"
