"""The strategy that builds in the cluster: a Job of our own runs BuildKit or kaniko, and pushes.

The code goes to the registry first, as a small image with nothing else in it; the builder copies it out of there. What
a cell asks for in packages is installed by pip in the base image, so that source distributions are built, too.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from ciao.errors import BundleError
from ciao.k8s.backoff import Pace
from ciao.k8s.base import Api
from ciao.model import Job, JobSpec, Notice, Packing, Pinned, Target
from ciao.s2i.base import Tell
from ciao.s2i.bases import named, suited
from ciao.s2i.code import about, code_layer, command
from ciao.s2i.command.dockerfile import wants_base
from ciao.s2i.context import Context, gather
from ciao.s2i.dockerfile import package_entries
from ciao.s2i.including.words import notebook_folder
from ciao.s2i.incluster.builders import BUILDERS, Builder
from ciao.s2i.incluster.folder import packed, read_dockerfile
from ciao.s2i.incluster.login import login
from ciao.s2i.incluster.manifests import Place
from ciao.s2i.incluster.order import Hosts, Order
from ciao.s2i.incluster.recipe import extended, froms, written
from ciao.s2i.incluster.running import Running
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
from ciao.s2i.oci import Base, appended, scratch
from ciao.s2i.platforms import Platform
from ciao.s2i.pushing import publish
from ciao.s2i.registry.base import Reference, Registry
from ciao.s2i.registry.names import parse, pulled, repository
from ciao.s2i.registry.origins import Origins, is_loopback
from ciao.s2i.uses import Uses
from ciao.settings import Settings

__all__ = ["InCluster"]


@dataclass(frozen=True, kw_only=True)
class _Source:
    """What is built, whatever it is built on. ``dockerfile`` is the user's own with its ``files``, empty for ours."""

    spec: JobSpec
    context: Context
    packages: tuple[Entry, ...]
    dockerfile: str = ""
    files: bytes = field(default=b"", repr=False)

    @property
    def one_for_all(self) -> bool:
        """A Dockerfile that names its own base makes the same image for every role."""
        return bool(self.dockerfile) and not wants_base(self.dockerfile)


class InCluster:
    """``name`` is that of a builder. ``api`` gives the connection to the cluster for a namespace."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        api: Callable[[str], Api] | None,
        registry: Registry | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
        pace: Pace | None = None,
    ) -> None:
        self._builder: Builder = BUILDERS[name]
        self._settings = settings
        self._api = api
        self._registry = registry
        self._environ = environ
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        """That of the builder."""
        return self._builder.name

    async def plan(self, spec: JobSpec, target: Target) -> Pinned:
        """The names of the images; a builder decides about their digests."""
        into = self._into()
        source = await self._source(spec, lambda _: None)
        image = pulled(replace(into, tag="planned"), self._settings)
        return Pinned(entry=source.context.entry, images=dict.fromkeys(named(target), image), strategy=self.name)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Pinned:
        """One image a base, one after another, in the job's namespace."""
        if self._api is None:
            raise BundleError(f"{self.name} builds in a cluster, and none is known here")
        source = await self._source(spec, tell)
        async with self._connected() as registry:
            one = _Build(
                source=source, job=job, target=target, tell=tell, settings=self._settings,
                builder=self._builder.for_a_dockerfile if source.dockerfile else self._builder, registry=registry,
                api=self._api(target.namespace), into=self._into(), environ=self._environ,
                pace=self._pace,
            )  # fmt: skip
            bundle = await one.bundle()
        Uses(self._settings.home).note_bundle(bundle)
        return bundle

    async def _source(self, spec: JobSpec, tell: Tell) -> _Source:
        context = await gather(spec, self._settings, tell)
        return await asyncio.to_thread(self._read, spec, context)

    def _read(self, spec: JobSpec, context: Context) -> _Source:
        folder = notebook_folder(spec)
        packages = package_entries(spec.packages, folder, self._settings)
        if not spec.dockerfile:
            return _Source(spec=spec, context=context, packages=packages)
        if packages:
            raise BundleError(
                f"%package and a Dockerfile of your own do not go together with {self.name}",
                hint=f"Write it into {spec.dockerfile}: RUN python3 -m pip install ...",
            )
        path = Path(folder, Path(spec.dockerfile).expanduser())
        return _Source(
            spec=spec, context=context, packages=(), dockerfile=read_dockerfile(path), files=packed(path.parent)
        )

    def _into(self) -> Reference:
        into = repository(self._settings)
        if is_loopback(urlsplit(f"//{into.host}").hostname or ""):
            raise BundleError(
                f"s2i.registry, {self._settings.s2i_registry}, is this machine, which no builder in a cluster reaches",
                hint="Name it as pods reach it, or use %s2i=append, which pushes from here",
            )
        return into

    @asynccontextmanager
    async def _connected(self) -> AsyncGenerator[Registry]:
        if self._registry is not None:
            yield self._registry
            return
        from ciao.s2i.registry.client import Client

        client = Client(self._settings, environ=self._environ)
        try:
            yield client
        finally:
            await client.close()


@dataclass(frozen=True, kw_only=True)
class _Build:
    """All images of one job."""

    source: _Source
    job: Job
    target: Target
    tell: Tell
    builder: Builder
    settings: Settings
    registry: Registry
    api: Api
    into: Reference
    environ: Mapping[str, str]
    pace: Pace

    async def bundle(self) -> Pinned:
        images: dict[str, str] = {}
        users: dict[str, int] = {}
        for name in named(self.target):
            if images and self.source.one_for_all:
                images[name] = next(iter(images.values()))
                continue
            base = await self._base(name)
            image = await self._image(base, number=len(images))
            images[name] = pulled(image, self.settings)
            if base.user is not None and not self.source.dockerfile:
                users[name] = base.user
        return Pinned(entry=self.source.context.entry, images=images, users=users, strategy=self.builder.name)

    async def _base(self, name: str) -> Base:
        """A builder builds for its own node; that is one of the first platform."""
        self.tell(Packing(step="looking for the base image"))
        found = await suited(self.registry, name, self.target, settings=self.settings, tell=self.tell)
        if len(found) > 1:
            made, others = found[0].platform, ", ".join(base.platform for base in found[1:])
            text = f"{self.builder.name} builds for {made} alone, not for {others}; %s2i=append does for all"
            self.tell(Notice(text=text, level="warning"))
        return found[0]

    async def _image(self, base: Base, *, number: int) -> Reference:
        """By its digest, once the registry has it."""
        code = await self._code(base)
        order = self._order(base, code)
        into, again = self._tagged(order)
        if again and (there := await self.registry.find(into)):
            return replace(into, tag="", digest=there.digest)
        digest = await self._run(replace(order, destination=str(into)), base, number=number)
        image = replace(into, tag="", digest=digest)
        if await self.registry.find(image) is None:
            raise BundleError(
                f"{self.builder.name} pushed {into}, and this machine does not find it there",
                hint="The registry that pods reach by the name in s2i.registry is another than the one from here",
            )
        return image

    async def _code(self, base: Base) -> Reference:
        """The code and what is to be installed, as an image that a builder can copy from."""
        said = about(self.source.spec)
        async with code_layer(self.source.context, self.tell) as layer:
            packing = [asyncio.to_thread(pack, self.source.packages, compress=True)] if self.source.packages else []
            more = [await one for one in packing]
            try:
                image = appended(scratch(base.platform), [layer, *more], about=said)
                return await publish(
                    [image], registry=self.registry, repository=self.into, about=said,
                    uses=Uses(self.settings.home), tell=self.tell,
                )  # fmt: skip
            finally:
                for one in more:
                    if isinstance(one.content, Path):
                        one.content.unlink(missing_ok=True)

    def _order(self, base: Base, code: Reference) -> Order:
        runs, said, own = command(self.source.context.entry), about(self.source.spec), self.source.dockerfile
        hosts = Hosts(all=())
        if not own:
            text = written(str(base.reference), str(code), runs, about=said, packages=bool(self.source.packages))
            return Order(dockerfile=text, destination="", hosts=hosts)
        return Order(
            dockerfile=extended(own, str(code), runs, about=said),
            destination="",
            hosts=hosts,
            arguments={"BASE": str(base.reference)} if wants_base(own) else {},
            context=self.source.files,
        )

    def _tagged(self, order: Order) -> tuple[Reference, bool]:
        """A tag that follows from all that is built, and so whether it may be there; a user's own may do anything."""
        if self.source.dockerfile:
            return replace(self.into, tag=f"cell-{secrets.token_hex(6)}"), False
        key = hashlib.sha256(f"{self.builder.name}\n{order.dockerfile}".encode()).hexdigest()
        return replace(self.into, tag=f"cell-{key[:12]}"), True

    async def _run(self, order: Order, base: Base, *, number: int) -> str:
        names = [self.into, base.reference, *map(parse, froms(self.source.dockerfile))]
        logged_in = await login(names, self.settings, self.environ)
        place = Place(
            name=f"{self.job.name}-build" + (f"-{number + 1}" if number else ""),
            namespace=self.target.namespace,
            image=self.settings.s2i_images.get(self.builder.name) or self.builder.image,
            architecture=Platform.parse(base.platform).architecture,
            pull_secrets=self.settings.s2i_pull_secrets,
            login=next(iter(self.settings.s2i_pull_secrets), ""),
        )
        order = replace(
            order,
            hosts=await self._hosts(tuple(dict.fromkeys(name.host for name in names))),
            certificate=_certificate(self.settings),
            login=logged_in.config,
        )
        running = Running(
            api=self.api, builder=self.builder, order=order, place=place, of=self.job, tell=self.tell,
            hidden=logged_in.hidden, pace=self.pace,
        )  # fmt: skip
        return await running.digest()

    async def _hosts(self, hosts: tuple[str, ...]) -> Hosts:
        """How each is spoken to, as this machine found it."""
        origins = Origins(self.settings, self.environ)
        lax = [host for host in hosts if origins.plain(host)]
        plain = frozenset([host for host in lax if (await origins.of(host)).startswith("http://")])
        return Hosts(all=hosts, plain=plain)


def _certificate(settings: Settings) -> str:
    if settings.s2i_ca is None:
        return ""
    try:
        return settings.s2i_ca.read_text()
    except (OSError, UnicodeDecodeError):
        raise BundleError(f"s2i.ca, {settings.s2i_ca}, cannot be read") from None
