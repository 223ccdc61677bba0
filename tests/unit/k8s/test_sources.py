"""Which credentials are taken: those that are named before those that are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import sources
from ciao.k8s.access import TokenFile
from ciao.k8s.api import connect
from ciao.k8s.sources import InCluster, Kubeconfig
from ciao.settings import Settings


@pytest.fixture
def nothing(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A service account's files, as the kubelet puts them into a pod."""
    folder = tmp_path / "account"
    folder.mkdir()
    for name in ("token", "ca.crt", "namespace"):
        (folder / name).write_text(f"the {name}\n")
    return folder


def test_settings_come_before_the_variable_and_that_before_home(tmp_path: Path) -> None:
    home = tmp_path / ".kube" / "config"
    home.parent.mkdir()
    home.touch()
    environ = {"HOME": str(tmp_path), "KUBECONFIG": "/variable"}
    named = Settings(home=tmp_path, kubeconfig=Path("/named"))
    assert sources.find(named, environ) == Kubeconfig(files=(Path("/named"),))
    assert sources.find(Settings(home=tmp_path), environ) == Kubeconfig(files=[Path("/variable")])
    assert sources.find(Settings(home=tmp_path), {"HOME": str(tmp_path)}) == Kubeconfig(files=(home,))


def test_of_several_files_those_that_are_not_there_are_passed_over(tmp_path: Path, nothing: Settings) -> None:
    there = tmp_path / "there"
    there.touch()
    assert sources.find(nothing, {"KUBECONFIG": f"/none:{there}:"}) == Kubeconfig(files=[there])


def test_a_pod_has_the_credentials_of_its_service_account(account: Path, nothing: Settings) -> None:
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    source = sources.find(nothing, environ, account=account)
    assert isinstance(source, InCluster)
    access = source.load()
    assert (access.context, access.server, access.namespace) == ("in-cluster", "https://[fd00::1]:443", "the namespace")
    assert (access.authority, access.login) == (b"the ca.crt\n", TokenFile(path=account / "token"))


def test_without_a_cluster_the_error_says_how_to_name_one(nothing: Settings) -> None:
    assert sources.find(nothing, {}) is None
    with pytest.raises(BackendUnavailable, match=r"no cluster is known here. Set CIAO_KUBECONFIG .*%backend=local"):
        connect(nothing, environ={})


def test_the_callers_namespace_comes_before_that_of_settings_and_kubeconfig(tmp_path: Path) -> None:
    file = tmp_path / "config"
    context = "{name: c, context: {cluster: c, namespace: theirs}}"
    file.write_text(f"{{current-context: c, contexts: [{context}], clusters: [{{name: c, cluster: {{server: h}}}}]}}")
    settings = Settings(home=tmp_path, kubeconfig=file)
    assert connect(settings, environ={}).namespace == "theirs"
    settings = Settings(home=tmp_path, kubeconfig=file, namespace="set")
    assert connect(settings, environ={}).namespace == "set"
    assert connect(settings, namespace="asked", environ={}).namespace == "asked"
