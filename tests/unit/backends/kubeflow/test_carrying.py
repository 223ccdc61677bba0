"""The code comes in the pods' images, in an image volume or in a ConfigMap, whatever kind the job is of."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from ciao.backends.kubeflow.carrying import way_of
from ciao.backends.kubeflow.kinds import Runtime, Served
from ciao.backends.kubeflow.labels import images_in
from ciao.backends.kubeflow.manifests import Manifests, manifests
from ciao.backends.kubeflow.printing import as_yaml
from ciao.errors import CreateRefused
from ciao.model import Bundle, Elastic, Files, JobSpec, Mounted, Pinned, Resources
from fakes.asked import PUSHED, code, container, job, made, mounted, pinned, place, pod, replica, spec

V1 = ["pytorch", "tensorflow", "jax", "xgboost", "paddle", "mpi"]
LEADS: dict[str, Any] = {"xgboost": {"master": 1, "worker": 1}, "paddle": {"master": 1, "worker": 1}}
BASES = ("torch:1", "jax:1", "tf:1", "xgb:1", "paddle:1", "mpi:1")
EVERY_IMAGE = pinned(*BASES)


def of(framework: str, **asked: Any) -> JobSpec:
    return spec(framework, **LEADS.get(framework, {}), **asked)


def replicas(objects: Manifests) -> dict[str, Any]:
    assert objects.kind.operator
    return {role: pod(objects, role) for role in objects.job["spec"][objects.kind.operator.replicas]}


def refused(asked: JobSpec, bundle: Bundle, **known: Any) -> str:
    with pytest.raises(CreateRefused) as caught:
        made(asked, bundle=bundle, **known)
    return str(caught.value)


@pytest.mark.parametrize("framework", V1)
def test_an_image_with_the_code_takes_the_place_of_its_base_in_every_replica(framework: str) -> None:
    objects = made(of(framework), bundle=EVERY_IMAGE)
    assert [resource.kind for resource, _ in objects.in_order] == [objects.kind.name]
    for spec_of_pod in replicas(objects).values():
        (one,) = spec_of_pod["containers"]
        assert one["image"] == EVERY_IMAGE.images[place().images[framework]]
        assert one["imagePullPolicy"] == "IfNotPresent"
        assert {m["mountPath"] for m in one["volumeMounts"]} == {"/ciao/work", "/dev/shm"}
        assert {v["name"] for v in spec_of_pod["volumes"]} == {"ciao-work", "ciao-shm"}


@pytest.mark.parametrize("framework", V1)
def test_an_image_volume_leaves_the_base_as_it_is(framework: str) -> None:
    objects = made(of(framework), bundle=mounted())
    assert objects.code is None
    for spec_of_pod in replicas(objects).values():
        (one,) = spec_of_pod["containers"]
        assert one["image"] == place().images[framework]
        assert one["volumeMounts"][0] == {
            "name": "ciao-code", "mountPath": "/ciao/code", "readOnly": True, "subPath": "ciao/code",
        }  # fmt: skip
        reference = {"reference": mounted().image, "pullPolicy": "IfNotPresent"}
        assert spec_of_pod["volumes"][0] == {"name": "ciao-code", "image": reference}


@pytest.mark.parametrize("bundle", [EVERY_IMAGE, mounted()], ids=["image", "volume"])
def test_the_command_is_the_same_whatever_brings_the_code(bundle: Bundle) -> None:
    for asked in (spec("pytorch"), spec("mpi"), spec("pytorch", elastic=Elastic(least=1, most=2))):
        one, other = made(asked), made(asked, bundle=bundle)
        commands = [{role: p["containers"][0]["command"] for role, p in replicas(of).items()} for of in (one, other)]
        assert commands[0] == commands[1]


def test_roles_may_have_images_of_their_own() -> None:
    asked = spec("pytorch", master=1, worker=1)
    roles = (replace(asked.roles[0], image="jax:1"), asked.roles[1])
    objects = made(replace(asked, roles=roles), bundle=EVERY_IMAGE)
    assert [container(objects, role)["image"] for role in ("Master", "Worker")] == [
        EVERY_IMAGE.images["jax:1"],
        EVERY_IMAGE.images["torch:1"],
    ]


def test_the_next_attempt_has_the_same_images() -> None:
    first, second = (made(spec("pytorch", retries=2), bundle=EVERY_IMAGE, attempt=n) for n in (1, 2))
    assert container(first, "Worker")["image"] == container(second, "Worker")["image"]
    assert second.code is None


def test_a_job_in_a_queue_has_its_image_too() -> None:
    asked = spec("pytorch", queue="team", resources=Resources(cpu="1", memory="1Gi"))
    assert container(made(asked, bundle=EVERY_IMAGE), "Worker")["image"].startswith(PUSHED)


def test_images_and_pods_are_as_restricted_as_without() -> None:
    assert (
        pod(made(spec(), bundle=EVERY_IMAGE), "Worker")["securityContext"]
        == (pod(made(spec()), "Worker")["securityContext"])
    )


def test_a_user_that_the_image_names_by_number_is_the_pods() -> None:
    bundle = pinned("torch:1", users={"torch:1": 1001})
    security = pod(made(spec(), bundle=bundle), "Worker")["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (1001, 1001, 1001)


@pytest.mark.parametrize(
    ("user", "known", "runs_as"),
    [(0, {}, 1000), (1001, {"run_as_image": False}, 1000), (1001, {"run_as": None}, None)],
    ids=["never root", "settings that say another", "where the cluster chooses"],
)
def test_but_not_always(user: int, known: dict[str, Any], runs_as: int | None) -> None:
    objects = made(spec(), bundle=pinned("torch:1", users={"torch:1": user}), **known)
    assert pod(objects, "Worker")["securityContext"].get("runAsUser") == runs_as


@pytest.mark.parametrize("bundle", [None, EVERY_IMAGE, mounted()], ids=["configmap", "image", "volume"])
def test_secrets_to_pull_with_are_those_of_the_settings(bundle: Bundle | None) -> None:
    objects = made(of("mpi"), bundle=bundle, pull_secrets=("one", "two"))
    for spec_of_pod in replicas(objects).values():
        assert spec_of_pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert "imagePullSecrets" not in pod(made(spec()), "Worker")


def test_the_job_says_what_brought_its_code_and_which_images_it_needs() -> None:
    asked = spec("pytorch", master=1, worker=1)
    roles = (replace(asked.roles[0], image="jax:1"), asked.roles[1])
    bundle = pinned("jax:1", "torch:1", strategy="buildah", packages="00ff")
    said = made(replace(asked, roles=roles), bundle=bundle).job["metadata"]["annotations"]
    assert (said["ciao/s2i"], said["ciao/packages"]) == ("buildah", "00ff")
    assert said["ciao/images"] == " ".join(sorted(bundle.images.values()))


def test_images_are_read_back_and_a_job_without_has_none() -> None:
    assert images_in(made(spec(), bundle=mounted()).job) == (mounted().image,)
    assert images_in(made(spec()).job) == ()
    assert made(spec()).job["metadata"]["annotations"]["ciao/s2i"] == "configmap"


def test_how_the_code_came_is_seen_at_a_pod() -> None:
    bundles: dict[str, Bundle | None] = {"configmap": None, "image": EVERY_IMAGE, "volume": mounted()}
    for way, bundle in bundles.items():
        assert way_of(replica(made(spec(), bundle=bundle), "Worker")["template"]) == way


def test_a_base_that_no_image_was_made_from_is_said() -> None:
    assert refused(spec(), pinned("other:1")) == "no image with the code was made from torch:1. Run the cell again"


def test_a_patch_may_not_put_another_image_in_the_place_of_the_one_with_the_code() -> None:
    patch = {"spec": {"containers": [{"image": "mine:1"}]}}
    for asked in (spec(patch=patch), spec(patch=patch, kind="TrainJob")):
        assert "%patch= names the image mine:1, which does not have the code" in refused(asked, EVERY_IMAGE)
    assert container(made(spec(patch=patch)), "Worker")["image"] == "mine:1"


def train(bundle: Bundle, *, override: str = "runtimePatches", **known: Any) -> Manifests:
    served = Served(v1=frozenset(), override=override, runtimes=(Runtime(name="torch-distributed", image="torch:2"),))
    return made(spec("pytorch"), bundle=bundle, served=served, **known)


def patched(objects: Manifests) -> dict[str, Any]:
    (patch,) = objects.job["spec"]["runtimePatches"]
    (node,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
    assert node["name"] == "node"  # what makes data ready has images of its own
    found: dict[str, Any] = node["template"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("own", [True, False], ids=["our runtime", "a shipped one"])
def test_a_train_job_has_the_image_and_no_config_map(*, own: bool) -> None:
    objects = train(EVERY_IMAGE, own_runtimes=own)
    assert objects.code is None
    assert objects.job["spec"]["trainer"]["image"] == EVERY_IMAGE.images["torch:1"]
    assert {v["name"] for v in patched(objects)["volumes"]} == {"ciao-work", "ciao-shm"}


def test_a_shipped_runtime_gets_the_image_that_was_made_of_its_own() -> None:
    bundle = pinned("torch:2")
    assert train(bundle, images={}, own_runtimes=False).job["spec"]["trainer"]["image"] == bundle.images["torch:2"]


def test_a_train_job_mounts_the_image_volume() -> None:
    objects = train(mounted(), pull_secrets=("pull",))
    assert objects.job["spec"]["trainer"]["image"] == "torch:1"
    assert patched(objects)["volumes"][0]["image"]["reference"] == mounted().image
    assert patched(objects)["containers"][0]["volumeMounts"][0]["subPath"] == "ciao/code"
    assert patched(objects)["imagePullSecrets"] == [{"name": "pull"}]


def test_trainer_2_0_pulls_with_secrets_only_by_a_runtime_of_ours() -> None:
    objects = train(EVERY_IMAGE, override="podSpecOverrides", pull_secrets=("pull",))
    assert objects.runtime
    (node,) = objects.runtime["spec"]["template"]["spec"]["replicatedJobs"]
    assert node["template"]["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    with pytest.raises(CreateRefused, match="torch-distributed does not let a job say with which Secrets"):
        train(EVERY_IMAGE, override="podSpecOverrides", pull_secrets=("pull",), own_runtimes=False)


def test_a_runtime_whose_image_is_not_known_has_none_with_the_code() -> None:
    served = Served(override="runtimePatches")
    assert "there is no image for pytorch" in refused(
        spec("pytorch", runtime="mine"), Pinned(entry="c", images={}), served=served, images={}
    )


def test_bytes_that_are_no_text_travel_as_such_and_programs_can_be_started() -> None:
    files: dict[str, str | bytes] = {"cell_7.py": "pass", "files/a.bin": b"\x00\xff", "files/run.sh": "#!/bin/sh\n"}
    bundle = Files(entry="cell_7.py", files=files, executable=frozenset({"files/run.sh"}))
    objects = manifests(spec(), job(spec()), bundle, place=place())
    assert {key: base64.b64decode(text) for key, text in code(objects)["binaryData"].items()} == {
        "files.a.bin": b"\x00\xff"
    }
    assert set(code(objects)["data"]) == {"cell_7.py", "files.run.sh"}
    items = pod(objects, "Worker")["volumes"][0]["configMap"]["items"]
    assert {i["path"]: i.get("mode") for i in items} == {
        "cell_7.py": None, "files/a.bin": None, "files/run.sh": 0o755,
    }  # fmt: skip
    assert "binaryData" not in code(made(spec()))


def test_a_plan_shows_how_much_there_is_of_what_is_no_text() -> None:
    bundle = Files(entry="c.py", files={"c.py": "pass", "a.bin": b"\x00\xff"})
    shown = as_yaml(manifests(spec(), job(spec()), bundle, place=place()))
    assert "a.bin: (2 bytes)" in shown


def test_an_image_volume_without_a_folder_is_mounted_whole() -> None:
    bundle = Mounted(entry="c.py", image="x@sha256:1", subpath="")
    assert "subPath" not in container(made(spec(), bundle=bundle), "Worker")["volumeMounts"][0]
