"""The table of options: parsing, errors, completion, help and docs/magics.md all come from it.

An option is here once it works, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ciao.interpreter.cluster_options import CLUSTER
from ciao.interpreter.job_options import JOB
from ciao.interpreter.option import Option
from ciao.interpreter.packing_options import PACKING
from ciao.interpreter.role_options import COUNTS, KINDS_OF_RESOURCES, RESOURCES, resource
from ciao.model import Role

__all__ = ["LATER", "OF_A_ROLE", "OPTIONS", "SECTIONS", "described", "find", "full_names", "later", "of_role", "words"]

_OF_JOBS: tuple[Option[Any], ...] = (*JOB, *PACKING, *CLUSTER)
_FAMILIES = tuple(option for option in _OF_JOBS if option.family)

OF_A_ROLE: Mapping[str, Option[Any]] = MappingProxyType(
    {**RESOURCES, **{o.name: o for o in CLUSTER if o.scope == "both"}}
)
"""What may stand behind a role on its line, but for the resources of which there are many names."""

SECTIONS: Mapping[str, tuple[Option[Any], ...]] = MappingProxyType(
    {
        "Options of the job": JOB,
        "The code, and what goes along with it": PACKING,
        "Options of a job on a cluster": CLUSTER,
        "Roles": tuple(COUNTS.values()),
        "Resources of a role": (*RESOURCES.values(), *KINDS_OF_RESOURCES),
    }
)
"""The whole table as pages show it."""

OPTIONS: tuple[Option[Any], ...] = tuple(option for section in SECTIONS.values() for option in section)

_BY_NAME: Mapping[str, Option[Any]] = MappingProxyType(
    {o.name: o for o in (*_OF_JOBS, *COUNTS.values()) if not o.family}
    | {f"{role.value}.{name}": option for role in COUNTS for name, option in OF_A_ROLE.items()}
)

LATER = frozenset({"fetch", "send"})
"""Names that later versions will have: they deserve a better answer than the nearest word."""


def find(name: str) -> Option[Any] | None:
    """The option of a full name, such as ``worker``, ``worker.cpu`` or ``env.HOME``."""
    for option in _FAMILIES:
        if name.startswith(option.family) and name != option.family:
            return option
    role, _, rest = name.partition(".")
    return _BY_NAME.get(name) or (resource(rest) if role in COUNTS else None)


def of_role(name: str) -> Option[Any] | None:
    """What a role may state by this name, such as ``cpu``, ``image`` or ``nvidia.com/gpu``."""
    return OF_A_ROLE.get(name) or resource(name)


def described(name: str) -> Option[Any] | None:
    """The option of any name that stands in a line, also if only its role or its end would make it a full one."""
    return of_role(name) or find(name) or next((o for o in _FAMILIES if o.family == f"{name}."), None)


def full_names() -> tuple[str, ...]:
    """Every name that a line may state, ``env.`` standing for all of its kind; ``cpu`` only with its role."""
    return (*_BY_NAME, *(option.family for option in _FAMILIES))


def words() -> tuple[str, ...]:
    """What somebody may have meant: every full name, and what stands behind a role on its line."""
    return (*full_names(), *OF_A_ROLE)


def later(name: str) -> bool:
    """The option belongs to a later version."""
    first, _, rest = name.partition(".")
    return first in LATER or (first in set(Role) and rest in LATER)
