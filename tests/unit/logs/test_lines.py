"""The form of a line in a log."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.lines import EPOCH, parse, seconds, stamp, stamped
from ciao.model import Line

NOON = 1_795_348_800_123_456_789
TEXTS = st.text().filter(lambda t: "\n" not in t and not t.endswith("\r"))
STAMPS = st.integers(0, 4_000_000_000_000_000_000).map(stamp)


def test_a_stamp_looks_like_that_of_kubectl() -> None:
    assert stamp(1_795_401_000_123_456_789) == "2026-11-23T02:30:00.123456789Z"


def test_a_stamp_always_has_nine_decimals() -> None:
    assert stamp(0) == EPOCH


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_stamp_tells_its_time(time_ns: int) -> None:
    assert abs(seconds(stamp(time_ns)) - time_ns / 1e9) < 1e-5


@settings(deadline=None)
@given(st.integers(0, 4_000_000_000_000_000_000), st.integers(0, 4_000_000_000_000_000_000))
def test_stamps_compare_as_their_times(one: int, other: int) -> None:
    assert (stamp(one) < stamp(other)) == (one < other)


def test_every_line_of_a_chunk_is_stamped() -> None:
    assert stamped(b"one\n\ntwo\n", b"T") == b"T one\nT \nT two\n"


def test_a_last_line_gets_the_newline_it_lacks() -> None:
    assert stamped(b"one\ntwo", b"T") == b"T one\nT two\n"


def test_no_data_is_no_line() -> None:
    assert (stamped(b"", b"T"), parse("worker-0", b"")) == (b"", [])


@settings(deadline=None)
@given(st.lists(st.tuples(STAMPS, TEXTS, st.booleans()), max_size=20))
def test_what_was_stamped_is_read_back(lines: list[tuple[str, str, bool]]) -> None:
    data = b"".join(stamped(text.encode() + b"\r" * drawn + b"\n", s.encode()) for s, text, drawn in lines)
    assert parse("worker-0", data) == [Line("worker-0", s, text, redrawn=drawn) for s, text, drawn in lines]


def test_a_line_that_a_replica_drew_anew_says_so_and_has_clean_text() -> None:
    data = stamped(b"10%\r\n20%\n30%\r\n", stamp(NOON).encode()) + b"torn\r\n"
    found = parse("worker-0", data)
    assert [(line.text, line.redrawn) for line in found] == [
        ("10%", True),
        ("20%", False),
        ("30%", True),
        ("torn", True),
    ]


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_lines(data: bytes) -> None:
    lines = parse("worker-0", data)
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    assert all(seconds(line.stamp) >= 0 for line in lines)


def test_a_line_without_a_stamp_has_that_of_the_line_before() -> None:
    good = stamp(NOON)
    lines = parse("worker-0", f"{good} one\n\0\0\0\n2026-13-45T99:00:00.000000000Z x\n".encode())
    assert [line.stamp for line in lines] == [good] * 3
    assert [line.text for line in lines] == ["one", "\0\0\0", "2026-13-45T99:00:00.000000000Z x"]


def test_a_chunks_first_line_without_a_stamp_has_that_of_the_chunk_before() -> None:
    assert parse("worker-0", b"lost\n", after=stamp(NOON)) == [Line("worker-0", stamp(NOON), "lost")]


def test_bytes_that_are_no_utf_8_do_not_eat_the_newline() -> None:
    data = stamped(b"caf\xc3\nnext\n", stamp(NOON).encode())
    assert [line.text for line in parse("worker-0", data)] == ["caf\ufffd", "next"]


def test_the_supervisor_imports_nothing_with_it() -> None:
    code = "import sys, ciao; before = set(sys.modules); import ciao.logs.lines; print(*set(sys.modules) - before)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(out.split()) == {"ciao.logs", "ciao.logs.lines"}
