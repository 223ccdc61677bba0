"""The pods of a job: what every replica has, whichever kind carries it.

They pass Kubernetes' pod security level ``restricted``, unless a patch changes that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciao.backends.kubeflow.bases import base_image, no_image
from ciao.backends.kubeflow.carrying import Carried, Carrier, carried, image_for
from ciao.backends.kubeflow.configmaps import name_of
from ciao.backends.kubeflow.kinds import Kind
from ciao.backends.kubeflow.labels import labels
from ciao.backends.kubeflow.place import Place
from ciao.backends.threads import cpus, threads
from ciao.errors import CreateRefused
from ciao.frameworks import FRAMEWORKS
from ciao.model import CODE, Job, JobSpec, Pinned, Resources, RoleSpec, Volume

__all__ = ["GPU", "RUNNER", "WORK", "Pods", "check_image", "environment", "resources"]

WORK = "/ciao/work"
RUNNER = f"{CODE}/ciao_runner/__main__.py"
GPU = "nvidia.com/gpu"

Container = dict[str, Any]
Variables = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Pods:
    """Makes the pod templates of one job."""

    spec: JobSpec
    job: Job
    bundle: Carrier
    place: Place
    kind: Kind
    attempt: int = 1

    def template(self, role: RoleSpec, container: Mapping[str, Any]) -> dict[str, Any]:
        """A pod with this training container, to which what all have in common is added."""
        return {
            "metadata": self.metadata(),
            "spec": {**self.pod(role), "containers": [{**self.container(role), **container}]},
        }

    def metadata(self) -> dict[str, Any]:
        """No service mesh: its sidecar would never end, and the rendezvous is not HTTP."""
        return {"labels": labels(self.job), "annotations": {"sidecar.istio.io/inject": "false"}}

    def pod(self, role: RoleSpec) -> dict[str, Any]:
        """All of a pod but its containers."""
        grace = math.ceil(self.place.grace) + 2  # the runner ends the cell after its own, then tells how it ended
        pod: dict[str, Any] = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": grace,
            "securityContext": self.security(role),
            "volumes": self.volumes(),
        }
        if self.spec.priority:
            pod["priorityClassName"] = self.spec.priority
        if self.place.pull_secrets:
            pod["imagePullSecrets"] = [{"name": name} for name in self.place.pull_secrets]
        return pod

    def container(self, role: RoleSpec) -> Container:
        """The training container, without its variables and its command."""
        container: Container = {"name": self.kind.container}
        if image := self.image(role):
            container["image"] = image
        if policy := self.carried.policy:
            container["imagePullPolicy"] = policy
        container["workingDir"] = WORK
        container["terminationMessagePolicy"] = "FallbackToLogsOnError"  # tells why the runner could not even begin
        if asked := resources(role.resources):
            container["resources"] = asked
        return container | self.closed()

    def closed(self) -> Container:
        """The container's part of ``restricted``, and its mounts."""
        return {
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [
                *self.carried.mounts,
                {"name": "ciao-work", "mountPath": WORK},
                {"name": "ciao-shm", "mountPath": "/dev/shm"},  # noqa: S108  # the pods', not ours
                *({"name": _name(i), "mountPath": v.path, "readOnly": v.read_only} for i, v in self._numbered()),
            ],
        }

    @property
    def carried(self) -> Carried:
        """What the code needs to get into a pod."""
        return carried(self.bundle, config_map=name_of(self.job.name, self.attempt))

    def security(self, role: RoleSpec) -> dict[str, Any]:
        """The pod's part of ``restricted``. A user of None is for OpenShift, which gives each namespace its own."""
        user = self._user(role)
        numbers = {} if user is None else {"runAsUser": user, "runAsGroup": user, "fsGroup": user}
        return {"runAsNonRoot": user != 0, **numbers, "seccompProfile": {"type": "RuntimeDefault"}}

    def volumes(self) -> list[dict[str, Any]]:
        """Code, working directory, shared memory (64 MB by default, which kills data loaders), and the user's own."""
        return [
            *self.carried.volumes,
            {"name": "ciao-work", "emptyDir": {}},
            {"name": "ciao-shm", "emptyDir": {"medium": "Memory"}},
            *({"name": _name(i), **self._source(v)} for i, v in self._numbered()),
        ]

    def image(self, role: RoleSpec) -> str:
        """What was made of the role's base image, or that itself. Raises CreateRefused without one."""
        base = base_image(self.spec, role, place=self.place)
        if not base and (self.kind.operator is not None or isinstance(self.bundle, Pinned)):
            raise no_image(self.spec.framework)
        return image_for(self.bundle, base)

    def run(self, *words: str) -> list[str]:
        """The command: process 1 is the runner's, which starts the cell, or what starts it in its turn."""
        return ["python3", RUNNER, "init", f"{CODE}/{self.bundle.entry}", *words]

    def _user(self, role: RoleSpec) -> int | None:
        """The image's own if it names one by number, which is known of images that were made from it; never root."""
        user = self.place.run_as
        if user is None or not self.place.run_as_image or not isinstance(self.bundle, Pinned):
            return user
        return self.bundle.users.get(base_image(self.spec, role, place=self.place)) or user

    def _numbered(self) -> list[tuple[int, Volume]]:
        return list(enumerate(self.spec.volumes))

    def _source(self, volume: Volume) -> dict[str, Any]:
        if volume.kind == "claim":
            return {"persistentVolumeClaim": {"claimName": volume.source, "readOnly": volume.read_only}}
        if not self.place.host_paths:
            raise CreateRefused(
                f"the folder {volume.source} of a node may not be mounted: who can do that can read the node",
                hint="Use a claim: %volume=NAME:/path. Or allow it: volumes.host: true in config.yaml",
            )
        return {"hostPath": {"path": volume.source}}


def check_image(pods: Pods, role: RoleSpec, template: Mapping[str, Any]) -> None:
    """Raises CreateRefused if a patch has put an image in the place of the one that has the code."""
    container = next(c for c in template["spec"]["containers"] if c["name"] == pods.kind.container)
    if isinstance(pods.bundle, Pinned) and container.get("image") != pods.image(role):
        raise CreateRefused(
            f"%patch= names the image {container.get('image')}, which does not have the code",
            hint="Name it with %image=, from which one with the code is made",
        )


def environment(pods: Pods, role: RoleSpec | None, *, rules: str, index: bool = True) -> Variables:
    """The variables of a replica, the user's among them.

    ``role`` of None: the nodes of a TrainJob, which find out by the runner which replica they are; ``index``: the
    operator labels the pods of this role with their numbers.
    """
    spec, job = pods.spec, pods.job
    asked = (role or spec.roles[0]).resources
    elastic = FRAMEWORKS[spec.framework].elastic if spec.elastic else None
    mine = {
        "HOME": WORK,
        "USER": "ciao",
        "TMPDIR": "/tmp",  # noqa: S108  # of the image
        **_threads(asked),
        **(elastic.always if elastic else {}),
        **({} if asked.gpu or asked.other else FRAMEWORKS[spec.framework].on_cpu),
    }
    ours = {
        "CIAO_JOB": job.name,
        "CIAO_FRAMEWORK": spec.framework,
        "CIAO_ATTEMPT": str(pods.attempt),
        "CIAO_GRACE": f"{pods.place.grace:g}",
        "CIAO_WORK": WORK,
    }
    if rules:
        ours["CIAO_VARIABLES"] = rules
    ours |= _processes(spec)
    return [
        *({"name": name, "value": text} for name, text in mine.items() if name not in spec.env),
        *({"name": name, "value": literal(text)} for name, text in spec.env.items() if name not in ours),
        *({"name": name, "valueFrom": _key(key.secret, key.key)} for name, key in spec.secrets.items()),
        *({"name": name, "value": text} for name, text in ours.items()),
        *_identity(pods, role, index=index),
    ]


def literal(text: str) -> str:
    """Kubernetes would replace ``$(NAME)``; a doubled ``$`` stands for itself."""
    return text.replace("$", "$$") if "$(" in text or "$$" in text else text


def resources(asked: Resources) -> dict[str, Any]:
    """Exactly what is stated: memory as request and limit, cpu as request only, anything else as both."""
    requests = {"cpu": asked.cpu, "memory": asked.memory, **asked.other}
    limits = {"memory": asked.memory, GPU: asked.gpu, **asked.other}
    both = {"requests": requests, "limits": limits}
    stated = {part: {name: q for name, q in named.items() if q is not None} for part, named in both.items()}
    return {part: named for part, named in stated.items() if named}


def _identity(pods: Pods, role: RoleSpec | None, *, index: bool) -> Variables:
    if role is None:
        ranked = sorted(pods.spec.roles, key=lambda r: FRAMEWORKS[pods.spec.framework].roles.index(r.role))
        roles = {"name": "CIAO_ROLES", "value": " ".join(f"{r.role}={r.count}" for r in ranked)}
        restarts = {"fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/restart-attempt']"}}
        return [roles, *([{"name": "CIAO_RESTARTS", "valueFrom": restarts}] if pods.spec.retries else [])]
    path = "metadata.labels['training.kubeflow.org/replica-index']"
    number: dict[str, Any] = {"valueFrom": {"fieldRef": {"fieldPath": path}}} if index else {"value": "0"}
    return [
        {"name": "CIAO_ROLE", "value": role.role.value},
        {"name": "CIAO_INDEX", **number},
        {"name": "CIAO_REPLICA", "value": f"{role.role.value}-$(CIAO_INDEX)"},
    ]


def _processes(spec: JobSpec) -> dict[str, str]:
    """How many the runner starts in a pod; torchrun and mpirun start theirs themselves."""
    ranks = FRAMEWORKS[spec.framework].ranks
    if spec.nproc is None or spec.nproc == 1 or spec.elastic or not ranks:
        return {}
    pairs = " ".join(f"{rank}/{size}" for rank, size in ranks.items())
    return {"CIAO_NPROC": str(spec.nproc), "CIAO_RANKS": pairs}


def _key(secret: str, key: str) -> dict[str, Any]:
    return {"secretKeyRef": {"name": secret, "key": key}}


def _name(number: int) -> str:
    return f"volume-{number}"


def _threads(asked: Resources) -> dict[str, str]:
    count = cpus(asked.cpu)
    return {} if count is None else threads(count)
