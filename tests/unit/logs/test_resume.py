from __future__ import annotations

import json
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs.lines import EPOCH
from ciao.logs.resume import LIMIT, Mark, Reader
from fakes.kubelet import LogFile

MS = 1_000_000
SECOND = 1000 * MS
NOON = b"2026-01-01T12:00:00.000000000Z "


def line(text: bytes, *, at: str = "12:00:00.000000000") -> bytes:
    return b"2026-01-01T" + at.encode() + b"Z " + text + b"\n"


def through_json(reader: Reader) -> Reader:
    return Reader(Mark.of_json(json.loads(json.dumps(reader.mark.as_json()))))


def fed(reader: Reader, data: bytes, *, size: int = 0) -> tuple[bytes, bool]:
    pieces = [data[i : i + size] for i in range(0, len(data), size)] if size else [data]
    given = [reader.feed(piece) for piece in pieces]
    return b"".join(one.data for one in given), any(one.gap for one in given)


def test_a_first_stream_is_given_as_it_is_in_whole_lines() -> None:
    reader, data = Reader(), line(b"one") + line(b"") + line(b"two\r") + line(b"\xff\x00\xe2\x80\xa8")
    assert reader.connect() == ""
    assert fed(reader, data[:-3]) == (line(b"one") + line(b"") + line(b"two\r"), False)
    assert fed(reader, data[-3:]) == (line(b"\xff\x00\xe2\x80\xa8"), False)


def test_the_next_stream_begins_a_second_before_the_newest_line() -> None:
    reader = Reader()
    reader.feed(line(b"x", at="12:00:00.200000000"))
    assert reader.connect() == "2026-01-01T11:59:59Z"


def test_lines_that_come_again_are_dropped_one_by_one() -> None:
    reader, twice = Reader(), line(b"same") + line(b"same")
    reader.feed(twice)
    reader.connect()
    assert fed(reader, twice + line(b"same")) == (line(b"same"), False)


def test_a_line_that_was_stamped_earlier_but_came_later_is_not_lost() -> None:
    reader = Reader()
    reader.feed(line(b"stdout", at="12:00:00.004000000"))
    reader.connect()
    again = line(b"stdout", at="12:00:00.004000000") + line(b"stderr", at="12:00:00.000100000")
    assert fed(reader, again)[0] == line(b"stderr", at="12:00:00.000100000")


def test_half_a_line_is_forgotten_with_its_stream() -> None:
    reader = Reader()
    reader.feed(line(b"one") + line(b"two")[:33])
    reader.connect()
    assert fed(reader, line(b"one") + line(b"two")) == (line(b"two"), False)


def test_a_stream_without_any_known_line_tells_a_gap() -> None:
    reader = Reader()
    reader.feed(line(b"one"))
    reader.connect()
    assert fed(reader, line(b"three", at="12:00:09.000000000")) == (line(b"three", at="12:00:09.000000000"), True)
    assert fed(reader, line(b"four", at="12:00:10.000000000"))[1] is False


def test_a_last_line_without_newline_gets_one_at_the_end() -> None:
    reader = Reader()
    reader.feed(NOON + b"done")
    reader.end()
    assert reader.finish().data == line(b"done")
    assert reader.complaint == ""


def test_words_without_a_stamp_are_the_servers() -> None:
    reader = Reader()
    reader.feed(line(b"one"))
    assert reader.feed(b"failed to create fsnotify watcher: too many open files\n").data == b""
    assert reader.complaint == "failed to create fsnotify watcher: too many open files"


def test_words_without_a_stamp_and_a_newline_are_the_servers() -> None:
    reader = Reader()
    reader.feed(b"unable to retrieve container logs for containerd://0123")
    reader.end()
    assert reader.complaint == "unable to retrieve container logs for containerd://0123"
    assert reader.finish().data == b""


def test_a_program_may_print_the_servers_words() -> None:
    reader, said = Reader(), line(b"failed to create fsnotify watcher: too many open files")
    assert reader.feed(said).data == said
    assert reader.complaint == ""


def test_the_end_of_a_long_line_that_began_before_the_stream_is_dropped() -> None:
    log = LogFile()
    log.write(b"x" * 40_000, at=0, apart=2 * SECOND)
    log.write(b"next", at=4 * SECOND)
    reader = Reader()
    reader.feed(log.read())
    log.write(b"new", at=5 * SECOND)
    again = log.read(reader.connect())
    assert not again.startswith(b"20")
    assert fed(reader, again) == (log.lines().splitlines(keepends=True)[-1], False)


def test_a_piece_without_a_stamp_gets_that_of_the_line_before() -> None:
    assert fed(Reader(), line(b"one") + b"more\n")[0] == line(b"one") + line(b"more")
    assert fed(Reader(), b"bare\n")[0] == EPOCH.encode() + b" bare\n"


def test_stamps_of_a_node_in_another_zone_become_utc() -> None:
    data = b"2026-01-01T00:30:00.123456789+02:00 east\n2025-12-31T20:00:00.5-02:30 west\n"
    want = b"2025-12-31T22:30:00.123456789Z east\n2025-12-31T22:30:00.500000000Z west\n"
    assert fed(Reader(), data)[0] == want


def test_a_line_is_cut_at_a_mebibyte_and_says_how_much_is_missing() -> None:
    long = line(b"x" * (3 * LIMIT))
    data, _ = fed(Reader(), long + line(b"next"), size=10_000)
    first, second = data.splitlines()
    missing = len(long) - 1 - LIMIT
    assert first == long[:LIMIT] + f" … {missing:,} more bytes".encode()
    assert second + b"\n" == line(b"next")


def test_a_long_line_is_cut_alike_however_it_comes_and_is_known_again() -> None:
    reader, long = Reader(), line(b"x" * (LIMIT + 99))
    given = reader.feed(long).data
    reader.connect()
    assert fed(reader, long, size=7000) == (b"", False)
    assert given == fed(Reader(), long, size=7000)[0]


def test_what_is_remembered_of_a_fast_log_is_bounded() -> None:
    reader, text = Reader(), b"x" * 1000
    for i in range(6000):  # 6 MB within a second
        reader.feed(line(text, at=f"12:00:00.{i * 90_000:09d}"))
    assert sum(len(block.data) for block in reader.mark.recent) < 5 << 20
    reader.connect()
    again = b"".join(line(text, at=f"12:00:00.{i * 90_000:09d}") for i in range(6000))
    assert fed(reader, again + line(b"new", at="12:00:01.000000000")) == (line(b"new", at="12:00:01.000000000"), False)


def test_the_end_of_an_archive_is_enough_to_go_on_with() -> None:
    all_of_it = b"".join(line(b"%d" % i, at=f"12:00:00.{i:03d}000000") for i in range(900))
    new = line(b"new", at="12:00:00.899000000")
    for whole in (True, False):
        mark = Mark.behind(all_of_it if whole else all_of_it[-200 * 35 :], whole=whole)
        reader = Reader(mark)
        assert reader.connect() == "2026-01-01T11:59:59Z"
        assert fed(reader, all_of_it + new) == (new, False)


def test_an_empty_archive_is_the_beginning() -> None:
    assert Mark.behind(b"", whole=False) == Mark()


def test_nothing_of_the_text_is_in_the_saved_mark() -> None:
    reader = Reader()
    reader.feed(line(b"secret"))
    assert "secret" not in json.dumps(reader.mark.as_json())


# Any log: stamps that go back by up to 4 ms or stand still, few texts, so that lines are equal; some span fragments.
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 3 * MS, 400 * MS, 2 * SECOND]),  # since the one before
        st.sampled_from([0, 0, 1, 4 * MS]),  # back
        st.sampled_from([b"", b"a", b"b", b"x" * 50]),
    ),
    max_size=40,
)
# Any cuts: how many lines are there by then, how many bytes come before it breaks, in pieces of which size.
STREAMS = st.lists(
    st.tuples(st.integers(0, 40), st.one_of(st.none(), st.integers(0, 1000)), st.sampled_from([7, 31, 64, 9999])),
    max_size=6,
)


class Writer:
    """Writes a log little by little."""

    def __init__(self, entries: Sequence[tuple[int, int, bytes]], *, numbered: bool = False) -> None:
        self.log = LogFile(fragment=20)
        self._entries = entries
        self._numbered = numbered
        self._written = 0
        self._time = SECOND

    def write(self, upto: int) -> None:
        for later, back, text in self._entries[self._written : upto]:
            self._time += later
            number = b" %d" % self._written if self._numbered else b""
            self.log.write(text + number, at=self._time - back)
            self._written += 1


@settings(deadline=None, max_examples=60)
@given(entries=ENTRIES, streams=STREAMS, saved=st.booleans())
def test_nothing_is_lost_or_doubled_wherever_streams_are_cut(
    entries: list[tuple[int, int, bytes]], streams: list[tuple[int, int | None, int]], *, saved: bool
) -> None:
    writer, reader, got = Writer(entries), Reader(), b""
    for upto, cut, size in [*streams, (len(entries), None, 4096)]:
        reader = through_json(reader) if saved else reader
        since = reader.connect()
        writer.write(upto)
        data, gap = fed(reader, writer.log.read(since)[:cut], size=size)
        got += data
        assert not gap
    assert got == writer.log.lines()


@settings(deadline=None, max_examples=60)
@given(entries=ENTRIES, streams=STREAMS, rotations=st.sets(st.integers(0, 6)))
def test_whatever_a_rotation_loses_is_told_where_it_is_missing(
    entries: list[tuple[int, int, bytes]], streams: list[tuple[int, int | None, int]], rotations: set[int]
) -> None:
    writer, reader, got = Writer(entries, numbered=True), Reader(), list[bytes]()
    for i, (upto, cut, size) in enumerate([*streams, (len(entries), None, 4096)]):
        since = reader.connect()
        if i in rotations:
            writer.log.rotate()
        writer.write(upto)
        for piece in (writer.log.read(since)[:cut][j : j + size] for j in range(0, 9999, size)):
            if not piece:
                break
            data, gap = reader.feed(piece)
            got += [b"gap"] * gap + data.splitlines()
    reader.finish()
    assert_explained(writer.log.lines().splitlines(), got)


def assert_explained(written: list[bytes], got: list[bytes]) -> None:
    """In order, none twice, and before each that follows lost ones there is a gap; before the first line there is none
    to miss."""
    rest = list(written)
    after_gap = True
    for one in got:
        if one == b"gap":
            after_gap = True
            continue
        lost = rest.index(one)
        assert not lost or after_gap, f"{lost} lines lost before {one!r} without a word"
        rest, after_gap = rest[lost + 1 :], False
