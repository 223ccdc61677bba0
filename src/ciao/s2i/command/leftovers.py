"""What a builder that was ended in the middle leaves in its storage: containers in which it worked, with their mounts.

They have no mark by which they could be known. So the storage is looked at before the first of our builds and after the
last: what is new then is ours, unless somebody builds by hand in the very moments in which a build of ours is ended.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

__all__ = ["Yard", "yard"]

Run = Callable[[Sequence[str]], Awaitable[Sequence[str]]]
"""One call of the tool, by the words after its name; no lines if it fails."""


@dataclass(kw_only=True)
class Yard:
    """One storage, and how many of our builds are at work in it."""

    builds: int = 0
    before: frozenset[str] = frozenset()
    wreck: bool = False
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def enter(self, listing: Sequence[str], run: Run) -> None:
        """Before a build begins."""
        async with self.gate:
            if not self.builds:
                self.before = frozenset(await run(listing))
            self.builds += 1

    async def leave(self, listing: Sequence[str], removing: Sequence[str], run: Run, *, whole: bool) -> None:
        """Behind a build, which came to its end or did not."""
        async with self.gate:
            self.builds -= 1
            self.wreck = self.wreck or not whole
            if self.builds or not self.wreck:
                return
            self.wreck = False
            for container in sorted(frozenset(await run(listing)) - self.before):
                await run((*removing, container))


_yards: defaultdict[tuple[str, ...], Yard] = defaultdict(Yard)


def yard(*key: str) -> Yard:
    """The one of this storage."""
    return _yards[key]
