"""The images that were pushed, as pages for people. Pure: the time of the question is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ciao.frontends.display.colour import plain
from ciao.frontends.display.packing import amount
from ciao.frontends.display.page import Page, Table
from ciao.frontends.display.present import ago
from ciao.frontends.display.status import duration

if TYPE_CHECKING:
    from ciao.commands.images import Images, Pruned
    from ciao.s2i.images import Pushed

__all__ = ["images", "pruned"]

LONG = 60
"""Characters of a list of packages that makes a table too wide."""

HEAD = ("TAG", "WHAT", "SIZE", "USED FROM HERE", "JOBS")


def images(found: Images, *, now: float) -> Page:
    """One row an image, the last used first."""
    if not found.images:
        return (f"No images in {found.where} yet", *_said(found.unknown))
    return (str(found.where), _table(found.images, now=now), *_said(found.unknown))


def pruned(found: Pruned, *, now: float, prefix: str = "ciao") -> Page:
    """What went, or what would go and how."""
    others = tuple(_others(found))
    if not found.images:
        return (f"Every image in {found.where} is needed, or was used in the last {duration(found.span)}", *others)
    many = "1 image" if len(found.images) == 1 else f"{len(found.images)} images"
    if found.done:
        freed = "The registry frees their space when its administrator collects what nothing names any more"
        return (f"Removed from {found.where}: {many}", _table(found.images, now=now), *others, freed)
    them = "it" if len(found.images) == 1 else "them"
    way = f"Nothing is removed yet: {prefix} images prune --yes, with the same options, removes {them}"
    return (f"To be removed from {found.where}: {many}", _table(found.images, now=now), *others, way)


def _table(found: Sequence[Pushed], *, now: float) -> Table:
    return Table(head=HEAD, rows=tuple(_row(one, now=now) for one in found))


def _row(one: Pushed, *, now: float) -> tuple[str, ...]:
    title = plain(one.title)
    title = title if len(title) <= LONG else f"{title[: LONG - 3]}..."
    used = "unknown" if one.used is None else ago(one.used, now=now)
    what = {"cell": "", "packages": "packages: ", "site": "packages alone: "}.get(one.kind, f"{one.kind} ") + title
    return (", ".join(map(plain, one.tags)), what.rstrip(": "), amount(one.size), used, ", ".join(one.jobs) or "-")


def _others(found: Pruned) -> Iterator[str]:
    if found.kept:
        yield f"{found.kept:,} more {'stays' if found.kept == 1 else 'stay'}"
    if found.strange:
        were = "1 of them was" if found.strange == 1 else f"{found.strange:,} of them were"
        yield f"{were} never used from here, so that the age is not known: --all is for those, too"


def _said(words: str) -> tuple[str, ...]:
    return (words,) if words else ()
