"""TrainJob: the same pods through another version's fields, and runtimes of our own."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.backends.kubeflow.kinds import Runtime, Served
from ciao.backends.kubeflow.manifests import Manifests, restarts
from ciao.errors import CreateRefused
from ciao.model import JobSpec, Resources
from fakes.asked import EVERY_KIND, TRAINER_ONLY, made, spec, variables


def train(*, override: str = "runtimePatches", own: bool = True, **asked: Any) -> Manifests:
    served = Served(v1=EVERY_KIND, override=override)
    return made(spec("pytorch", kind="TrainJob", **asked), served=served, own_runtimes=own)


def template(of: Manifests) -> dict[str, Any]:
    """The pod template of the job's own runtime."""
    assert of.runtime
    (node,) = of.runtime["spec"]["template"]["spec"]["replicatedJobs"]
    found: dict[str, Any] = node["template"]["spec"]
    return found


def refused(of: JobSpec, **known: Any) -> str:
    with pytest.raises(CreateRefused) as caught:
        made(of, **known)
    return str(caught.value)


def test_nodes_are_all_replicas_and_the_runner_tells_them_apart() -> None:
    trainer = train(master=1, worker=3).job["spec"]["trainer"]
    assert trainer["numNodes"] == 4
    assert variables(trainer["env"])["CIAO_ROLES"] == "master=1 worker=3"
    assert trainer["image"] == "torch:1"


def test_a_runtime_of_ours_never_restarts_and_exists_before_the_job() -> None:
    objects = train()
    assert [resource.kind for resource, _ in objects.in_order] == ["TrainingRuntime", "ConfigMap", "TrainJob"]
    assert template(objects)["backoffLimit"] == 0
    assert template(objects)["template"]["spec"]["restartPolicy"] == "Never"
    assert objects.runtime
    assert objects.job["spec"]["runtimeRef"] == {
        "apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": objects.runtime["metadata"]["name"],
    }  # fmt: skip


def test_jobs_alike_share_a_runtime_and_each_number_of_retries_has_its_own() -> None:
    names = [train(**asked).job["spec"]["runtimeRef"]["name"] for asked in ({}, {"code": "print(2)"}, {"retries": 2})]
    assert names[0] == names[1] != names[2]
    twice = train(retries=2)
    assert twice.runtime
    assert twice.runtime["spec"]["template"]["spec"]["failurePolicy"] == {"maxRestarts": 2}
    assert restarts(spec("pytorch", retries=2), twice.kind) == 0


def test_a_runtime_has_no_ttl_and_no_policy_that_reserves_variables() -> None:
    objects = train()
    assert objects.runtime
    assert objects.runtime["spec"]["mlPolicy"] == {"numNodes": 1}
    assert "ttl" not in str(objects.runtime)


def test_pods_are_changed_by_the_field_of_the_version() -> None:
    patches = train().job["spec"]["runtimePatches"]
    assert [patch["manager"] for patch in patches] == ["ciao.dev/kernel"]
    (job,) = patches[0]["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    pod = job["template"]["spec"]["template"]
    assert pod["metadata"]["labels"]["ciao/job"] == "pytorch-x2v9q"
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    assert {v["name"] for v in pod["spec"]["volumes"]} == {"ciao-code", "ciao-work", "ciao-shm"}


def test_what_an_older_trainer_cannot_change_is_in_our_runtime() -> None:
    (override,) = train(override="podTemplateOverrides").job["spec"]["podTemplateOverrides"]
    assert override["targetJobs"] == [{"name": "node"}]
    assert "securityContext" not in override["spec"]
    pod = template(train(override="podTemplateOverrides"))["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 1000
    assert pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_trainer_2_0_takes_the_fields_of_the_pod_side_by_side() -> None:
    (override,) = train(override="podSpecOverrides").job["spec"]["podSpecOverrides"]
    assert set(override) == {"targetJobs", "volumes", "containers"}
    assert set(override["containers"][0]) == {"name", "volumeMounts"}


def test_the_variables_go_where_trainer_wants_them() -> None:
    trainer = train(resources=Resources(cpu="1")).job["spec"]["trainer"]
    assert trainer["resourcesPerNode"] == {"requests": {"cpu": "1"}}
    told = variables(trainer["env"])["CIAO_VARIABLES"]
    assert "MASTER_ADDR=pytorch-x2v9q-node-0-0.pytorch-x2v9q\nMASTER_PORT=29500" in told


def test_a_deadline_exists_from_trainer_2_2_on() -> None:
    assert train(timeout=30).job["spec"]["activeDeadlineSeconds"] == 90
    assert "activeDeadlineSeconds" not in train(timeout=30, override="podSpecOverrides").job["spec"]


def test_a_queued_train_job_is_born_suspended() -> None:
    assert train(queue="q", resources=Resources(cpu="1", memory="1Gi")).job["spec"]["suspend"] is True


def test_priority_and_a_patch_of_anything_come_by_our_runtime() -> None:
    pod = template(train(priority="high", patch={"spec": {"hostNetwork": True, "nodeSelector": {"a": "b"}}}))
    assert pod["template"]["spec"]["priorityClassName"] == "high"
    assert pod["template"]["spec"]["hostNetwork"] is True
    assert "nodeSelector" not in pod["template"]["spec"]


def test_the_shipped_runtime_is_taken_where_ours_may_not_be_created() -> None:
    objects = train(own=False)
    assert objects.runtime is None
    assert objects.job["spec"]["runtimeRef"]["kind"] == "ClusterTrainingRuntime"
    assert objects.job["spec"]["runtimeRef"]["name"] == "torch-distributed"


def test_what_the_shipped_runtime_decides_is_refused_in_words() -> None:
    of = spec("pytorch", kind="TrainJob", retries=1)
    assert "the runtime torch-distributed decides how often" in refused(of, own_runtimes=False)
    patch = {"spec": {"hostNetwork": True}}
    assert "does not let a job change" in refused(spec("pytorch", kind="TrainJob", patch=patch), own_runtimes=False)
    high = spec("pytorch", kind="TrainJob", priority="high")
    assert "decides on the priority" in refused(high, own_runtimes=False)


def test_a_runtime_may_be_named_and_must_exist() -> None:
    served = Served(override="runtimePatches", runtimes=(Runtime(name="mine", image="m:1", namespaced=True),))
    objects = made(spec("pytorch", runtime="mine"), served=served, images={})
    assert objects.job["spec"]["runtimeRef"]["kind"] == "TrainingRuntime"
    assert objects.job["spec"]["trainer"]["image"] == "m:1"
    assert refused(spec("pytorch", runtime="mime"), served=served) == (
        "the cluster has no training runtime mime. There are mine. Did you mean mine?"
    )


def test_the_image_is_the_shipped_runtimes_if_nobody_names_one() -> None:
    objects = made(spec("pytorch"), served=TRAINER_ONLY, images={})
    assert objects.job["spec"]["trainer"]["image"] == "torch:2"
    unknown = Served(override="runtimePatches")
    assert "there is no image for pytorch" in refused(spec("pytorch"), served=unknown, images={})
