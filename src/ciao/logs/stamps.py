"""Stamps as bytes: arithmetic on chunks of a log that are never decoded."""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache

from ciao.logs.lines import EPOCH

__all__ = ["DATED", "FIRST", "LENGTH", "SECOND", "STAMPED", "before", "utc"]

LENGTH = 30
SECOND = 1_000_000_000
FIRST = EPOCH.encode()
STAMPED = re.compile(rb"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ").match
DATED = re.compile(rb"([12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-]\d\d):?(\d\d)) ").match


def before(stamp: bytes, nanoseconds: int) -> bytes:
    """A stamp that is earlier by a second at most."""
    fraction = int(stamp[20:29]) - nanoseconds
    whole = stamp[:19] if fraction >= 0 else _secondbefore(stamp[:19])
    return whole + b".%09dZ" % (fraction % SECOND)


@lru_cache(maxsize=64)
def _secondbefore(whole: bytes) -> bytes:
    return _text(_seconds(whole) - 1)


def utc(found: re.Match[bytes]) -> bytes:
    """Nodes whose clock is not set to UTC stamp with an offset."""
    whole, fraction, hours, minutes = found.groups()
    if hours:
        offset = int(hours) * 3600 + (-1 if hours[:1] == b"-" else 1) * int(minutes) * 60
        whole = _shifted(whole, offset)
    return whole + b"." + (fraction or b"").ljust(9, b"0") + b"Z"


@lru_cache(maxsize=64)
def _shifted(whole: bytes, offset: int) -> bytes:
    return _text(_seconds(whole) - offset)


def _seconds(whole: bytes) -> int:
    return calendar.timegm(time.strptime(whole.decode(), "%Y-%m-%dT%H:%M:%S"))


def _text(seconds: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode()
