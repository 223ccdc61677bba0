"""What a kernel that was restarted says of the jobs that did not end with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ciao.errors import CiaoError
from ciao.model import Notice

if TYPE_CHECKING:
    from ciao.session import Session

__all__ = ["still_running"]

SHOWN = 5

PATIENCE = 5.0
"""Seconds for which a cluster may take to answer: later, a notice is of no use."""


async def still_running(session: Session, *, before: float) -> Notice | None:
    """One line about jobs that were created before this epoch time and still run. Never an error."""
    try:
        async with asyncio.timeout(PATIENCE):
            known = await session.everywhere().jobs()
    except (CiaoError, TimeoutError):
        return None  # whoever asks for a job next is told in full
    names = [s.job.name for s in known if not s.phase.ended and s.job.created < before]
    if not names:
        return None
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    verb = "runs" if len(names) == 1 else "run"
    return Notice(text=f"{shown} still {verb} from before; %ciao attach {names[0]} shows it, %ciao jobs lists all")
