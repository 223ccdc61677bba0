"""Whether a cluster would take a job: ``ciao doctor`` asks it about the smallest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ciao.commands.check import Check
from ciao.commands.packing_checks import chosen
from ciao.frameworks import FRAMEWORKS

if TYPE_CHECKING:
    from ciao.backends.kubeflow.cluster import Cluster
    from ciao.model import JobSpec
    from ciao.settings import Settings

__all__ = ["trial"]

TINY = {"pytorch": "worker", "jax": "worker", "tensorflow": "worker", "paddle": "worker", "xgboost": "master"}
"""Cells of one replica that every namespace should take."""


async def trial(cluster: Cluster, settings: Settings) -> list[Check]:
    """The server is asked whether it would take a tiny cell's job, and a pod of it."""
    from ciao.backends.kubeflow.image_volumes import no_image_volumes
    from ciao.backends.kubeflow.rights import TRY_A_POD
    from ciao.backends.kubeflow.trying import try_job, try_pod

    spec = await _tiny(cluster, settings)
    if spec is None:
        return []  # no kind, or no image: told above
    strategy = chosen(settings)
    if strategy == "imagevolume" and await cluster.has_image_volumes() is False:
        raise no_image_volumes(cluster.api.context)
    await try_job(cluster, spec, strategy=strategy)
    if not await cluster.may(TRY_A_POD):
        return [Check(name="trial", verdict="ok", words=f"the cluster takes a job of {spec.framework}")]
    await try_pod(cluster, spec, strategy=strategy)
    return [Check(name="trial", verdict="ok", words=f"the cluster takes a job of {spec.framework}, and its pods")]


async def _tiny(cluster: Cluster, settings: Settings) -> JobSpec | None:
    """A cell of the first framework that can run there."""
    from ciao import interpreter
    from ciao.model import Cell

    served = await cluster.kinds()
    for framework, role in TINY.items():
        kinds = {FRAMEWORKS[framework].operator.kind} | ({"TrainJob"} if FRAMEWORKS[framework].runtime else set())
        if framework in settings.images and any(kind.name in kinds for kind in served):
            return interpreter.read(Cell(text=f"%framework={framework}\n%{role}=1\npass"), settings=settings)
    return None
