"""A container's log file, and how a kubelet reads it."""

from __future__ import annotations

from ciao.logs.lines import stamp

START = 1_800_000_000_000_000_000
"""Nanoseconds since the epoch at which these logs begin."""

FRAGMENT = 16_384


class LogFile:
    """Lines by the time they were written. Long ones are in fragments, which have times of their own."""

    def __init__(self, *, fragment: int = FRAGMENT) -> None:
        self._fragment = fragment
        self._entries: list[tuple[int, bytes]] = []  # a fragment has no newline at its end
        self._begin = 0

    def write(self, text: bytes, *, at: int, apart: int = 0) -> None:
        """One line, ``at`` nanoseconds after the start; its fragments ``apart`` from each other."""
        size = self._fragment
        pieces = [text[i : i + size] for i in range(0, len(text), size)] or [b""]
        times = [START + at + i * apart for i in range(len(pieces))]
        self._entries += [*zip(times[:-1], pieces[:-1], strict=True), (times[-1], pieces[-1] + b"\n")]

    def rotate(self) -> None:
        """Only what is written from now on is read."""
        self._begin = len(self._entries)

    def lines(self) -> bytes:
        """All that was ever written, as an archive holds it."""
        return _shown(self._entries, since="")

    def read(self, since: str = "") -> bytes:
        """What a stream brings."""
        return _shown(self._entries[self._begin :], since=since)


def _shown(entries: list[tuple[int, bytes]], *, since: str) -> bytes:
    """As the kubelet's ``ReadLogs`` does: what is too old is skipped, each fragment by itself."""
    shown, fresh = list[bytes](), True
    for time, text in entries:
        if stamp(time)[:19] >= since.removesuffix("Z"):
            shown += [stamp(time).encode() + b" "] if fresh else []
            shown.append(text)
        fresh = text.endswith(b"\n")
    return b"".join(shown)
