"""What a kernel says while nobody is connected, up to a size: a cell that prints for ever must not fill the memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

__all__ = ["KEPT", "Recent"]

KEPT = 64 * 2**20
"""Bytes for each kernel."""

Said = tuple[str, Sequence[bytes]]
"""A channel and the parts of a message."""


class Recent:
    """As much of a list as Jupyter uses of its buffer. The oldest output is dropped; replies and states stay."""

    def __init__(self, limit: int = KEPT) -> None:
        self._limit = limit
        self._output: deque[tuple[int, Said]] = deque()
        self._needed: list[tuple[int, Said]] = []
        self._size = self._count = self.dropped = 0

    def append(self, said: Said) -> None:
        """Called with each message that comes."""
        channel, parts = said
        self._count += 1
        if channel == "iopub" and b"status" not in parts[0]:
            self._output.append((self._count, said))
            self._size += _size(said)
        else:
            self._needed.append((self._count, said))
        while self._size > self._limit and len(self._output) > 1:
            self._size -= _size(self._output.popleft()[1])
            self.dropped += 1

    def __len__(self) -> int:
        return len(self._output) + len(self._needed)

    def __iter__(self) -> Iterator[Said]:
        return (said for _, said in sorted((*self._output, *self._needed), key=lambda one: one[0]))


def _size(said: Said) -> int:
    return sum(map(len, said[1]))
