"""Kueue's part in a job's life, step by step, for a cluster without Kueue, which cannot be built here.

Each step writes to the real objects what Kueue v0.19 writes: its Workload (the CRDs are Kueue's own), the events, the
patches to the job. A test says when each comes, and so what the quota is; nothing here decides or watches:

    kueue.install(kubectl)
    kueue.open_queue(kubectl, "ours")
    queued = kueue.take(kubectl, "pytorchjob/job")      # held back, with a Workload
    queued.wait("couldn't assign flavors to pod set worker: insufficient unused quota ...")
    queued.admit(); queued.pods_ready()
    queued.evict("Preempted", "Preempted to accommodate a workload ...")
    queued.admit(); queued.finish()
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluster import builds, readiness, workloads
from cluster.workloads import CLUSTER_QUEUE, FLAVOR, Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluster.kubectl import Kubectl, Manifest

SCHEDULER, CONTROLLER = "kueue-admission", "kueue-workload-controller"
KINDS = ("workloads", "localqueues", "clusterqueues", "resourceflavors")
CRDS = [f"{kind}.kueue.x-k8s.io" for kind in KINDS]
PODS_WAIT = Condition(
    type="PodsReady", status=False, reason="WaitForStart", message="Not all pods are ready or succeeded"
)
PODS_READY = Condition(
    type="PodsReady", status=True, reason="Started", message="All pods reached readiness and the workload is running"
)


def install(kubectl: Kubectl, progress: Callable[[str], None] = print) -> None:
    """Kueue's CRDs, a ResourceFlavor and a ClusterQueue: for all namespaces."""
    builds.require(builds.KUEUE, progress)
    folder = builds.sources(builds.KUEUE_CRDS) / "config/components/crd/bases"
    files = [f"--filename={folder / f'kueue.x-k8s.io_{kind}.yaml'}" for kind in KINDS]
    kubectl("apply", "--server-side", "--force-conflicts", "--validate=false", *files)
    for crd in CRDS:
        kubectl.condition(f"crd/{crd}", "Established")
    covered = {"name": FLAVOR, "resources": [{"name": "cpu", "nominalQuota": 1}]}
    groups = [{"coveredResources": ["cpu"], "flavors": [covered]}]
    _apply(kubectl, "ResourceFlavor", FLAVOR, {})
    _apply(kubectl, "ClusterQueue", CLUSTER_QUEUE, {"resourceGroups": groups, "namespaceSelector": {}})


def open_queue(kubectl: Kubectl, name: str) -> None:
    """A LocalQueue in the namespace."""
    _apply(kubectl, "LocalQueue", name, {"clusterQueue": CLUSTER_QUEUE})


def uninstall(kubectl: Kubectl) -> None:
    """The CRDs, and with them all that was made of them."""
    kubectl("delete", "crd", "--ignore-not-found", *CRDS)


@dataclass(frozen=True, kw_only=True)
class Queued:
    """A job that Kueue has in a queue. Every step raises ClusterError if the API refuses it."""

    kubectl: Kubectl
    job: str
    workload: str

    def wait(self, message: str, reason: str = "Pending") -> None:
        """There is no quota for it now. Another reason comes with Kueue's gate UnadmittedWorkloadsObservability."""
        workload = self._workload()
        self._status(workload, Condition(type="QuotaReserved", status=False, reason=reason, message=message))
        self._tell(workload, reason, message, by=SCHEDULER, warning=True)

    def admit(self, node_labels: Mapping[str, str] | None = None) -> None:
        """Quota is reserved, and the job starts on the flavour's nodes."""
        workload = self._workload()
        queued = workloads.condition(workload, "Requeued")
        since = queued["lastTransitionTime"] if queued else workload["metadata"]["creationTimestamp"]
        seconds = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()
        where = f"ClusterQueue {CLUSTER_QUEUE}"
        reserved = Condition(
            type="QuotaReserved", status=True, reason="QuotaReserved", message=f"Quota reserved in {where}"
        )
        admitted = Condition(type="Admitted", status=True, reason="Admitted", message="The workload is admitted")
        news = (reserved, *_no_longer_evicted(workload), admitted)
        self._status(workload, *news, admission=workloads.admission(workload))
        queued_for = f"wait time since queued was {seconds:.0f}s"
        self._tell(workload, "QuotaReserved", f"Quota reserved in {where}, {queued_for}", by=SCHEDULER)
        self._tell(workload, "Admitted", f"Admitted by {where}, wait time since reservation was 0s", by=SCHEDULER)
        for patch in workloads.started(self._job(), workload, node_labels or {}):
            self._patch(patch)
        self._tell(self._job(), "Started", f"Admitted by clusterQueue {CLUSTER_QUEUE}")

    def pods_ready(self) -> None:
        """Its pods run; waits for that. Kueue writes this only where it is set to wait for it too."""
        workload = self._workload()
        readiness.until(lambda: workloads.ready(self._job(), workload), what=f"All pods of {self.job} run")
        self._status(workload, PODS_READY)

    def evict(self, reason: str, message: str) -> None:
        """The job is stopped, its pods are deleted, and it is in the queue again."""
        self._status(self._workload(), Condition(type="Evicted", status=True, reason=reason, message=message))
        by = SCHEDULER if reason == "Preempted" else CONTROLLER
        self._tell(self._workload(), f"EvictedDueTo{reason}", message, by=by)
        stop, *restore = workloads.stopped(self._job(), self._workload())
        self._patch(stop)
        readiness.until(lambda: not workloads.active(self._job()), what=f"{self.job} has no active pod")
        for patch in restore:
            self._patch(patch)
        self._tell(self._job(), "Stopped", message)
        again = reason in {"Preempted", "NodeFailures"}
        self._status(
            self._workload(),
            Condition(type="Requeued", status=again, reason=reason, message=message),
            Condition(type="QuotaReserved", status=False, reason="Pending", message=message),
            Condition(type="Admitted", status=False, reason="NoReservation", message="The workload has no reservation"),
            *([PODS_WAIT] if workloads.condition(self._workload(), "PodsReady") else []),
            admission=None,
        )

    def finish(self) -> None:
        """The job is done; waits for that."""
        readiness.until(lambda: workloads.ended(self._job()) is not None, what=f"{self.job} ends")
        job = self._job()
        if done := workloads.ended(job):
            self._status(self._workload(), done)
        key = f"{self.kubectl.namespace}/{self.workload}"
        self._tell(job, "FinishedWorkload", f"Workload '{key}' is declared finished")

    def _job(self) -> Manifest:
        return _get(self.kubectl, self.job)

    def _workload(self) -> Manifest:
        return _get(self.kubectl, f"workload/{self.workload}")

    def _patch(self, patch: list[dict[str, object]]) -> None:
        self.kubectl("patch", self.job, "--type=json", f"--patch={json.dumps(patch)}")

    def _status(self, workload: Manifest, *new: Condition, **fields: Manifest | None) -> None:
        status = {"status": {"conditions": workloads.conditions(workload, *new), **fields}}
        name = f"workload/{self.workload}"
        self.kubectl("patch", name, "--subresource=status", "--type=merge", f"--patch={json.dumps(status)}")

    def _tell(self, about: Manifest, reason: str, note: str, *, by: str = "", warning: bool = False) -> None:
        by = by or reporter(about)
        self.kubectl.create(workloads.event(about, reason, note, by=by, warning=warning))


def take(kubectl: Kubectl, job: str) -> Queued:
    """Hold a job back, as Kueue's webhook does at its creation, and make its Workload.

    A job that was created without suspend may have had pods for a moment: here the webhook comes after it.

    Raises:
        ClusterError: it has no label with a queue's name.
    """
    found = _get(kubectl, job)
    workloads.queue(found)
    kubectl("patch", job, "--type=json", f"--patch={json.dumps(workloads.held(found))}")
    jobset = _jobset(kubectl, found) if found["kind"] == "TrainJob" else None
    workload = workloads.make(found, workloads.pod_sets(found, jobset))
    kubectl.create(workload)
    name = workload["metadata"]["name"]
    note = f"Created Workload: {kubectl.namespace}/{name}"
    kubectl.create(workloads.event(found, "CreatedWorkload", note, by=reporter(found)))
    return Queued(kubectl=kubectl, job=job, workload=name)


def reporter(job: Manifest) -> str:
    """Which of Kueue's controllers tells the events of a job."""
    return f"{job['apiVersion'].partition('/')[0]}/{job['kind'].lower()}-kueue-controller"


def _jobset(kubectl: Kubectl, job: Manifest) -> Manifest:
    name = f"jobset/{job['metadata']['name']}"
    readiness.until(lambda: not kubectl.run("get", name).returncode, what=f"{name} exists")
    return _get(kubectl, name)


def _no_longer_evicted(workload: Manifest) -> list[Condition]:
    if not (evicted := workloads.condition(workload, "Evicted")):
        return []
    message = f"Previously: {evicted['message']}"
    return [Condition(type="Evicted", status=False, reason="QuotaReserved", message=message)]


def _apply(kubectl: Kubectl, kind: str, name: str, spec: Manifest) -> None:
    text = json.dumps({"apiVersion": workloads.API, "kind": kind, "metadata": {"name": name}, "spec": spec})
    kubectl("apply", "-f", "-", text=text)


def _get(kubectl: Kubectl, what: str) -> Manifest:
    found: Manifest = json.loads(kubectl("get", what, "-o=json"))
    return found
