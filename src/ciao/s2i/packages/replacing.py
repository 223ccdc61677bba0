"""A package that would bring another PyTorch along, although nobody asked for one: refused before any of it comes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from ciao.errors import BundleError
from ciao.s2i.packages.clauses import NAME
from ciao.s2i.packages.refused import IMAGE
from ciao.s2i.packages.uv import Ran
from ciao.s2i.packages.wanted import Wanted, canonical

__all__ = ["refuse_replacing"]

LARGE: Mapping[str, frozenset[str]] = {
    "torch": frozenset({"torch"}),
    "tensorflow": frozenset({"tensorflow", "tf-nightly"}),
    "jaxlib": frozenset({"jax", "jaxlib"}),
}
"""Of gigabytes, and built for the drivers of an image; with what a cell may name when it means to replace it."""

NAMED = r"\b[A-Za-z][\w.-]*(?:\[[^\]]*\])?"

Resolve = Callable[[Sequence[str], Sequence[str]], Awaitable[tuple[Ran, Mapping[str, str]]]]
"""Requirements and limits, to what was said and the versions by name. Nothing is downloaded but metadata."""


async def refuse_replacing(
    wanted: Wanted, new: Mapping[str, str], replaced: Mapping[str, str], *, base: str, resolve: Resolve
) -> None:
    """Raises BundleError if a large package of the base would be replaced and the cell does not name it.

    ``new`` and ``replaced`` are versions by name, as they would be. ``base`` is how a message calls it.
    """
    named = set(_named(wanted))
    odd = [name for name in LARGE if name in replaced and not LARGE[name] & named]
    if not odd:
        return
    kept = [f"{name}=={replaced[name]}" for name in odd]
    why = await _why(wanted, new, odd[0], kept, resolve)
    fits = await _fitting(wanted, new, kept, resolve)
    name, version = odd[0], new.get(odd[0], "")
    reason = why or f"the packages need another {name}"
    message = f"{reason}: {base} has {name} {replaced[name]}, and {version or 'another'} would hide it"
    newer = f"an image with a newer {name}: %image=" if base == IMAGE else f"a Python with a newer {name}: %python="
    pin = f"{fits} fits what is there: %package={fits}. Or use" if fits else "Ask for an earlier version, or use"
    by_name = f". To replace it all the same, name it: %package={name}=={version}" if version else ""
    raise BundleError(message, hint=f"{pin} {newer}{by_name}")


def _named(wanted: Wanted) -> Iterator[str]:
    """All that the cell says something about."""
    yield from (one.name for one in wanted.requirements)
    yield from (one.name for one in wanted.wheels)
    yield from (canonical(found["name"]) for found in map(NAME.fullmatch, wanted.constraints) if found)


async def _why(wanted: Wanted, new: Mapping[str, str], large: str, kept: Sequence[str], resolve: Resolve) -> str:
    """Which package asks for another, by having the installer say why the two do not go together."""
    exact = [f"{name}=={version}" for name, version in new.items() if name != large]
    ran, _ = await resolve([*(r.line for r in wanted.requirements if not r.hashes), *exact], kept)
    flat = " ".join(ran.said.split())
    one = re.search(rf"(?P<who>{NAMED})(?:[=<>!~]\S*)? depends? on (?P<need>{large}\b(?:\{{[^}}]*\}})?[^\s,]*)", flat)
    if one is None:
        return ""
    return (
        f"{one['who']} {new.get(canonical(one['who']), '')}".strip() + f" needs {re.sub(r'{[^}]*}', '', one['need'])}"
    )


async def _fitting(wanted: Wanted, new: Mapping[str, str], kept: Sequence[str], resolve: Resolve) -> str:
    """The cell's packages at versions that leave the base as it is; empty if there are none."""
    ran, found = await resolve([r.line for r in wanted.requirements], [*wanted.constraints, *kept])
    if ran.code != 0 or wanted.wheels:
        return ""
    other = {r.name: found[r.name] for r in wanted.requirements if r.name in found and found[r.name] != new.get(r.name)}
    return " ".join(f"{name}=={version}" for name, version in sorted(other.items()))
