"""A real API server lets us in by every door that we know, and tells us when it does not."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import yaml

from ciao.errors import BackendUnavailable
from ciao.k8s import permissions
from ciao.k8s.api import Connection, connect
from ciao.k8s.base import CONFIG_MAPS, PODS
from ciao.k8s.discovery import Discovery
from ciao.k8s.errors import ApiError
from ciao.k8s.rights import Right
from ciao.settings import Settings

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PLUGIN = """
import json, subprocess, sys, time
kubectl, log = json.loads(sys.argv[1]), open(sys.argv[2], "a")
log.write("run\\n")
token = subprocess.check_output([*kubectl, "create", "token", "default"], text=True).strip()
soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
status = {"token": token, "expirationTimestamp": soon}
print(json.dumps({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status}))
"""

Login = Callable[..., Connection]


@pytest.fixture
def login(kubectl: Kubectl, tmp_path: Path) -> Login:
    """Connect to the test's namespace as another user: ``login(token="...")``."""

    def make(*, server: str = "", authority: str = "", **user: Any) -> Connection:
        config = yaml.safe_load(kubectl.kubeconfig.read_text())
        [cluster] = config["clusters"]
        cluster["cluster"] |= {"server": server or cluster["cluster"]["server"]}
        cluster["cluster"] |= {"certificate-authority-data": authority} if authority else {}
        config["users"][0]["user"] = user or config["users"][0]["user"]
        file = tmp_path / "kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return connect(Settings(home=tmp_path, kubeconfig=file), namespace=kubectl.namespace, environ=os.environ)

    return make


@pytest_asyncio.fixture
async def api(login: Login) -> AsyncIterator[Connection]:
    """As the administrator."""
    async with login() as connection:
        yield connection


def token(kubectl: Kubectl) -> str:
    return kubectl("create", "token", "default").strip()


async def who(api: Connection) -> str:
    return await permissions.user(api)


async def test_a_kubeconfig_with_a_certificate_lets_us_in(api: Connection, kubectl: Kubectl) -> None:
    assert await who(api) == "admin"
    assert (await api.request("GET", PODS.path(namespace=api.namespace)))["kind"] == "PodList"


async def test_a_service_accounts_token_lets_us_in(login: Login, kubectl: Kubectl) -> None:
    async with login(token=token(kubectl)) as api:
        assert await who(api) == f"system:serviceaccount:{kubectl.namespace}:default"


async def test_a_pod_is_let_in_by_its_files_and_variables(kubectl: Kubectl, tmp_path: Path) -> None:
    [cluster] = yaml.safe_load(kubectl.kubeconfig.read_text())["clusters"]
    host, port = cluster["cluster"]["server"].removeprefix("https://").rsplit(":", 1)
    authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"])
    (tmp_path / "ca.crt").write_bytes(authority)
    (tmp_path / "namespace").write_text(kubectl.namespace)
    (tmp_path / "token").write_text(token(kubectl))
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    async with connect(Settings(home=tmp_path), environ=environ, account=tmp_path) as api:
        assert (api.context, api.namespace) == ("in-cluster", kubectl.namespace)
        assert await who(api) == f"system:serviceaccount:{kubectl.namespace}:default"


async def test_a_plugin_is_asked_again_when_its_token_is_over(login: Login, kubectl: Kubectl, tmp_path: Path) -> None:
    from cluster import builds

    script, log = tmp_path / "plugin.py", tmp_path / "log"
    script.write_text(PLUGIN)
    words = [str(builds.program("kubectl")), f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={kubectl.namespace}"]
    version = "client.authentication.k8s.io/v1"
    plugin = {"command": sys.executable, "apiVersion": version, "args": [str(script), json.dumps(words), str(log)]}
    async with login(exec={**plugin, "interactiveMode": "Never"}) as api:
        for _ in range(2):
            assert await who(api) == f"system:serviceaccount:{kubectl.namespace}:default"
            await asyncio.sleep(1.1)  # the token's life
    assert log.read_text() == "run\n" * 2


async def test_a_token_that_nobody_knows_is_refused_in_words(login: Login) -> None:
    async with login(token="nobodys") as api:
        with pytest.raises(ApiError, match="does not know who you are") as caught:
            await api.request("GET", PODS.path(namespace=api.namespace))
    assert caught.value.code == 401


async def test_an_authority_of_another_cluster_is_not_trusted(login: Login, tmp_path: Path) -> None:
    from fakes import certificates

    other = certificates.make(tmp_path).authority
    async with login(authority=base64.b64encode(other).decode()) as api:
        with pytest.raises(BackendUnavailable, match="shows a certificate that is not trusted"):
            await api.request("GET", "/version")


async def test_a_missing_right_is_granted_by_the_line_that_the_error_gives(
    login: Login, kubectl: Kubectl, tmp_path: Path
) -> None:
    create = Right(verb="create", group="kubeflow.org", resource="pytorchjobs")
    job = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "j"}, "spec": {}}
    path = f"/apis/kubeflow.org/v1/namespaces/{kubectl.namespace}/pytorchjobs"
    async with login(token=token(kubectl)) as api:
        assert not (await permissions.review(api, [create], namespace=api.namespace))[create].allowed
        with pytest.raises(ApiError, match=r"may not create pytorchjobs\.kubeflow\.org in the namespace") as caught:
            await api.request("POST", path, body=job)
        await run(caught.value.hint.partition(": ")[2], kubectl, home=tmp_path)
        async with asyncio.timeout(60):  # the server hears of a new binding a moment later
            while not (await permissions.review(api, [create], namespace=api.namespace))[create].allowed:
                pass
        with pytest.raises(ApiError) as caught:
            await api.request("POST", path, body=job)
        assert "may not" not in caught.value.message


async def run(line: str, kubectl: Kubectl, *, home: Path) -> None:
    """A shell's line, as the administrator; kubectl keeps its cache at home."""
    from cluster import builds

    path = f"{Path(builds.program('kubectl')).parent}:{os.environ['PATH']}"
    environ = {"PATH": path, "KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(home)}
    process = await asyncio.create_subprocess_shell(line, env=environ)
    assert await process.wait() == 0


async def test_what_the_cluster_serves_is_found(api: Connection) -> None:
    discovery = Discovery(api)
    assert (await discovery.version()).startswith("v1.")
    assert {"PyTorchJob", "TFJob", "JAXJob", "XGBoostJob", "PaddleJob", "MPIJob"} <= set(
        await discovery.served("kubeflow.org")
    )
    assert await discovery.override() == "runtimePatches"


async def test_who_may_not_read_crds_finds_the_same(login: Login, kubectl: Kubectl) -> None:
    async with login(token=token(kubectl)) as api:
        assert await Discovery(api).override() == "runtimePatches"


async def test_refusals_of_a_real_server_are_told_in_words(api: Connection) -> None:
    jobs = f"/apis/kubeflow.org/v1/namespaces/{api.namespace}/pytorchjobs"
    boss = {"pytorchReplicaSpecs": {"Boss": {"replicas": 1}}}
    replicas = {"pytorchReplicaSpecs": {"Master": {"replicas": "many"}}}
    for path, spec, words in (
        ("/apis/none.org/v1/nones", {}, "does not know nones (none.org/v1)"),
        (jobs.replace(api.namespace, "none"), {}, "there is no namespace 'none'"),
        (jobs, replicas, "finds it invalid: spec.pytorchReplicaSpecs.Master.replicas in body must be of type integer"),
        (
            jobs,
            boss,
            "refused by the cluster's webhook validator.pytorch",
        ),
    ):
        job = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "metadata": {"name": "j"}, "spec": spec}
        with pytest.raises(ApiError) as caught:
            await api.request("POST", path, body=job)
        assert words in str(caught.value)
        assert "<nil>" not in str(caught.value)


async def test_a_stream_is_broken_when_the_api_server_is_and_a_request_waits_until_it_is_back(
    api: Connection, cluster: Cluster
) -> None:
    from cluster import control_plane

    path = CONFIG_MAPS.path(namespace=api.namespace)
    async with aclosing(api.stream(path, params={"watch": "true"}, idle=60)) as pieces:
        assert await anext(pieces) == b""  # the server has answered
        assert json.loads(await anext(pieces))["type"] == "ADDED"  # the cluster's authority, in every namespace
        cluster.kill("kube-apiserver")
        with pytest.raises(BackendUnavailable, match="broke the connection"):
            await anext(pieces)
    with pytest.raises(BackendUnavailable, match=r"refuses connections.*%backend=local"):
        await api.request("GET", path)
    await asyncio.to_thread(cluster.add, control_plane.apiserver(cluster.layout))
    assert (await api.request("GET", path))["kind"] == "ConfigMapList"
