"""What is known of one job beyond its state: its object, its images, its pods and their nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ciao.backends.kubeflow.finding import Found
from ciao.backends.kubeflow.labels import brought_by, images_in
from ciao.backends.kubeflow.replicas import replica_of
from ciao.k8s.base import Manifest

__all__ = ["facts", "places"]

OTHERWISE = {"configmap": "in a ConfigMap", "imagevolume": "in an image volume"}


def facts(found: Found, pods: Sequence[Manifest]) -> tuple[tuple[str, str], ...]:
    """Pairs of words for people. A wide job may have many images: a few are shown."""
    resource = found.kind.resource
    images = list(dict.fromkeys(image for pod in pods for image in _images(pod)))
    shown = ", ".join(images[:3]) + (f" and {len(images) - 3} more" if len(images) > 3 else "")
    return (
        ("object", f"{resource.plural}.{resource.group}/{found.job.name}"),
        ("uid", found.uid),
        *((("image", shown),) if shown else ()),
        *_code(found),
    )


def _code(found: Found) -> Iterator[tuple[str, str]]:
    """How the code came along; nothing of jobs on which that is not written."""
    strategy, packages = brought_by(found.manifest)
    if strategy:
        carried = OTHERWISE.get(strategy, "in the image")
        volume = images_in(found.manifest) if strategy == "imagevolume" else ()
        yield "code", f"{carried} ({strategy})" + "".join(f" {image}" for image in volume)
    if packages:
        yield "packages", packages


def places(pods: Sequence[Manifest], ranked: Sequence[str]) -> Mapping[str, str]:
    """By replica: its pod, and the node that it was given. Of several pods the newest."""
    found: dict[str, str] = {}
    for pod in sorted(pods, key=lambda p: str(p["metadata"].get("creationTimestamp"))):
        name = replica_of(pod, ranked)
        if name is not None:
            node = (pod.get("spec") or {}).get("nodeName")
            found[name] = f"{pod['metadata']['name']} on {node}" if node else f"{pod['metadata']['name']}, no node yet"
    return found


def _images(pod: Manifest) -> Iterator[str]:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if any(variable.get("name") == "CIAO_JOB" for variable in container.get("env") or ()):
            yield str(container.get("image"))
