"""The strategy of a name. Each is imported when it is first used."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ciao.model import Bundle, Job, JobSpec, Notice, Target
from ciao.s2i.base import S2IClient, Tell
from ciao.s2i.choosing import Choice
from ciao.settings import Settings
from ciao.settings.strategies import ON_THE_HOST

if TYPE_CHECKING:
    from ciao.k8s.base import Api
    from ciao.s2i.registry.base import Registry

__all__ = ["Noted", "made"]


def made(
    choice: Choice,
    settings: Settings,
    *,
    registry: Callable[[], Registry],
    api: Callable[[str], Api] | None = None,
) -> S2IClient:
    """``registry`` is called only by those that push. ``api`` gives the connection for a namespace, if there is one."""
    strategy = _named(choice.name, settings, registry, api)
    return strategy if choice.name == "directory" else Noted(strategy, choice.notice)


class Noted:
    """A strategy for a cluster, which also tells what the cell will miss there, and ``notice`` before that."""

    def __init__(self, strategy: S2IClient, notice: str = "") -> None:
        self._strategy = strategy
        self._notice = notice

    @property
    def name(self) -> str:
        """That of the strategy."""
        return self._strategy.name

    async def plan(self, spec: JobSpec, target: Target) -> Bundle:
        """As the strategy's."""
        return await self._strategy.plan(spec, target)

    async def build(self, spec: JobSpec, job: Job, target: Target, tell: Tell) -> Bundle:
        """As the strategy's. What will be missed is looked for meanwhile."""
        if self._notice:
            tell(Notice(text=self._notice))
        looking = asyncio.ensure_future(asyncio.to_thread(_missing, spec))
        bundle = await self._strategy.build(spec, job, target, tell)
        for notice in await looking:
            tell(notice)
        return bundle


def _missing(spec: JobSpec) -> tuple[Notice, ...]:
    from ciao.s2i.only_here import only_here

    return only_here(spec)


def _named(
    name: str, settings: Settings, registry: Callable[[], Registry], api: Callable[[str], Api] | None
) -> S2IClient:
    match name:
        case "directory":
            from ciao.s2i.directory import Directory

            return Directory(settings)
        case "configmap":
            from ciao.s2i.configmap import ConfigMap

            return ConfigMap(settings)
        case "append":
            from ciao.s2i.append import Append

            return Append(settings, registry(), api)
        case "imagevolume":
            from ciao.s2i.imagevolume import ImageVolume

            return ImageVolume(settings, registry(), api)
        case _ if name in ON_THE_HOST:
            from ciao.s2i.command.strategy import Command

            return Command(name, settings, registry())
        case _:
            from ciao.s2i.incluster.strategy import InCluster

            return InCluster(name, settings, api, registry=registry())
