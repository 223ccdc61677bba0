"""What a base has inside: from what is known of it for ever, by reading it, or by asking it in a pod."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from ciao.errors import BundleError
from ciao.home import make_private
from ciao.k8s.base import Api
from ciao.s2i.base import Tell
from ciao.s2i.oci import Base
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.pod import NotAllowed, ask
from ciao.s2i.packages.probe import CannotTell, probe
from ciao.s2i.registry.base import Registry
from ciao.settings import Settings

__all__ = ["LARGE", "interior_of", "known"]

LARGE = 1024**3
"""Compressed bytes of a base from which on asking it in a pod is faster: the nodes need it anyway."""


async def interior_of(
    base: Base, *, registry: Registry, settings: Settings, tell: Tell, api: Api | None = None, namespace: str = ""
) -> Interior:
    """Of an image that never changes, and so asked once. Raises BundleError if it has no Python, or cannot be known."""
    if (found := known(base.digest, settings)) is not None:
        return found
    found = await _found_out(base, registry=registry, settings=settings, tell=tell, api=api, namespace=namespace)
    _remember(base.digest, found, settings)
    return found


async def _found_out(
    base: Base, *, registry: Registry, settings: Settings, tell: Tell, api: Api | None, namespace: str
) -> Interior:
    if api is None:
        return await probe(base, registry, tell)
    if sum(blob.size for blob in base.blobs) > LARGE:
        with contextlib.suppress(NotAllowed):  # then it takes longer
            return await ask(base, api, namespace=namespace, settings=settings, tell=tell)
    try:
        return await probe(base, registry, tell)
    except CannotTell as e:
        return await ask(base, api, namespace=namespace, settings=settings, tell=tell, reason=e.message)


def known(digest: str, settings: Settings) -> Interior | None:
    """What was found out before; asks nobody."""
    try:
        return Interior.of_json(_file(digest, settings).read_text("utf-8"))
    except (OSError, ValueError, TypeError, KeyError, BundleError):
        return None


def _file(digest: str, settings: Settings) -> Path:
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise BundleError(f"{digest[:80]!r} is not the digest of an image")
    return settings.home / "interiors" / f"{digest.removeprefix('sha256:')}.json"


def _remember(digest: str, found: Interior, settings: Settings) -> None:
    """A place that cannot be written costs time with the next job, and nothing else."""
    path = _file(digest, settings)
    with contextlib.suppress(OSError):
        make_private(path.parent)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(found.as_json())
        Path(name).replace(path)  # whole or not at all
