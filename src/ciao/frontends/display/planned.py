"""What ``plan`` returns, as YAML with comments. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ciao.frontends.display.packing import amount

if TYPE_CHECKING:
    from ciao.commands.carried import Carried
    from ciao.commands.plan import Plan

__all__ = ["plan"]

FILES_SHOWN = 20
"""How many of the files that go along are named."""


def plan(found: Plan) -> str:
    """YAML; above it stand as comments how the code travels, and what is otherwise than asked."""
    notes = [f"{'note' if notice.level == 'info' else 'warning'}: {notice.text}" for notice in found.notices]
    return "".join(f"# {line}\n" for line in (*_carried(found.carried), *notes)) + found.yaml.rstrip("\n")


def _carried(found: Carried) -> Iterator[str]:
    way = "goes into a folder" if found.strategy == "directory" else f"travels by {found.strategy}"
    yield f"the code {way}: {found.reason}"
    for image, base in found.images:
        yield f"pushed: {image}" + (f", on {base}" if base else "")
    for line in found.packages:
        yield f"packages: {line}"
    if found.files:
        count = f"{len(found.files):,} file{'s' if len(found.files) > 1 else ''}"
        total = amount(sum(size for _, size in found.files))
        yield f"included: {count}, {total}"
        yield from (f"  {_there(path)} ({amount(size)})" for path, size in found.files[:FILES_SHOWN])
    if len(found.files) > FILES_SHOWN:
        yield f"  and {len(found.files) - FILES_SHOWN} more"


def _there(path: str) -> str:
    """A file of the working directory as the cell opens it; a module by where it is imported from."""
    kind, _, name = path.partition("/")
    return f"{name}, to be imported" if kind == "modules" else name
