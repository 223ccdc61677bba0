"""How many replicas of each role, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.frameworks import Framework
from ciao.interpreter.grammar import Setting
from ciao.interpreter.nearest import listed
from ciao.interpreter.options import COUNTS, RESOURCES
from ciao.model import Resources, Role, RoleSpec
from ciao.settings import Settings

__all__ = ["roles_of"]


def roles_of(stated: Mapping[str, Setting], framework: Framework, settings: Settings) -> tuple[RoleSpec, ...]:
    """The roles in the framework's order. ``stated`` is by full name, its values are good. Raises OptionError."""
    _check_roles(stated, framework)
    counts = {role: int(stated[role].value) for role in framework.roles if role in stated}
    if not counts:
        counts = {framework.default_role: 1}
    present = {role: count for role, count in counts.items() if count}
    if not present:
        raise stated[next(iter(counts))].value_span.option_error(
            "no replica is left", f"Give one role a count above zero, such as %{framework.default_role}=1"
        )
    _check_counts(stated, framework, present, limit=settings.local_replicas)
    _check_orphans(stated, counts)
    return tuple(
        RoleSpec(role=role, count=count, resources=_resources(stated, role, settings))
        for role, count in present.items()
    )


def _check_roles(stated: Mapping[str, Setting], framework: Framework) -> None:
    for name, setting in stated.items():
        role = name.partition(".")[0]
        if role in COUNTS and role not in framework.roles:
            own = listed(r.value for r in framework.roles)
            hint = f"Its roles are {own}" if len(framework.roles) > 1 else f"Its only role is {own}"
            raise setting.name_span.option_error(f"{framework.name} has no role {role}", hint)


def _check_counts(
    stated: Mapping[str, Setting], framework: Framework, present: Mapping[Role, int], *, limit: int
) -> None:
    for role in present:
        if role in framework.single and present[role] > 1:
            raise stated[role].value_span.option_error(
                f"{framework.name} takes one {role}, not {present[role]}", f"Write %{role}=1"
            )
    if Role.MASTER in present and Role.CHIEF in present:
        raise stated[Role.MASTER].name_span.option_error(
            "chief and master are two words for one role", "Remove one of the two"
        )
    if (total := sum(present.values())) > limit:
        most = max(present, key=lambda role: present[role])
        raise stated[most].value_span.option_error(
            f"{total} replicas are more than the {limit} that may run on this machine",
            "Ask for fewer, or set CIAO_LOCAL_REPLICAS, or local.replicas in config.yaml",
        )


def _check_orphans(stated: Mapping[str, Setting], counts: Mapping[Role, int]) -> None:
    """Resources of a role that the job does not have. A role left out by a zero keeps its resources in the cell."""
    for name, setting in stated.items():
        role, _, resource = name.partition(".")
        if role in COUNTS and resource and role not in counts:
            raise setting.name_span.option_error(f"{name} is given, but no {role}", f"Add {role}=1, or remove it")


def _resources(stated: Mapping[str, Setting], role: Role, settings: Settings) -> Resources:
    defaults = settings.resources.get(role.value, Resources())
    found = {name: stated[f"{role}.{name}"].value for name in RESOURCES if f"{role}.{name}" in stated}
    return Resources(
        cpu=found.get("cpu", defaults.cpu),
        memory=found.get("memory", defaults.memory),
        gpu=found.get("gpu", defaults.gpu),
    )
