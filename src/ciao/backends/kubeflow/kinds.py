"""Which kind of job carries a spec: from its framework, what the cell asks for, and what the cluster serves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ciao.errors import CreateRefused, did_you_mean
from ciao.frameworks import FRAMEWORKS, Operator
from ciao.k8s.base import Manifest, Resource
from ciao.k8s.discovery import TRAINER
from ciao.model import JobSpec, Role

__all__ = [
    "CLUSTER_RUNTIMES",
    "KUBEFLOW",
    "RUNTIMES",
    "TRAINJOBS",
    "Kind",
    "Runtime",
    "Served",
    "kind_named",
    "kind_of",
    "needs_trainer",
    "v1_kind",
]

KUBEFLOW = "kubeflow.org"
TRAINJOB = "TrainJob"
TRAINJOBS = Resource(kind=TRAINJOB, plural="trainjobs", group=TRAINER, version="v1alpha1")
RUNTIMES = Resource(kind="TrainingRuntime", plural="trainingruntimes", group=TRAINER, version="v1alpha1")
CLUSTER_RUNTIMES = Resource(
    kind="ClusterTrainingRuntime", plural="clustertrainingruntimes", group=TRAINER, version="v1alpha1", namespaced=False
)


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """A training runtime of the cluster. ``namespaced``: a TrainingRuntime; ``image`` is its trainer's."""

    name: str
    image: str = ""
    namespaced: bool = False

    @classmethod
    def of(cls, manifest: Manifest) -> Runtime:
        """As a list of ClusterTrainingRuntimes or TrainingRuntimes has it."""
        metadata, jobs = manifest["metadata"], manifest["spec"]["template"]["spec"].get("replicatedJobs", ())
        containers = [c for job in jobs for c in job["template"]["spec"]["template"]["spec"].get("containers", ())]
        image = next((c.get("image", "") for c in containers if c.get("name") == TRAIN.container), "")
        return cls(name=metadata["name"], image=image, namespaced="namespace" in metadata)


@dataclass(frozen=True, kw_only=True)
class Served:
    """What of Kubeflow a cluster serves.

    ``v1`` are plurals of ``kubeflow.org/v1`` (an MPIJob of ``v2beta1`` is another operator's). ``override`` is the
    field in which a TrainJob changes its pods, None where there is no TrainJob. ``runtimes`` are those that we know of.
    """

    v1: frozenset[str] = frozenset()
    override: str | None = None
    runtimes: tuple[Runtime, ...] = ()

    @classmethod
    def of(cls, kinds: Iterable[Resource], *, override: str | None, runtimes: Iterable[Runtime] = ()) -> Served:
        """Of what discovery finds; ``kinds`` are those of the group ``kubeflow.org``."""
        v1 = frozenset(kind.plural for kind in kinds if kind.group == KUBEFLOW and kind.version == "v1")
        return cls(v1=v1, override=override, runtimes=tuple(runtimes))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of job. ``operator`` is how the Training Operator's is written; None: a TrainJob."""

    resource: Resource
    container: str
    operator: Operator | None = None

    @property
    def name(self) -> str:
        """Kubeflow's word, such as ``PyTorchJob``."""
        return self.resource.kind


TRAIN = Kind(resource=TRAINJOBS, container="node")


def v1_kind(operator: Operator) -> Kind:
    """The kind of an operator of ``kubeflow.org/v1``."""
    resource = Resource(kind=operator.kind, plural=operator.plural, group=KUBEFLOW)
    return Kind(resource=resource, container=operator.container, operator=operator)


def kind_named(name: object) -> Kind | None:
    """One of ours by its name, whether or not a cluster serves it."""
    known = [TRAIN, *(v1_kind(framework.operator) for framework in FRAMEWORKS.values())]
    return next((kind for kind in known if kind.name == name), None)


def needs_trainer(spec: JobSpec, v1: frozenset[str]) -> bool:
    """Whether it matters to this cell if the cluster serves TrainJobs: not if it becomes one of these kinds."""
    named = _named(spec)
    operator = FRAMEWORKS[spec.framework].operator if named is None else named.operator
    return operator is None or operator.plural not in v1


def kind_of(spec: JobSpec, served: Served) -> Kind:
    """The kind that the cell names, else the framework's own where it is served, else a TrainJob.

    Raises CreateRefused in words: what is not served and what is, or what the kind cannot carry.
    """
    kind = _named(spec) or _chosen(spec, served)
    if not _is_served(kind, served):
        raise CreateRefused(f"the cluster does not serve {kind.name}", hint=_what_is(served))
    _check_processes(spec)
    _check_train_job(spec) if kind.operator is None else _check_v1(spec, kind.operator)
    return kind


def _named(spec: JobSpec) -> Kind | None:
    """By ``%kind=``, capitals or not; ``%runtime=`` alone means a TrainJob."""
    operator = FRAMEWORKS[spec.framework].operator
    if spec.kind is None:
        return TRAIN if spec.runtime else None
    if spec.kind.lower() == TRAINJOB.lower():
        return TRAIN
    if spec.runtime:
        raise CreateRefused(f"a runtime is part of a TrainJob, not of a {spec.kind}", hint="Remove one of the two")
    if spec.kind.lower() == operator.kind.lower():
        return v1_kind(operator)
    known = (operator.kind, TRAINJOB)
    raise CreateRefused(
        f"{spec.framework} cannot run as {spec.kind}",
        hint=f"It runs as {operator.kind} or {TRAINJOB}" + did_you_mean(spec.kind, known, before=". "),
    )


def _chosen(spec: JobSpec, served: Served) -> Kind:
    framework = FRAMEWORKS[spec.framework]
    v1 = v1_kind(framework.operator)
    if _is_served(v1, served) or framework.runtime is None or served.override is None:
        return v1
    return TRAIN


def _is_served(kind: Kind, served: Served) -> bool:
    return served.override is not None if kind.operator is None else kind.operator.plural in served.v1


def _what_is(served: Served) -> str:
    names = [f.operator.kind for f in FRAMEWORKS.values() if f.operator.plural in served.v1]
    names += [TRAINJOB] if served.override else []
    if not names:
        return "Kubeflow's Training Operator or Trainer must be installed there, or use %backend=local"
    return f"It serves {', '.join(names)}: choose with %kind="


def _check_processes(spec: JobSpec) -> None:
    framework = FRAMEWORKS[spec.framework]
    if spec.nproc not in (None, 1) and not framework.ranks and framework.operator.leader is not Role.LAUNCHER:
        raise CreateRefused(
            f"{spec.framework} runs one process in each replica", hint="Remove %nproc=, and ask for more replicas"
        )


def _check_v1(spec: JobSpec, operator: Operator) -> None:
    roles = {role.role for role in spec.roles}
    if operator.leader not in (None, Role.LAUNCHER) and operator.leader not in roles:
        raise CreateRefused(
            f"{_a(operator.kind)} needs a {operator.leader}",
            hint=f"Write %{operator.leader}=1 and one worker fewer, or %kind=TrainJob",
        )
    if spec.elastic is None:
        return
    if operator.kind != "PyTorchJob":
        raise CreateRefused(f"{_a(operator.kind)} cannot be elastic", hint="Only a PyTorchJob can: remove %elastic=")
    if Role.MASTER in roles:
        raise CreateRefused("an elastic job has no master", hint="Remove %master= and give %worker= a count")


def _check_train_job(spec: JobSpec) -> None:
    framework = FRAMEWORKS[spec.framework]
    own = framework.operator.kind
    if framework.runtime is None and not spec.runtime:
        raise CreateRefused(f"there is no training runtime for {spec.framework}", hint=f"Use %kind={own}")
    if spec.ttl is not None:
        raise CreateRefused(
            "a TrainJob takes no ttl: Trainer would run a failed one again", hint=f"Remove %ttl=, or use %kind={own}"
        )
    if spec.elastic is not None:
        raise CreateRefused("a TrainJob cannot be elastic", hint=f"Remove %elastic=, or use %kind={own}")
    for what in ("resources", "image", "patch"):
        if any(getattr(role, what) != getattr(spec.roles[0], what) for role in spec.roles):
            raise CreateRefused(
                f"all nodes of a TrainJob are alike, but the {what} of its roles differ",
                hint=f"State the same for {' and '.join(r.role for r in spec.roles)}, or use %kind={own}",
            )


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'MX' else 'a'} {kind}"
