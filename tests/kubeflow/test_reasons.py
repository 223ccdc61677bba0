"""Why a replica does not run, provoked on the real cluster, word for word."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from ciao.backends.kubeflow.backend import Kubeflow
from ciao.errors import CreateRefused
from ciao.model import Phase, ReplicaChanged, Resources, Role, RoleSpec, SecretKey, Volume
from fakes.told import Create, Run, Spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from clusters import Images

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def workers(**parts: Any) -> tuple[RoleSpec, ...]:
    resources = Resources(**parts.pop("resources", {}))
    return (RoleSpec(role=Role.WORKER, count=1, resources=resources, **parts),)


async def waiting(name: str, backend: Kubeflow) -> str:
    """The first reason for which a replica of the job waits."""
    async with asyncio.timeout(120), aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, ReplicaChanged) and event.status.reason:
                return event.status.reason
    raise AssertionError("the job ended first")


async def test_an_image_that_the_registry_does_not_have(run: Run, spec: Spec, image: Images) -> None:
    missing = image("tiny").replace("/tiny:", "/none:")
    ran = await run(spec("pass", workers=1, image=missing))
    assert (ran.outcome.phase, ran.failure.ename) == (Phase.FAILED, "ImagePullBackOff")
    assert ran.failure.evalue == f"the registry has no image {missing}"
    assert ran.outcome.hint == "Correct %image=, or push it"


async def test_an_image_whose_name_is_none(run: Run, spec: Spec) -> None:
    ran = await run(spec("pass", workers=1, image="UPPER/Bad:1"))
    assert (ran.failure.ename, ran.failure.evalue) == ("InvalidImageName", "UPPER/Bad:1 is no image name")


async def test_an_image_without_python(run: Run, spec: Spec, image: Images) -> None:
    ran = await run(spec("pass", workers=1, image=image("tiny")))
    assert (ran.failure.ename, ran.outcome.hint) == (
        "StartError",
        "The image must have python3 on its PATH: choose one with %image=",
    )
    assert "python3" in ran.failure.evalue


async def test_more_cpu_than_any_node_has(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", roles=workers(resources={"cpu": "1000"})))
    words = await waiting(name, backend)
    assert words.startswith("none of ")
    assert "nodes has enough cpu free (" in words
    assert words.endswith(". It starts when others end; or ask for less")
    await backend.cancel(name)


async def test_a_gpu_that_the_cluster_does_not_have(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", roles=workers(resources={"gpu": "1"})))
    assert "enough nvidia.com/gpu free" in await waiting(name, backend)
    await backend.cancel(name)


async def test_a_node_that_is_labelled_otherwise(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", workers=1, patch={"spec": {"nodeSelector": {"disk": "ssd"}}}))
    assert "didn't match Pod's node affinity/selector" in await waiting(name, backend)
    await backend.cancel(name)


async def test_a_claim_that_does_not_exist(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", workers=1, volumes=(Volume(kind="claim", source="data", path="/data"),)))
    words = await waiting(name, backend)
    assert words == "there is no PersistentVolumeClaim data in its namespace. Create it, or correct %volume="
    await backend.cancel(name)


async def test_a_secret_that_does_not_exist(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", workers=1, secrets={"TOKEN": SecretKey(secret="none", key="token")}))
    words = await waiting(name, backend)
    assert words == "there is no secret none in its namespace. Create it, or correct %secret.NAME="
    await backend.cancel(name)


async def test_a_key_that_the_secret_does_not_have(
    job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl
) -> None:
    kubectl("create", "secret", "generic", "some", "--from-literal=other=x")
    name = await job(spec("pass", workers=1, secrets={"TOKEN": SecretKey(secret="some", key="token")}))
    assert await waiting(name, backend) == "the secret some has no key token. Correct %secret.NAME="
    await backend.cancel(name)


async def test_a_quota_that_is_used_up(job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl) -> None:
    kubectl("create", "quota", "few", "--hard=pods=0")
    kubectl.until("quota/few", "{.status.hard.pods}", "0")
    name = await job(spec("pass", workers=1))
    assert await waiting(name, backend) == (
        "the namespace's quota few is used up: asked pods=1, used pods=0 of pods=0. "
        "It starts when others end; or ask for less"
    )
    await backend.cancel(name)


async def test_a_quota_that_wants_to_know_what_a_pod_needs(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    kubectl("create", "quota", "cpus", "--hard=requests.cpu=2")
    kubectl.until("quota/cpus", "{.status.hard.requests\\.cpu}", "2")
    ran = await run(spec("pass", workers=1))
    assert ran.failure.evalue == "the namespace's quota cpus wants every pod to state requests.cpu"
    assert ran.outcome.hint == "Add it to each role, such as %worker=2;%cpu=1;%memory=1Gi"


async def test_a_limit_of_the_namespace(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    limit = {"type": "Container", "max": {"memory": "256Mi"}}
    body = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}, "spec": {"limits": [limit]}}
    kubectl.create(body)
    ran = await run(spec("pass", roles=workers(resources={"memory": "1Gi"})))
    words = "the namespace has a limit: maximum memory usage per Container is 256Mi, but limit is 1Gi"
    assert (ran.failure.ename, ran.failure.evalue) == ("LimitRange", words)


async def test_a_priority_that_does_not_exist(run: Run, spec: Spec) -> None:
    ran = await run(spec("pass", workers=1, priority="urgent"))
    assert (ran.failure.evalue, ran.outcome.hint) == (
        "the cluster has no priority class urgent",
        "Correct %priority=",
    )


async def test_a_service_account_that_does_not_exist(job: Create, spec: Spec, backend: Kubeflow) -> None:
    name = await job(spec("pass", workers=1, patch={"spec": {"serviceAccountName": "none"}}))
    assert (await waiting(name, backend)).startswith("there is no service account none in its namespace")
    await backend.cancel(name)


async def test_pods_pass_the_restricted_level(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    ran = await run(spec("import os; print(os.getuid())", workers=2))
    assert ran.outcome.phase is Phase.SUCCEEDED
    assert ran.lines("worker-1") == ["1000"]


async def test_the_operators_init_container_does_not_pass_it(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    roles = (RoleSpec(role=Role.MASTER, count=1), RoleSpec(role=Role.WORKER, count=1))
    ran = await run(spec("import time; time.sleep(30)", roles=roles))
    assert (ran.failure.ename, ran.outcome.hint) == (
        "PodSecurity",
        "Ask for workers alone: %worker=N without %master",
    )


async def test_a_patch_that_pod_security_refuses_names_the_field(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    ran = await run(spec("pass", workers=1, patch={"spec": {"hostNetwork": True}}))
    assert ran.failure.ename == "PodSecurity"
    assert "host namespaces (hostNetwork=true)" in ran.failure.evalue


async def test_a_folder_of_the_node_is_refused_before_anything_is_created(
    spec: Spec, backend: Kubeflow, left: Any
) -> None:
    asked = spec("pass", workers=1, volumes=(Volume(kind="host", source="/etc", path="/x"),))
    with pytest.raises(CreateRefused, match="the folder /etc of a node may not be mounted"):
        await backend.check(asked)


async def test_a_webhook_that_refuses_the_job_is_told_in_its_words(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    wrong = {"spec": {"containers": [{"name": "pytorch", "image": None}]}}
    with pytest.raises(CreateRefused, match=r"refuses the PyTorchJob .*containers\[0\].image: Required value"):
        await run(spec("pass", workers=1, patch=wrong))
    assert not json.loads(kubectl("get", "configmaps", "-l", "ciao/job", "-o=json"))["items"]


async def test_a_patch_of_a_field_that_pods_do_not_have_names_it(run: Run, spec: Spec, kubectl: Kubectl) -> None:
    with pytest.raises(CreateRefused, match=r"PyTorchJob has no field spec\..*\.nodeSelecter. Correct %patch="):
        await run(spec("pass", workers=1, patch={"spec": {"nodeSelecter": {"a": "b"}}}))
    assert not json.loads(kubectl("get", "configmaps", "-l", "ciao/job", "-o=json"))["items"]


async def test_out_of_memory_tells_the_limit_and_the_way_out(run: Run, spec: Spec) -> None:
    code = "print('up', flush=True)\nkept = []\nwhile True: kept.append(bytearray(10_000_000))"
    ran = await run(spec(code, roles=workers(resources={"memory": "100Mi"})))
    assert (ran.failure.ename, ran.failure.evalue) == ("OOMKilled", "it used more memory than its limit of 100Mi")
    assert ran.outcome.hint == "Raise it, for example %worker=1;%memory=200Mi"


async def test_the_kernels_own_count_of_who_was_killed_for_memory_is_in_the_pods_status(
    run: Run, spec: Spec, kubectl: Kubectl
) -> None:
    code = "kept = []\nwhile True: kept.append(bytearray(10_000_000))"
    await run(spec(code, roles=workers(resources={"memory": "100Mi"})))
    path = "{.items[*].status.containerStatuses[*].state.terminated.message}"
    assert json.loads(kubectl("get", "pods", f"-o=jsonpath={path}"))["oom_kills"] >= 1


async def test_a_pod_that_somebody_deletes(
    run: Run, job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl
) -> None:
    name = await job(spec("print('up', flush=True)\nimport time; time.sleep(60)", workers=1))
    async with aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, ReplicaChanged) and event.status.state == "running":
                kubectl("delete", "pod", f"{name}-worker-0", "--wait=false")
            last = event
    words = f"its pod {name}-worker-0 was deleted by somebody else"
    assert last.outcome.failure.evalue == words  # type: ignore[union-attr]  # the last is Finished


async def test_a_job_that_somebody_deletes(job: Create, spec: Spec, backend: Kubeflow, kubectl: Kubectl) -> None:
    name = await job(spec("print('up', flush=True)\nimport time; time.sleep(60)", workers=1))
    async with aclosing(backend.watch(name)) as events:
        async for event in events:
            if isinstance(event, ReplicaChanged) and event.status.state == "running":
                kubectl("delete", "pytorchjob", name, "--wait=false")
            last = event
    assert last.outcome.failure.evalue == "it was deleted by somebody else"  # type: ignore[union-attr]  # Finished
