"""The steps of a tool for one build: what is told of them, what is said when one fails, what is left behind by none."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ciao.errors import BundleError, StateError
from ciao.home import make_private
from ciao.model import Notice, Packing
from ciao.s2i.base import Tell
from ciao.s2i.command import failure, leftovers
from ciao.s2i.command.dockerfile import sources
from ciao.s2i.command.finding import Found
from ciao.s2i.command.leftovers import Yard
from ciao.s2i.command.running import Ended, run
from ciao.s2i.command.signing_in import hidden, scrubbed, sign_in, without_secrets
from ciao.s2i.command.staging import certificates
from ciao.s2i.command.tools import Order, Step
from ciao.s2i.registry.names import parse
from ciao.s2i.registry.origins import Origins
from ciao.settings import Settings

__all__ = ["Building"]

NONE: Mapping[str, str] = MappingProxyType({})

STEP = re.compile(
    r"(?:\[\d+/\d+\] )?(?:STEP|Step) \d+/\d+ ?: (?P<classic>.+)"
    r"|#\d+ \[(?:\S+ )?\d+/\d+\] (?P<buildkit>.+)"
    r'|time="[^"]*" level=info msg="(?P<kaniko>(?:Unpacking rootfs|Pushing image|[A-Z]{3,} ).*)"'
    r"|(?P<pull>Trying to pull .*)"
)
LONGEST = 100
"""Characters of a step that are told."""

TIDYING = 20.0
"""Seconds for a call that only asks or takes away."""

COPIES = "vfs"
VFS = (
    "{tool} stores images with the driver vfs, which copies all files of an image for each layer: builds take many"
    " times as long. Put its storage on a disk where overlay works (storage.conf), or use %s2i=append."
)


@dataclass(kw_only=True)
class Building:
    """A tool, and all that its calls have in common. ``orders`` are those that leave an image by name here.

    ``lock`` is a file that all processes of this user share that build with the tool. ``dockerfile``: one of the user's
    is built, too.
    """

    found: Found
    environ: Mapping[str, str]
    folder: Path
    tell: Tell
    hidden: tuple[str, ...]
    origins: Origins
    certificates: Path | None
    login: Path | None
    lock: Path | None = None
    dockerfile: bool = False
    orders: list[Order] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        found: Found,
        settings: Settings,
        environ: Mapping[str, str],
        folder: Path,
        tell: Tell,
        *,
        dockerfile: bool = False,
    ) -> Building:
        """Its login and certificates are in the folder from now on."""
        login = sign_in(folder / "login", settings, environ)
        temporary = folder / "tmp"
        temporary.mkdir()
        return cls(
            found=found,
            environ={**without_secrets(environ), **login, "TMPDIR": str(temporary), "BUILDKIT_PROGRESS": "plain"},
            folder=folder,
            tell=tell,
            hidden=hidden(settings),
            origins=Origins(settings, environ),
            certificates=certificates(folder / "certificates", settings),
            login=folder / "login" if login else None,
            lock=_lock(found, settings),
            dockerfile=dockerfile,
        )

    async def order(
        self,
        name: str,
        context: Path,
        dockerfile: str | Path,
        *,
        base: str = "",
        platform: str = "",
        arguments: Mapping[str, str] = NONE,
        cached: bool = True,
        pushed: bool = True,
    ) -> Order:
        """An order with all that is this build's. A Dockerfile that is a text is written into a folder of its own."""
        scratch = self.folder / f"order-{secrets.token_hex(4)}"
        scratch.mkdir()
        if isinstance(dockerfile, str):
            (scratch / "Dockerfile").write_text(dockerfile)
            dockerfile = scratch / "Dockerfile"
        text = await asyncio.to_thread(dockerfile.read_text, "utf-8", "replace")
        pulled = sources(text) | {parse(one).host for one in (base, *arguments.values()) if one}
        return Order(
            name=name,
            context=context,
            dockerfile=dockerfile,
            scratch=scratch,
            programs=self.found.programs,
            sources=pulled,
            plain=await self._plain({name.partition("/")[0], *pulled} - {"localhost"}),
            certificates=self.certificates,
            login=self.login,
            base=base,
            platform=platform,
            arguments=arguments,
            cached=cached,
            pushed=pushed,
        )

    async def make(self, order: Order) -> str:
        """Run the steps of an order. Returns the digest of what was pushed, or nothing if it was not."""
        tool = self.found.tool
        await asyncio.to_thread(tool.prepare, order)
        lines = await self.steps(tool.steps(order))
        if not order.pushed:
            return ""
        try:
            digest = tool.digest(order, lines)
        except (OSError, ValueError) as error:
            raise self._untold(order) from error
        if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise self._untold(order)
        return digest

    async def user_of(self, image: str) -> str:
        """Whose an image of this machine is."""
        tool = self.found.tool
        argv = (self.found.programs[tool.programs[0][0]], *tool.user, image)
        return "".join(await self.steps([Step(what=f"{tool.name}: looking at {image}", argv=argv)]))

    async def steps(self, steps: Sequence[Step]) -> Sequence[str]:
        """Run them, one after another. Returns what the last of them said. Raises BundleError for one that fails."""
        lines: Sequence[str] = ()
        for step in steps:
            self.tell(Packing(step=step.what))
            lines = await self._run(step)
        return lines

    @asynccontextmanager
    async def at_work(self) -> AsyncGenerator[None]:
        """The block builds. Behind it, however it ends, the tool has nothing left that has a name or a mount."""
        yard, tool, whole = leftovers.yard(*self._storage, lock=self.lock), self.found.tool, False
        entering = asyncio.create_task(yard.enter(tool.listing, self._quietly))
        looking = asyncio.create_task(self._look_at_storage())
        try:
            await asyncio.shield(entering)
            yield
            await looking
            whole = True
        finally:
            looking.cancel()
            await asyncio.shield(self._tidy(yard, entering, whole=whole))

    async def _tidy(self, yard: Yard, entering: asyncio.Task[None], *, whole: bool) -> None:
        await asyncio.wait([entering])
        for order in self.orders:
            for step in self.found.tool.clean(order):
                await self._quietly(step.argv[1:])
        await yard.leave(self.found.tool.listing, self.found.tool.removing, self._quietly, whole=whole)

    @property
    def _storage(self) -> tuple[str, ...]:
        """What makes two builds work in the same place."""
        tool = self.found.tool
        return (self.found.programs[tool.programs[0][0]], self.environ.get("CONTAINERS_STORAGE_CONF", ""))

    async def _quietly(self, words: Sequence[str]) -> Sequence[str] | None:
        """A call whose failure is none of the build: None then. No words, no call."""
        if not words:
            return ()
        program = self.found.programs[self.found.tool.programs[0][0]]
        try:
            return await asyncio.create_task(self._shortly((program, *words)))
        except (Ended, OSError, TimeoutError):
            return None

    async def _shortly(self, argv: Sequence[str]) -> Sequence[str]:
        """A task of its own: where one is being cancelled, a timeout in it ends as that, before Python 3.11.3."""
        async with asyncio.timeout(TIDYING):
            return await run(argv, environ=self.environ, folder=self.folder)

    async def _look_at_storage(self) -> None:
        if COPIES in (await self._quietly(self.found.tool.driver) or ()):
            self.tell(Notice(text=VFS.format(tool=self.found.tool.name), level="warning"))

    async def _run(self, step: Step) -> Sequence[str]:
        try:
            lines = await run(step.argv, environ=self.environ, folder=self.folder, heard=self._heard)
        except Ended as ended:
            said = [scrubbed(line, self.hidden) for line in ended.lines]
            raise failure.of(step.what, ended.code, said, self.found, dockerfile=self.dockerfile) from None
        except OSError as error:
            raise BundleError(f"{step.argv[0]} cannot be run: {error.strerror}") from None
        return [scrubbed(line, self.hidden) for line in lines]

    async def _plain(self, hosts: AbstractSet[str]) -> frozenset[str]:
        """Those that have no TLS and need none, as for every request of ours."""
        return frozenset({host for host in hosts if (await self.origins.of(host)).startswith("http://")})

    def _heard(self, line: str) -> None:
        if match := STEP.match(line):
            text = next(group for group in match.groups() if group)
            self.tell(Packing(step=f"{self.found.name}: {scrubbed(text, self.hidden)[:LONGEST]}"))

    def _untold(self, order: Order) -> BundleError:
        return BundleError(
            f"{self.found.name} did not tell the digest of {order.name}",
            hint="Look whether this version of it is a usual one, or use %s2i=append.",
        )


def _lock(found: Found, settings: Settings) -> Path | None:
    """None for a tool that leaves nothing, and for a home that cannot be written."""
    if not found.tool.listing:
        return None
    with suppress(OSError, StateError):
        make_private(settings.home)
        return settings.home / f".{found.tool.name}.lock"
    return None
