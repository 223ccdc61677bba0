"""deploy/ on a real cluster: what the API server takes, and the gateway of one user, by the commands of its README."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster.kubectl import program
from fakes.deployed import DEPLOY, Asked, Overlay, commands, rendered

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PARTS = [f"{one.parent.name}/{one.name}" for one in sorted(DEPLOY.glob("[rc]*/*")) if one.is_dir()]
SHIPPED = [f"roles/{name}" for name in ("jobs", "trainjobs", "configmaps", "packages", "trial", "queues", "stacks")]
LEVEL = "pod-security.kubernetes.io/enforce=restricted"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """That of a test."""

    kubectl: Kubectl
    asked: Asked
    token: str

    @property
    def authorized(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}


@pytest.fixture
def gateway(tmp_path: Path, kubectl: Kubectl, gateway_image: str) -> Gateway:
    """The overlay for one user, applied as the README says, in a namespace of level `restricted`."""
    kubectl("label", "namespace", kubectl.namespace, LEVEL)
    _shell(commands("Secrets").replace("NAMESPACE=ciao", f"NAMESPACE={kubectl.namespace}"), tmp_path, kubectl)
    overlay = Overlay(folder=tmp_path / "overlay", namespace=kubectl.namespace, image=gateway_image)
    kubectl("apply", "-k", str(overlay.write()))
    kubectl.condition("deployment/ciao", "Available", seconds=600)
    address = kubectl("get", "pods", "-l=app.kubernetes.io/name=ciao", "-o=jsonpath={.items[0].status.podIP}")
    name = f"ciao.{kubectl.namespace}.svc"
    asked = Asked(base=f"https://{address}:8889", authority=tmp_path / "tls.crt", name=name)
    token = kubectl("get", "secret", "ciao-token", "-o=go-template={{.data.token | base64decode}}")
    return Gateway(kubectl=kubectl, asked=asked, token=token.strip())


def _shell(script: str, folder: Path, kubectl: Kubectl) -> None:
    """Words of a README, with our kubectl."""
    (folder / "bin").mkdir()
    (folder / "bin" / "kubectl").symlink_to(program())
    environ = {**os.environ, "KUBECONFIG": str(kubectl.kubeconfig), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr


async def test_the_gateway_of_one_user_is_ready_under_restricted_and_lets_in_who_has_the_token(
    gateway: Gateway,
) -> None:
    asked = gateway.asked
    assert (await asked.get("/readyz"))[0] == 200
    assert (await asked.get("/api/kernels"))[0] in (401, 403)
    assert await asked.get("/api/kernels", headers=gateway.authorized) == (200, "[]")
    status, specs = await asked.get("/api/kernelspecs", headers=gateway.authorized)
    assert (status, '"ciao"' in specs) == (200, True)
    _told_by_doctor_in_its_pod(gateway.kubectl)
    _has_only_what_it_needs(gateway.kubectl)
    _is_not_evicted(gateway.kubectl)


def _told_by_doctor_in_its_pod(kubectl: Kubectl) -> None:
    """It finds the cluster by the service account, and lacks what only an administrator of the cluster grants."""
    told = kubectl.run("exec", "deploy/ciao", "--", "python", "-m", "ciao", "doctor").stdout
    assert f"this pod's service account: context in-cluster, namespace {kubectl.namespace}" in told
    assert f"system:serviceaccount:{kubectl.namespace}:ciao" in told
    lacking = [line.partition("you may not ")[2].partition(",")[0] for line in told.splitlines() if "may not" in line]
    assert [one for one in lacking if "pod security level" not in one and not one.startswith("read")] == [
        "list clustertrainingruntimes.trainer.kubeflow.org",
        "list nodes",
    ]


def _has_only_what_it_needs(kubectl: Kubectl) -> None:
    inside = (
        "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/1/status; id -u; touch /opt/x /etc/x 2>&1 | grep -c Read-only"
    )
    done = kubectl("exec", "deploy/ciao", "--", "sh", "-c", inside)
    assert done.split() == ["CapEff:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2", "1000", "2"]


def _is_not_evicted(kubectl: Kubectl) -> None:
    """As a drain of its node would: kernels are lost with it, and somebody has to want that."""
    [pod] = kubectl.names("pods")
    about = {"name": pod, "namespace": kubectl.namespace}
    wanted = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": about})
    path = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}/eviction"
    assert "disruption budget" in kubectl.run("create", f"--raw={path}", "-f", "-", text=wanted).stderr


def test_the_server_takes_every_part_together(tmp_path: Path, kubectl: Kubectl) -> None:
    parts = [part for part in PARTS if part not in SHIPPED]
    prefix = {"namePrefix": f"{kubectl.namespace[-20:].strip('-')}-"}
    overlay = Overlay(
        folder=tmp_path, namespace=kubectl.namespace, parts=parts, image="registry.example/x", more=prefix
    )
    told = kubectl("apply", "--dry-run=server", "-k", str(overlay.write()))
    kinds = Counter(line.partition("/")[0] for line in told.splitlines())
    assert (kinds["role.rbac.authorization.k8s.io"], kinds["clusterrole.rbac.authorization.k8s.io"]) == (9, 1)
    assert kinds.keys() >= {"ingress.networking.k8s.io", "persistentvolumeclaim", "poddisruptionbudget.policy"}
    assert "Warning" not in told


def test_users_are_apart_in_every_object(prepared: None) -> None:
    found = rendered(DEPLOY / "overlays" / "many-users")
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))
    for kind, namespace, name in names:
        user = (namespace or name).removeprefix("ciao-")
        assert user in ("alice", "bob")
        assert kind == "Namespace" or name.startswith(f"{user}-ciao")
    for one in found:
        for subject in one.get("subjects", ()):
            assert subject["namespace"] == one["metadata"]["namespace"]
            assert one["metadata"]["name"].startswith(subject["name"])
