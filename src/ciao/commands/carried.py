"""How the code of a cell would travel: the part of a plan that no backend knows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ciao.backends.base import Backend
from ciao.model import Bundle, JobSpec, Mounted, Notice, Packing, Pinned, Target
from ciao.session import Session

__all__ = ["Carried", "carried"]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """By which strategy and why, and what goes along.

    ``images`` are what would be pushed, each with the base image below it if it has one; ``packages`` are the lines of
    the cell, without credentials; ``files`` are what is included, by its path in the folder of the code, with its size.
    """

    strategy: str
    reason: str
    images: tuple[tuple[str, str], ...] = ()
    packages: tuple[str, ...] = ()
    files: tuple[tuple[str, int], ...] = ()


async def carried(
    spec: JobSpec, target: Target, session: Session, backend: Backend
) -> tuple[Carried, Bundle, tuple[Notice, ...]]:
    """The same, with the bundle that stands for it in the plan and what should be known of it. Pushes nothing.

    Raises BundleError for what would not be built. A registry that does not answer, or does not let
    us in, is a notice.
    """
    from ciao.s2i.context import gather

    choice = session.choice(spec, backend)
    notices = [Notice(text=choice.notice)] if choice.notice else []
    bundle, unasked = await _planned(spec, target, session, backend)
    told: list[Packing | Notice] = []
    context = await gather(spec, session.settings, told.append, here=backend.name == "local")
    notices += [one for one in told if isinstance(one, Notice)]
    notices += unasked
    if backend.name != "local":
        from ciao.s2i.only_here import only_here

        notices += await asyncio.to_thread(only_here, spec)
    found = Carried(
        strategy=choice.name,
        reason=choice.reason,
        images=tuple(_images(bundle)),
        packages=tuple(map(_without_user, spec.packages)),
        files=tuple((entry.path, _size(entry.source)) for entry in context.included),
    )
    return found, bundle, tuple(notices)


async def _planned(
    spec: JobSpec, target: Target, session: Session, backend: Backend
) -> tuple[Bundle, tuple[Notice, ...]]:
    """As the strategy plans it; where its registry does not answer, as far as it is known without one."""
    from ciao.s2i.registry.errors import Denied, Refused, Unreachable

    strategy = session.s2i(spec, backend)
    try:
        return await strategy.plan(spec, target), ()
    except Denied as error:
        words = f"a run would fail: {error}. What is pushed has its digest once that is mended"
        return _unasked(strategy.name, spec, target, session), (Notice(text=words, level="warning"),)
    except (Refused, Unreachable) as error:
        if isinstance(error, Refused) and not error.again:
            raise
        words = f"the registry was not asked: {error.message}. What is pushed has its digest once it is there"
        return _unasked(strategy.name, spec, target, session), (Notice(text=words, level="warning"),)


def _unasked(strategy: str, spec: JobSpec, target: Target, session: Session) -> Bundle:
    from ciao.s2i.registry.names import pulled, repository

    settings = session.settings
    image = pulled(replace(repository(settings), tag="planned"), settings)
    if strategy == "imagevolume":
        return Mounted(entry=spec.cell.filename, image=image)
    return Pinned(entry=spec.cell.filename, images=dict.fromkeys(target.bases, image))


def _images(bundle: Bundle) -> Iterator[tuple[str, str]]:
    match bundle:
        case Pinned(images=images):
            yield from ((image, base) for base, image in images.items())
        case Mounted(image=image):
            yield image, ""


def _size(source: bytes | Path) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _without_user(line: str) -> str:
    """Whatever stands before an ``@`` in an address may be a user and a password."""
    return re.sub(r"(?<=://)[^/\s'\"]*@", "***@", line)
