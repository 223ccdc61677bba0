"""The base image of each role, from what the cell, the settings and the cluster say. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ciao.backends.kubeflow.kinds import Kind
from ciao.backends.kubeflow.place import Place
from ciao.errors import CreateRefused
from ciao.frameworks import FRAMEWORKS
from ciao.model import JobSpec, Role, RoleSpec

__all__ = ["LAUNCHER", "architecture", "base_image", "bases", "no_image"]

LAUNCHER = RoleSpec(role=Role.LAUNCHER, count=1)
"""What an MPIJob has even if the cell does not say so."""


def base_image(spec: JobSpec, role: RoleSpec, *, place: Place) -> str:
    """The role's image, else the job's, else the framework's of the settings, else the training runtime's, or empty."""
    return role.image or spec.image or place.images.get(spec.framework) or place.image_of(spec)


def bases(spec: JobSpec, kind: Kind, *, place: Place) -> dict[Role, str]:
    """The base image of each role that has one, the launcher's too if the cell does not name it."""
    implicit = kind.operator is not None and kind.operator.leader is Role.LAUNCHER
    stated = {role.role: role for role in spec.roles}
    roles = {LAUNCHER.role: LAUNCHER, **stated} if implicit else stated
    found = {name: base_image(spec, role, place=place) for name, role in roles.items()}
    return {name: image for name, image in found.items() if image}


def architecture(spec: JobSpec) -> str:
    """The platform of the nodes that the cell's patch asks for; empty if it does not."""
    selector = (spec.patch.get("spec") or {}).get("nodeSelector") or {}
    named = selector.get("kubernetes.io/arch") if isinstance(selector, Mapping) else None
    return f"linux/{named}" if isinstance(named, str) and named else ""


def no_image(framework: str) -> CreateRefused:
    """Nobody named an image for it."""
    title = FRAMEWORKS[framework].title
    hint = f"Name one that has {title}: %image=..., or images.{framework} in config.yaml"
    return CreateRefused(f"there is no image for {framework}", hint=hint)
