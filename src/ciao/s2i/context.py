"""What goes along with a job, whatever carries it: the cell's file, the runner, and what the cell includes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from ciao.errors import BundleError
from ciao.model import JobSpec, Notice
from ciao.s2i.base import Tell
from ciao.s2i.layer import Entry
from ciao.s2i.sources import runner_sources
from ciao.settings import Settings

__all__ = ["FILES", "MODULES", "Context", "content_of", "gather"]

FILES = "files/"
"""Below it is what the runner copies into the working directory."""

MODULES = "modules/"
"""Below it is what the runner puts on the path of imports."""

SMALL = 64 * 1024
"""Characters of a cell up to which looking for secrets takes no time."""

LARGE = 1024 * 1024
"""Characters of a cell above which its size is looked at even if nothing goes with it."""

PLACES = 5
"""How many places with a secret are named."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The folder of the code: ``entries`` by their paths in it, sorted; ``entry`` is the cell's file."""

    entry: str
    entries: tuple[Entry, ...]

    @property
    def code(self) -> Entry:
        """The cell's file."""
        return next(e for e in self.entries if e.path == self.entry)

    @property
    def included(self) -> tuple[Entry, ...]:
        """What the cell includes, and nothing of ours."""
        return tuple(e for e in self.entries if e.path.startswith((FILES, MODULES)))


async def gather(spec: JobSpec, settings: Settings, tell: Tell, *, here: bool = False) -> Context:
    """All of it. Raises BundleError for what is missing, too large, or must not be sent.

    ``here``: it stays on this machine, so that size, secrets and compiled modules are no matter.
    """
    if spec.include or len(spec.code) > SMALL:
        context, notices = await asyncio.to_thread(_gathered, spec, settings.s2i_scan, here=here)
    else:  # another thread would cost more time than it saves
        context, notices = _gathered(spec, settings.s2i_scan, here=here)
    for notice in notices:
        tell(notice)
    return context


def content_of(entry: Entry) -> bytes:
    """Its bytes, which are read here if they were not before."""
    return entry.source if isinstance(entry.source, bytes) else entry.source.read_bytes()


def _gathered(spec: JobSpec, policy: str, *, here: bool) -> tuple[Context, list[Notice]]:
    code = Entry(path=spec.cell.filename, source=spec.code.encode())
    notices: list[Notice] = []
    included: tuple[Entry, ...] = ()
    places: list[str] = []
    if spec.include or len(spec.code) > LARGE:
        from ciao.s2i.including.folder import notebook_folder
        from ciao.s2i.including.reading import include

        found = include(spec.include, notebook_folder(spec), code=len(content_of(code)), here=here)
        included = found.entries
        notices += found.notices
        places += [f"credentials in {path}" for path in found.credentials]
    if not here and policy != "off":
        notices += _secrets(code, included, places + _in_variables(spec), block=policy == "block")
    runner = (Entry(path=path, source=text.encode()) for path, text in runner_sources().items())
    entries = tuple(sorted((code, *runner, *included), key=lambda entry: entry.path))
    return Context(entry=code.path, entries=entries), notices


def _in_variables(spec: JobSpec) -> list[str]:
    """Variables are part of the pods, which the namespace reads."""
    from ciao.s2i.scanning import scan

    lines = {name: f"{name}='{value}'".encode() for name, value in spec.env.items()}
    return [f"{found.kind} in %env.{name}" for name, line in lines.items() for found in scan(line)]


def _secrets(code: Entry, included: tuple[Entry, ...], places: list[str], *, block: bool) -> Iterator[Notice]:
    """A notice that says where secrets are, or a BundleError if that is the policy."""
    from ciao.s2i.scanning import scan

    places = [f"{found.kind} in line {found.line} of the cell" for found in scan(content_of(code))] + places
    for entry in included:
        shown = entry.path.partition("/")[2]
        places += [f"{found.kind} in {shown}:{found.line}" for found in scan(content_of(entry))]
    if not places:
        return
    more = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    words = f"what is sent has {', '.join(places[:PLACES])}{more}"
    if block:
        hint = "Pass it by %secret.NAME=SECRET/KEY; s2i.scan in the settings says that this is an error"
        raise BundleError(words, hint=hint)
    text = f"{words}: everybody who can pull its image or read its namespace can read that. Pass it by %secret.NAME="
    yield Notice(text=text, level="warning")
