"""What ``ciao doctor`` asks of the way that code takes: strategy, registry, base images, builders, packages."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from ciao.commands.check import Check
from ciao.errors import BundleError, CiaoError
from ciao.model import Cell, JobSpec
from ciao.s2i import choosing
from ciao.s2i.registry.base import Descriptor, Reference
from ciao.settings import Settings
from ciao.settings.strategies import IN_THE_CLUSTER, ON_THE_HOST

__all__ = ["Asked", "chosen", "packages", "packing_checks", "registry_checks", "strategy"]

LIMIT = 10.0
"""Seconds for all questions to registries."""

SECONDS = 5.0
"""For a program to tell its version."""

OTHERWISE = "set s2i.provider to auto, which needs no program here"

VERSION = re.compile(r"\d+(?:\.\d+)+")
TELLS = {"s2i": "version", "executor": "version"}
"""Programs that tell their version otherwise than by --version."""


class Asked(Protocol):
    """What of a client of registries is used here."""

    async def find(self, name: Reference) -> Descriptor | None:
        """As of a Registry."""

    async def try_push(self, name: Reference) -> None:
        """Begin an upload and end it. Raises BundleError."""


async def packing_checks(
    settings: Settings,
    registry: Callable[[], Asked],
    *,
    environ: Mapping[str, str] = os.environ,
    limit: float = LIMIT,
) -> list[Check]:
    """Every check for code on its way to a cluster. ``registry`` is called if one is set."""
    first = strategy(settings, environ)
    found = await registry_checks(settings, registry, limit=limit)
    return [first, *found, *await _builders(environ, wanted=settings.s2i_provider)]


async def registry_checks(settings: Settings, registry: Callable[[], Asked], *, limit: float = LIMIT) -> list[Check]:
    """Those of the registry and the images in it; none where none is set. Without authorities nothing is trusted."""
    if bad := _authorities(settings):
        return bad
    return await _registry(settings, registry(), limit=limit) if settings.s2i_registry else []


def chosen(settings: Settings) -> str:
    """The strategy of a cell that does not say it, also if it cannot work."""
    try:
        return choosing.choose(_any_cell(), settings, "kubeflow").name
    except BundleError:
        return settings.s2i_provider or "auto"


def strategy(settings: Settings, environ: Mapping[str, str] = os.environ) -> Check:
    """Which carries the code of a cell that does not say it."""
    try:
        choice = choosing.choose(_any_cell(), settings, "kubeflow", environ=environ)
    except BundleError as error:
        return _failed("strategy", error)
    words = f"code travels by {choice.name}: {choice.reason}"
    if choice.notice:
        where = settings.given["s2i.provider"].source if "s2i.provider" in settings.given else "the settings"
        return Check(name="strategy", verdict="warn", words=f"{words}; {choice.notice}", fix=f"Write auto in {where}")
    return Check(name="strategy", verdict="ok", words=words)


async def packages() -> Check:
    """What installs the packages of a cell, here and for images."""
    from ciao.s2i.packages.uv import binary

    try:
        path = binary()
    except BundleError as error:
        return Check(name="packages", verdict="warn", words=f"%package= does not work: {error.message}", fix=error.hint)
    version = await asyncio.to_thread(_version, path, "--version")
    if not version:
        return Check(name="packages", verdict="warn", words=f"{path} does not start", fix="pip install --upgrade uv")
    return Check(name="packages", verdict="ok", words=f"%package= installs with uv {version}")


def _any_cell() -> JobSpec:
    from ciao import interpreter

    return interpreter.read(Cell(text="%framework=jax\npass"), settings=Settings(home=Path()))


def _failed(name: str, error: CiaoError) -> Check:
    return Check(name=name, verdict="fail", words=error.message, fix=error.hint)


def _authorities(settings: Settings) -> list[Check]:
    if settings.s2i_ca is None or os.access(settings.s2i_ca, os.R_OK):
        return []
    words = f"{settings.s2i_ca}, which s2i.ca names, cannot be read"
    return [Check(name="registry", verdict="fail", words=words, fix="Correct s2i.ca, or remove it")]


async def _registry(settings: Settings, registry: Asked, *, limit: float) -> list[Check]:
    """First whether it is there, then all else at once: a login is asked for only once."""
    from ciao.s2i.registry.names import repository

    try:
        async with asyncio.timeout(limit):
            into = repository(settings)
            there = await _reached(into, registry)
    except TimeoutError:
        words = f"the registry {settings.s2i_registry} gave no answer in {limit:g} s"
        fix = "See that the network (a VPN, a proxy?) is there, and that the name is right"
        return [Check(name="registry", verdict="fail", words=words, fix=fix)]
    except CiaoError as error:
        return [_failed("registry", error)]
    bases = (_within(limit, "base image", _base(image, registry)) for image in sorted({*settings.images.values()}))
    return [there, *await asyncio.gather(_within(limit, "push", _push(into, registry)), *bases)]


async def _reached(into: Reference, registry: Asked) -> Check:
    """By a question that anybody may ask who may pull."""
    began = time.monotonic()
    await registry.find(replace(into, tag="latest"))
    took = (time.monotonic() - began) * 1000
    words = f"{into.host} answers in {took:.0f} ms, and lets you read {into.repository}"
    return Check(name="registry", verdict="ok", words=words)


async def _push(into: Reference, registry: Asked) -> Check:
    await registry.try_push(into)
    return Check(name="push", verdict="ok", words=f"images may be pushed to {into}")


async def _base(image: str, registry: Asked) -> Check:
    from ciao.s2i.registry.names import parse

    name = parse(image)
    if await registry.find(name if name.tag or name.digest else replace(name, tag="latest")) is None:
        words = f"there is no image {image}, which the settings name"
        return Check(name="base image", verdict="fail", words=words, fix="Correct its name, or push it there")
    return Check(name="base image", verdict="ok", words=f"{image} is in its registry")


async def _within(limit: float, name: str, work: Coroutine[None, None, Check]) -> Check:
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError:
        words = f"no answer in {limit:g} s"
        return Check(name=name, verdict="fail", words=words, fix="Try again: the registry may have too much to do")
    except CiaoError as error:
        return _failed(name, error)


async def _builders(environ: Mapping[str, str], *, wanted: str | None) -> list[Check]:
    """Those that are here. Nobody needs one who has not asked for it."""
    found = await asyncio.gather(*(asyncio.to_thread(_builder, name, environ) for name in ON_THE_HOST))
    asleep = [name for name, said in zip(ON_THE_HOST, found, strict=True) if said is None]
    there = [one for one in found if one]
    inside = f"; in the cluster {', '.join(IN_THE_CLUSTER)}" if wanted in IN_THE_CLUSTER else ""
    words = f"%s2i= may be {', '.join(there)}{inside}" if there else f"no builder is on this machine{inside}"
    words += f"; {' and '.join(asleep)} cannot: docker's daemon does not answer" if asleep else ""
    if wanted not in asleep:
        return [Check(name="builders", verdict="ok", words=words)]
    fix = f"Start the daemon, or let this user talk to it (`docker info` says why), or {OTHERWISE}"
    return [Check(name="builders", verdict="fail", words=words, fix=fix)]


def _builder(name: str, environ: Mapping[str, str]) -> str | None:
    """Its name and version; empty if it is not here, or does not work; None if the daemon does not that it needs."""
    from ciao.s2i.command.finding import find

    try:
        found = find(name, environ)
    except BundleError:
        return ""
    if "docker" in found.programs and not _answers(found.programs["docker"]):
        return None
    first, path = next(iter(found.programs.items())) if name != "s2i" else ("s2i", found.programs["s2i"])
    version = _version(path, TELLS.get(first, "--version"))
    return f"{name} {version}".strip()


def _answers(docker: str) -> bool:
    """Whether there is a daemon behind the program. Podman's program of this name needs none, and says so, too."""
    try:
        ended = subprocess.run(
            [docker, "info"], capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _version(path: str, *words: str) -> str:
    """What a program says of itself; empty if it says nothing in time."""
    try:
        said = subprocess.run(
            [path, *words], capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = VERSION.search(said)
    return match[0] if match else ""
