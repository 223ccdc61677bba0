"""A log in pieces, of which those in the middle go."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciao.logs import rotation
from ciao.logs.archive import Tail
from ciao.logs.lines import stamp, stamped
from ciao.logs.rotation import LEAST, PIECES, Pieces, following, share, starts

PIECE = LEAST // PIECES
MISSING = re.compile(r"… ([\d,]+) bytes are not kept here: .*")


def block(first: int, count: int) -> bytes:
    return stamped("".join(f"{n:09}\n" for n in range(first, first + count)).encode(), stamp(first).encode())


class Writer:
    """Writes numbered lines as a supervisor does."""

    def __init__(self, path: Path, keep: int = LEAST) -> None:
        self.pieces = Pieces(str(path), keep)
        self.file = self.pieces.open()
        self.written = 0

    def write(self, count: int) -> None:
        data = block(self.written, count)
        if (new := self.pieces.turn(len(data))) is not None:
            os.close(self.file)
            self.file = new
        os.write(self.file, data)
        self.written += count

    def close(self) -> None:
        os.close(self.file)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker-0.log"


def read(tail: Tail, *, ended: bool = True) -> list[str]:
    texts = [line.text for line in tail.read(ended=ended)]
    while tail.more:
        texts += [line.text for line in tail.read(ended=ended)]
    return texts


def numbers(texts: Sequence[str]) -> list[int]:
    return [int(text) for text in texts if not MISSING.fullmatch(text)]


def sizes(log: Path) -> int:
    return sum(path.stat().st_size for path in log.parent.iterdir())


def written(log: Path, times: int, *, lines: int = 500) -> Writer:
    writer = Writer(log)
    for _ in range(times):
        writer.write(lines)
    return writer


def test_a_short_log_is_one_file(log: Path) -> None:
    written(log, 5).close()
    assert [path.name for path in log.parent.iterdir()] == ["worker-0.log"]


def test_a_longer_one_is_read_as_one(log: Path) -> None:
    written(log, 30).close()
    assert len(starts(str(log))) > 3
    assert read(Tail("worker-0", log)) == [f"{n:09}" for n in range(15_000)]


def test_of_a_long_one_the_beginning_and_the_end_are_kept_and_told(log: Path) -> None:
    written(log, 200).close()
    texts = read(Tail("worker-0", log))
    (told,) = (text for text in texts if MISSING.fullmatch(text))
    shown = numbers(texts)
    assert (shown[0], shown[-1]) == (0, 99_999)
    cut = texts.index(told)
    assert shown == [*range(cut), *range(shown[cut], 100_000)]
    assert int(MISSING.fullmatch(told)[1].replace(",", "")) == (shown[cut] - cut) * len(block(0, 1))  # type: ignore[index]


def test_it_never_takes_more_than_it_may(log: Path) -> None:
    writer = Writer(log)
    for _ in range(300):
        writer.write(400)
        assert sizes(log) <= LEAST
    writer.close()
    assert sizes(log) > LEAST * 3 // 4


def test_whoever_keeps_up_misses_nothing(log: Path) -> None:
    writer, tail = Writer(log), Tail("worker-0", log)
    texts: list[str] = []
    for _ in range(300):
        writer.write(400)
        texts += read(tail, ended=False)
    writer.close()
    assert texts == [f"{n:09}" for n in range(writer.written)]


def test_another_goes_on_where_one_stopped(log: Path) -> None:
    writer, offset = Writer(log), 0
    texts: list[str] = []
    for _ in range(100):
        writer.write(400)
        tail = Tail("worker-0", log, offset=offset)
        texts += read(tail, ended=False)
        offset = tail.offset
    writer.close()
    assert texts == [f"{n:09}" for n in range(writer.written)]


def test_the_writer_of_another_attempt_goes_on_at_the_end(log: Path) -> None:
    written(log, 100).close()
    again = Writer(log)
    again.written = 50_000
    for _ in range(100):
        again.write(500)
    again.close()
    assert sizes(log) <= LEAST
    assert numbers(read(Tail("worker-0", log)))[-1] == 99_999


def test_a_line_that_a_full_disk_cut_at_the_end_of_a_piece_stops_nobody(log: Path) -> None:
    log.write_bytes(block(0, 1) + b"2026-11-")
    Path(following(str(log), log.stat().st_size)).write_bytes(block(1, 1))
    assert read(Tail("worker-0", log), ended=False) == ["000000000", "2026-11-", "000000001"]


def test_a_full_disk_leaves_the_log_in_one_piece(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = written(log, 5)
    monkeypatch.setattr(rotation, "_appending", lambda path: os.open(f"{path}/nowhere", os.O_RDONLY))
    writer.write(50_000)
    monkeypatch.undo()
    writer.write(500)
    writer.close()
    assert read(Tail("worker-0", log)) == [f"{n:09}" for n in range(writer.written)]


def test_many_replicas_share_what_all_may_take() -> None:
    gib = 1 << 30
    assert share(gib // 4, replicas=4, of=2 * gib) == gib // 4
    assert share(gib // 4, replicas=100, of=2 * gib) == 2 * gib // 100
    assert share(0, replicas=1, of=0) == LEAST


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(1, 4_000), st.sampled_from(["", "read", "read", "some", "new"])), max_size=60))
def test_a_reader_of_whatever_pace_gets_lines_in_order_once_and_is_told_of_the_others(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, str]]
) -> None:
    log = tmp_path_factory.mktemp("logs") / "worker-0.log"
    writer, tail = Writer(log), Tail("worker-0", log)
    texts: list[str] = []
    for count, then in steps:
        writer.write(count)
        if then == "read":
            texts += read(tail, ended=False)
        elif then == "some":
            texts += [line.text for line in tail.read(10_000)]
        elif then == "new":
            tail = Tail("worker-0", log, offset=tail.offset)
    writer.close()
    texts += read(tail)
    shown = numbers(texts)
    assert shown == sorted(set(shown))
    told = [MISSING.fullmatch(text) for text in texts]
    lost = sum(int(found[1].replace(",", "")) for found in told if found is not None)
    assert len(shown) + lost // len(block(0, 1)) == writer.written
