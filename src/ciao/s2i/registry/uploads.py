"""How a blob gets into a repository: mounted, in one piece, or in pieces where a proxy allows no more.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#push
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ciao.errors import BundleError
from ciao.s2i.registry.answers import beginning
from ciao.s2i.registry.base import Descriptor, Reference, Sent
from ciao.s2i.registry.bodies import Body, Pieces, grouped, pieces_of
from ciao.s2i.registry.door import Door
from ciao.s2i.registry.errors import Broken, Refused
from ciao.s2i.registry.origins import joined
from ciao.s2i.registry.wire import Ask, Method, Wire

__all__ = ["Upload", "scopes"]

AT_ONCE = 64 * 1024
"""Bytes up to which a blob is one write, with nothing to tell of its progress."""
LADDER = (8 * 1024 * 1024, 900 * 1024, 64 * 1024)
"""Bytes of the pieces after a 413: what many registries want at least, below nginx's own limit of 1 MiB, and less."""
BINARY = "application/octet-stream"
NO_MOUNT = (400, 401, 403, 404, 405, 415, 422, 501)
"""Answers to a mount that mean that another way must be found; 202 means so, too."""


def scopes(name: Reference, actions: str) -> frozenset[str]:
    """What a token for it must grant."""
    return frozenset({f"repository:{name.repository}:{actions}"})


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One blob on its way into one repository. Everything in it may be done anew from its beginning."""

    door: Door
    wire: Wire
    name: Reference
    blob: Descriptor
    sent: Sent

    @property
    def doing(self) -> str:
        """In words."""
        return f"pushing to {self.name.host}/{self.name.repository}"

    async def there(self) -> bool:
        """Whether the repository has it, as far as it tells: what is wrong is told by the push that follows."""
        url = f"/v2/{self.name.repository}/blobs/{self.blob.digest}"
        ask = self._ask("HEAD", url, actions="pull", also=(401, 403, 404, 405))
        async with self.door.answered(ask, self.name) as response:
            return response.status == 200

    async def push(self, content: bytes | Path) -> None:
        """From this machine."""
        await self.fill(lambda: pieces_of(content), small=content if isinstance(content, bytes) else None)

    async def begin_and_end(self) -> None:
        """See whether one may push, and leave nothing behind."""
        ask = self._ask("DELETE", await self._begin(), also=(404, 405))
        async with self.door.answered(ask, self.name):
            return

    async def mount(self, source: Reference) -> str | None:
        """From another repository of the same registry: None if it is there now, else where to send it; maybe ''."""
        query = f"mount={quote(self.blob.digest, safe=':')}&from={quote(source.repository, safe='/')}"
        both = scopes(self.name, "pull,push") | scopes(source, "pull")
        ask = self._ask("POST", f"{self._uploads}?{query}", grants=both, also=NO_MOUNT)
        async with self.door.answered(ask, self.name) as response:
            if response.status == 201:
                return None
            return await self._place(response.headers.get("Location")) if response.status == 202 else ""

    async def fill(self, opened: Callable[[], Pieces], *, place: str = "", small: bytes | None = None) -> None:
        """Send it: into a place that a mount has left us, or into a new one."""
        if small is not None and len(small) != self.blob.size:
            raise BundleError(f"a blob of {len(small)} bytes is described as one of {self.blob.size}")
        try:
            await self._in_one(opened, place or await self._begin(), small=small)
        except Refused as error:
            if error.status != 413:
                raise
            await self._in_pieces(opened, error)

    async def _in_one(self, opened: Callable[[], Pieces], place: str, *, small: bytes | None) -> None:
        if small is None or len(small) > AT_ONCE:
            await self._end(place, Body(opened, self.blob.size, sent=self.sent))
            return
        await self._end(place, small)
        self.sent(len(small))

    async def _in_pieces(self, opened: Callable[[], Pieces], refused: Refused) -> None:
        for size in LADDER:
            if size >= self.blob.size:
                continue
            try:
                return await self._patched(opened, size)
            except Refused as error:
                if error.status != 413:
                    raise
                refused = error
        raise refused

    async def _patched(self, opened: Callable[[], Pieces], size: int) -> None:
        place, done = await self._begin(), 0
        self.sent(0)
        async with aclosing(opened()) as pieces, aclosing(grouped(pieces, size)) as groups:
            async for group in groups:
                span = {"Content-Range": f"{done}-{done + len(group) - 1}", "Content-Type": BINARY}
                ask = self._ask("PATCH", place, headers=span, body=group)
                async with self.door.answered(ask, self.name) as response:
                    place = await self._place(response.headers.get("Location"))
                done += len(group)
                self.sent(done)
        await self._end(place, b"")

    async def _begin(self) -> str:
        ask = self._ask("POST", self._uploads)
        async with self.door.answered(ask, self.name) as response:
            return await self._place(response.headers.get("Location"))

    async def _end(self, place: str, body: bytes | Body) -> None:
        url = f"{place}{'&' if '?' in place else '?'}digest={self.blob.digest}"
        ask = self._ask("PUT", url, headers={"Content-Type": BINARY}, body=body)
        async with self.door.answered(ask, self.name) as response:
            await beginning(response, AT_ONCE)  # read, so that the connection can be kept

    async def _place(self, location: str | None) -> str:
        if not location:
            raise Broken(f"the registry {self.name.host} does not say where to send a blob")
        return joined(await self.wire.origins.of(self.name.host) + self._uploads, location)

    @property
    def _uploads(self) -> str:
        return f"/v2/{self.name.repository}/blobs/uploads/"

    def _ask(
        self,
        method: Method,
        url: str,
        *,
        actions: str = "pull,push",
        grants: frozenset[str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        also: tuple[int, ...] = (),
    ) -> Ask:
        return Ask(
            method=method,
            host=self.name.host,
            url=url,
            doing=self.doing,
            scopes=grants or scopes(self.name, actions),
            headers=headers or {},
            body=body,
            also=also,
        )
