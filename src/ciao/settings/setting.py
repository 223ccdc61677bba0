"""One row of the table of settings, and what reads the text of one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ciao.errors import did_you_mean

__all__ = [
    "Setting",
    "boolean",
    "count",
    "image",
    "memory",
    "namespace",
    "number",
    "path",
    "quantity",
    "size",
    "user",
    "word",
]

SUFFIXES = {"": 0, "k": 3, "m": 6, "g": 9, "t": 12}
BINARY_SUFFIXES = {"ki": 10, "mi": 20, "gi": 30, "ti": 40}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One row of the table. ``key`` is its path in config.yaml; its variable follows from it.

    ``field`` is that of ``Settings``. ``read`` makes the value of the text; its ValueError says in words what is
    allowed. ``default`` is for people. ``show`` leaves out of the text what nobody may see. ``several``: in a file it
    may also be a list.
    """

    key: str
    field: str
    doc: str
    read: Callable[[str], object]
    default: str = ""
    show: Callable[[str], str] = str
    several: bool = False
    in_files: bool = True

    @property
    def variable(self) -> str:
        """The environment's name for it: ``CIAO_S2I_REGISTRY`` for ``s2i.registry``."""
        return "CIAO_" + self.key.upper().replace(".", "_").replace("-", "_")


def path(text: str) -> Path:
    """Absolute, because the processes that watch over jobs work in folders of their own."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise ValueError("must be a full path, because this user has no home folder") from None


def word(*allowed: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(
                f"must be {', '.join(allowed[:-1])} or {allowed[-1]}" + did_you_mean(text, allowed, before=". ")
            )
        return text

    return read


def number(unit: str, *, factor: float = 1.0) -> Callable[[str], float]:
    """A number of a unit, zero or more, times the factor."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise ValueError(f"must be a number of {unit}, 0 or more")
        return number * factor

    return read


def count(text: str) -> int:
    """A whole number above zero."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError("must be a whole number, 1 or more")
    return int(text)


def user(text: str) -> int | None:
    """A user's number; None for ``none``."""
    if text == "none":
        return None
    if not (text.isascii() and text.isdigit()):
        raise ValueError("must be the number of a user, or none")
    return int(text)


def boolean(text: str) -> bool:
    """``true`` or ``false``, in capitals or not."""
    if text.lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return text.lower() == "true"


def image(text: str) -> str:
    """An image's name, whatever registry it is in."""
    if not re.fullmatch(r"[A-Za-z0-9][-A-Za-z0-9._/:@]*", text):
        raise ValueError("must be the name of an image, such as registry.example/team/base:1")
    return text


def size(text: str) -> int:
    """Bytes, with a unit of either kind."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]{0,2})", text.lower(), re.ASCII)
    suffix = match[2] if match else "?"
    if match and suffix in SUFFIXES:
        return int(float(match[1]) * 10 ** SUFFIXES[suffix])
    if match and suffix in BINARY_SUFFIXES:
        return int(float(match[1]) * 2 ** BINARY_SUFFIXES[suffix])
    raise ValueError("must be a size such as 500Mi or 2Gi")


def quantity(example: str) -> Callable[[str], str]:
    """The shape of a Kubernetes quantity; its meaning is for the interpreter, as in a cell."""

    def read(text: str) -> str:
        if not re.fullmatch(r"(\d+(\.\d*)?|\.\d+)([num]|[kKMGTPE]i?|[eE][+-]?\d+)?", text, re.ASCII):
            raise ValueError(f"must be a Kubernetes quantity such as {example}")
        return text

    return read


def memory(text: str) -> str:
    """A quantity that is none of CPU: who writes 512 forgot the unit."""
    quantity("1Gi")(text)
    if re.fullmatch(r"[0-9]{1,6}", text):
        raise ValueError(f"must be 1Mi or more. Did you mean {text}Mi?")
    return text


def namespace(text: str) -> str:
    """A DNS-1123 label."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", text, re.ASCII):
        raise ValueError("must be a Kubernetes name: a-z, 0-9 and '-'")
    return text
