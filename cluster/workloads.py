"""What Kueue v0.19 writes, as values: a Workload, its conditions, the patches to a job that starts or stops, events.

From Kueue's source: `pkg/workload`, `pkg/podset` and `pkg/controller/jobs` of the module that its CRDs are read from,
with the feature gates at their defaults.
"""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluster.kubectl import Manifest

    Patch = list[dict[str, Any]]

API = "kueue.x-k8s.io/v1beta2"
QUEUE = "kueue.x-k8s.io/queue-name"
CLUSTER_QUEUE, FLAVOR = "cluster-queue", "default-flavor"
MANAGER = "kueue.x-k8s.io/manager"
"""Kueue's entry in a TrainJob's runtimePatches."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition of a Workload, before it has a time."""

    type: str
    status: bool
    reason: str
    message: str


def name(job: Manifest) -> str:
    """The Workload's, from the job's kind, name and uid."""
    kind, group = job["kind"], job["apiVersion"].partition("/")[0]
    told = "\n".join((kind, group, job["metadata"]["name"], job["metadata"]["uid"]))
    digest = hashlib.sha1(told.encode(), usedforsecurity=False).hexdigest()
    return f"{kind.lower()}-{job['metadata']['name']}-{digest[:5]}"


def make(job: Manifest, pod_sets: list[Manifest]) -> Manifest:
    """The Workload of a job. Without Kueue's finalizer: nobody is there to remove it."""
    about = job["metadata"]
    owner = {key: job[key] for key in ("apiVersion", "kind")} | {key: about[key] for key in ("name", "uid")}
    return {
        "apiVersion": API,
        "kind": "Workload",
        "metadata": {
            "name": name(job),
            "namespace": about["namespace"],
            "labels": {"kueue.x-k8s.io/job-uid": about["uid"]},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": {"active": True, "podSets": pod_sets, "queueName": queue(job)},
    }


def queue(job: Manifest) -> str:
    """The LocalQueue that a job asks for.

    Raises:
        ClusterError: it asks for none.
    """
    asked: str | None = job["metadata"].get("labels", {}).get(QUEUE)
    if not asked:
        raise ClusterError(f"{job['kind']} {job['metadata']['name']} has no label {QUEUE}: Kueue leaves it alone.")
    return asked


def pod_sets(job: Manifest, jobset: Manifest | None = None) -> list[Manifest]:
    """One for each kind of replica: roles of a v1 job; of a TrainJob the replicated jobs of its JobSet."""
    if jobset is None:
        roles = job["spec"][_replicas(job)].items()
        return [{"name": role.lower(), "count": one["replicas"], "template": one["template"]} for role, one in roles]
    return [
        {
            "name": one["name"],
            "count": one.get("replicas", 1) * one["template"]["spec"].get("parallelism", 1),
            "template": one["template"]["spec"]["template"],
        }
        for one in jobset["spec"]["replicatedJobs"]
    ]


def admission(workload: Manifest) -> Manifest:
    """All of it in the one flavour."""
    assigned = [
        {"name": one["name"], "count": one["count"], "flavors": dict.fromkeys(_requested(one), FLAVOR)}
        for one in workload["spec"]["podSets"]
    ]
    return {"clusterQueue": CLUSTER_QUEUE, "podSetAssignments": assigned}


def conditions(workload: Manifest, *new: Condition, now: datetime | None = None) -> list[Manifest]:
    """Those that it has with the new ones set; a time changes only with its status."""
    found = {one["type"]: one for one in workload.get("status", {}).get("conditions", [])}
    for one in new:
        status = str(one.status)
        same = one.type in found and found[one.type]["status"] == status
        found[one.type] = {
            "type": one.type,
            "status": status,
            "reason": one.reason,
            "message": one.message,
            "observedGeneration": workload["metadata"]["generation"],
            "lastTransitionTime": found[one.type]["lastTransitionTime"] if same else f"{_time(now):%Y-%m-%dT%H:%M:%SZ}",
        }
    return list(found.values())


def condition(workload: Manifest, kind: str) -> Manifest | None:
    """The condition of that type if it holds."""
    found = workload.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind and one["status"] == "True"), None)


def held(job: Manifest) -> Patch:
    """What Kueue's webhook does to a job when it is created."""
    if job["kind"] != "TrainJob":
        return [_add("/spec/runPolicy/suspend", value=True)]
    entry = {"manager": MANAGER, "trainingRuntimeSpec": {"template": {"spec": {}}}}
    patches = [*job["spec"].get("runtimePatches", []), entry]
    return [_add("/spec/suspend", value=True), _add("/spec/runtimePatches", value=patches)]


def started(job: Manifest, workload: Manifest, node_labels: Mapping[str, str]) -> list[Patch]:
    """The flavour's node labels and Kueue's own labels on the pods, then the start: a v1 job has both in one patch."""
    marks = {"kueue.x-k8s.io/cluster-queue-name": CLUSTER_QUEUE, "kueue.x-k8s.io/local-queue-name": queue(job)}
    annotations = {"kueue.x-k8s.io/workload": workload["metadata"]["name"]}
    names = [one["name"] for one in workload["spec"]["podSets"]]
    additions = {
        one: {
            "metadata": {"labels": {"kueue.x-k8s.io/podset": one, **marks}, "annotations": annotations},
            "spec": {"nodeSelector": dict(node_labels)},
        }
        for one in names
    }
    if job["kind"] != "TrainJob":
        merged = {role: _merged(role_spec["template"], additions[role.lower()]) for role, role_spec in _roles(job)}
        return [[*_templates(job, merged), _add("/spec/runPolicy/suspend", value=False)]]
    jobs = [{"name": one, "template": {"spec": {"template": additions[one]}}} for one in names]
    return [[_add(f"{_ours(job)}/replicatedJobs", value=jobs)], [_add("/spec/suspend", value=False)]]


def stopped(job: Manifest, workload: Manifest) -> list[Patch]:
    """The end of its pods, and their templates as they were; a TrainJob's only once nothing of it is active."""
    if job["kind"] == "TrainJob":
        return [[_add("/spec/suspend", value=True)], [{"op": "remove", "path": f"{_ours(job)}/replicatedJobs"}]]
    before = {one["name"]: one["template"] for one in workload["spec"]["podSets"]}
    restored = {role: before[role.lower()] for role, _ in _roles(job)}
    return [[*_templates(job, restored), _add("/spec/runPolicy/suspend", value=True)]]


def active(job: Manifest) -> bool:
    """Whether the job's own status counts active pods."""
    return any(one.get("active", 0) for one in _counts(job))


def ready(job: Manifest, workload: Manifest) -> bool:
    """As Kueue sees it: a v1 job runs; of a TrainJob each job is ready or done."""
    if job["kind"] == "TrainJob":
        count: int = sum(one.get("ready", 0) + one.get("succeeded", 0) for one in _counts(job))
        return count == len(workload["spec"]["podSets"])
    return condition(job, "Running") is not None


def ended(job: Manifest) -> Condition | None:
    """The Workload's condition if the job is done."""
    for kind, reason in (("Succeeded", "Succeeded"), ("Complete", "Succeeded"), ("Failed", "Failed")):
        if found := condition(job, kind):
            return Condition(type="Finished", status=True, reason=reason, message=found["message"])
    return None


def event(about: Manifest, reason: str, note: str, *, by: str, warning: bool = False) -> Manifest:
    """An event of the newer API: in the older one its `source` and its first and last time are empty."""
    now = _time(None)
    metadata = about["metadata"]
    regarding = {key: metadata[key] for key in ("name", "namespace", "uid", "resourceVersion")}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{int(now.timestamp() * 1e6):x}", "namespace": metadata["namespace"]},
        "eventTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "action": reason,
        "note": note,
        "regarding": {**regarding, "apiVersion": about["apiVersion"], "kind": about["kind"]},
        "reportingController": by,
        "reportingInstance": f"{by}-kueue-controller-manager",
    }


def _replicas(job: Manifest) -> str:
    fields: Iterable[str] = job["spec"]
    return next(field for field in fields if field.endswith("ReplicaSpecs"))


def _roles(job: Manifest) -> Iterable[tuple[str, Manifest]]:
    roles: dict[str, Manifest] = job["spec"][_replicas(job)]
    return roles.items()


def _templates(job: Manifest, new: Mapping[str, Manifest]) -> Patch:
    return [_add(f"/spec/{_replicas(job)}/{role}/template", value=template) for role, template in new.items()]


def _merged(template: Manifest, additions: Manifest) -> Manifest:
    result = deepcopy(template)
    for part, keys in additions.items():
        for key, values in keys.items():
            into = result.setdefault(part, {})
            into[key] = {**into.get(key, {}), **values}
    return result


def _ours(job: Manifest) -> str:
    managers = [one["manager"] for one in job["spec"]["runtimePatches"]]
    return f"/spec/runtimePatches/{managers.index(MANAGER)}/trainingRuntimeSpec/template/spec"


def _counts(job: Manifest) -> list[Manifest]:
    status = job.get("status", {})
    return [*status.get("jobsStatus", []), *status.get("replicaStatuses", {}).values()]


def _requested(pod_set: Manifest) -> list[str]:
    containers = pod_set["template"]["spec"]["containers"]
    return sorted({key for one in containers for key in one.get("resources", {}).get("requests", {})})


def _add(path: str, *, value: object) -> dict[str, Any]:
    """Of JSON Patch: on a field of an object it replaces too."""
    return {"op": "add", "path": path, "value": value}


def _time(now: datetime | None) -> datetime:
    return now or datetime.now(UTC)
