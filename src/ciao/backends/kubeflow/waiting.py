"""Why a replica does not start, in words, and whether waiting can help. Pure.

The texts of Kubernetes 1.34, containerd and the operators are matched loosely: what is not known is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciao.backends.kubeflow.carrying import way_of
from ciao.backends.kubeflow.pulling import Pull, why_not_pulled
from ciao.backends.kubeflow.replicas import container_of
from ciao.backends.kubeflow.waits import MOMENT, Waiting, cut
from ciao.k8s.base import Manifest

__all__ = ["Waiting", "created_words", "why_not_created", "why_waiting"]

SHORT = 5.0
"""Seconds of a pull that nobody needs to be told of: the image is there, and the registry is only asked about it."""


def why_waiting(pod: Manifest, events: Sequence[Manifest] = ()) -> Waiting | None:
    """Why this pod does not run yet; None if it does or nothing is known. ``events`` are the pod's, oldest first."""
    for status in (pod.get("status") or {}).get("initContainerStatuses") or []:
        if (found := _container(status, pod, events, role="its init container")) is not None:
            return found
        if (status.get("state") or {}).get("running"):
            return Waiting(code="Init", words=f"its init container {status['name']} runs")
    name = container_of(pod).name
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status.get("name") == name and (found := _container(status, pod, events)) is not None:
            return found
    return _unscheduled(pod) or _mount(pod, events) or _pulling(events)


def why_not_created(events: Sequence[Manifest]) -> Waiting | None:
    """Why the operator cannot create pods, from the events of the job and what belongs to it, oldest first."""
    for event in reversed(events):
        if event.get("reason") in (
            "FailedCreatePod",
            "FailedCreate",
            "TrainJobResourcesCreationFailed",
            "JobSetFailed",
        ):
            return created_words(str(event.get("message") or ""))
    return None


def created_words(message: str) -> Waiting:
    """What the API server said when a pod was to be created."""
    text = " ".join(message.split())
    for pattern, make in _REFUSALS:
        if (found := pattern.search(text)) is not None:
            return make(found)
    return Waiting(code="FailedCreate", words=cut(text), patience=MOMENT)


def _container(status: Manifest, pod: Manifest, events: Sequence[Manifest], *, role: str = "") -> Waiting | None:
    waiting = (status.get("state") or {}).get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), " ".join(str(waiting.get("message") or "").split())
    image = str(status.get("image") or "")
    match reason:
        case "" | "ContainerCreating" | "PodInitializing" | "CrashLoopBackOff":
            return None
        case "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable":
            return why_not_pulled(Pull(image=image, message=message, pod=pod, main=not role, events=events))
        case "InvalidImageName" | "ErrImageNeverPull":
            return _not_asked_for(reason, image)
        case "CreateContainerConfigError":
            return _config(message)
        case "CreateContainerError" if 'failed to mkdir ""' in message and way_of(pod) == "volume":
            return _no_image_volume(pod, "its containerd is older than 2.1")
    prefix = f"{role}: " if role else ""
    return Waiting(code=reason, words=f"{prefix}{reason}" + (f": {cut(message)}" if message else ""), patience=MOMENT)


def _not_asked_for(reason: str, image: str) -> Waiting:
    """No registry was asked for this image."""
    if reason == "ErrImageNeverPull":
        return Waiting(code=reason, words=f"{image} is not on the node, and is never pulled", patience=0)
    return Waiting(code=reason, words=f"{image} is no image name", fix="Correct %image=", patience=0)


def _config(message: str) -> Waiting:
    code = "CreateContainerConfigError"
    if "runAsNonRoot" in message:
        words, fix = "the image runs as root, and the pod may not", "Set runAsUser with %patch="
        return Waiting(code=code, words=words, fix=fix, patience=0)
    if (found := re.search(r'(configmap|secret) "([^"]+)" not found', message)) is not None:
        words = f"there is no {found[1]} {found[2]} in its namespace"
        return Waiting(code=code, words=words, fix=f"Create it, or correct {_option(found[1])}", patience=MOMENT)
    if (found := re.search(r"couldn't find key ([^ ]+) in (ConfigMap|Secret) ([^ ]+)", message)) is not None:
        words = f"the {found[2].lower()} {found[3].rpartition('/')[2]} has no key {found[1].rpartition('/')[2]}"
        return Waiting(code=code, words=words, fix=f"Correct {_option(found[2].lower())}", patience=MOMENT)
    return Waiting(code=code, words=cut(message), patience=MOMENT)


def _option(kind: str) -> str:
    return "%secret.NAME=" if kind == "secret" else "%patch="


_INSUFFICIENT = re.compile(r"(\d+) Insufficient ([^\s,.]+(?:\.[^\s,.]+)*)")
_NODES = re.compile(r"0/(\d+) nodes are available")


def _unscheduled(pod: Manifest) -> Waiting | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            if condition.get("reason") == "SchedulingGated":
                return Waiting(code="SchedulingGated", words="its scheduling is held back by a gate, such as a queue's")
            return _no_node(" ".join(str(condition.get("message") or "").split()))
    return None


def _no_node(message: str) -> Waiting:
    code = "Unschedulable"
    if (found := re.search(r'persistentvolumeclaim "([^"]+)" not found', message)) is not None:
        words = f"there is no PersistentVolumeClaim {found[1]} in its namespace"
        return Waiting(code=code, words=words, fix="Create it, or correct %volume=", patience=MOMENT)
    if not message:
        return Waiting(code=code, words="no node has been found for it yet")
    reasons = message.split(": ", maxsplit=1)[-1].split(". ", maxsplit=1)[0]
    nodes = found[1] if (found := _NODES.search(message)) is not None else "the"
    lacking = [name for _, name in _INSUFFICIENT.findall(reasons)]
    if lacking:
        words = f"none of {nodes} nodes has enough {' and '.join(dict.fromkeys(lacking))} free ({cut(reasons)})"
        return Waiting(code=code, words=words, fix="It starts when others end; or ask for less")
    return Waiting(code=code, words=f"none of {nodes} nodes takes it: {cut(reasons)}")


def _mount(pod: Manifest, events: Sequence[Manifest]) -> Waiting | None:
    for event in reversed(events):
        message = " ".join(str(event.get("message") or "").split())
        if event.get("reason") != "FailedMount" or "failed to sync" in message:  # heals by itself in a new namespace
            continue
        if (found := re.search(r'(secret|configmap|persistentvolumeclaim) "([^"]+)" not found', message)) is not None:
            words = f"there is no {found[1]} {found[2]} in its namespace"
            return Waiting(
                code="FailedMount", words=words, fix="Create it, or correct %volume= or %patch=", patience=MOMENT
            )
        if "no volume plugin matched" in message and way_of(pod) == "volume":
            return _no_image_volume(pod, "its kubelet has the feature gate ImageVolume off")
        return Waiting(code="FailedMount", words=f"a volume cannot be mounted: {cut(message)}")
    return None


def _no_image_volume(pod: Manifest, why: str) -> Waiting:
    """The API server takes them, but a node of the cluster cannot mount one."""
    node = (pod.get("spec") or {}).get("nodeName") or "its node"
    return Waiting(
        code="ImageVolume",
        words=f"{node} cannot mount an image, by which the code comes: {why}",
        fix="Use %s2i=append, or %s2i=configmap; or choose nodes that can with %patch=",
        patience=0,
    )


def _pulling(events: Sequence[Manifest]) -> Waiting | None:
    """The last that its node says of an image is that it is pulled."""
    for event in reversed(events):
        if event.get("reason") in ("Pulled", "Failed", "BackOff", "Started", "Killing"):
            return None
        if event.get("reason") == "Pulling":
            found = re.search(r'"([^"]+)"', str(event.get("message") or ""))
            words = f"its node pulls the image {found[1]}" if found else "its node pulls its image"
            return Waiting(code="Pulling", words=words, quiet=SHORT)
    return None


def _quota(found: re.Match[str]) -> Waiting:
    words = f"the namespace's quota {found[1]} is used up: asked {found[2]}, used {found[3]} of {found[4]}"
    return Waiting(code="QuotaExceeded", words=words, fix="It starts when others end; or ask for less")


def _quota_wants(found: re.Match[str]) -> Waiting:
    words = f"the namespace's quota {found[1]} wants every pod to state {found[2]}"
    return Waiting(
        code="QuotaExceeded", words=words, fix="Add it to each role, such as %worker=2;%cpu=1;%memory=1Gi", patience=0
    )


def _limit_range(found: re.Match[str]) -> Waiting:
    return Waiting(code="LimitRange", words=f"the namespace has a limit: {found[0]}", fix="Ask for less", patience=0)


def _account(found: re.Match[str]) -> Waiting:
    words = f"there is no service account {found[1]} in its namespace"
    return Waiting(code="ServiceAccountNotFound", words=words, fix="Create it, or correct %patch=", patience=MOMENT)


def _priority(found: re.Match[str]) -> Waiting:
    words = f"the cluster has no priority class {found[1]}"
    return Waiting(code="PriorityClassNotFound", words=words, fix="Correct %priority=", patience=0)


def _pod_security(found: re.Match[str]) -> Waiting:
    if "init-pytorch" in found[2]:
        words = f"pod security {found[1]} refuses the init container that the operator adds to workers beside a master"
        fix = "Ask for workers alone: %worker=N without %master"
        return Waiting(code="PodSecurity", words=words, fix=fix, patience=0)
    words = f"pod security {found[1]} of its namespace refuses it: {cut(found[2])}"
    return Waiting(code="PodSecurity", words=words, fix="Correct %patch= or %volume=", patience=0)


def _webhook(found: re.Match[str]) -> Waiting:
    words = f"the admission webhook {found[1]} refuses it: {cut(found[2])}"
    return Waiting(code="AdmissionRefused", words=words, patience=MOMENT)


def _name_too_long(_: re.Match[str]) -> Waiting:
    return Waiting(code="NameTooLong", words="the job's name is too long", fix="Shorten %name=", patience=0)


_REFUSALS = (
    (re.compile(r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+)$"), _quota),
    (re.compile(r"failed quota: ([^:]+): must specify (.+?)(?: for: .*)?$"), _quota_wants),
    (re.compile(r"(?:maximum|minimum|max limit to request ratio)\b.+? usage per .+$"), _limit_range),
    (re.compile(r"error looking up service account [^:]*?([^/:\s]+): serviceaccount .* not found"), _account),
    (re.compile(r"no PriorityClass with name (\S+) was found"), _priority),
    (re.compile(r'violates PodSecurity "([^":]+)[^"]*": (.+)$'), _pod_security),
    (re.compile(r'admission webhook "([^"]+)" denied the request: (.+)$'), _webhook),
    (re.compile(r"name is too long|must be no more than 63 characters"), _name_too_long),
)
