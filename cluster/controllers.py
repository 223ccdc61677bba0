"""Kubeflow's Training Operator v1, JobSet and Trainer v2: the real programs, outside of pods.

Their manifests are read from the Go modules that they are built from.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cluster import builds, image_folder, images, pki
from cluster.components import Component
from cluster.errors import ClusterError
from cluster.images import Image
from cluster.layout import Layout
from cluster.readiness import PATIENCE, both, http_ok, listens

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMESPACES = ("kubeflow", "kubeflow-system", "jobset-system")
CERTIFICATES = Path("/tmp/k8s-webhook-server")  # noqa: S108 - fixed in the programs; a mount of the cluster's own
POD_WEBHOOKS = ("/mutate--v1-pod", "/validate--v1-pod")
"""JobSet's hooks for every pod of the cluster: only exclusive placement needs them, every pod would wait."""


def prepare(cluster: Layout) -> None:
    """Namespaces, CRDs, webhook registrations, and the certificates where the programs look for them."""
    operator, trainer, jobset = (
        builds.sources(one) for one in (builds.TRAINING_OPERATOR, builds.TRAINER, builds.JOBSET)
    )
    folders = (
        operator / "manifests/base/crds",
        trainer / "manifests/base/crds",
        jobset / "config/components/crd/bases",
    )
    apply(cluster, [path for folder in folders for path in _manifests(folder)])
    documents = [
        *(_named("Namespace", name) for name in NAMESPACES),
        _operator_secret(cluster),
        *_webhooks(cluster, operator / "manifests/base/webhook/manifests.yaml", "training-operator", 19443),
        *_webhooks(cluster, jobset / "config/components/webhook/manifests.yaml", "jobset", 19444),
        *_webhooks(cluster, trainer / "manifests/base/webhook/manifests.yaml", "trainer", 19445),
    ]
    ours = cluster.state / "registrations.json"
    ours.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    apply(cluster, [ours])
    _kubectl(cluster, "wait", "crd", "--all", "--for=condition=Established", f"--timeout={PATIENCE:.0f}s")
    _certificate(cluster)


def training_operator(cluster: Layout) -> Component:
    """Its certificate rotator finds our certificate in its Secret, valid, and leaves it alone."""
    command = (
        builds.program("training-operator.v1"),
        "--metrics-bind-address=127.0.0.1:18080",
        "--health-probe-bind-address=127.0.0.1:18081",
        "--webhook-server-port=19443",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--controller-threads=4",
        f"--pytorch-init-container-image={_pinned(cluster, images.INIT)}",
        f"--mpi-kubectl-delivery-image={_pinned(cluster, images.KUBECTL_DELIVERY)}",
    )
    return _component(cluster, "training-operator", command, health=18081, webhook=19443)


def _pinned(cluster: Layout, image: Image) -> str:
    """By its content: a node that has pulled an earlier one keeps that from one start to the next."""
    return f"{cluster.registry}/{image.name}@{image_folder.digest(image.folder)}"


def jobset(cluster: Layout) -> Component:
    """Trainer's jobs are JobSets."""
    config = {
        "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
        "internalCertManagement": {"enable": False},
        "metrics": {"bindAddress": "127.0.0.1:18082"},
        "health": {"healthProbeBindAddress": "127.0.0.1:18083"},
    }
    command = (builds.program("jobset"), f"--config={_config(cluster, 'jobset', config, webhook=19444)}")
    return _component(cluster, "jobset", command, health=18083, webhook=19444)


def trainer(cluster: Layout) -> Component:
    """TrainJob."""
    config = {
        "apiVersion": "config.trainer.kubeflow.org/v1alpha1",
        "certManagement": {"enable": False},
        "metrics": {"bindAddress": "127.0.0.1:18084", "secureServing": False},
        "health": {"healthProbeBindAddress": "127.0.0.1:18085"},
    }
    command = (
        builds.program("trainer-controller-manager"),
        f"--config={_config(cluster, 'trainer', config, webhook=19445)}",
    )
    return _component(cluster, "trainer", command, health=18085, webhook=19445)


def runtimes(cluster: Layout) -> None:
    """The ClusterTrainingRuntimes that Trainer ships; its webhook must be there."""
    apply(cluster, _manifests(builds.sources(builds.TRAINER) / "manifests/base/runtimes"))


def apply(cluster: Layout, files: Iterable[Path]) -> None:
    """Server-side, because some are too large for the annotation of the other way; unchecked, because they are known.

    Raises:
        ClusterError: the API refused one; with its answer.
    """
    names = (f"--filename={file}" for file in files)
    _kubectl(cluster, "apply", "--server-side", "--force-conflicts", "--validate=false", *names)


def _kubectl(cluster: Layout, *arguments: str) -> None:
    command = [builds.program("kubectl"), f"--kubeconfig={cluster.kubeconfig}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(f"kubectl {arguments[0]} failed:\n{done.stderr}")


def _named(kind: str, name: str, **metadata: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, **metadata}}


def _manifests(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")


def _operator_secret(cluster: Layout) -> dict[str, Any]:
    files = {"ca.crt": "ca.crt", "ca.key": "ca.key", "tls.crt": f"{pki.WEBHOOKS}.crt", "tls.key": f"{pki.WEBHOOKS}.key"}
    data = {key: base64.b64encode((cluster.pki / name).read_bytes()).decode() for key, name in files.items()}
    return {**_named("Secret", "training-operator-webhook-cert", namespace="kubeflow"), "data": data}


def _certificate(cluster: Layout) -> None:
    """Where the programs look for it."""
    served = CERTIFICATES / "serving-certs"
    served.mkdir()
    for kind, name in (("crt", "tls.crt"), ("key", "tls.key")):
        shutil.copy(cluster.pki / f"{pki.WEBHOOKS}.{kind}", served / name)


def _webhooks(cluster: Layout, path: Path, program: str, port: int) -> list[dict[str, Any]]:
    """The module's registrations, calling a process of ours instead of a Service."""
    authority = base64.b64encode((cluster.pki / "ca.crt").read_bytes()).decode()
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        kind = "mutator" if document["kind"].startswith("Mutating") else "validator"
        document["metadata"]["name"] = f"{kind}.{program}.kubeflow.org"  # one of them looks for its own by this name
        hooks = [one for one in document["webhooks"] if one["clientConfig"]["service"]["path"] not in POD_WEBHOOKS]
        for hook in hooks:
            url = f"https://127.0.0.1:{port}{hook['clientConfig']['service']['path']}"
            hook["clientConfig"] = {"url": url, "caBundle": authority}
        document["webhooks"] = hooks
    return documents


def _config(cluster: Layout, name: str, config: dict[str, Any], *, webhook: int) -> Path:
    path = cluster.state / f"{name}.yaml"
    leader = {"leaderElection": {"leaderElect": False}}
    path.write_text(yaml.safe_dump({**config, **leader, "kind": "Configuration", "webhook": {"port": webhook}}))
    return path


def _component(cluster: Layout, name: str, command: tuple[str, ...], *, health: int, webhook: int) -> Component:
    ready = both(http_ok("127.0.0.1", health, "/readyz"), listens("127.0.0.1", webhook))
    return Component(name=name, command=command, ready=ready, environment={"KUBECONFIG": str(cluster.kubeconfig)})
