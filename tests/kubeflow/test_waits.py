"""Waits that can heal, on the real cluster: what is told of them, and for how long nothing is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.settings import Settings
from fakes.followed import Follow, followed
from fakes.told import Create, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def settings(settings: Settings, image: Images) -> Settings:
    return replace(settings, images={"pytorch": image("python")})


@pytest.fixture
async def follow(backend: Kubeflow) -> AsyncIterator[Follow]:
    async with followed(backend) as follow:
        yield follow


def patched(spec: Spec, pod: dict[str, Any]) -> Any:
    return spec("print('done')", workers=1, patch={"spec": pod})


async def test_an_init_container_that_runs(
    job: Create, spec: Spec, follow: Follow, kubectl: Kubectl, image: Images
) -> None:
    first = {
        "name": "first",
        "image": image("tiny"),
        "command": ["sh", "-c", "until [ -e /ciao/work/go ]; do sleep 0.05; done"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "ciao-work", "mountPath": "/ciao/work"}],
    }
    seen = follow(name := await job(patched(spec, {"initContainers": [first]})))
    await seen.until(lambda: seen.state("worker-0") == ("waiting", "its init container first runs"))
    touch = ("touch", "/ciao/work/go")  # the container may end before it
    kubectl.run("exec", f"{name}-worker-0", "--container=first", "--", *touch)
    assert (await seen.end()).lines("worker-0") == ["done"]


async def test_a_gate_before_the_scheduler(job: Create, spec: Spec, follow: Follow, kubectl: Kubectl) -> None:
    seen = follow(name := await job(patched(spec, {"schedulingGates": [{"name": "example.com/gate"}]})))
    words = "its scheduling is held back by a gate, such as a queue's"
    await seen.until(lambda: seen.state("worker-0") == ("waiting", words))
    ungate = [{"op": "remove", "path": "/spec/schedulingGates"}]
    kubectl("patch", "pod", f"{name}-worker-0", "--type=json", f"--patch={json.dumps(ungate)}")
    assert (await seen.end()).lines("worker-0") == ["done"]


async def test_an_image_whose_registry_takes_its_time(
    job: Create, spec: Spec, follow: Follow, kubectl: Kubectl, image: Images
) -> None:
    silent = {"name": "c", "image": image("tiny"), "command": ["sh", "-c", "sleep 600 | nc -l -p 5000"]}
    about = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "registry"}}
    kubectl.create({**about, "spec": {"containers": [silent], "terminationGracePeriodSeconds": 0}})
    kubectl.until("pod/registry", "{.status.phase}", "Running")
    slow = f"{kubectl('get', 'pod', 'registry', '-o=jsonpath={.status.podIP}')}:5000/slow:1"
    seen = follow(await job(replace(patched(spec, {}), image=slow)))
    await seen.until(lambda: seen.state("worker-0") == ("waiting", f"its node pulls the image {slow}"))
