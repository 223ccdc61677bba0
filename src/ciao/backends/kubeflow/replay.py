"""What this machine keeps of a job's log, told again: in the order of time, a piece after the other."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ciao.backends.kubeflow.keeping import Keep
from ciao.logs.archive import Tail, chunk
from ciao.logs.merge import Merge
from ciao.model import Line
from ciao.runner import FRAME

__all__ = ["Part", "replay", "split"]

Record = dict[str, Any]


class Part(NamedTuple):
    """Lines that the code wrote, and records that the runner did, each with its replica; bytes that are not kept."""

    lines: tuple[Line, ...]
    records: tuple[tuple[str, Record], ...] = ()
    lost: int = 0


def replay(keep: Keep) -> Iterator[Part]:
    """All that is kept. A long log is never in memory as a whole."""
    tails = [Tail(life.replica, keep.path(life)) for life in keep.lives()]
    unread: dict[str, list[Tail]] = {}
    for tail in tails:
        unread.setdefault(tail.replica, []).append(tail)
    merge, limit, lost = Merge(), chunk(len(unread)), 0
    while unread:
        records = [told for replica in tuple(unread) for told in _more(replica, unread, merge, limit)]
        before, lost = lost, sum(tail.lost for tail in tails)
        yield Part(tuple(merge.take()), tuple(records), lost - before)
    yield Part(tuple(merge.take()))


def split(lines: Sequence[Line]) -> tuple[Sequence[Line], list[Record]]:
    """What the code wrote, and what the runner did, which is data from a less trusted place."""
    if not any(line.text.startswith(FRAME) for line in lines):
        return lines, []
    written, records = [], []
    for line in lines:
        if not line.text.startswith(FRAME):
            written.append(line)
            continue
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line.text[len(FRAME) :])
            if isinstance(record, dict):
                records.append(record)
    return written, records


def _more(replica: str, unread: dict[str, list[Tail]], merge: Merge, limit: int) -> Iterator[tuple[str, Record]]:
    """Read on in one replica's log, unless its lines wait for those of others; its records."""
    if merge.holds(replica):
        return
    tails = unread[replica]
    lines, records = split(tails[0].read(limit, ended=True))
    if not tails[0].more:
        del tails[0]
    if not tails:
        del unread[replica]
    merge.add(replica, lines, more=bool(tails))
    yield from ((replica, record) for record in records)
