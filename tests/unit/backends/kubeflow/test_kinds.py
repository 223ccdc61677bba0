"""Which kind carries a job: the framework's own where it is served, else a TrainJob, and what neither can carry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ciao.backends.kubeflow.kinds import Runtime, Served, kind_of
from ciao.errors import CreateRefused
from ciao.k8s.base import Resource
from ciao.model import Elastic, JobSpec, Resources
from fakes.asked import EVERY_KIND, EVERYTHING, TRAINER_ONLY, spec


def refused(of: JobSpec, served: Served = EVERYTHING) -> str:
    with pytest.raises(CreateRefused) as caught:
        kind_of(of, served)
    return str(caught.value)


@pytest.mark.parametrize(
    ("framework", "kind"),
    [("tensorflow", "TFJob"), ("pytorch", "PyTorchJob"), ("jax", "JAXJob"), ("paddle", "PaddleJob"), ("mpi", "MPIJob")],
)
def test_the_frameworks_own_kind_is_taken_where_it_is_served(framework: str, kind: str) -> None:
    assert kind_of(spec(framework), EVERYTHING).name == kind


def test_a_train_job_is_taken_where_the_own_kind_is_not_served() -> None:
    assert kind_of(spec("pytorch"), TRAINER_ONLY).name == "TrainJob"


@pytest.mark.parametrize("asked", [{"kind": "TrainJob"}, {"kind": "trainjob"}, {"runtime": "torch-distributed"}])
def test_the_cell_may_ask_for_a_train_job(asked: dict[str, Any]) -> None:
    assert kind_of(spec("pytorch", **asked), EVERYTHING).name == "TrainJob"


def test_a_kind_that_is_not_served_is_told_with_those_that_are() -> None:
    assert refused(spec("pytorch", kind="PyTorchJob"), TRAINER_ONLY) == (
        "the cluster does not serve PyTorchJob. It serves TrainJob: choose with %kind="
    )


def test_a_cluster_without_kubeflow_is_told_as_such() -> None:
    assert "Training Operator or Trainer must be installed" in refused(spec("pytorch"), Served())


def test_the_kind_of_another_framework_is_refused_with_the_nearest_word() -> None:
    assert refused(spec("pytorch", kind="PyTorchJobs")) == (
        "pytorch cannot run as PyTorchJobs. It runs as PyTorchJob or TrainJob. Did you mean PyTorchJob?"
    )


@pytest.mark.parametrize("framework", ["tensorflow", "paddle"])
def test_a_framework_without_a_runtime_is_no_train_job(framework: str) -> None:
    assert f"there is no training runtime for {framework}" in refused(spec(framework, kind="TrainJob"))
    assert "does not serve" in refused(spec(framework), TRAINER_ONLY)


def test_nodes_of_a_train_job_are_alike() -> None:
    of = spec("pytorch", master=1, worker=1, kind="TrainJob")
    unlike = (of.roles[0], replace(of.roles[1], resources=Resources(cpu="1")))
    assert refused(replace(of, roles=unlike)) == (
        "all nodes of a TrainJob are alike, but the resources of its roles differ. "
        "State the same for master and worker, or use %kind=PyTorchJob"
    )


def test_a_train_job_takes_no_ttl() -> None:
    assert "takes no ttl: Trainer would run a failed one again" in refused(spec("pytorch", kind="TrainJob", ttl=60))


def test_a_runtime_is_no_part_of_a_v1_kind() -> None:
    assert "not of a PyTorchJob" in refused(spec("pytorch", kind="PyTorchJob", runtime="mine"))


def test_only_workers_of_pytorch_are_elastic() -> None:
    elastic = Elastic(least=1, most=3)
    assert kind_of(spec("pytorch", elastic=elastic), EVERYTHING).name == "PyTorchJob"
    assert "an elastic job has no master" in refused(spec("pytorch", master=1, worker=2, elastic=elastic))
    assert "a JAXJob cannot be elastic" in refused(spec("jax", elastic=elastic))
    assert "a TrainJob cannot be elastic" in refused(spec("pytorch", kind="TrainJob", elastic=elastic))


def test_an_xgboost_job_has_a_master() -> None:
    assert refused(spec("xgboost", worker=3)).startswith("an XGBoostJob needs a master. Write %master=1")
    assert kind_of(spec("xgboost", worker=3), TRAINER_ONLY).name == "TrainJob"


def test_what_is_served_follows_from_discovery() -> None:
    kinds = [
        Resource(kind="PyTorchJob", plural="pytorchjobs", group="kubeflow.org"),
        Resource(kind="MPIJob", plural="mpijobs", group="kubeflow.org", version="v2beta1"),
    ]
    assert Served.of(kinds, override=None).v1 == {"pytorchjobs"}
    assert "pytorchjobs" in EVERY_KIND


def test_a_runtime_tells_its_trainers_image() -> None:
    node = {"template": {"spec": {"template": {"spec": {"containers": [{"name": "node", "image": "torch:2"}]}}}}}
    listed = {"metadata": {"name": "torch-distributed"}, "spec": {"template": {"spec": {"replicatedJobs": [node]}}}}
    assert Runtime.of(listed) == Runtime(name="torch-distributed", image="torch:2")


def test_only_frameworks_that_count_processes_run_several_in_a_replica() -> None:
    assert kind_of(spec("pytorch", nproc=2), EVERYTHING).name == "PyTorchJob"
    assert kind_of(spec("mpi", nproc=2), EVERYTHING).name == "MPIJob"
    assert kind_of(spec("tensorflow", nproc=1), EVERYTHING).name == "TFJob"
    assert "tensorflow runs one process in each replica" in refused(spec("tensorflow", nproc=2))
