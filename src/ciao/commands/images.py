"""``ciao images``: what was pushed, and the removal of what nobody needs any more."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ciao.errors import BackendError, BackendUnavailable, CommandError
from ciao.interpreter.values import BadValue, duration
from ciao.s2i.images import Pushed, delete, outdated, pushed
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.names import repository
from ciao.s2i.uses import Uses
from ciao.session import Session
from ciao.settings import Settings

if TYPE_CHECKING:
    from ciao.backends.kubeflow.finding import InUse

__all__ = ["Images", "Pruned", "images", "prune", "span"]

NO_CLUSTER = "Which images jobs need is for it to say: set kubeconfig in ~/.ciao/config.yaml, or CIAO_KUBECONFIG"

NO_JOBS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Images:
    """All of them, where they are, and why it may not be known which jobs need them; empty if it is."""

    where: Reference
    images: tuple[Pushed, ...]
    unknown: str = ""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What went, or would go (unless ``done``), of those that were not used for ``span`` seconds.

    ``kept`` counts the others; ``strange`` those of them of whose age this machine knows nothing.
    """

    where: Reference
    images: tuple[Pushed, ...]
    kept: int
    strange: int
    span: float
    done: bool


def span(text: str | None, settings: Settings) -> float:
    """Seconds of ``--older-than``; without it, those for which ended jobs are kept. Raises CommandError."""
    if text is None:
        return settings.keep_for
    try:
        return 0.0 if text in ("0", "0d") else duration(text)
    except BadValue:
        raise CommandError(f"--older-than {text}: not a length of time", hint="Write it as 14d or 12h") from None


async def images(session: Session) -> Images:
    """What was pushed, by anybody who pushes there. Raises BundleError."""
    where, unknown, jobs = repository(session.settings), "", NO_JOBS
    try:
        jobs = (await _used(session)).jobs
    except BackendError as error:
        unknown = f"which jobs need them is not known: {error.message}"
    found = await pushed(session.registry(), where, uses=Uses(session.settings.home), jobs=jobs)
    return Images(where=where, images=found, unknown=unknown)


async def prune(session: Session, *, older: float, every: bool = False, confirmed: bool = False) -> Pruned:
    """Remove what no job needs and was not used from here for a while; with ``every`` also what was never.

    Nothing is removed unless that is ``confirmed``. Raises BackendError if it cannot be known which jobs need what, and
    BundleError if the registry refuses.
    """
    where, uses = repository(session.settings), Uses(session.settings.home)
    try:
        used = await _used(session)
    except BackendUnavailable as error:
        hint = "Nothing is removed as long as the cluster does not say which images its jobs need"
        raise BackendUnavailable(error.message, hint=hint) from None
    if every and not used.everywhere:
        raise CommandError(
            "--all is for whoever may list the jobs of all namespaces: some may need images that others have pushed",
            hint="Without it, what was pushed and used from here is removed",
        )
    before = time.time() - older
    found = await pushed(session.registry(), where, uses=uses, jobs=used.jobs)
    old = outdated(found, before=before, unknown=every)
    kept = {digest for one in found if one not in old for digest in one.digests}
    for one in old if confirmed else ():
        if (last := uses.last(*one.digests, *one.tags)) is None or last < before:  # else a cell has just used it
            await delete(session.registry(), where, one, uses=uses, kept=kept)
    strange = sum(one.used is None and not one.jobs for one in found if one not in old)
    return Pruned(where=where, images=old, kept=len(found) - len(old), strange=strange, span=older, done=confirmed)


async def _used(session: Session) -> InUse:
    """By the cluster's jobs: nothing else needs an image."""
    if not session.uses("kubeflow"):
        raise BackendError("no cluster is known here", hint=NO_CLUSTER)
    backend: Any = session.backend("kubeflow")  # no other backend has images, and so the seam does not ask for them
    found: InUse = await backend.images()
    return found
