"""Options that are good each by itself, and must also fit each other and the framework."""

from __future__ import annotations

from ciao.frameworks import Framework
from ciao.interpreter.cluster_options import ELASTIC, KIND, SECRET, VOLUME
from ciao.interpreter.cluster_values import TRAINJOB
from ciao.interpreter.grammar import Setting
from ciao.interpreter.job_options import ENV
from ciao.interpreter.nearest import listed
from ciao.interpreter.packing_options import DOCKERFILE
from ciao.interpreter.stated import Stated, places
from ciao.model import JobSpec, Role
from ciao.settings.strategies import BUILDERS, STRATEGIES

__all__ = ["check_agreement"]


def check_agreement(stated: Stated, spec: JobSpec, framework: Framework, *, provider: str | None) -> None:
    """Raises OptionError. What a cluster or a kind cannot do is for the backend to say.

    ``provider`` is the strategy that the settings name.
    """
    _check_frameworks(stated, framework)
    _check_kind(stated, framework)
    _check_elastic(stated, spec)
    _check_variables(stated)
    _check_paths(stated)
    _check_gpus(stated)
    _check_dockerfile(stated, spec, provider)


def _check_frameworks(stated: Stated, framework: Framework) -> None:
    for entry in stated.all:
        option = entry.option
        if option.frameworks and framework.name not in option.frameworks:
            have = f"{listed(option.frameworks)} {'have' if len(option.frameworks) > 1 else 'has'} it"
            raise entry.setting.name_span.option_error(f"{framework.name} has no {option.name}", f"Remove it: {have}")


def _check_kind(stated: Stated, framework: Framework) -> None:
    kind, own = stated.value(KIND), framework.operator.kind
    if kind not in (None, own, TRAINJOB):
        raise stated.by_name[KIND.name].value_span.option_error(
            f"{framework.name} cannot run as {kind}", f"Write {own} or {TRAINJOB}"
        )


def _check_elastic(stated: Stated, spec: JobSpec) -> None:
    if spec.elastic is None:
        return
    least, most = spec.elastic.least, spec.elastic.most
    between = f"a count from {least} to {most}" if least < most else f"a count of {least}"
    counts = {role.role: role.count for role in spec.roles}
    if Role.MASTER in counts:
        at = stated.by_name.get(Role.MASTER, stated.by_name[ELASTIC.name])
        raise at.name_span.option_error(
            "an elastic job has workers and no master", f"Give %worker {between}, and no %master"
        )
    if not least <= counts[Role.WORKER] <= most:
        raise stated.by_name[Role.WORKER].value_span.option_error(
            f"{counts[Role.WORKER]} workers are not between the {least} and the {most} of elastic",
            f"Give %worker {between}, or change %elastic",
        )


def _check_variables(stated: Stated) -> None:
    for name in stated.named(SECRET):
        one, two = (stated.by_name.get(f"{option.family}{name}") for option in (ENV, SECRET))
        if one and two:
            raise _both(one, two, f"the variable {name}")


def _check_paths(stated: Stated) -> None:
    found: dict[str, Setting] = {}
    for setting, volume in stated.every(VOLUME):
        if volume.path in found:
            raise _both(found[volume.path], setting, f"the path {volume.path}")
        found[volume.path] = setting


def _check_gpus(stated: Stated) -> None:
    for role in Role:
        one, two = (stated.by_name.get(f"{role}.{name}") for name in ("gpu", "nvidia.com/gpu"))
        if one and two:
            raise _both(one, two, "gpu, which is short for nvidia.com/gpu,")


def _check_dockerfile(stated: Stated, spec: JobSpec, provider: str | None) -> None:
    strategy = spec.s2i or provider or "auto"
    if spec.dockerfile is None or strategy in BUILDERS:
        return
    builders = listed((name for name in STRATEGIES if name in BUILDERS), last="or")
    raise stated.by_name[DOCKERFILE.name].name_span.option_error(
        f"{strategy} builds no Dockerfile", f"Write %s2i=buildah before it; what builds one is {builders}"
    )


def _both(one: Setting, two: Setting, what: str) -> Exception:
    """One thing in two places: an error at the later of them."""
    first, second = sorted((one, two), key=lambda s: (s.name_span.line, s.name_span.column))
    return second.name_span.option_error(f"{what} is given twice, {places(first, second)}", "Remove one of the two")
