"""Pieces go in, whole lines come out."""

from __future__ import annotations

import re
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.runner import pump
from ciao.runner.pump import MAX_LINE, Pump

STREAMS = st.lists(st.sampled_from([b"a", b"b\xc3\xa9", b"\r", b"\n", b"\r\n", b"\x1b[A", b"\x00"]), max_size=40).map(
    b"".join
)


def lines(*pieces: bytes) -> bytes:
    p = Pump()
    return b"".join([*map(p.feed, pieces), p.flush()])


def by_the_rule(stream: bytes) -> bytes:
    """What the class promises, line by line: a line is text with any end, or nothing with a newline."""
    ended = re.findall(rb"([^\r\n]+)(\r*\n|\r+|$)|(\r*\n)|\r+", stream)
    return b"".join(text + (b"\r\n" if end.endswith(b"\r") else b"\n") for text, end, empty in ended if text or empty)


@given(st.lists(STREAMS, max_size=8))
def test_the_same_lines_come_out_however_the_stream_was_cut(pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    assert lines(*pieces) == lines(stream) == lines(*(stream[i : i + 1] for i in range(len(stream))))


@given(STREAMS)
def test_nothing_but_line_ends_is_changed(stream: bytes) -> None:
    assert lines(stream) == by_the_rule(stream)


@given(st.lists(STREAMS, max_size=8))
def test_long_lines_are_broken_alike_however_the_stream_was_cut(pieces: list[bytes]) -> None:
    with mock.patch.object(pump, "MAX_LINE", 5):
        out = lines(*pieces)
        assert out == lines(b"".join(pieces))
    assert max(len(line.removesuffix(b"\r")) for line in out.split(b"\n")) <= 5
    assert re.sub(rb"[\r\n]", b"", out) == re.sub(rb"[\r\n]", b"", b"".join(pieces))


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ((b"a\nb",), b"a\nb\n"),
        ((b"\r10%\r20%\n",), b"10%\r\n20%\n"),
        ((b"10%\r", b"20%\r", b"\n", b"done\n"), b"10%\r\n20%\ndone\n"),
        ((b"10%\r", b"\r20%", b"\r\r"), b"10%\r\n20%\r\n"),
        ((b"a\r\n\r\nb\r\n",), b"a\n\nb\n"),
        ((b"a\r", b"\n\n"), b"a\n\n"),
        ((b"a\r\r", b"\r\nb"), b"a\nb\n"),
        ((b"\n\n",), b"\n\n"),
        ((b"\r",), b""),
        ((b"a\n\r", b"b\n"), b"a\nb\n"),
    ],
)
def test_a_carriage_return_alone_ends_a_line_that_keeps_it_and_makes_no_empty_one(
    pieces: tuple[bytes, ...], expected: bytes
) -> None:
    assert lines(*pieces) == expected


def test_a_progress_bar_is_seen_as_it_moves() -> None:
    p = Pump()
    assert (p.feed(b"10%\r"), p.feed(b"20%\r"), p.flush()) == (b"", b"10%\r\n", b"20%\r\n")


def test_an_unfinished_line_is_held_and_finished_at_the_end() -> None:
    p = Pump()
    assert (p.feed(b"x" * 100_000), p.feed(b"y"), p.flush()) == (b"", b"", b"x" * 100_000 + b"y\n")
    assert p.flush() == b""


def test_a_line_of_the_greatest_length_is_whole_and_a_longer_one_is_broken_between_characters() -> None:
    assert lines(b"x" * MAX_LINE, b"\n") == b"x" * MAX_LINE + b"\n"
    assert lines(b"x" * (MAX_LINE - 1), "é".encode()) == b"x" * (MAX_LINE - 1) + b"\n" + "é\n".encode()
