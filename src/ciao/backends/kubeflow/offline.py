"""What would be created on a cluster that cannot be asked: as if it served every kind. Pure."""

from __future__ import annotations

from ciao.backends.kubeflow.bases import architecture, bases
from ciao.backends.kubeflow.configmaps import only_the_cell
from ciao.backends.kubeflow.kinds import Served, kind_of
from ciao.backends.kubeflow.manifests import Place, manifests
from ciao.backends.kubeflow.printing import as_yaml
from ciao.frameworks import FRAMEWORKS
from ciao.k8s.discovery import OVERRIDES
from ciao.model import Bundle, Job, JobSpec, Target
from ciao.settings import Settings

__all__ = ["planned", "target"]


def planned(spec: JobSpec, job: Job, settings: Settings, *, bundle: Bundle | None = None) -> str:
    """As YAML. Raises CreateRefused for what no cluster could do."""
    return as_yaml(manifests(spec, job, bundle or only_the_cell(spec), place=_place(spec, settings)))


def target(spec: JobSpec, settings: Settings) -> Target:
    """As far as the cell and the settings say it."""
    place = _place(spec, settings)
    images = bases(spec, kind_of(spec, place.served), place=place)
    asked = architecture(spec)
    return Target(images=images, platforms=(asked,) if asked else (), namespace=place.namespace)


def _place(spec: JobSpec, settings: Settings) -> Place:
    served = Served(v1=frozenset(f.operator.plural for f in FRAMEWORKS.values()), override=OVERRIDES[0])
    return Place(
        namespace=spec.namespace or settings.namespace or "default",
        served=served,
        images=settings.images,
        grace=settings.grace,
        host_paths=settings.host_paths,
        run_as=settings.run_as,
        run_as_image="pods.user" not in settings.given,
        pull_secrets=settings.s2i_pull_secrets,
    )
