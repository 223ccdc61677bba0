"""By which strategy the code of a cell travels, and why."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ciao.errors import BundleError
from ciao.model import JobSpec
from ciao.settings import Settings
from ciao.settings.strategies import IN_THE_CLUSTER, ON_THE_HOST

__all__ = ["PROGRAMS", "Choice", "Which", "choose", "missing"]

Which = Callable[[str], str | None]
"""Where a program is on this machine, None if nowhere."""

PUSHED = frozenset({"append", "imagevolume", *ON_THE_HOST, *IN_THE_CLUSTER})
"""Strategies that put an image into a registry."""

PROGRAMS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        **{name: ((name,),) for name in ("buildah", "podman", "docker", "nerdctl")},
        "s2i": (("s2i",), ("docker",)),
        "kaniko": (("executor", "kaniko"),),
        "buildkit": (("buildctl",),),
    }
)
"""What each strategy runs on this machine: all of these, and of each the first of its names that is found."""

SET_A_REGISTRY = "Set s2i.registry in ~/.ciao/config.yaml, or CIAO_S2I_REGISTRY, such as registry.example/team"
NO_PUSH = "or use %s2i=configmap, which needs none"
THE_FIRST_CIAOS = "the setting s2i.provider is img, a builder that is gone: it means auto now"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """``reason`` completes "by ... because ..."; ``notice`` is one sentence that a person should read, or empty."""

    name: str
    reason: str
    notice: str = ""


def choose(spec: JobSpec, settings: Settings, backend: str, *, which: Which = shutil.which) -> Choice:
    """The strategy of this cell on this backend. Raises BundleError for one that cannot work from here."""
    if backend == "local":
        return Choice(name="directory", reason="the job runs on this machine")
    wanted, by = _wanted(spec, settings)
    notice = THE_FIRST_CIAOS if spec.s2i is None and settings.s2i_provider == "img" else ""
    if wanted in ("auto", "img"):
        name, reason = _fitting(settings)
        return Choice(name=name, reason=reason, notice=notice)
    _check(wanted, by, settings, which)
    return Choice(name=wanted, reason=f"{by} says so")


def missing(name: str, which: Which = shutil.which) -> str:
    """The program that this strategy needs and this machine has not; empty if nothing is missing."""
    absent = (names for names in PROGRAMS.get(name, ()) if not any(map(which, names)))
    return next((" or ".join(names) for names in absent), "")


def _wanted(spec: JobSpec, settings: Settings) -> tuple[str, str]:
    """The word of the cell or the settings, and which of them it is."""
    if spec.s2i is not None:
        return spec.s2i, f"%s2i={spec.s2i}"
    return settings.s2i_provider or "auto", "the setting s2i.provider"


def _fitting(settings: Settings) -> tuple[str, str]:
    if settings.s2i_registry:
        return "append", "a registry is set"
    return "configmap", "no registry is set (s2i.registry)"


def _check(name: str, by: str, settings: Settings, which: Which) -> None:
    if name in PUSHED and not settings.s2i_registry:
        raise BundleError(f"{name} pushes an image, and no registry is set ({by})", hint=f"{SET_A_REGISTRY}; {NO_PUSH}")
    if program := missing(name, which):
        other = "append" if settings.s2i_registry else "configmap"
        raise BundleError(
            f"{name} is not on this machine: there is no {program} on PATH ({by})",
            hint=f"Install it, or use %s2i={other}, which runs no program here",
        )
