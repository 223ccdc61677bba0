"""A real cluster takes what we make of a cell, and runs it so that each replica finds the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ciao.backends.kubeflow.manifests import Manifests, manifests, owner
from ciao.model import CleanPolicy, Elastic, Job, JobSpec, Resources, SecretKey, Volume
from ciao.s2i.configmap import files_of
from fakes.asked import place, spec

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TELL = """
import json, os
print("told " + json.dumps(dict(os.environ, cwd=os.getcwd(), uid=str(os.getuid()))))
"""

ALL_REDUCE = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
value = torch.ones(1) * (dist.get_rank() + 1)
dist.all_reduce(value)
print("sum", int(value), "of", dist.get_world_size())
"""

EVERY_OPTION: Mapping[str, Any] = {
    "timeout": 600,
    "env": {"A": "$(B)"},
    "secrets": {"TOKEN": SecretKey(secret="hub", key="token")},
    "volumes": (Volume(kind="claim", source="data", path="/data", read_only=True),),
    "resources": Resources(cpu="1", memory="1Gi", gpu="1", other={"ephemeral-storage": "1Gi"}),
    "queue": "team",
    "priority": "high",
    "patch": {"spec": {"nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}]}},
}


def made(of: JobSpec, kubectl: Kubectl, *, image: str = "none:1", **known: Any) -> Manifests:
    of = replace(of, clean_policy=CleanPolicy.NONE)  # else the operator removes who has not quite ended with the others
    job = Job.named(of, backend="kubeflow", now=1.0)
    there = place(namespace=kubectl.namespace, images={of.framework: image}, **known)
    return manifests(of, job, files_of(of), place=there)


def create(objects: Manifests, kubectl: Kubectl, *how: str) -> str:
    """All of them; the job's name."""
    for _, manifest in objects.in_order:
        kubectl("apply", "--validate=strict", *how, "-f", "-", text=json.dumps(manifest))
    return str(objects.job["metadata"]["name"])


def logs(job: str, kubectl: Kubectl) -> dict[str, str]:
    """Of each of the job's pods that ran to its end, by the pod's name without the job's."""
    names = kubectl("get", "pods", f"-l=ciao/job={job}", "-o=jsonpath={.items[*].metadata.name}").split()
    return {name.removeprefix(f"{job}-"): kubectl("logs", name) for name in names}


def told(log: str) -> dict[str, str]:
    """What the cell printed of its environment."""
    (line,) = [line for line in log.splitlines() if line.startswith("told ")]
    found: dict[str, str] = json.loads(line.removeprefix("told "))
    return found


@pytest.mark.parametrize(
    "of",
    [
        spec("pytorch", master=1, worker=2, ttl=60, **EVERY_OPTION),
        spec("pytorch", worker=2, elastic=Elastic(least=1, most=3), retries=2),
        spec("tensorflow", chief=1, worker=2, ps=1, evaluator=1, **EVERY_OPTION),
        spec("jax", worker=2, **EVERY_OPTION),
        spec("xgboost", master=1, worker=1, **EVERY_OPTION),
        spec("paddle", master=1, worker=1, **EVERY_OPTION),
        spec("mpi", launcher=1, worker=2, nproc=2, **EVERY_OPTION),
    ],
    ids=lambda of: f"{of.framework}{'-elastic' * bool(of.elastic)}",
)
def test_every_kind_is_taken_with_every_option_and_no_field_is_unknown(of: JobSpec, kubectl: Kubectl) -> None:
    create(made(of, kubectl), kubectl, "--dry-run=server")


@pytest.mark.parametrize("framework", ["pytorch", "jax", "xgboost"])
def test_a_train_job_is_taken_with_every_option(framework: str, kubectl: Kubectl) -> None:
    of = spec(framework, master=1, worker=2, kind="TrainJob", retries=2, **EVERY_OPTION)
    if framework == "jax":
        of = spec(framework, worker=2, kind="TrainJob", retries=2, **EVERY_OPTION)
    objects = made(of, kubectl)
    assert objects.runtime
    kubectl("apply", "--validate=strict", "-f", "-", text=json.dumps(objects.runtime))
    create(objects, kubectl, "--dry-run=server")


def test_a_train_job_of_a_shipped_runtime_is_taken(kubectl: Kubectl) -> None:
    objects = made(spec("pytorch", kind="TrainJob"), kubectl, own_runtimes=False)
    create(objects, kubectl, "--dry-run=server")


def test_a_master_and_its_worker_know_who_they_are(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    objects = made(spec("pytorch", master=1, worker=1, code=TELL + ALL_REDUCE), kubectl, image=image("pytorch"))
    job = create(objects, kubectl)
    kubectl.condition(f"pytorchjob/{job}", "Succeeded", seconds=300)
    worker = told(logs(job, kubectl)["worker-0"])
    assert (worker["CIAO_REPLICA"], worker["RANK"], worker["LOCAL_RANK"]) == ("worker-0", "1", "0")
    assert (worker["MASTER_ADDR"], worker["WORLD_SIZE"]) == (f"{job}-master-0", "2")
    assert (worker["cwd"], worker["uid"], worker["HOME"]) == ("/ciao/work", "1000", "/ciao/work")
    assert "CIAO_VARIABLES" not in worker


def test_workers_alone_reduce_in_a_restricted_namespace(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    objects = made(spec("pytorch", worker=2, code=ALL_REDUCE), kubectl, image=image("pytorch"))
    job = create(objects, kubectl)
    kubectl.condition(f"pytorchjob/{job}", "Succeeded", seconds=300)
    assert all("sum 3 of 2" in log for log in logs(job, kubectl).values())


def test_workers_of_jax_have_both_generations_of_names(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    job = create(made(spec("jax", worker=2, code=TELL), kubectl, image=image("pytorch")), kubectl)
    kubectl.condition(f"jaxjob/{job}", "Succeeded", seconds=300)
    second = told(logs(job, kubectl)["worker-1"])
    assert (second["PROCESS_ID"], second["JAX_PROCESS_ID"]) == ("1", "1")
    assert second["JAX_COORDINATOR_ADDRESS"] == f"{second['COORDINATOR_ADDRESS']}:{second['COORDINATOR_PORT']}"


@pytest.mark.parametrize("runtime", ["own", "shipped"])
def test_the_same_cell_reduces_over_the_nodes_of_a_train_job(
    runtime: str, kubectl: Kubectl, image: Callable[[str], str]
) -> None:
    kubectl("label", "namespace", kubectl.namespace, "pod-security.kubernetes.io/enforce=restricted")
    of = spec("pytorch", master=1, worker=1, kind="TrainJob", code=ALL_REDUCE + TELL)
    job = create(made(of, kubectl, image=image("pytorch"), own_runtimes=runtime == "own"), kubectl)
    kubectl.condition(f"trainjob/{job}", "Complete", seconds=300)
    found = [log for _, log in sorted(logs(job, kubectl).items())]
    assert all("sum 3 of 2" in log for log in found)
    assert [told(log)["CIAO_REPLICA"] for log in found] == ["master-0", "worker-0"]


def test_a_job_owns_its_code_which_goes_with_it(kubectl: Kubectl) -> None:
    objects = made(spec("jax", queue="q", resources=Resources(cpu="1", memory="1Gi")), kubectl)
    job = create(objects, kubectl)
    uid = kubectl("get", f"jaxjob/{job}", "-o=jsonpath={.metadata.uid}")
    kubectl("patch", "configmap", f"{job}-code", "--type=merge", "-p", json.dumps(owner(objects.kind, job, uid)))
    kubectl("delete", f"jaxjob/{job}")
    kubectl("wait", "--for=delete", f"configmap/{job}-code", "--timeout=60s")


RANKS = """
from mpi4py import MPI
world = MPI.COMM_WORLD
print("rank", world.Get_rank(), "of", world.Get_size(), "sum", world.allreduce(world.Get_rank() + 1))
"""


def test_mpirun_starts_ranks_in_the_workers(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    objects = made(spec("mpi", launcher=1, worker=2, nproc=2, code=RANKS), kubectl, image=image("openmpi"))
    job = create(objects, kubectl)
    kubectl.condition(f"mpijob/{job}", "Succeeded", seconds=300)
    said = logs(job, kubectl)["launcher"].splitlines()
    assert sorted(line for line in said if line.startswith("rank")) == [f"rank {i} of 4 sum 10" for i in range(4)]


def test_an_exception_in_one_rank_ends_the_job_and_is_told(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    code = RANKS + "if world.Get_rank() == 1: raise ValueError('me')\nworld.Barrier()\n"
    objects = made(spec("mpi", launcher=1, worker=2, code=code), kubectl, image=image("openmpi"))
    job = create(objects, kubectl)
    kubectl.condition(f"mpijob/{job}", "Failed", seconds=300)
    path = "{.status.containerStatuses[0].state.terminated.message}"
    told = json.loads(kubectl("get", f"pod/{job}-launcher", f"-o=jsonpath={path}"))
    assert (told["error"]["ename"], told["error"]["evalue"]) == ("ValueError", "me")


def test_several_processes_of_a_replica_reduce(kubectl: Kubectl, image: Callable[[str], str]) -> None:
    objects = made(spec("pytorch", worker=1, nproc=3, code=ALL_REDUCE), kubectl, image=image("pytorch"))
    job = create(objects, kubectl)
    kubectl.condition(f"pytorchjob/{job}", "Succeeded", seconds=300)
    assert logs(job, kubectl)["worker-0"].count("sum 6 of 3\n") == 3
