"""What of a spec has no meaning on one machine, and what would make it another run: pure."""

from __future__ import annotations

from collections.abc import Sequence

from ciao.errors import CreateRefused
from ciao.frameworks import FRAMEWORKS
from ciao.model import JobSpec, Role

__all__ = ["refuse", "told", "without_meaning"]

_OF_JOBS = ("namespace", "kind", "runtime", "image", "ttl", "queue", "priority", "patch", "s2i")
_OTHERWISE = "or use %backend=kubeflow"


def without_meaning(spec: JobSpec, *, memory: bool, gpu: bool) -> list[str]:
    """Names of options that are stated and not applied, in the order of the table; whether these two are."""
    asked = [role.resources for role in spec.roles]
    found = [name for name in _OF_JOBS if any(getattr(of, name, None) for of in (spec, *spec.roles))]
    unmet = [name for name, met in (("memory", memory), ("gpu", gpu)) if not met]
    found += [name for name in unmet if any(getattr(r, name) for r in asked)]
    return [*found, *dict.fromkeys(name for resources in asked for name in resources.other)]


def told(unmet: Sequence[str]) -> str:
    """What happens to options that are not applied, in words for people."""
    own = {
        "memory": "memory is not limited on this system",
        "gpu": "gpu has no effect here: Ciao has no GPU to share out, and the replicas use what they find",
    }
    rest = [name for name in unmet if name not in own]
    words = f"{', '.join(rest)} {'has' if len(rest) == 1 else 'have'} no effect on this machine"
    return "; ".join([words] * bool(rest) + [own[name] for name in unmet if name in own])


def refuse(spec: JobSpec, *, most: int) -> None:
    """Raises CreateRefused for what would change the run. ``most`` is how many replicas a job may have."""
    if spec.dockerfile is not None:
        raise CreateRefused(
            f"the local backend starts processes and uses no image, and so not that of {spec.dockerfile}",
            hint=f"Remove dockerfile=, {_OTHERWISE}",
        )
    for name in spec.secrets:
        raise CreateRefused(
            f"secret.{name} is a value in the cluster, and this machine has no Secrets",
            hint=f"Give a value by %env.{name}=, {_OTHERWISE}",
        )
    for volume in spec.volumes:
        raise CreateRefused(
            f"the volume {volume.source} at {volume.path} is the cluster's, and cannot be mounted on this machine",
            hint=f"Open a folder of this machine by its own path, {_OTHERWISE}",
        )
    _refuse_numbers(spec, most=most)


def _refuse_numbers(spec: JobSpec, *, most: int) -> None:
    processes = spec.nproc or 1
    framework = FRAMEWORKS[spec.framework]
    if processes > 1 and not framework.ranks and Role.LAUNCHER not in framework.always:
        raise CreateRefused(f"{spec.framework} runs one process in each replica", hint="Remove %nproc=")
    if (count := len(spec.replicas) * processes) > most:
        what = "replicas" if processes == 1 else "processes"
        raise CreateRefused(
            f"{count} {what} are more than the {most} that may run on this machine",
            hint=f"Ask for fewer, or set CIAO_LOCAL_REPLICAS, {_OTHERWISE}",
        )
