r"""The form of a line in a log: when it was written, a space, the text.

``2026-11-23T02:30:00.123456789Z text``, as ``kubectl logs --timestamps`` shows it: UTC and always nine decimals, so
that stamps have one length and compare as text. The supervisor of local jobs imports this module before anything
runs; so it imports nothing but ``time``, and works on chunks of lines, never on one.
"""

from __future__ import annotations

import time

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from ciao.model import Line

__all__ = ["EPOCH", "parse", "seconds", "stamp", "stamped"]

EPOCH = "1970-01-01T00:00:00.000000000Z"
"""The stamp of a line whose time is not known: before all others."""

_STAMP = (
    r"[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"  # a year of which calendar.timegm knows
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{9}Z "
)

_LENGTH = 31
"""Characters of a stamp and its space."""


def stamp(time_ns: int) -> str:
    """The stamp of nanoseconds since the epoch, as :func:`time.time_ns` gives them."""
    whole, nanoseconds = divmod(time_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{nanoseconds:09d}Z"


def stamped(data: bytes, stamp: bytes) -> bytes:
    r"""A chunk of lines with the stamp before each; a last line without ``\n`` gets one."""
    if not data:
        return b""
    prefix = stamp + b" "
    return prefix + data.removesuffix(b"\n").replace(b"\n", b"\n" + prefix) + b"\n"


def parse(replica: str, data: bytes, *, after: str = EPOCH) -> list[Line]:
    """The lines of a chunk that begins and ends at a line's border. Never raises.

    Bytes that are not UTF-8 become U+FFFD. A line without a stamp (the disk was full, the machine fell) keeps its
    text and has the stamp of the line before; ``after`` is the stamp of the line before the chunk.
    A carriage return at a line's end is told by ``redrawn`` and is not in the text.
    """
    import re
    from functools import partial
    from itertools import groupby, repeat
    from operator import itemgetter

    from ciao.model import Line

    lines = data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
    stamped_line = re.compile(_STAMP, re.ASCII).match
    new_line = partial(tuple.__new__, Line)  # a call of Line itself takes three times as long
    last, parsed, returns = after, list[Line](), b"\r" in data
    for prefix, run in groupby(lines, key=itemgetter(slice(_LENGTH))):  # a chunk was stamped at once: runs are long
        texts = list(run)
        if stamped_line(prefix):
            last, texts = prefix[:-1], [line[_LENGTH:] for line in texts]
        redrawn = [False] * len(texts)
        if returns:
            redrawn = [text.endswith("\r") for text in texts]
            texts = [text.removesuffix("\r") for text in texts]
        parsed.extend(map(new_line, zip(repeat(replica), repeat(last), texts, redrawn)))
    return parsed


def seconds(stamp: str) -> float:
    """Seconds since the epoch, of a stamp that :func:`stamp` or :func:`parse` gave."""
    import calendar

    year, month, day = int(stamp[:4]), int(stamp[5:7]), int(stamp[8:10])
    hour, minute, second = int(stamp[11:13]), int(stamp[14:16]), int(stamp[17:19])
    return calendar.timegm((year, month, day, hour, minute, second)) + float(stamp[19:29])
