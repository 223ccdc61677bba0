"""The end of what a process wrote, for those who find out why it died (crash.py)."""

from __future__ import annotations

TAIL = 64 * 1024
"""Bytes: the stacks of a hundred threads, or one that is deep."""


class Tail:
    """The last bytes of what was written."""

    def __init__(self) -> None:
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """Cheap for many small pieces: what is too much is dropped once in a while."""
        self._data += data[-TAIL:]
        if len(self._data) > 2 * TAIL:
            del self._data[:-TAIL]

    @property
    def text(self) -> str:
        """Decoded."""
        return self._data[-TAIL:].decode("utf-8", "replace")
