"""A log that comes in one stream after another, each line once: what was cut off goes on where it stopped.

A stream is asked for from a second or two before the newest line that is known; so lines come again, and are told by
stamp and text. Stamps alone would not do: those of stdout and stderr cross by milliseconds, and two lines may share
one. Works on chunks; line by line only where lines come again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from zlib import crc32

from ciao.logs.stamps import DATED, FIRST, LENGTH, SECOND, STAMPED, before, utc

__all__ = ["LIMIT", "Fed", "Mark", "Reader"]

LIMIT = 1 << 20
"""Bytes of a line that are kept; what follows is counted."""

WINDOW = 4 << 20
"""Bytes to remember at most, if a program writes more than that in a second ..."""

CROSSING = 100_000_000
"""... but never less than these nanoseconds of lines: stamps go back by 4 ms, on a busy node by a little more."""

_BLOCK = 32 << 10
_COMPLAINT = re.compile(
    rb"failed to (?:create fsnotify watcher|watch|open log file|try resolving symlinks|get container status)"
    rb"|unable to retrieve container logs for |rpc error: code = "
).match

Key = tuple[str, int]
"""A line: its stamp and the checksum of all of it."""


class _Block(NamedTuple):
    """Lines that were given, and the newest stamp of them."""

    newest: bytes
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far a log was read: all that a Reader needs to go on, in another process too.

    Every line up to the stamp ``floor`` was given. Of those after it, ``window`` counts which were; ``recent`` are such
    lines as they are, not yet counted.
    """

    newest: str = ""
    floor: str = ""
    window: Mapping[Key, int] = field(default_factory=dict)
    recent: tuple[_Block, ...] = ()

    def counted(self) -> Counter[Key]:
        """The lines after the floor."""
        found = Counter({key: count for key, count in self.window.items() if key[0] > self.floor})
        for block in self.recent:
            found.update(key for key in map(_key, _split(block.data)) if key[0] > self.floor)
        return found

    def as_json(self) -> dict[str, Any]:
        """Nothing of the log's text is in it."""
        window = [[stamp, checksum, count] for (stamp, checksum), count in self.counted().items()]
        return {"newest": self.newest, "floor": self.floor, "window": window}

    @classmethod
    def behind(cls, data: bytes, *, whole: bool) -> Mark:
        """Behind the last of these lines, which an archive holds; not ``whole``: older ones were left out."""
        reader = Reader()
        reader.feed(data)
        mark = reader.mark
        if whole or not mark.newest:
            return mark
        near = before(mark.newest.encode(), CROSSING).decode()  # a new line cannot be older than this
        return replace(mark, floor=max(mark.floor, near))

    @classmethod
    def of_json(cls, saved: Mapping[str, Any]) -> Mark:
        """What :meth:`as_json` gave."""
        window = {(str(stamp), int(checksum)): int(count) for stamp, checksum, count in saved["window"]}
        return cls(newest=saved["newest"], floor=saved["floor"], window=window)


class Fed(NamedTuple):
    """New whole lines, in the archive's form. ``gap``: lines before them may have been lost."""

    data: bytes = b""
    gap: bool = False


class Reader:
    """Takes the pieces of streams, gives each line once and in order."""

    def __init__(self, mark: Mark = Mark()) -> None:
        self.complaint = ""  # what the server said in place of lines
        self.overlapped = True  # this stream brought a line that was known, so that nothing is missing between
        self._newest = mark.newest.encode()
        self._floor = mark.floor
        self._window = mark.window
        self._recent = mark.recent
        self._size = sum(len(block.data) for block in mark.recent)
        self._rest = _Rest()
        self._last = b""  # the last stamp in this stream
        self._left: Counter[Key] | None = None  # lines that may come again
        self._until = ""  # the stamp after which none does

    @property
    def mark(self) -> Mark:
        """How far it is."""
        return Mark(newest=self._newest.decode(), floor=self._floor, window=self._window, recent=self._recent)

    @property
    def unfinished(self) -> bool:
        """Whether a line has begun whose end has not come."""
        return self._rest.begun

    def connect(self) -> str:
        """A new stream begins; what half a line the last one left is forgotten, for it comes again.

        Returns the time from which to ask for it, in whole seconds; empty for all there is.
        """
        self._rest, self._last, self.complaint = _Rest(), b"", ""
        self.overlapped = not self._newest
        self._left = self.mark.counted() if self._newest else None
        self._until = self._newest.decode()
        return f"{before(self._newest, SECOND)[:19].decode()}Z" if self._newest else ""

    def feed(self, piece: bytes) -> Fed:
        """The next piece, cut anywhere."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._rest.add(piece)
            return Fed()
        held, lost = self._rest.take()
        self._rest.add(piece[end:])
        return self._take(held + piece[:end], lost)

    def end(self) -> None:
        """The stream has ended. A rest without a stamp is no line: the server's own words."""
        rest, lost = self._rest.take()
        if rest and not DATED(rest):
            self.complaint = rest[:1000].decode("utf-8", "replace").strip()
        else:
            self._rest.add(rest)
            self._rest.lost = lost

    def finish(self) -> Fed:
        """The log has ended, and no newline comes any more: its last line."""
        rest, lost = self._rest.take()
        return self._take(rest + b"\n", lost) if rest else Fed()

    def _take(self, data: bytes, lost: int) -> Fed:
        lines = given = _split(data)
        if lost or len(data) > LIMIT:
            lines = [_cut(lines[0], lost), *map(_cut, lines[1:])]
        if not all(map(STAMPED, lines)):
            lines = list(self._stamped(lines))
        elif lines:
            self._last = lines[-1][:LENGTH]
        gap = False
        if self._left is not None:
            lines, gap = self._new(lines, self._left)
        if not lines:
            return Fed()
        data = data if lines is given else b"\n".join(lines) + b"\n"
        self._remember(lines, data)
        return Fed(data, gap)

    def _stamped(self, lines: list[bytes]) -> Iterator[bytes]:
        """Each with a stamp of ours: in UTC, nine decimals."""
        for line in lines:
            if found := DATED(line):
                self._last = utc(found)
                yield self._last + b" " + line[found.end() :]
            elif _COMPLAINT(line):
                self.complaint = line[:1000].decode("utf-8", "replace")
            elif self._last or self._left is None:  # a piece of a long line
                yield (self._last or FIRST) + b" " + line
            # else: the end of a long line that began before this stream does, and was given as a whole

    def _new(self, lines: list[bytes], left: Counter[Key]) -> tuple[list[bytes], bool]:
        """Those that were not given before. All are new after the first that is newer than all that was given."""
        new = list[bytes]()
        gap = False
        for i, line in enumerate(lines):
            key = _key(line)
            if key[0] > self._until:
                self._left = None
                new += lines[i:]
            elif key[0] <= self._floor or left[key]:
                left[key] -= 1
                self.overlapped = True
                continue
            else:
                new.append(line)
            gap = gap or not self.overlapped
            self.overlapped = True
            if self._left is None:
                break
        return new, gap

    def _remember(self, lines: list[bytes], data: bytes) -> None:
        newest = max(lines)[:LENGTH]
        if newest == FIRST:
            return
        self._newest = max(self._newest, newest)
        horizon = before(self._newest, SECOND)
        if min(lines) < horizon:  # an old log that is caught up with
            data = b"".join(line + b"\n" for line in lines if line >= horizon)
        self._add(_Block(newest, data))
        self._forget(horizon)

    def _add(self, block: _Block) -> None:
        """Small blocks of one second become one: a log that trickles must not cost more than one that gushes."""
        last = self._recent[-1] if self._recent else None
        if last and last.newest[:19] == block.newest[:19] and len(last.data) + len(block.data) <= _BLOCK:
            merged = _Block(max(last.newest, block.newest), last.data + block.data)
            self._recent = (*self._recent[:-1], merged)
        else:
            self._recent = (*self._recent, block)
        self._size += len(block.data)

    def _forget(self, horizon: bytes) -> None:
        """What lies so far back that no new line can have its stamp."""
        near, begin, floor = before(self._newest, CROSSING), 0, horizon
        for block in self._recent:
            if not (block.newest < horizon or (self._size > WINDOW and block.newest < near)):
                break
            floor, begin = max(floor, block.newest), begin + 1
            self._size -= len(block.data)
        self._floor = max(self._floor, floor.decode())
        self._recent = self._recent[begin:]
        if self._window and all(stamp <= self._floor for stamp, _ in self._window):
            self._window = {}


class _Rest:
    """The beginning of a line whose end has not come; no more of it is held than will be shown."""

    def __init__(self) -> None:
        self.lost = 0
        self._parts: list[bytes] = []
        self._room = LIMIT + 1

    def add(self, part: bytes) -> None:
        kept = part[: self._room]
        self._room -= len(kept)
        self.lost += len(part) - len(kept)
        if kept:
            self._parts.append(kept)

    @property
    def begun(self) -> bool:
        return bool(self._parts) and bool(DATED(self._parts[0]))

    def take(self) -> tuple[bytes, int]:
        """What is held, and how many bytes are not; it is empty then."""
        held, lost = b"".join(self._parts), self.lost
        self.lost, self._parts, self._room = 0, [], LIMIT + 1
        return held, lost


def _split(data: bytes) -> list[bytes]:
    return data.removesuffix(b"\n").split(b"\n") if data else []


def _key(line: bytes) -> Key:
    return line[:LENGTH].decode("latin-1"), crc32(line)


def _cut(line: bytes, lost: int = 0) -> bytes:
    if len(line) <= LIMIT:
        return line
    return line[:LIMIT] + f" … {len(line) - LIMIT + lost:,} more bytes".encode()
