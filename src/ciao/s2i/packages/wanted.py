"""What a cell asks for in packages, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Index", "Requirement", "Wanted", "Wheel", "canonical", "without_userinfo"]


def canonical(name: str) -> str:
    """How a distribution's name is compared: ``Foo.Bar`` and ``foo_bar`` are the same (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_userinfo(url: str) -> str:
    """Nothing that may be a credential: what is shown, hashed and recorded."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), "", ""))


@dataclass(frozen=True, kw_only=True)
class Index:
    """Where packages come from. ``url`` has no credentials; ``secret`` is the same with them, never shown."""

    url: str
    secret: str = field(repr=False, compare=False)

    @classmethod
    def of(cls, url: str) -> Index:
        """Of a URL as a person wrote it."""
        return cls(url=without_userinfo(url), secret=url)


@dataclass(frozen=True, kw_only=True, order=True)
class Requirement:
    """One requirement as it goes to the installer. ``hashes`` are those its writer insists on."""

    name: str
    text: str
    hashes: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """As a requirements file has it."""
        return " ".join((self.text, *(f"--hash={h}" for h in self.hashes)))


@dataclass(frozen=True, kw_only=True, order=True)
class Wheel:
    """A wheel of this machine. ``extras`` is ``[a,b]`` or empty."""

    path: Path
    extras: str = ""

    @property
    def name(self) -> str:
        """Of its distribution."""
        return canonical(self.path.name.split("-")[0])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """All of it; the order in which it was written does not count, except that of the indexes.

    ``index`` is None for the settings' own. ``links`` are folders of this machine with wheels, or pages that list some.
    ``trusted`` are hosts whose certificates are not looked at, because the user named them.
    """

    requirements: tuple[Requirement, ...] = ()
    wheels: tuple[Wheel, ...] = ()
    constraints: tuple[str, ...] = ()
    index: Index | None = None
    extra: tuple[Index, ...] = ()
    links: tuple[Index | Path, ...] = ()
    no_index: bool = False
    pre: bool = False
    trusted: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.requirements or self.wheels)
