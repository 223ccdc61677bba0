"""What the gateway leaves running when it stops: jobs outlive their kernels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ciao.commands.jobs import jobs
from ciao.errors import CiaoError
from ciao.model import Summary
from ciao.session import Session

__all__ = ["PATIENCE", "going_on", "words"]

PATIENCE = 3.0
"""Seconds for a list of jobs: who stops a gateway waits for no cluster."""


async def going_on(session: Session) -> str:
    """One line of the jobs that run, or why they are not known; empty if none does."""
    try:
        backend = session.everywhere()
        found = await asyncio.wait_for(asyncio.wrap_future(session.engine.call(jobs(backend))), PATIENCE)
    except (CiaoError, TimeoutError) as error:
        why = error.message if isinstance(error, CiaoError) else f"no answer in {PATIENCE:g} s"
        return f"which jobs go on is not known ({why}); find them with %ciao jobs"
    return words([summary for summary in found.summaries if not summary.phase.ended], found.where)


def words(running: Sequence[Summary], where: str) -> str:
    """``2 jobs go on: jax-abcde, ... (where): find them with %ciao jobs``."""
    if not running:
        return ""
    many = "1 job goes on" if len(running) == 1 else f"{len(running)} jobs go on"
    names = ", ".join(summary.job.name for summary in running)
    return f"{many}: {names} ({where}); find {'it' if len(running) == 1 else 'them'} with %ciao jobs"
