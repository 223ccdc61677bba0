"""How the code of a job gets into its pods: in their image, as an image volume, or from a ConfigMap. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ciao.backends.kubeflow import configmaps
from ciao.errors import CreateRefused
from ciao.model import CODE, Bundle, Files, Mounted, Pinned

__all__ = [
    "VOLUME",
    "Carried",
    "Carrier",
    "Way",
    "carried",
    "carrier",
    "image_for",
    "images_of",
    "strategy_of",
    "way_of",
]

VOLUME = "ciao-code"

Carrier = Files | Pinned | Mounted
"""A bundle that reaches a pod."""

Way = Literal["image", "volume", "configmap"]


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a pod needs for it. ``policy`` is when the image is pulled, empty for the cluster's default."""

    volumes: tuple[dict[str, Any], ...] = ()
    mounts: tuple[dict[str, Any], ...] = ()
    policy: str = ""


def carrier(bundle: Bundle) -> Carrier:
    """The bundle, if it is of a kind that reaches a pod. Raises CreateRefused."""
    if isinstance(bundle, Carrier):
        return bundle
    raise CreateRefused("the code is in a folder of this machine", hint="Remove %s2i=, or use %backend=local")


def carried(bundle: Carrier, *, config_map: str) -> Carried:
    """What is named by its digest never changes: a node that has it need not ask for it again."""
    mount = {"name": VOLUME, "mountPath": CODE, "readOnly": True}
    match bundle:
        case Files():
            return Carried(volumes=(configmaps.volume(bundle, name=config_map),), mounts=(mount,))
        case Mounted():
            volume = {"name": VOLUME, "image": {"reference": bundle.image, "pullPolicy": "IfNotPresent"}}
            below = {"subPath": bundle.subpath} if bundle.subpath else {}
            return Carried(volumes=(volume,), mounts=({**mount, **below},))
        case Pinned():
            return Carried(policy="IfNotPresent")


def image_for(bundle: Carrier, base: str) -> str:
    """The image of a pod whose base image this is. Raises CreateRefused if none was made for it."""
    if not isinstance(bundle, Pinned) or not base:
        return base
    if base not in bundle.images:
        raise CreateRefused(f"no image with the code was made from {base}", hint="Run the cell again")
    return bundle.images[base]


def images_of(bundle: Carrier) -> tuple[str, ...]:
    """The images that were made for the job, and that it needs until its end."""
    match bundle:
        case Pinned():
            return tuple(sorted(set(bundle.images.values())))
        case Mounted():
            return (bundle.image,)
        case Files():
            return ()


def strategy_of(bundle: Carrier) -> str:
    """As ``%s2i=`` names what made it."""
    match bundle:
        case Files():
            return "configmap"
        case Mounted():
            return bundle.strategy or "imagevolume"
        case Pinned():
            return bundle.strategy or "append"


def way_of(pod: Mapping[str, Any]) -> Way:
    """By which way the code comes into a pod of ours that is there."""
    volumes = (pod.get("spec") or {}).get("volumes") or ()
    found: Mapping[str, Any] = next((v for v in volumes if v.get("name") == VOLUME), {})
    if not found:
        return "image"
    return "volume" if "image" in found else "configmap"
