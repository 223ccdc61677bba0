"""The packages of a cell as an image on its base, made once for everybody who asks for the same."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ciao.errors import BundleError
from ciao.k8s.base import Api
from ciao.model import CODE, Packing
from ciao.s2i.base import Tell
from ciao.s2i.bases import resolve
from ciao.s2i.layer import Entry, Layer
from ciao.s2i.layers import pack
from ciao.s2i.oci import PACKAGES, Base, appended, scratch
from ciao.s2i.packages import tidy
from ciao.s2i.packages.indexes import Sources, sources
from ciao.s2i.packages.install import Installed, install
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.key import key
from ciao.s2i.packages.knowing import interior_of
from ciao.s2i.packages.told import check_size, hiding, notices
from ciao.s2i.packages.wanted import Wanted
from ciao.s2i.packages.words import read
from ciao.s2i.passing import Passing
from ciao.s2i.pushing import push
from ciao.s2i.registry.base import Reference, Registry
from ciao.settings import Settings

__all__ = ["cached_packages", "with_packages"]

SITE = f"{CODE[1:]}/site"
ADDED, REPLACED = (f"dev.ciao.requirements.{word}" for word in ("added", "replaced"))


@dataclass(frozen=True, kw_only=True)
class _Site:
    """Packages as a layer."""

    installed: Installed
    layer: Layer


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What lines mean for a base, and the name that this has."""

    wanted: Wanted
    found: Sources
    key: str

    @classmethod
    async def of(cls, lines: Sequence[str], base: Base, settings: Settings, folder: Path) -> _Asked:
        """In a thread: wheels of this machine are read."""

        def asked() -> _Asked:
            wanted = read(lines, folder)
            found = sources(wanted, settings)
            return cls(wanted=wanted, found=found, key=key(wanted, found, {"digest": base.digest}))

        return await asyncio.to_thread(asked)


async def with_packages(
    base: Base,
    lines: Sequence[str],
    *,
    registry: Registry,
    into: Reference,
    settings: Settings,
    tell: Tell,
    folder: Path,
    api: Api | None = None,
    namespace: str = "",
    alone: bool = False,
) -> Base:
    """The base with the packages of the lines: found in the repository ``into``, or else made and pushed there.

    ``folder`` is the notebook's. With an ``api`` a large base is asked in a pod of the namespace, and not read here.
    ``alone``: the packages are for the base, and not on it, but in an image of their own. Raises BundleError; nothing
    that is not complete is ever found by its name.
    """
    under = scratch(base.platform) if alone else base
    asked = await _Asked.of(lines, base, settings, folder)
    if not asked.wanted:
        return under
    name = _named(into, asked, alone=alone)
    if (cached := await _cached(under, name, registry)) is not None:
        _tell_again(cached, base, tell)
        return cached
    interior = await interior_of(base, registry=registry, settings=settings, tell=tell, api=api, namespace=namespace)
    async with _made(base, asked, interior, tell) as site:
        if (cached := await _cached(under, name, registry)) is not None:
            return cached  # somebody else was faster, and a tag never moves
        image = appended(under, [site.layer], about=_about(asked, site.installed))
        await push(image, registry=registry, into=name, tell=tell, step="pushing the packages")
        return image.at(into)


async def cached_packages(
    base: Base,
    lines: Sequence[str],
    *,
    registry: Registry,
    into: Reference,
    settings: Settings,
    folder: Path,
    alone: bool = False,
) -> Base | None:
    """The same if it is in the repository already, else None. Raises BundleError for lines that cannot be read."""
    under = scratch(base.platform) if alone else base
    asked = await _Asked.of(lines, base, settings, folder)
    return await _cached(under, _named(into, asked, alone=alone), registry) if asked.wanted else under


@asynccontextmanager
async def _made(base: Base, asked: _Asked, interior: Interior, tell: Tell) -> AsyncGenerator[_Site]:
    """Temporary files live as long as the block, however it ends."""
    async with temporary() as scratch_folder:
        site = scratch_folder / "site"
        site.mkdir()
        installed = await install(asked.wanted, asked.found, interior, site=site, scratch=scratch_folder, tell=tell)
        size = await asyncio.to_thread(_size, site)
        check_size(size)
        for notice in (*notices(installed.added, installed.replaced, base=base.name, size=size), *hiding(site)):
            tell(notice)
        tell(Packing(step="packing the packages", total=size))
        yield _Site(installed=installed, layer=await _packed(site, scratch_folder))


@asynccontextmanager
async def temporary() -> AsyncGenerator[Path]:
    """A folder for the block that nobody else can read. Raises BundleError if there is no room for it."""
    try:
        folder = Passing.begin("ciao-packages-")
    except OSError as e:
        hint = "Free some space, or set TMPDIR to a folder that has it"
        raise BundleError(f"there is no place for temporary files: {e.strerror}", hint=hint) from e
    try:
        yield folder.path
    except OSError as e:
        raise BundleError(f"packages cannot be written to {folder.path.parent}: {e.strerror}", hint=_room(e)) from e
    finally:
        folder.end()


def _room(error: OSError) -> str:
    return "Free some space, or set TMPDIR to a folder that has it" if error.errno else ""


async def _packed(site: Path, scratch: Path) -> Layer:
    """In a thread. If nobody waits for it any more, it ends at the first file that is gone."""
    entries = [_entry(path, site) for path in tidy.files(site)]
    return await _in_thread(lambda: pack(entries, folder=scratch, compress=True))


async def _in_thread(work: Callable[[], Layer]) -> Layer:
    running = asyncio.ensure_future(asyncio.to_thread(work))
    running.add_done_callback(_seen)
    return await asyncio.shield(running)


def _seen(running: asyncio.Future[Layer]) -> None:
    """Its error is nobody's if nobody waits; what it wrote into a folder that was removed goes as well."""
    if running.cancelled() or running.exception() is not None:
        return
    content = running.result().content
    if isinstance(content, Path) and not content.parent.exists():
        content.unlink(missing_ok=True)


def _entry(path: Path, site: Path) -> Entry:
    inside = path.relative_to(site).as_posix()
    return Entry(path=f"{SITE}/{inside}", source=path, executable=bool(path.stat().st_mode & 0o100))


def _size(site: Path) -> int:
    return sum(os.lstat(path).st_size for path in tidy.files(site))


def _named(into: Reference, asked: _Asked, *, alone: bool) -> Reference:
    return replace(into, tag=f"{'site' if alone else 'packages'}-{asked.key}", digest="")


async def _cached(base: Base, name: Reference, registry: Registry) -> Base | None:
    """What is under the name. Raises BundleError if that is not one layer on this very base: jobs would run on it."""
    there = await registry.find(name)
    if there is None:
        return None
    (found,) = await resolve(registry, str(replace(name, tag="", digest=there.digest)))
    if found.blobs[:-1] != base.blobs or f"-{found.packages}" != name.tag[name.tag.find("-") :]:
        raise BundleError(
            f"{name} is not what its name says: no packages on {base.name}",
            hint="Ask who else pushes there, and have it deleted",
        )
    return replace(found, name=base.name)


def _about(asked: _Asked, installed: Installed) -> Mapping[str, str]:
    """No time, no user: the same packages are the same image."""
    return {
        PACKAGES: asked.key,
        ADDED: json.dumps(dict(installed.added), sort_keys=True),
        REPLACED: json.dumps(dict(installed.replaced), sort_keys=True),
    }


def _tell_again(cached: Base, base: Base, tell: Tell) -> None:
    """What hides a package of the base is said each time; the rest was said when it was new."""
    try:
        added, replaced = (dict(json.loads(cached.labels.get(label, "{}"))) for label in (ADDED, REPLACED))
    except (ValueError, TypeError, RecursionError):
        return
    for notice in notices(added, replaced, base=base.name) if added else ():
        if notice.level == "warning":
            tell(notice)
