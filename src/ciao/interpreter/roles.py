"""How many replicas of each role, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ciao.frameworks import Framework
from ciao.interpreter.cluster_options import IMAGE, PATCH
from ciao.interpreter.grammar import Setting
from ciao.interpreter.job_options import BACKEND, FRAMEWORK
from ciao.interpreter.nearest import listed
from ciao.interpreter.role_options import COUNTS, resource
from ciao.interpreter.stated import Stated
from ciao.model import Resources, Role, RoleSpec
from ciao.settings import Settings

__all__ = ["roles_of"]

ByName = Mapping[str, Setting]


def roles_of(stated: Stated, framework: Framework, settings: Settings) -> tuple[RoleSpec, ...]:
    """The roles in the framework's order. Raises OptionError."""
    by_name = stated.by_name
    _check_roles(by_name, framework)
    counts = _counts(by_name, framework)
    present = {role: count for role, count in counts.items() if count}
    if not present.keys() - framework.always:
        stated_role = next(r for r in counts if r in by_name and r not in framework.always)
        raise by_name[stated_role].value_span.option_error(
            "no replica is left", f"Give one role a count above zero, such as %{stated_role}=1"
        )
    _check_counts(by_name, framework, present)
    _check_total(stated, present, settings)
    _check_orphans(by_name, counts)
    return tuple(_role(stated, role, count, settings) for role, count in present.items())


def _counts(stated: ByName, framework: Framework) -> Mapping[Role, int]:
    """Stated, or what the framework has if nothing is; those that every job has come to them."""
    counts = {role: int(stated[role].value) for role in framework.roles if role in stated}
    if not counts.keys() - framework.always:
        counts[framework.default_role] = 1
    for role in framework.always:
        if not counts.setdefault(role, 1):
            raise stated[role].value_span.option_error(f"{framework.name} always has one {role}", f"Write %{role}=1")
    return {role: counts[role] for role in framework.roles if role in counts}


def _check_roles(stated: ByName, framework: Framework) -> None:
    for name, setting in stated.items():
        role = name.partition(".")[0]
        if role in COUNTS and role not in framework.roles:
            own = listed(r.value for r in framework.roles)
            hint = f"Its roles are {own}" if len(framework.roles) > 1 else f"Its only role is {own}"
            raise setting.name_span.option_error(f"{framework.name} has no role {role}", hint)


def _check_counts(stated: ByName, framework: Framework, present: Mapping[Role, int]) -> None:
    for role in present:
        if role in framework.single and present[role] > 1:
            raise stated[role].value_span.option_error(
                f"{framework.name} takes one {role}, not {present[role]}", f"Write %{role}=1"
            )
    if Role.MASTER in present and Role.CHIEF in present:
        raise stated[Role.MASTER].name_span.option_error(
            "chief and master are two words for one role", "Remove one of the two"
        )


def _check_total(stated: Stated, present: Mapping[Role, int], settings: Settings) -> None:
    """Against the limit of the backend; if only the session knows which that is, against the larger one.

    The backend then looks again.
    """
    limits = {
        "local": (settings.local_replicas, "on this machine", "local.replicas"),
        "kubeflow": (settings.cluster_replicas, "on a cluster", "cluster.replicas"),
    }
    backend = stated.value(BACKEND) or settings.backend
    possible = [limits[backend]] if backend in limits else [*limits.values()]
    if (total := sum(present.values())) > max(most for most, _, _ in possible):
        asked = [role for role in present if role in stated.by_name]
        largest = max(asked, key=lambda role: present[role], default=FRAMEWORK.name)
        allowed = " and the ".join(f"{most} that may run {where}" for most, where, _ in possible)
        variables = " or ".join(f"CIAO_{key.upper().replace('.', '_')}" for _, _, key in possible)
        keys = possible[0][2] if len(possible) == 1 else "their keys"
        raise stated.by_name[largest].value_span.option_error(
            f"{total} replicas are more than the {allowed}",
            f"Ask for fewer, or set {variables}, or {keys} in config.yaml",
        )


def _check_orphans(stated: ByName, counts: Mapping[Role, int]) -> None:
    """Resources of a role that the job does not have. A role left out by a zero keeps its resources in the cell."""
    for name, setting in stated.items():
        role, _, resource_name = name.partition(".")
        if role in COUNTS and resource_name and role not in counts:
            raise setting.name_span.option_error(f"{name} is given, but no {role}", f"Add {role}=1, or remove it")


def _role(stated: Stated, role: Role, count: int, settings: Settings) -> RoleSpec:
    own = {name.removeprefix(f"{role}."): s.value for name, s in stated.by_name.items() if name.startswith(f"{role}.")}
    return RoleSpec(
        role=role,
        count=count,
        resources=_resources(own, settings.resources.get(role.value, Resources())),
        image=stated.value(IMAGE, of=role),
        patch=stated.value(PATCH, of=role) or MappingProxyType({}),
    )


def _resources(own: Mapping[str, str], defaults: Resources) -> Resources:
    named = {"cpu", "memory", "gpu"}
    return Resources(
        cpu=own.get("cpu", defaults.cpu),
        memory=own.get("memory", defaults.memory),
        gpu=own.get("gpu", defaults.gpu),
        other=MappingProxyType({n: value for n, value in own.items() if resource(n) and n not in named}),
    )
