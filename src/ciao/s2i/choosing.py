"""By which strategy the code of a cell travels, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ciao.errors import RegistryMissing
from ciao.model import JobSpec
from ciao.settings import Settings
from ciao.settings.strategies import IN_THE_CLUSTER, ON_THE_HOST, SET_A_REGISTRY

__all__ = ["Choice", "choose"]

PUSHED = frozenset({"append", "imagevolume", *ON_THE_HOST, *IN_THE_CLUSTER})
"""Strategies that put an image into a registry."""

NO_PUSH = "or use %s2i=configmap, which needs none"
THE_FIRST_CIAOS = "the setting s2i.provider is img, a builder that is gone: it means auto now"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """``reason`` completes "by ... because ..."; ``notice`` is one sentence that a person should read, or empty."""

    name: str
    reason: str
    notice: str = ""


def choose(spec: JobSpec, settings: Settings, backend: str, *, environ: Mapping[str, str] = os.environ) -> Choice:
    """The strategy of this cell on this backend. Raises BundleError for one that cannot work from here."""
    if backend == "local":
        return Choice(name="directory", reason="the job runs on this machine")
    wanted, by = _wanted(spec, settings)
    notice = THE_FIRST_CIAOS if spec.s2i is None and settings.s2i_provider == "img" else ""
    if wanted in ("auto", "img"):
        name, reason = _fitting(settings)
        return Choice(name=name, reason=reason, notice=notice)
    _check(wanted, by, settings, environ, dockerfile=spec.dockerfile is not None)
    return Choice(name=wanted, reason=f"{by} says so")


def _wanted(spec: JobSpec, settings: Settings) -> tuple[str, str]:
    """The word of the cell or the settings, and which of them it is."""
    if spec.s2i is not None:
        return spec.s2i, f"%s2i={spec.s2i}"
    return settings.s2i_provider or "auto", "the setting s2i.provider"


def _fitting(settings: Settings) -> tuple[str, str]:
    if settings.s2i_registry:
        return "append", "a registry is set"
    return "configmap", "no registry is set (s2i.registry)"


def _check(name: str, by: str, settings: Settings, environ: Mapping[str, str], *, dockerfile: bool) -> None:
    if name in PUSHED and not settings.s2i_registry:
        hint = SET_A_REGISTRY if dockerfile else f"{SET_A_REGISTRY}; {NO_PUSH}"
        raise RegistryMissing(f"{name} pushes an image, and no registry is set ({by})", hint=hint)
    if name in ON_THE_HOST:
        from ciao.s2i.command.finding import find

        find(name, environ, dockerfile=dockerfile)
