"""What may stand after the ``=``: each parser gives a value or raises :class:`BadValue`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal

from ciao.interpreter.nearest import did_you_mean
from ciao.model import NAME_LIMIT

__all__ = [
    "BadValue",
    "amount",
    "boolean",
    "count",
    "cpu",
    "duration",
    "gpu",
    "memory",
    "name",
    "one_of",
    "path",
    "size",
    "text",
]


class BadValue(ValueError):
    """``what`` completes the sentence "'2x' is not ...". ``hint`` says what is allowed."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


_UNITS = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}
_LEAST_MEMORY = 1024**2
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(?:[eE]([+-]?[0-9]{1,2})|([a-zA-Z]{0,2}))")
_DURATION = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)s?)?", re.ASCII
)
_SPELT = re.compile(r"([1-9][0-9]{0,8}) ?(?:(s)(?:ec(?:ond)?s?)?|(m)(?:in(?:ute)?s?)?|(h)(?:(?:ou)?rs?)?|(d)(?:ays?)?)")
"""What people say: ``5 minutes``."""
_NAME = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_BOOLEANS = {"true": True, "false": False}
_OTHER_WORDS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


def amount(value: str) -> Decimal | None:
    """What a Kubernetes quantity amounts to; None if it is not one."""
    match = _QUANTITY.fullmatch(value)
    if match is None:
        return None
    if match[2]:
        return Decimal(match[1]) * Decimal(10) ** int(match[2])
    unit = _UNITS.get(match[3] or "")
    return Decimal(match[1]) * unit if unit else None


def cpu(value: str) -> str:
    """A quantity above zero, as written."""
    cores = amount(value)
    if cores is None or cores <= 0:
        raise BadValue("an amount of CPU", hint="Write cores or thousandths of a core, such as 2, 0.5 or 500m")
    return value


def size(what: str, *, example: str) -> Callable[[str], str]:
    """A parser of quantities of at least one byte; gives them as written."""

    def parse(value: str) -> str:
        allowed = f"Write bytes with a unit, such as {example}"
        found = amount(value)
        if found is None:
            raise BadValue(what, hint=did_you_mean(_as_memory(value)) or allowed)
        if found < 1:
            meant = did_you_mean(_as_memory(value) if value.endswith("m") else None)
            raise BadValue(f"{what}: it is less than a byte", hint=meant or allowed)
        return value

    return parse


def _as_memory(value: str) -> str | None:
    """The quantity that somebody meant who wrote ``512MB``, ``2gb`` or ``512m``."""
    match = re.fullmatch(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([kKmMgGtTpP])[iI]?[bB]?", value)
    return f"{match[1]}{match[2].upper()}i" if match else None


def memory(value: str) -> str:
    """A quantity of at least 1Mi, as written: less is no memory for a Python, but a unit that was forgotten."""
    what = "an amount of memory"
    size(what, example="512Mi or 2Gi")(value)
    if (amount(value) or 0) < _LEAST_MEMORY:
        number = re.match(r"[0-9]*[1-9][0-9]*(?![.eE])", value)
        meant = did_you_mean(f"{number[0]}Mi" if number else None)
        raise BadValue(f"{what}: it is less than 1Mi", hint=meant or "Write bytes with a unit, such as 512Mi or 2Gi")
    return value


def gpu(value: str) -> str:
    """A whole number, as written."""
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise BadValue("a number of GPUs", hint="Write a whole number, such as 1")
    return value


def count(what: str, *, example: str, least: int = 0) -> Callable[[str], int]:
    """A parser of whole numbers from zero, or from ``least``."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < least:
            raise BadValue(what, hint=f"Write a whole number, such as {example}")
        return int(value)

    return parse


def duration(value: str) -> float:
    """``90s``, ``10m``, ``1h30m``, ``2d``, or plain seconds; in seconds, above zero."""
    match = _DURATION.fullmatch(value)
    parts = [float(part or 0) for part in match.groups()] if match else []
    seconds = sum(part * unit for part, unit in zip(parts, (86400, 3600, 60, 1), strict=False))
    if seconds <= 0:
        spelt = _SPELT.fullmatch(value.strip().lower())
        meant = did_you_mean("".join(filter(None, spelt.groups())) if spelt else None)
        raise BadValue("a length of time", hint=meant or "Write it as 90s, 10m, 1h30m or 2d, or as seconds")
    return seconds


def name(value: str) -> str:
    """A DNS-1035 label, short enough for what is made of it."""
    limit = NAME_LIMIT - 6
    if _NAME.fullmatch(value) and len(value) <= limit:
        return value
    meant = re.sub(r"[^a-z0-9]+", "-", value[:200].lower()).lstrip("-0123456789")[:limit].strip("-")
    if len(value) > limit:
        raise BadValue(f"a name: it has more than {limit} characters", hint=did_you_mean(meant))
    raise BadValue("a name", hint=did_you_mean(meant) or "Write a to z, 0 to 9 and '-', first a letter, last no '-'")


def boolean(value: str) -> bool:
    """``true`` or ``false``, in capitals or not: two words, so that cells read alike."""
    if value.lower() not in _BOOLEANS:
        raise BadValue("true or false", hint=did_you_mean(_OTHER_WORDS.get(value.lower())) or "Write true or false")
    return _BOOLEANS[value.lower()]


def one_of(what: str, choices: Iterable[str]) -> Callable[[str], str]:
    """A parser of one of a few words."""
    allowed = tuple(choices)

    def parse(value: str) -> str:
        if value not in allowed:
            raise BadValue(what, hint=did_you_mean(value, among=allowed, else_list="Write"))
        return value

    return parse


def path(what: str, *, hint: str) -> Callable[[str], str]:
    """A parser of file names; whether one exists is found out where it is used."""

    def parse(value: str) -> str:
        if not value.strip():
            raise BadValue(what, hint=hint)
        return value

    return parse


def text(value: str) -> str:
    """Anything."""
    return value
