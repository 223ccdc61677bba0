"""What a registry asks for with a 401: the header WWW-Authenticate (RFC 9110, 11.6.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Challenge", "choose", "parse"]

WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
SCHEME = re.compile(rf"[\s,]*({WORD})(?:\s+|$|(?=,))(?!\s*=)")
PARAMETER = re.compile(rf'[\s,]*({WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({WORD}))')
REST = re.compile(r"[^,]*")


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """``scheme`` is in small letters; ``scopes`` are those that a token must have, if the registry says so."""

    scheme: str
    realm: str = ""
    service: str = ""
    scopes: frozenset[str] = frozenset()


def parse(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All of them: one header may have several. What cannot be read is passed over."""
    return tuple(found for header in headers for found in _challenges(header))


def choose(challenges: Iterable[Challenge]) -> Challenge | None:
    """The best of those that Ciao can answer: a token is worth less to a thief than a password."""
    known = [one for scheme in ("bearer", "basic") for one in challenges if one.scheme == scheme]
    return known[0] if known else None


def _challenges(header: str) -> Iterator[Challenge]:
    position = 0
    while match := SCHEME.match(header, position):
        parameters: dict[str, str] = {}
        position = match.end()
        while found := PARAMETER.match(header, position):
            quoted, bare = found[2], found[3]
            parameters.setdefault(found[1].lower(), bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
            position = found.end()
        if not parameters:  # a token68, or what is no challenge
            rest = REST.match(header, position)
            position = rest.end() if rest else position
        yield Challenge(
            scheme=match[1].lower(),
            realm=parameters.get("realm", ""),
            service=parameters.get("service", ""),
            scopes=frozenset(parameters.get("scope", "").split()),
        )
