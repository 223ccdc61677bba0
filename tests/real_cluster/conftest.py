"""One cluster a session, a namespace a test, images that are made when first asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster import images, outside
from cluster.kubectl import Kubectl

if not os.environ.get("CIAO_TEST_CLUSTER"):
    collect_ignore_glob = ["test_*.py"]


@dataclass(frozen=True, kw_only=True)
class Images:
    """Names of base images in the cluster's registry."""

    cluster: outside.Cluster

    def __call__(self, name: str) -> str:
        return self.cluster.image(images.ALL[name], print)


@pytest.fixture(scope="session")
def cluster() -> Iterator[outside.Cluster]:
    with outside.running("tests", print) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def image(cluster: outside.Cluster) -> Images:
    return Images(cluster=cluster)


@pytest.fixture
def kubectl(cluster: outside.Cluster, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """In a namespace of the test's own; its deletion is not waited for, the cluster's end is."""
    name = f"{re.sub('[^a-z0-9]+', '-', request.node.name.lower())[:40]}-{os.urandom(2).hex()}"
    bound = Kubectl(kubeconfig=cluster.layout.kubeconfig, namespace=name)
    bound.make_namespace()
    yield bound
    bound("delete", "namespace", name, "--wait=false")
