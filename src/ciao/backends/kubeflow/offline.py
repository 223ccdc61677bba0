"""What would be created on a cluster that cannot be asked: as if it served every kind. Pure."""

from __future__ import annotations

from ciao.backends.kubeflow.configmaps import only_the_cell
from ciao.backends.kubeflow.kinds import Served
from ciao.backends.kubeflow.manifests import Place, manifests
from ciao.backends.kubeflow.printing import as_yaml
from ciao.frameworks import ON_A_CLUSTER
from ciao.k8s.discovery import OVERRIDES
from ciao.model import Job, JobSpec
from ciao.settings import Settings

__all__ = ["planned"]


def planned(spec: JobSpec, job: Job, settings: Settings) -> str:
    """As YAML. Raises CreateRefused for what no cluster could do."""
    served = Served(v1=frozenset(f.operator.plural for f in ON_A_CLUSTER.values()), override=OVERRIDES[0])
    place = Place(
        namespace=spec.namespace or settings.namespace or "default",
        served=served,
        images=settings.images,
        grace=settings.grace,
        host_paths=settings.host_paths,
        run_as=settings.run_as,
    )
    return as_yaml(manifests(spec, job, only_the_cell(spec), place=place))
