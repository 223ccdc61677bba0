"""A cell's stream as if no two replicas had said the same: each line once for every replica that it names."""

from __future__ import annotations

import re

__all__ = ["unfolded"]

_JOB = re.compile(r"^job \S+ on .* · (\d+ [a-z]+(?: \+ \d+ [a-z]+)*)$", re.MULTILINE)
_RANGE = r"\d+(?:\.\.\d+)?"
_SOME = rf"[a-z]+-{_RANGE}(?:,{_RANGE})*"
_TOGETHER = re.compile(rf"^(\x1b\[1m)?\[(\d+ replicas|{_SOME}(?:, {_SOME})*)\] (.*)$")


def unfolded(stream: str) -> str:
    """As the replicas wrote it, in the order of the cell."""
    if not re.search(r"^(?:\x1b\[1m)?\[", stream, re.MULTILINE):
        return stream
    everyone = [name for roles in _JOB.findall(stream)[:1] for name in _names(roles)]
    shown = []
    for line in stream.split("\n"):
        found = _TOGETHER.match(line)
        if found is None:
            shown.append(line)
            continue
        bold, who, text = found.groups()
        shown += [f"{bold or ''}{name:{max(map(len, everyone))}} | {text}" for name in _named(who, everyone)]
    return "\n".join(shown)


def _names(roles: str) -> list[str]:
    """Of ``1 master + 2 workers``."""
    return [
        f"{role if role == 'ps' else role.removesuffix('s')}-{n}"
        for count, role in re.findall(r"(\d+) ([a-z]+)", roles)
        for n in range(int(count))
    ]


def _named(who: str, everyone: list[str]) -> list[str]:
    if who.endswith(" replicas"):
        assert who == f"{len(everyone)} replicas"
        return everyone
    return [
        f"{role}-{n}"
        for role, numbers in re.findall(rf"([a-z]+)-({_RANGE}(?:,{_RANGE})*)", who)
        for first, last in re.findall(r"(\d+)(?:\.\.(\d+))?", numbers)
        for n in range(int(first), int(last or first) + 1)
    ]
