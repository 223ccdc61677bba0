"""The gateway as a Notebook of Kubeflow's: what its account may do, and the pod that the controller makes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ciao.k8s.rights import Right
from cluster import builds
from fakes.accounts import account_of
from fakes.deployed import Asked, Overlay

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

KUBERNETES_EDIT: dict[str, tuple[str, ...]] = {
    "pods": ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
    "configmaps": ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
    "secrets": ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
    "jobs.batch": ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
    "pods/log": ("get", "list", "watch"),
    "pods/exec": ("get", "list", "watch", "create", "delete", "deletecollection", "patch", "update"),
    "events": ("get", "list", "watch"),
    "resourcequotas": ("get", "list", "watch"),
}
"""Of Kubeflow's own roles, what its kubernetes-edit and kubernetes-view grant on what is of interest here."""

LACKING = {
    "configmap": {"create trainingruntimes.trainer.kubeflow.org", "list nodes"},
    "append": {"create trainingruntimes.trainer.kubeflow.org", "list nodes"},
    "cluster-kaniko": {"create trainingruntimes.trainer.kubeflow.org", "list nodes"},
    "tekton": {
        "create trainingruntimes.trainer.kubeflow.org",
        "list nodes",
        "create, delete, get taskruns.tekton.dev",
    },
}
"""What the account of a notebook in Kubeflow may not do, by strategy: deploy/README.md says it, too."""


@pytest.fixture
def default_editor(cluster: Cluster, kubectl: Kubectl) -> Iterator[None]:
    """The account of a profile's notebooks, with Kubeflow's roles as its distribution aggregates them."""
    label = "rbac.authorization.kubeflow.org/aggregate-to-kubeflow-edit"
    edit = _cluster_role("kubeflow-edit", [])
    edit["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]}
    kubernetes = _cluster_role("kubeflow-kubernetes-edit", [_rule(*one) for one in KUBERNETES_EDIT.items()])
    kubernetes["metadata"]["labels"] = {label: "true"}
    made = yaml.safe_dump_all([edit, kubernetes, *_of_operators()])
    kubectl("apply", "-f", "-", text=made)
    kubectl("create", "serviceaccount", "default-editor")
    account = f"--serviceaccount={kubectl.namespace}:default-editor"
    kubectl("create", "rolebinding", "default-editor", "--clusterrole=kubeflow-edit", account)
    yield
    kubectl("delete", "-f", "-", text=made)


AGGREGATED = (
    Right(verb="list", resource="trainjobs", group="trainer.kubeflow.org"),
    Right(verb="patch", resource="pytorchjobs", group="kubeflow.org"),
    Right(verb="list", resource="localqueues", group="kueue.x-k8s.io"),
)
"""One of each role that a controller puts together, in any order."""


async def test_the_account_of_kubeflow_s_notebooks_lacks_two_rights_that_jobs_can_do_without(
    tmp_path: Path, kubectl: Kubectl, default_editor: None
) -> None:
    async with account_of(tmp_path, kubectl, "default-editor") as account:
        for right in AGGREGATED:
            await account.until(right, allowed=True)
        for strategy, lacking in LACKING.items():
            found = await account.set_to(strategy).doctor()
            words = {check.words.removeprefix("you may not ").partition(", to ")[0]: check.verdict for check in found}
            assert set(words) == lacking
            assert {verdict for what, verdict in words.items() if "taskruns" not in what} == {"warn"}


async def test_the_pod_of_the_controller_serves_its_user_below_the_path_of_the_notebook(
    tmp_path: Path, kubectl: Kubectl, gateway_image: str
) -> None:
    overlay = Overlay(
        folder=tmp_path, namespace=kubectl.namespace, upon="overlays/kubeflow-notebook", image=gateway_image
    )
    made = {one["kind"]: one for one in overlay.render()}
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "serviceaccount", "default-editor")
    stateful, service = _as_the_controller(made["Notebook"])
    for one in (made["ConfigMap"], made["NetworkPolicy"], stateful, service):
        kubectl.create(one)
    kubectl.until("statefulset/ciao", "{.status.readyReplicas}", "1", seconds=600)
    address = kubectl("get", "pod", "ciao-0", "-o=jsonpath={.status.podIP}")
    kubectl.until("endpoints/ciao", "{.subsets[0].addresses[0].ip}", address)
    port = kubectl("get", "endpoints", "ciao", "-o=jsonpath={.subsets[0].ports[0].port}")
    asked = Asked(base=f"http://{address}:{port}")
    inner, user = f"/notebook/{kubectl.namespace}/ciao", {"kubeflow-userid": "user@example.com"}
    assert await asked.get(f"{inner}/api/kernels", headers=user) == (200, "[]")
    for refused in ({}, {"kubeflow-userid": "other@example.com"}):
        assert (await asked.get(f"{inner}/api/kernels", headers=refused))[0] == 403
    assert (await asked.get("/api/kernels", headers=user))[0] == 404


def _as_the_controller(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """What Kubeflow's notebook controller makes of one (components/notebook-controller of Kubeflow 1.10)."""
    name, namespace = notebook["metadata"]["name"], notebook["metadata"]["namespace"]
    about, labels = {"name": name, "namespace": namespace}, {"statefulset": name, "notebook-name": name}
    pod = copy.deepcopy(notebook["spec"]["template"]["spec"])
    first = pod["containers"][0]
    first.setdefault("workingDir", "/home/jovyan")
    first["env"].append({"name": "NB_PREFIX", "value": f"/notebook/{namespace}/{name}"})
    pod.setdefault("securityContext", {"fsGroup": 100})
    selected = {"statefulset": name}
    template = {"metadata": {"labels": {**labels, **notebook["metadata"]["labels"]}}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": selected}, "template": template, "serviceName": ""}
    port = {"name": f"http-{name}", "port": 80, "targetPort": first["ports"][0]["containerPort"]}
    return [
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": about, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": {"selector": selected, "ports": [port]}},
    ]


def _cluster_role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    api = "rbac.authorization.k8s.io/v1"
    return {"apiVersion": api, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def _rule(name: str, verbs: tuple[str, ...]) -> dict[str, Any]:
    resource, _, group = name.partition(".")
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}


def _of_operators() -> Iterator[dict[str, Any]]:
    """What the Training Operator and Trainer bring for Kubeflow's own roles, from their sources."""
    for module, file in (
        (builds.TRAINING_OPERATOR, "manifests/overlays/kubeflow/kubeflow-training-roles.yaml"),
        (builds.TRAINER, "manifests/overlays/kubeflow-platform/kubeflow-trainer-roles.yaml"),
    ):
        yield from yaml.safe_load_all((builds.sources(module) / file).read_text())
