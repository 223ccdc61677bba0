"""Asking a cluster whether it would take a job, and the pods that follow from it: a dry run, which creates nothing."""

from __future__ import annotations

import time

from ciao.backends.kubeflow import creating
from ciao.backends.kubeflow.bases import bases
from ciao.backends.kubeflow.carrying import Carrier
from ciao.backends.kubeflow.cluster import Cluster
from ciao.backends.kubeflow.configmaps import only_the_cell
from ciao.backends.kubeflow.kinds import kind_of
from ciao.backends.kubeflow.manifests import manifests
from ciao.backends.kubeflow.place import Place
from ciao.backends.kubeflow.pods import Pods
from ciao.k8s.base import PODS
from ciao.model import Job, JobSpec, Mounted, Pinned

__all__ = ["try_job", "try_pod"]


async def try_job(cluster: Cluster, spec: JobSpec, *, strategy: str = "configmap") -> None:
    """Raises CreateRefused or ApiError as a run would whose code is brought so."""
    place = await cluster.place(spec)
    bundle = _stand_in(spec, strategy, place=place)
    await creating.dry_run(cluster.api, manifests(spec, _job(spec), bundle, place=place))


async def try_pod(cluster: Cluster, spec: JobSpec, *, strategy: str = "configmap") -> None:
    """The same for a pod as the operator would create it: pod security, quotas and limits are asked of pods alone."""
    place = await cluster.place(spec)
    job, kind = _job(spec), kind_of(spec, place.served)
    pods = Pods(spec=spec, job=job, bundle=_stand_in(spec, strategy, place=place), place=place, kind=kind)
    template = pods.template(spec.roles[0], {"command": pods.run()})
    name = f"{job.name}-{spec.replicas[0]}"
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": name, "namespace": cluster.namespace},
        "spec": {**template["spec"], "restartPolicy": "Never"},
    }
    await cluster.api.request("POST", PODS.path(namespace=cluster.namespace), body=body, params={"dryRun": "All"})


def _stand_in(spec: JobSpec, strategy: str, *, place: Place) -> Carrier:
    """A bundle of the right kind, with nothing in it: no image is pulled for a dry run."""
    match strategy:
        case "configmap":
            return only_the_cell(spec)
        case "imagevolume":
            return Mounted(entry=spec.cell.filename, image="none")
    images = bases(spec, kind_of(spec, place.served), place=place)
    return Pinned(entry=spec.cell.filename, images={image: image for image in images.values()})


def _job(spec: JobSpec) -> Job:
    return Job.named(spec, backend="kubeflow", now=time.time())
