"""Lines in small packets, so that a flood costs work by the packet and not by the line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby, takewhile
from typing import NamedTuple

from ciao.model import Line

__all__ = [
    "LINE", "OVERHEAD", "PIECE", "Piece", "cut", "first", "last", "level", "members", "pieces", "together", "worthy",
]  # fmt: skip

LINE = 16_000
"""Longest line that is shown, in bytes."""

PIECE = 16_000
"""Most bytes of a piece of several lines."""

OVERHEAD = 32
"""Bytes that a line costs beside its text: its prefix and newline on the wire, its object in memory."""

_PIECE_LINES = 64
_SPLIT_BELOW = 2
_WORTHY = ("Error", "ERROR", "Exception", "Traceback")


_AND = "+"


def together(replicas: Iterable[str]) -> str:
    """The name under which several replicas say the same, in the order of their roles and numbers."""
    return _AND.join(sorted(replicas, key=_rank))


def members(replica: str) -> list[str]:
    """All who say what is said under this name."""
    return replica.split(_AND)


def _rank(name: str) -> tuple[str, int, str]:
    role, _, index = name.rpartition("-")
    return role, len(index), index


class Piece(NamedTuple):
    """Successive lines of one replica, or of several :func:`together`.

    ``order`` grows with time; a note of our own has no replica.
    """

    order: int
    replica: str
    texts: Sequence[str]
    cost: int

    @property
    def owner(self) -> str:
        """The one to whom it is charged."""
        return self.replica.partition(_AND)[0]

    @property
    def lines(self) -> int:
        """How many lines of replicas it stands for."""
        return len(self.texts) * (1 + self.replica.count(_AND)) if self.replica else 0


def pieces(lines: Sequence[Line], start: int) -> list[Piece]:
    """All lines in their order, long ones cut; orders count from ``start``."""
    found: list[Piece] = []
    begin, texts = 0, [line[2] for line in lines]
    for replica, run in groupby([line[0] for line in lines]):
        end = begin + len(list(run))
        for i in range(begin, end, _PIECE_LINES):
            _add(found, start, replica, texts[i : min(i + _PIECE_LINES, end)])
        begin = end
    return found


def _add(found: list[Piece], start: int, replica: str, texts: list[str]) -> None:
    size = _size("".join(texts))
    if size <= PIECE:
        found.append(Piece(start + len(found), replica, texts, size + OVERHEAD * len(texts)))
    elif len(texts) < _SPLIT_BELOW:
        text = cut(texts[0])
        found.append(Piece(start + len(found), replica, [text], _size(text) + OVERHEAD))
    else:
        half = len(texts) // 2
        _add(found, start, replica, texts[:half])
        _add(found, start, replica, texts[half:])


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def cut(text: str, limit: int = LINE) -> str:
    """A line no longer than ``limit`` bytes and a few words that tell how much was cut."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    kept = data[:limit].decode("utf-8", "ignore")
    return f"{kept} … {len(data) - len(kept.encode()):,} more bytes"


def worthy(piece: Piece) -> Piece | None:
    """The lines that must not be dropped unread: errors, and what is indented below them."""
    joined = "\n".join(piece.texts)
    if not any(word in joined for word in _WORTHY):
        return None
    texts, below = list[str](), False
    for text in piece.texts:
        below = any(word in text for word in _WORTHY) or (below and text.startswith((" ", "\t")))
        if below:
            texts.append(text)
    return piece._replace(texts=texts, cost=sum(map(_size, texts)) + OVERHEAD * len(texts))


def first(found: list[Piece], limit: int) -> tuple[list[Piece], list[Piece]]:
    """The pieces of one replica in two parts, of which the first is the first lines that cost ``limit`` at most."""
    left = limit
    for i, piece in enumerate(found):
        if piece.cost > left:
            before, after = _split(piece, _fitting(piece.texts, left))
            return [*found[:i], *before], [*after, *found[i + 1 :]]
        left -= piece.cost
    return list(found), []


def last(found: list[Piece], limit: int) -> tuple[list[Piece], list[Piece]]:
    """The pieces of one replica in two parts, of which the second is the last lines that cost ``limit`` at most."""
    left = limit
    for i in reversed(range(len(found))):
        piece = found[i]
        if piece.cost > left:
            before, after = _split(piece, len(piece.texts) - _fitting(reversed(piece.texts), left))
            return [*found[:i], *before], [*after, *found[i + 1 :]]
        left -= piece.cost
    return [], list(found)


def _fitting(texts: Iterable[str], limit: int) -> int:
    """How many of these cost no more than that."""
    return sum(1 for _ in takewhile(lambda cost: cost <= limit, accumulate(_size(text) + OVERHEAD for text in texts)))


def _split(piece: Piece, at: int) -> tuple[list[Piece], list[Piece]]:
    parts = (
        piece._replace(texts=texts, cost=sum(map(_size, texts)) + OVERHEAD * len(texts))
        for texts in (piece.texts[:at], piece.texts[at:])
    )
    before, after = ([part] if part.texts else [] for part in parts)
    return before, after


def level(costs: Iterable[int], limit: int) -> int:
    """How much each may have at most so that all together have no more than ``limit``: the fair share."""
    left = sorted(costs)
    for i, cost in enumerate(left):
        share = limit // (len(left) - i)
        if cost > share:
            return share
        limit -= cost
    return left[-1] if left else limit
