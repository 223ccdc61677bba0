"""``ciao describe``: all that is known of one job."""

from __future__ import annotations

from ciao.backends.base import Backend
from ciao.commands import choose
from ciao.commands.choose import Chosen, Own

__all__ = ["describe"]


async def describe(backend: Backend, name: str | None = None, *, own: Own | None = None) -> Chosen:
    """The job of this name; without one, the newest, the asker's own before others. Raises JobNotFound."""
    return await choose.newest(backend, name, own=own)
