"""The rights that Ciao uses on a cluster, and what for: the one list behind `ciao doctor` and the Role in the docs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ciao.backends.kubeflow.kinds import CLUSTER_RUNTIMES, KUBEFLOW, RUNTIMES, TRAINJOBS
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.base import CONFIG_MAPS, EVENTS, NODES, PODS, Manifest
from ciao.k8s.discovery import TRAINER
from ciao.k8s.rights import Right

__all__ = ["KUEUE", "NEEDS", "STACKS", "TRY_A_POD", "Need", "cluster_role", "needs", "role"]

KUEUE = "kueue.x-k8s.io"

TRY_A_POD = Right(verb="create", resource=PODS.plural)

JOB_VERBS = ("create", "delete", "get", "list", "patch", "watch")


@dataclass(frozen=True, kw_only=True)
class Need:
    """Verbs on one kind of object, and the feature that uses them.

    ``without`` says what is missing where they are; empty: nothing runs. ``everywhere``: the object is in no namespace.
    ``strategy``: only code that is brought so needs them, as ``%s2i=`` names it; empty: all does.
    """

    feature: str
    resource: str
    verbs: tuple[str, ...]
    group: str = ""
    subresource: str = ""
    without: str = ""
    everywhere: bool = False
    strategy: str = ""

    @property
    def rights(self) -> tuple[Right, ...]:
        """One for each verb."""
        return tuple(
            Right(verb=verb, resource=self.resource, group=self.group, subresource=self.subresource)
            for verb in self.verbs
        )

    @property
    def is_of_jobs(self) -> bool:
        """It is on a kind of job: who cannot run one kind may run another."""
        return self.verbs == JOB_VERBS

    @property
    def name(self) -> str:
        """As RBAC calls what it is on."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


STACKS = Need(
    feature="ask replicas where they stand",
    resource=PODS.plural,
    subresource="exec",
    verbs=("create", "get"),  # a WebSocket is a GET; from Kubernetes 1.35 on it needs the other, too
    without="`%ciao stacks` does not work, and what stands still is told without where",
)

NEEDS: tuple[Need, ...] = (
    *(
        Need(feature=f"run {f.operator.kind}s", resource=f.operator.plural, group=KUBEFLOW, verbs=JOB_VERBS)
        for f in FRAMEWORKS.values()
    ),
    Need(feature="run TrainJobs", resource=TRAINJOBS.plural, group=TRAINER, verbs=JOB_VERBS),
    Need(
        feature="bring the code",
        resource=CONFIG_MAPS.plural,
        verbs=("create", "delete", "deletecollection", "get", "patch"),
        strategy="configmap",
    ),
    Need(feature="follow the replicas", resource=PODS.plural, verbs=("get", "list", "watch")),
    Need(feature="read their logs", resource=PODS.plural, subresource="log", verbs=("get",)),
    Need(
        feature="say why a replica waits",
        resource=EVENTS.plural,
        verbs=("list", "watch"),
        without="reasons that only events tell are not shown: quota, volumes, admission",
    ),
    STACKS,
    Need(
        feature="%cleanPolicy=all",
        resource=PODS.plural,
        verbs=("deletecollection",),
        without="pods of ended jobs stay",
    ),
    Need(
        feature="end a TrainJob's node at its first failure",
        resource=RUNTIMES.plural,
        group=TRAINER,
        verbs=("create", "get", "list"),
        without="TrainJobs use the runtimes that Trainer ships, and %retries= has no effect there",
    ),
    Need(
        feature="list the shipped runtimes",
        resource=CLUSTER_RUNTIMES.plural,
        group=TRAINER,
        verbs=("list",),
        without="a cell for a TrainJob names its %image=",
        everywhere=True,
    ),
    Need(
        feature="make images for the platforms of the nodes",
        resource=NODES.plural,
        verbs=("list",),
        without="s2i.platforms names them, where the image below the code is for several",
        everywhere=True,
    ),
    Need(
        feature="ask a large base image what packages it has",
        resource=PODS.plural,
        verbs=("create", "delete", "get"),
        without="it is read from the registry for that, once, which takes longer",
        strategy="append",
    ),
    Need(
        feature="list queues",
        resource="localqueues",
        group=KUEUE,
        verbs=("list",),
        without="doctor cannot name them; %queue= works",
    ),
    Need(
        feature="show quotas",
        resource="resourcequotas",
        verbs=("list",),
        without="doctor cannot show them",
    ),
    Need(
        feature="try a pod",
        resource=PODS.plural,
        verbs=("create",),
        without="neither doctor can try whether the namespace takes Ciao's pods, nor %s2i=imagevolume whether it works",
    ),
)
"""In the order in which they are shown."""


def needs(strategy: str) -> tuple[Need, ...]:
    """Those of jobs whose code is brought so."""
    return tuple(need for need in NEEDS if need.strategy in ("", strategy))


def role(served: Mapping[str, Collection[str]] | None = None, *, namespace: str = "NAMESPACE") -> Manifest:
    """All of them in one namespace, or those on what a cluster serves: names of objects by group."""
    needs = [n for n in NEEDS if not n.everywhere and (served is None or n.resource in served.get(n.group, ()))]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "ciao", "namespace": namespace},
        "rules": _rules(needs),
    }


def cluster_role() -> Manifest:
    """Those on what is in no namespace."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "ciao"},
        "rules": _rules([n for n in NEEDS if n.everywhere]),
    }


def _rules(needs: list[Need]) -> list[Manifest]:
    """One rule for each group and set of verbs; verbs of one kind of object are in one rule."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for need in needs:
        verbs.setdefault((need.group, need.name), []).extend(need.verbs)
    rules: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (group, name), of_it in verbs.items():
        rules.setdefault((group, tuple(sorted(set(of_it)))), []).append(name)
    return [{"apiGroups": [group], "resources": names, "verbs": list(v)} for (group, v), names in rules.items()]
