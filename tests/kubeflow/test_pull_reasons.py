"""Why a node cannot have an image with the code, provoked on the real cluster, word for word."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.model import Job, Pinned, ReplicaChanged
from ciao.s2i.bases import resolve
from ciao.s2i.layer import Entry
from ciao.s2i.layers import pack
from ciao.s2i.oci import appended
from ciao.s2i.registry.client import Client
from ciao.settings import Settings
from cluster import registry as registries
from cluster.readiness import listens
from fakes.told import Spec

if TYPE_CHECKING:
    from cluster.outside import Cluster
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

PLAIN, UNTRUSTED = 5008, 5009
"""Ports of registries of which the nodes are told nothing."""

GONE = f"@sha256:{'0' * 64}"
S390X = b"\x7fELF\x02\x02\x01" + bytes(11) + b"\x16" + bytes(45)
"""The head of a program for another machine."""

Why = Callable[[str], Awaitable[str]]


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    address = image("python").partition("/")[0]
    return replace(settings, images={"pytorch": image("python")}, s2i_registry=address, s2i_insecure=(address,))


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    client = Client(settings)
    yield client
    await client.close()


@pytest.fixture
async def why(backend: Kubeflow, spec: Spec, image: Images) -> AsyncIterator[Why]:
    """A job of this image: for what its replica waits, or why it failed. That the image is pulled is no reason."""
    jobs: list[str] = []

    async def why(reference: str) -> str:
        asked = spec("pass", workers=1)
        job = Job.named(asked, backend=backend.name, now=time.time())
        jobs.append(job.name)
        await backend.create(asked, job, Pinned(entry="cell_7.py", images={image("python"): reference}))
        async with aclosing(backend.watch(job.name)) as events:
            async for event in events:
                reason = event.status.reason if isinstance(event, ReplicaChanged) else ""
                if reason and "its node pulls" not in reason:
                    return reason
        raise AssertionError("nothing was told")

    yield why
    for name in jobs:
        await backend.cancel(name)


async def test_one_that_is_not_there_any_more(why: Why, image: Images) -> None:
    gone = image("python").replace(":latest", GONE)
    assert await why(gone) == (
        f"{gone.partition('/')[0]} does not have the image {gone} with the code (any more). Run the cell again: it was "
        "removed since it was pushed. Or s2i.pull names another registry than s2i.registry"
    )


async def test_one_for_another_platform(why: Why, client: Client, image: Images) -> None:
    (base,) = await resolve(client, image("python"))
    layer = pack([Entry(path="usr/bin/python3", source=S390X, executable=True)])
    made = appended(base, [layer], about={})
    odd = replace(base.reference, tag="odd", digest="")
    await client.push_blob(odd, made.descriptor_of(layer), layer.content)
    await client.push_blob(odd, made.config_descriptor, made.config)
    pushed = await client.push_manifest(odd, base.media_type, made.manifest)
    words = "WrongPlatform: the programs of its image are for another platform than that of its node"
    assert await why(str(replace(odd, tag="", digest=pushed.digest))) == words


@pytest.fixture
def plain(cluster: Cluster) -> Iterator[str]:
    place = cluster.layout
    cluster.add(registries.serve(place, "registry-plain", port=PLAIN, ready=listens(place.node, PLAIN)))
    yield f"{place.node}:{PLAIN}"
    cluster.kill("registry-plain")


async def test_one_in_a_registry_without_tls_of_which_nodes_are_not_told(why: Why, plain: str) -> None:
    assert await why(f"{plain}/python{GONE}") == (
        f"the registry {plain} has no TLS, and the node speaks to it by TLS alone. The cluster's administrator allows "
        f"it on the nodes (in containerd's certs.d/{plain}/hosts.toml)"
    )


@pytest.fixture
def untrusted(cluster: Cluster) -> Iterator[str]:
    place = cluster.layout
    pair = {"certificate": str(place.pki / "registry.crt"), "key": str(place.pki / "registry.key")}
    ready = listens(place.node, UNTRUSTED)
    cluster.add(registries.serve(place, "registry-untrusted", port=UNTRUSTED, ready=ready, tls=pair))
    yield f"{place.node}:{UNTRUSTED}"
    cluster.kill("registry-untrusted")


async def test_one_in_a_registry_whose_authority_nodes_do_not_trust(why: Why, untrusted: str) -> None:
    name = f"{untrusted}/python{GONE}"
    assert await why(name) == (
        f"the node does not trust the certificate of the registry of {name}. The cluster's administrator adds its CA "
        f"to the nodes, in containerd's certs.d/{untrusted}"
    )


async def test_one_in_a_registry_that_nodes_do_not_reach(why: Why, cluster: Cluster) -> None:
    address = f"{cluster.layout.node}:1"
    assert await why(f"{address}/team/ciao{GONE}") == (
        f"the node cannot reach the registry {address}: connection refused. "
        "Set s2i.pull to the name by which nodes reach the registry"
    )
