"""What is created for a cell, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.backends.kubeflow.manifests import manifests, owner, restarts
from ciao.errors import CreateRefused
from ciao.model import CleanPolicy, Elastic, Files, JobSpec, Resources, SecretKey, Volume
from fakes.asked import code, container, files, job, made, place, pod, replica, spec, variables


def refused(of: JobSpec, **known: Any) -> str:
    with pytest.raises(CreateRefused) as caught:
        made(of, **known)
    return str(caught.value)


def test_the_code_is_there_before_the_job_and_the_job_owns_it() -> None:
    objects = made(spec("pytorch"))
    assert [resource.kind for resource, _ in objects.in_order] == ["ConfigMap", "PyTorchJob"]
    reference = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "name": "pytorch-x2v9q", "uid": "u"}
    assert owner(objects.kind, "pytorch-x2v9q", "u") == {"metadata": {"ownerReferences": [reference]}}


def test_the_code_is_mounted_under_its_own_paths() -> None:
    objects = made(spec("pytorch", code="print('é')"))
    assert code(objects)["data"]["cell_7.py"] == "print('é')"
    volume = pod(objects, "Worker")["volumes"][0]["configMap"]
    assert volume["name"] == code(objects)["metadata"]["name"]
    assert {"key": "ciao_runner.__main__.py", "path": "ciao_runner/__main__.py"} in volume["items"]


def test_paths_that_look_alike_keep_different_keys() -> None:
    of = spec("pytorch")
    bundle = Files(entry="a/b.py", files={"a/b.py": "1", "a.b.py": "2", "ä.py": "3", ".env": "4"})
    objects = manifests(of, job(of), bundle, place=place())
    items = pod(objects, "Worker")["volumes"][0]["configMap"]["items"]
    assert {i["path"]: code(objects)["data"][i["key"]] for i in items} == bundle.files


def test_the_runner_is_process_one() -> None:
    assert container(made(spec("pytorch")), "Worker")["command"] == [
        "python3", "/ciao/code/ciao_runner/__main__.py", "init", "/ciao/code/cell_7.py",
    ]  # fmt: skip


def test_every_role_has_its_own_type_and_count() -> None:
    objects = made(spec("tensorflow", chief=1, worker=3, ps=2, evaluator=1))
    roles = objects.job["spec"]["tfReplicaSpecs"]
    assert {name: role["replicas"] for name, role in roles.items()} == {
        "Chief": 1,
        "Worker": 3,
        "PS": 2,
        "Evaluator": 1,
    }
    assert {role["restartPolicy"] for role in roles.values()} == {"Never"}


@pytest.mark.parametrize("framework", ["pytorch", "tensorflow", "jax", "paddle", "mpi"])
def test_the_training_container_has_the_name_that_the_operator_wants(framework: str) -> None:
    names = {"pytorch": "pytorch", "tensorflow": "tensorflow", "jax": "jax", "paddle": "paddle", "mpi": "mpi"}
    assert container(made(spec(framework)), "Worker")["name"] == names[framework]


def test_pods_pass_restricted() -> None:
    template = pod(made(spec("pytorch")), "Worker")
    assert template["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert template["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert template["automountServiceAccountToken"] is False


def test_openshift_chooses_the_user() -> None:
    security = pod(made(spec("pytorch"), run_as=None), "Worker")["securityContext"]
    assert security == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def test_shared_memory_is_as_large_as_the_pods() -> None:
    template = pod(made(spec("pytorch")), "Worker")
    assert {"name": "ciao-shm", "emptyDir": {"medium": "Memory"}} in template["volumes"]
    assert {"name": "ciao-shm", "mountPath": "/dev/shm"} in template["containers"][0]["volumeMounts"]


def test_no_service_mesh_gets_in() -> None:
    metadata = replica(made(spec("pytorch")), "Worker")["template"]["metadata"]
    assert metadata["annotations"] == {"sidecar.istio.io/inject": "false"}


def test_resources_are_sent_exactly_as_stated() -> None:
    asked = Resources(cpu="500m", memory="1Gi", gpu="2", other={"ephemeral-storage": "2Gi"})
    assert container(made(spec("pytorch", resources=asked)), "Worker")["resources"] == {
        "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "2Gi"},
        "limits": {"memory": "1Gi", "nvidia.com/gpu": "2", "ephemeral-storage": "2Gi"},
    }
    assert "resources" not in container(made(spec("pytorch")), "Worker")


def test_numeric_libraries_start_as_many_threads_as_cpus_are_asked_for() -> None:
    env = variables(container(made(spec("pytorch", resources=Resources(cpu="1500m"))), "Worker")["env"])
    assert env["OMP_NUM_THREADS"] == "2"
    mine = spec("pytorch", resources=Resources(cpu="4"), env={"OMP_NUM_THREADS": "1"})
    assert variables(container(made(mine), "Worker")["env"])["OMP_NUM_THREADS"] == "1"


def test_a_replica_knows_its_name_by_the_operators_label() -> None:
    env = variables(container(made(spec("pytorch", master=1, worker=2)), "Worker")["env"])
    assert env["CIAO_INDEX"] == {"fieldRef": {"fieldPath": "metadata.labels['training.kubeflow.org/replica-index']"}}
    assert (env["CIAO_ROLE"], env["CIAO_REPLICA"]) == ("worker", "worker-$(CIAO_INDEX)")


def test_the_users_variables_are_taken_as_written() -> None:
    env = variables(container(made(spec("pytorch", env={"A": "$(HOME) $$ $x", "CIAO_JOB": "mine"})), "Worker")["env"])
    assert env["A"] == "$$(HOME) $$$$ $$x"
    assert env["CIAO_JOB"] == "pytorch-x2v9q"


def test_a_secret_stays_in_the_cluster() -> None:
    env = variables(
        container(made(spec("pytorch", secrets={"TOKEN": SecretKey(secret="hub", key="token")})), "Worker")["env"]
    )
    assert env["TOKEN"] == {"secretKeyRef": {"name": "hub", "key": "token"}}


def test_a_claim_is_mounted() -> None:
    claim = Volume(kind="claim", source="data", path="/data", read_only=True)
    template = pod(made(spec("pytorch", volumes=(claim,))), "Worker")
    assert template["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "data", "readOnly": True}
    assert template["containers"][0]["volumeMounts"][-1]["mountPath"] == "/data"


def test_a_folder_of_the_node_is_refused_unless_settings_allow_it() -> None:
    host = spec("pytorch", volumes=(Volume(kind="host", source="/srv", path="/data"),))
    assert "the folder /srv of a node may not be mounted" in refused(host)
    assert pod(made(host, host_paths=True), "Worker")["volumes"][-1]["hostPath"] == {"path": "/srv"}


def test_without_an_image_it_is_said_how_to_name_one() -> None:
    assert refused(spec("pytorch"), images={}) == (
        "there is no image for pytorch. Name one that has PyTorch: %image=..., or images.pytorch in config.yaml"
    )


@pytest.mark.parametrize(
    ("policy", "sent"), [(CleanPolicy.ALL, "Running"), (CleanPolicy.RUNNING, "Running"), (CleanPolicy.NONE, "None")]
)
def test_all_goes_as_running_because_logs_are_read_first(policy: CleanPolicy, sent: str) -> None:
    assert made(spec("pytorch", clean_policy=policy)).job["spec"]["runPolicy"]["cleanPodPolicy"] == sent


def test_the_clusters_deadline_comes_after_our_own() -> None:
    policy = made(spec("pytorch", timeout=90.5, ttl=30)).job["spec"]["runPolicy"]
    assert (policy["activeDeadlineSeconds"], policy["ttlSecondsAfterFinished"]) == (151, 30)
    assert "activeDeadlineSeconds" not in made(spec("pytorch")).job["spec"]["runPolicy"]


def test_a_job_in_a_queue_is_born_suspended_and_says_what_it_needs() -> None:
    queued = made(spec("pytorch", queue="team", resources=Resources(cpu="1", memory="1Gi"))).job
    assert queued["spec"]["runPolicy"]["suspend"] is True
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"
    assert "worker does not state memory. Add %worker.memory=..." in refused(
        spec("pytorch", queue="team", resources=Resources(cpu="1"))
    )


def test_priority_is_the_pods() -> None:
    assert pod(made(spec("pytorch", priority="high")), "Worker")["priorityClassName"] == "high"


def test_an_elastic_job_runs_under_torchrun_which_knows_the_variables() -> None:
    objects = made(spec("pytorch", worker=2, elastic=Elastic(least=1, most=4), retries=3))
    policy = objects.job["spec"]["elasticPolicy"]
    assert policy == {"minReplicas": 1, "maxReplicas": 4, "rdzvBackend": "c10d", "maxRestarts": 3}
    *program, code, option = container(objects, "Worker")["command"][4:]
    assert (program, "torch.distributed.run" in code, option) == (["python3", "-c"], True, "--no_python")
    assert "CIAO_VARIABLES" not in variables(container(objects, "Worker")["env"])
    assert objects.job["spec"]["pytorchReplicaSpecs"]["Worker"]["restartPolicy"] == "ExitCode"
    assert restarts(spec("pytorch", elastic=Elastic(least=1, most=4), retries=2), objects.kind) == 2


def test_several_processes_in_a_replica_are_started_by_the_runner() -> None:
    objects = made(spec("pytorch", worker=2, nproc=4))
    env = variables(container(objects, "Worker")["env"])
    assert (env["CIAO_NPROC"], env["CIAO_RANKS"]) == ("4", "RANK/WORLD_SIZE ROLE_RANK/ROLE_WORLD_SIZE")
    assert objects.job["spec"]["nprocPerNode"] == "1"
    elastic = made(spec("pytorch", worker=2, nproc=4, elastic=Elastic(least=1, most=2)))
    assert elastic.job["spec"]["nprocPerNode"] == "4"
    assert "CIAO_NPROC" not in variables(container(elastic, "Worker")["env"])


def test_the_next_attempt_has_the_jobs_name_and_code_of_its_own() -> None:
    first, second = made(spec("pytorch", retries=2)), made(spec("pytorch", retries=2), attempt=2)
    assert first.job["metadata"]["name"] == second.job["metadata"]["name"]
    assert (code(first)["metadata"]["name"], code(second)["metadata"]["name"]) == (
        "pytorch-x2v9q-code", "pytorch-x2v9q-code-2",
    )  # fmt: skip
    assert variables(container(second, "Worker")["env"])["CIAO_ATTEMPT"] == "2"
    assert pod(second, "Worker")["volumes"][0]["configMap"]["name"] == "pytorch-x2v9q-code-2"


def test_mpirun_starts_a_rank_in_every_slot_of_the_workers() -> None:
    objects = made(spec("mpi", launcher=1, worker=3, nproc=2))
    assert container(objects, "Launcher")["command"][2:] == ["init", "/ciao/code/cell_7.py", "mpirun", "-n", "6"]
    assert objects.job["spec"]["slotsPerWorker"] == 2
    assert pod(objects, "Launcher")["automountServiceAccountToken"] is True
    assert pod(objects, "Worker")["automountServiceAccountToken"] is False
    assert variables(container(objects, "Launcher")["env"])["CIAO_INDEX"] == "0"


def test_an_mpi_job_always_has_a_launcher_and_never_no_worker() -> None:
    assert set(made(spec("mpi", worker=1)).job["spec"]["mpiReplicaSpecs"]) == {"Launcher", "Worker"}
    assert "there is none. Write %worker=2" in refused(spec("mpi", launcher=1))


def test_a_folder_of_this_machine_reaches_no_pod() -> None:
    from pathlib import Path

    from ciao.model import Folder

    of = spec("pytorch")
    with pytest.raises(CreateRefused, match="folder of this machine"):
        manifests(of, job(of), Folder(path=Path("/x"), entry="cell_7.py"), place=place())
    assert files(of).entry == "cell_7.py"


def test_the_jobs_patch_comes_before_the_roles() -> None:
    of = spec("pytorch", patch={"spec": {"nodeSelector": {"a": "1", "b": "1"}}})
    role = {**vars(of.roles[0]), "patch": {"spec": {"nodeSelector": {"b": "2"}, "containers": [{"stdin": True}]}}}
    patched = made(JobSpec(**{**vars(of), "roles": (type(of.roles[0])(**role),)}))
    assert pod(patched, "Worker")["nodeSelector"] == {"a": "1", "b": "2"}
    assert container(patched, "Worker")["stdin"] is True
