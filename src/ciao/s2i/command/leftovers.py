"""What a builder that was ended in the middle leaves in its storage: containers in which it worked, with their mounts.

They have no mark by which they could be known. So the storage is looked at before the first of our builds and after the
last: what is new then is ours, unless somebody builds by hand meanwhile with the same tool. Where that cannot be known,
because a look failed or another kernel of this user is building, nothing is removed: what is left harms nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Yard", "yard"]

Run = Callable[[Sequence[str]], Awaitable[Sequence[str] | None]]
"""One call of the tool, by the words after its name; None if it fails."""

PAUSE = 0.05
"""Seconds between two looks at whether another process has tidied up."""

PATIENCE = 30.0


@dataclass(kw_only=True)
class Yard:
    """One storage, and how many of our builds are at work in it. Builds of all processes share the ``lock``, a file."""

    builds: int = 0
    before: frozenset[str] | None = None
    wreck: bool = False
    gate: asyncio.Lock = field(default_factory=asyncio.Lock)
    lock: Path | None = None
    held: int | None = None

    async def enter(self, listing: Sequence[str], run: Run) -> None:
        """Before a build begins."""
        async with self.gate:
            if not self.builds:
                self.held = await self._shared()
                self.before = _seen(await run(listing))
            self.builds += 1

    async def leave(self, listing: Sequence[str], removing: Sequence[str], run: Run, *, whole: bool) -> None:
        """Behind a build, which came to its end or did not."""
        async with self.gate:
            self.builds -= 1
            self.wreck = self.wreck or not whole
            if self.builds:
                return
            try:
                if self.wreck and self._alone():
                    await self._tidied(listing, removing, run)
            finally:
                self.wreck = False
                self._let_go()

    async def _tidied(self, listing: Sequence[str], removing: Sequence[str], run: Run) -> None:
        after = _seen(await run(listing))
        if self.before is not None and after is not None:
            for container in sorted(after - self.before):
                await run((*removing, container))

    async def _shared(self) -> int | None:
        """The lock, as one of many; None if there is no place for it, or if somebody keeps it for himself."""
        if self.lock is None:
            return None
        try:
            held = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not _locked(held, fcntl.LOCK_SH):  # noqa: ASYNC110 # another process has it
                    await asyncio.sleep(PAUSE)
            return held
        os.close(held)
        return None

    def _alone(self) -> bool:
        """Whether no other process builds here; and then none begins until this one is done."""
        return self.lock is None or (self.held is not None and _locked(self.held, fcntl.LOCK_EX))

    def _let_go(self) -> None:
        held, self.held = self.held, None
        if held is not None:
            os.close(held)


def _locked(held: int, kind: int) -> bool:
    try:
        fcntl.flock(held, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _seen(lines: Sequence[str] | None) -> frozenset[str] | None:
    return None if lines is None else frozenset(lines)


_yards: defaultdict[tuple[str, ...], Yard] = defaultdict(Yard)


def yard(*key: str, lock: Path | None = None) -> Yard:
    """The one of this storage."""
    found = _yards[key]
    if not found.builds:
        found.lock = lock
    return found
