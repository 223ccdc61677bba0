"""What a base image has, by reading its layers from the registry as they come. Nothing of it is kept or run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ciao.errors import BundleError
from ciao.model import Packing
from ciao.s2i.base import Tell
from ciao.s2i.documents import FOREIGN
from ciao.s2i.oci import Base
from ciao.s2i.packages.contents import Tree, Unreadable, merge, read_layer
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.pythons import Pythons
from ciao.s2i.platforms import Platform
from ciao.s2i.registry.base import Descriptor, Registry
from ciao.s2i.registry.errors import Broken

__all__ = ["CannotTell", "probe"]

UNWANTED = "it is not wanted any more"


class CannotTell(BundleError):
    """It may well have a Python, but looking at its files does not say which, or what it has."""


async def probe(base: Base, registry: Registry, tell: Tell) -> Interior:
    """Read all layers once. Raises BundleError for an image without Python, CannotTell if only a pod could say."""
    tree = Tree()
    step, done = f"looking into {base.name}", 0
    total = sum(blob.size for blob in base.blobs)
    tell(Packing(step=step, done=0, total=total))
    for blob in base.blobs:
        if FOREIGN.fullmatch(blob.media_type):
            continue

        def so_far(size: int, before: int = done) -> None:
            tell(Packing(step=step, done=before + size, total=total))

        try:
            async with aclosing(registry.stream(base.reference, blob.digest)) as pieces:
                tree = merge(tree, await _threaded(pieces, so_far, blob))
        except Unreadable as e:
            raise CannotTell(f"a layer of {base.name} cannot be read: {e}", hint=e.hint) from e
        done += blob.size
    return await asyncio.to_thread(_interior, base, tree)


def _interior(base: Base, tree: Tree) -> Interior:
    runs = base.config.get("config") or {}
    found = Pythons(tree, _environment(runs.get("Env")))
    python = found.python3()
    if python is None:
        raise BundleError(
            f"{base.name} has no python3 on its PATH, and the cell runs with that one",
            hint="Name an image that has Python 3.8 or later with %image=",
        )
    version, libc = found.version(python), found.libc()
    if not version or not libc:
        what = "which Python it has" if not version else "which libc it has"
        raise CannotTell(
            f"the files of {base.name} do not say {what}",
            hint="Use a backend that can ask it in a pod (%backend=kubeflow), or another image",
        )
    return Interior(
        python=version,
        implementation=found.implementation(python),
        libc=libc,
        machine=Platform.parse(base.platform).architecture,
        distributions=found.distributions(python),
    )


def _environment(lines: object) -> dict[str, str]:
    """Of the image's config: ``NAME=value``."""
    listed = lines if isinstance(lines, list) else []
    return {name: value for name, _, value in (str(line).partition("=") for line in listed)}


async def _threaded(pieces: AsyncGenerator[bytes, None], so_far: Callable[[int], None], blob: Descriptor) -> Tree:
    """Unpacking is work for a processor; a thread does it and takes the next piece whenever it is ready."""
    pipe = _Pipe(pieces, asyncio.get_running_loop(), so_far, most=blob.size)
    work = asyncio.ensure_future(asyncio.to_thread(read_layer, pipe, zstd=blob.media_type.endswith("+zstd")))
    try:
        return await asyncio.shield(work)
    finally:
        await pipe.close()
        if not work.done():
            await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # looked at: whoever cancelled does not want it


class _Pipe:
    """Bytes that come on the loop, as a file that a thread reads."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        loop: asyncio.AbstractEventLoop,
        so_far: Callable[[int], None],
        *,
        most: int,
    ) -> None:
        self._pieces = pieces
        self._most = most
        self._loop = loop
        self._so_far = so_far
        self._rest = b""
        self._read = 0
        self._closed = False
        self._taking: asyncio.Task[bytes] | None = None

    def read(self, size: int) -> bytes:
        """At most as many; empty at the end. In the thread."""
        if self._closed:  # a little that is held may be hours of unpacking
            raise Unreadable(UNWANTED)
        if not self._rest:
            self._rest = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece

    async def _next(self) -> bytes:
        if self._closed:
            raise Unreadable(UNWANTED)
        self._taking = asyncio.ensure_future(anext(self._pieces, b""))
        try:
            piece = await self._taking
        except asyncio.CancelledError:
            raise Unreadable(UNWANTED) from None
        self._read += len(piece)
        if self._read > self._most:
            raise Broken(f"a layer of {self._most:,} bytes has more of them", hint="The registry has damaged it")
        self._so_far(self._read)
        return piece

    async def close(self) -> None:
        """The thread ends with its next piece."""
        self._closed = True
        if self._taking is not None and not self._taking.done():
            self._taking.cancel()
            await asyncio.wait([self._taking])
