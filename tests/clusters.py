"""Fixtures for tests on a real Kubernetes, for every folder of tests: mark the module with `cluster` and ask for one.

- `kubectl`: kubectl in a namespace of the test's own.
- `image`: `image("pytorch")` is the name of a base image that the nodes can pull.
- `cluster`: the cluster itself, for tests that add programs to it or end some.
- `registry`: the open one; `htpasswd_registry`, `token_registry`, `tls_registry`: started when first asked for.
- `prepared`: all that clusters are made of, for tests that start some of their own.
- `kubeconfig`: the administrator's, for code that talks to the API itself.

CIAO_TEST_CLUSTER=1 (or CI) turns these tests on, on a cluster of our own that ends with the tests.
CIAO_TEST_CLUSTER_NAME names it; CIAO_TEST_CLUSTER_KEEP=1 leaves it running, and takes the running one next time.
CIAO_TEST_KUBECONFIG names another cluster. Its images: CIAO_TEST_IMAGE (PyTorch) and CIAO_TEST_IMAGE_TINY and so on,
or else CIAO_TEST_REGISTRY, an open registry into which they are pushed. What needs the inside of our own is skipped.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster
    from cluster.registries import Registry

Progress = Callable[[str], None]
WHO_RUNS_THEM = "`make test` and `make cluster-test` run these, and so does CI"
ELSEWHERE = "needs a cluster of our own, and CIAO_TEST_KUBECONFIG names another"
SIGN_OF_LIFE = 120
"""Seconds that a line of progress gives to a test: a first build takes longer than its own limit."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the tests run: a cluster of our own, or somebody else's by its kubeconfig."""

    kubeconfig: Path
    registry: str
    own: Cluster | None


@dataclass(frozen=True, kw_only=True)
class Images:
    """Names of base images in a registry of the cluster."""

    place: Place
    progress: Progress

    def __call__(self, name: str) -> str:
        """Made and pushed when first asked for."""
        from cluster import images

        if self.place.own:
            return self.place.own.image(images.ALL[name], self.progress)
        if given := os.environ.get(_variable(name)):
            return given
        if not self.place.registry:
            pytest.skip(f"{_variable(name)} is not set, nor CIAO_TEST_REGISTRY: the other cluster has no image {name}")
        if reason := _machine():
            pytest.skip(f"{_variable(name)} is not set, and making the image {name} {reason}")
        return _pushed(self.place.registry, name, self.progress)


@pytest.hookimpl(tryfirst=True)  # before any fixture
def pytest_runtest_setup(item: pytest.Item) -> None:
    """One reason for all that cannot run, said at one place so that pytest lists it once."""
    if item.get_closest_marker("cluster") and (reason := why_not(set(getattr(item, "fixturenames", ())))):
        pytest.skip(reason)


def why_not(fixtures: set[str]) -> str | None:
    """The reason why a test with these fixtures does not run here, or None."""
    if os.environ.get("CIAO_TEST_KUBECONFIG"):
        inside = "cluster" in fixtures or "place" not in fixtures
        return ELSEWHERE if inside else None
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return "one cluster, parts of which some tests end, is not shared by workers: run these without pytest-xdist"
    if reason := _machine():
        return f"a cluster {reason}"
    asked = any(os.environ.get(name) for name in ("CIAO_TEST_CLUSTER", "CI", "CIAO_TEST_NO_SKIP"))
    return None if asked else f"a cluster takes minutes the first time: {WHO_RUNS_THEM}"


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest) -> None:
    """All that clusters are made of. The first time these are minutes, which are told aloud."""
    from cluster import outside

    outside.prepare(_aloud(request.config))


@pytest.fixture(scope="session")
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """The cluster of this session, which is started when the first test asks for it."""
    if given := os.environ.get("CIAO_TEST_KUBECONFIG"):
        yield Place(kubeconfig=Path(given), registry=os.environ.get("CIAO_TEST_REGISTRY", ""), own=None)
        return
    name = os.environ.get("CIAO_TEST_CLUSTER_NAME") or "tests"
    request.getfixturevalue("prepared")
    with _own(name) as own:
        yield Place(kubeconfig=own.layout.kubeconfig, registry=own.layout.registry, own=own)


@pytest.fixture(scope="session")
def cluster(place: Place) -> Cluster:
    """Our own."""
    if not place.own:  # `why_not` has not seen a fixture that asks for it late
        pytest.skip(ELSEWHERE)
    return place.own


@pytest.fixture(scope="session")
def kubeconfig(place: Place) -> Path:
    return place.kubeconfig


@pytest.fixture(scope="session")
def image(place: Place, request: pytest.FixtureRequest) -> Images:
    return Images(place=place, progress=_aloud(request.config))


@pytest.fixture(scope="session")
def registry(place: Place) -> Registry:
    from cluster.registries import Registry

    if not place.registry:
        pytest.skip("CIAO_TEST_REGISTRY is not set: the other cluster has no registry that is known")
    return Registry(address=place.registry)


@pytest.fixture(scope="session")
def htpasswd_registry(cluster: Cluster) -> Registry:
    from cluster import registries

    return registries.htpasswd(cluster)


@pytest.fixture(scope="session")
def token_registry(cluster: Cluster) -> Registry:
    from cluster import registries

    return registries.token(cluster)


@pytest.fixture(scope="session")
def tls_registry(cluster: Cluster) -> Registry:
    from cluster import registries

    return registries.tls(cluster)


@pytest.fixture
def kubectl(place: Place, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """In a namespace of the test's own, whose deletion is not waited for."""
    from cluster.kubectl import Kubectl

    bound = Kubectl(kubeconfig=place.kubeconfig, namespace=_namespace(request.node.name))
    bound.make_namespace()
    yield bound
    bound("delete", "namespace", bound.namespace, "--wait=false")


@contextlib.contextmanager
def _own(name: str) -> Iterator[Cluster]:
    """A cluster that ends with this process, however that ends; or one that is kept from run to run."""
    from cluster import outside
    from cluster.errors import ClusterError

    if not os.environ.get("CIAO_TEST_CLUSTER_KEEP"):
        with outside.running(name, print) as cluster:
            yield cluster
        return
    if not outside.find(name):  # by a process of its own, which leaves it to itself
        up = [sys.executable, "-m", "cluster", "up", "--name", name]
        done = subprocess.run(up, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(done.stderr)
    found = outside.find(name)
    assert found
    yield found


@functools.cache
def _pushed(address: str, name: str, progress: Progress) -> str:
    from cluster import images, outside, registry

    outside.prepare(progress)
    images.ALL[name].build(progress)
    return registry.push_to(address, images.ALL[name])


@functools.cache
def _machine() -> str | None:
    """What it lacks. It does not change while tests run."""
    from cluster import checks

    return checks.why_not()


def _aloud(config: pytest.Config) -> Progress:
    """Tell on the terminal, past pytest's capturing, and put off the end of the test's time."""
    capture = config.pluginmanager.getplugin("capturemanager")

    def progress(line: str) -> None:
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            print(f"\n{line}", end="", flush=True)
        if left := signal.getitimer(signal.ITIMER_REAL)[0]:
            signal.setitimer(signal.ITIMER_REAL, max(left, SIGN_OF_LIFE))

    return progress


def _variable(name: str) -> str:
    """CIAO_TEST_IMAGE is PyTorch's, as `make cluster-env` prints it."""
    return "CIAO_TEST_IMAGE" if name == "pytorch" else f"CIAO_TEST_IMAGE_{name.upper().replace('-', '_')}"


def _namespace(test: str) -> str:
    return f"{re.sub('[^a-z0-9]+', '-', test.lower())[:40].strip('-')}-{os.urandom(2).hex()}"
