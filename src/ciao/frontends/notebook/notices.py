"""What a kernel says of jobs that no cell of it follows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ciao.errors import CiaoError, JobNotFound
from ciao.model import Notice

if TYPE_CHECKING:
    from ciao.model import Job, Outcome
    from ciao.session import Session

__all__ = ["ended", "sentence", "still_running"]

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


async def ended(session: Session, names: Iterable[str]) -> dict[str, str]:
    """A sentence for each of these jobs that has ended, an empty one for what is no more. Never an error."""
    found: dict[str, str] = {}
    for name in names:
        try:
            async with asyncio.timeout(PATIENCE):
                known = await session.everywhere().job(name)
        except JobNotFound:
            found[name] = ""
        except (CiaoError, TimeoutError):
            continue  # it is asked again
        else:
            if known.phase.ended:
                began = known.job.created if known.started is None else known.started
                found[name] = sentence(known.job, known.outcome, began)
    return found


def sentence(job: Job, outcome: Outcome | None, began: float) -> str:
    """One line about the end of a job."""
    from ciao.frontends.display.colour import plain
    from ciao.frontends.display.status import ended as how

    words = how(outcome, began) if outcome is not None else "has ended"
    by = f" (started by {plain(job.cell)})" if job.cell else ""
    return f"job {job.name} {words}{by}: `%ciao logs {job.name}`"
