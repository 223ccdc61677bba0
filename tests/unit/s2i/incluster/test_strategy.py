"""A build in a cluster: what is created, what is told, what comes of it, and that nothing stays."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.model import Notice, Packing, Role, Target
from ciao.s2i.incluster.strategy import InCluster
from ciao.settings import Settings
from fakes.apiserver import STALL, answer, status, stream
from fakes.asked import spec
from fakes.registry import at

BASE = "registry.example/team/python:1"
NAME = "pytorch-x2v9q-build"
CORE = "/api/v1/namespaces/team"
JOBS = "/apis/batch/v1/namespaces/team/jobs"
ALL_GONE = [f"namespaces/team/jobs/{NAME}", f"namespaces/team/configmaps/{NAME}"]


async def test_the_image_is_pinned_by_the_digest_that_the_builder_told(cluster: Any) -> None:
    bundle = await cluster.build()
    assert bundle.images == {BASE: f"registry.example/team/ciao@{cluster.built}"}
    assert (bundle.entry, bundle.strategy, bundle.users) == ("cell_7.py", "cluster-buildkit", {BASE: 1001})


async def test_the_nodes_pull_by_the_name_that_they_have_for_the_registry(cluster: Any) -> None:
    cluster.settings = replace(cluster.settings, s2i_pull="mirror:5000/x")
    bundle = await cluster.build()
    assert bundle.images == {BASE: f"mirror:5000/x/ciao@{cluster.built}"}


async def test_the_code_is_copied_out_of_an_image_that_was_pushed_before(cluster: Any) -> None:
    await cluster.build()
    dockerfile = cluster.created("configmaps")["data"]["Dockerfile"]
    base, copy = dockerfile.splitlines()[:2]
    assert base.startswith("FROM registry.example/team/python@sha256:")
    digest = copy.removeprefix("COPY --from=registry.example/team/ciao@").split()[0]
    assert ("registry.example", "team/ciao", digest) in cluster.registry.manifests


async def test_what_is_created_belongs_to_the_job_and_is_labelled_as_ours(cluster: Any) -> None:
    await cluster.build()
    made, config_map = cluster.created("jobs"), cluster.created("configmaps")
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "ciao",
        "ciao/build": NAME,
        "sidecar.istio.io/inject": "false",
    }
    assert made["spec"]["ttlSecondsAfterFinished"] == 600
    (owner,) = config_map["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("Job", NAME, "of-the-job")
    assert "ciao/job" not in made["spec"]["template"]["metadata"]["labels"]  # no replica of the job


async def test_after_the_build_nothing_is_left(cluster: Any) -> None:
    await cluster.build()
    assert cluster.deleted == ALL_GONE


async def test_the_steps_of_the_builder_are_told_as_it_goes(cluster: Any) -> None:
    await cluster.build()
    steps = [one.step for one in cluster.told if isinstance(one, Packing)]
    assert "cluster-buildkit: starting the builder" in steps
    assert steps[-1] == "cluster-buildkit: [2/2] COPY code"
    assert not any("[internal]" in step for step in steps)


async def test_the_same_code_on_the_same_base_is_not_built_again(cluster: Any) -> None:
    await cluster.build()
    dockerfile = cluster.created("jobs")["spec"]["template"]["spec"]["containers"][0]["command"]
    tag = dockerfile[-1].partition("name=")[2].partition(",")[0].rpartition(":")[2]
    name = at("registry.example/team/ciao")
    cluster.registry.tagged[name.host, name.repository, tag] = cluster.built
    asked = len(cluster.server.asked)
    assert (await cluster.build()).images == {BASE: f"registry.example/team/ciao@{cluster.built}"}
    assert len(cluster.server.asked) == asked


async def test_each_base_gets_an_image_of_its_own(cluster: Any) -> None:
    from fakes import images

    other = "registry.example/team/big:1"
    await images.put(cluster.registry, at(other), layers=[images.layer(images.OCI, "usr/bin/python3.12")])
    second = f"{NAME}-2"
    cluster.server.on(f"DELETE {JOBS}/{second}", answer({}))
    bundle = await cluster.build(images={Role.MASTER: BASE, Role.WORKER: other})
    assert set(bundle.images) == {BASE, other}
    names = [a.body["metadata"]["name"] for a in cluster.server.asked if a.line == f"POST {JOBS}"]
    assert names == [NAME, second]


async def test_a_digest_that_the_registry_does_not_have_is_no_image(cluster: Any, pods: Any) -> None:
    cluster.pods(pods.ended(message="sha256:" + "0" * 64))
    with pytest.raises(BundleError, match=r"this machine does not find it there\. The registry that pods reach"):
        await cluster.build()


async def test_a_builder_that_told_no_digest_is_named(cluster: Any, pods: Any) -> None:
    cluster.pods(pods.ended(message=""))
    with pytest.raises(BundleError, match="did not tell the digest"):
        await cluster.build()


async def test_a_failing_build_shows_the_end_of_its_log_and_leaves_nothing(cluster: Any, pods: Any) -> None:
    cluster.pods(pods.ended(1))
    log = b"#7 [2/3] RUN false\n#7 0.1 oh no\nerror: failed to solve: process did not complete: exit code: 1\n"
    cluster.server.on(pods.LOG, stream(log))
    with pytest.raises(BundleError) as caught:
        await cluster.build()
    assert caught.value.message == (
        "cluster-buildkit could not build the image: process did not complete: exit code: 1"
    )
    assert "\n    [2/3] RUN false\n    oh no\n" in caught.value.hint
    assert cluster.deleted == ALL_GONE


async def test_a_pod_that_the_namespace_refuses_is_told_at_once(cluster: Any, tmp_path: Path) -> None:
    cluster.pods(answer({"items": []}))
    message = (
        'Error creating: pods "x" is forbidden: violates PodSecurity "baseline:latest": seccompProfile (pod must not)'
    )
    cluster.server.on(f"GET {CORE}/events", answer({"items": [{"reason": "FailedCreate", "message": message}]}))
    cluster.server.on(f"GET {JOBS}/{NAME}", answer({"status": {}}))
    with pytest.raises(BundleError, match=r"the namespace team takes no pod .* is baseline, and rootless BuildKit"):
        await cluster.build()
    assert cluster.deleted == ALL_GONE
    (tmp_path / "Dockerfile").write_text("FROM registry.example/team/python:3.12\n")
    with pytest.raises(BundleError) as caught:
        await cluster.build(_with_dockerfile(tmp_path))
    assert "%s2i=append" not in caught.value.hint


async def test_who_may_not_create_jobs_is_told_which_right_is_missing(cluster: Any) -> None:
    words = (
        'jobs.batch is forbidden: User "ann" cannot create resource "jobs" in API group "batch" in the namespace "team"'
    )
    cluster.server.on(f"POST {JOBS}", status(403, "Forbidden", words))
    with pytest.raises(BundleError) as caught:
        await cluster.build()
    assert caught.value.message == (
        "no image can be built in the cluster: ann may not create jobs.batch in the namespace team"
    )
    assert "--verb=create --resource=jobs.batch" in caught.value.hint


async def test_a_log_that_may_not_be_read_is_a_notice_and_the_build_goes_on(cluster: Any, pods: Any) -> None:
    words = 'pods "x" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "team"'
    cluster.server.on(pods.LOG, status(403, "Forbidden", words))
    await cluster.build()
    (notice,) = [one.text for one in cluster.told if isinstance(one, Notice)]
    assert notice.startswith("the log of cluster-buildkit cannot be read: ann may not get pods/log")


@pytest.mark.parametrize("moment", ["creating", "waiting", "following"])
async def test_an_interrupt_leaves_nothing_whenever_it_comes(cluster: Any, pods: Any, moment: str) -> None:
    reached = asyncio.Event()

    async def sleep(_: float) -> None:
        reached.set()
        await asyncio.sleep(3600 if moment == "waiting" else 0)

    def creating(asked: Any) -> Any:
        reached.set()
        return pods.created(asked)

    cluster.slept = sleep
    cluster.pods(pods.pod(running={}) if moment == "following" else pods.pod(waiting={}))
    cluster.server.on(pods.LOG, stream(b"line\n", STALL))
    if moment == "creating":
        cluster.server.on(f"POST {JOBS}", creating)
    work = asyncio.create_task(cluster.build())
    await reached.wait()
    if moment == "following":
        await cluster.server.until_open(1)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert cluster.deleted == ALL_GONE
    await cluster.server.until_open(0)


async def test_a_login_is_in_a_secret_of_the_build_and_nowhere_else(cluster: Any, capsys: Any) -> None:
    password = secrets.token_urlsafe(12)
    cluster.settings = replace(cluster.settings, s2i_username="ann", s2i_password=password)
    bundle = await cluster.build()
    encoded = base64.b64encode(f"ann:{password}".encode()).decode()
    config = json.loads(base64.b64decode(cluster.created("secrets")["data"][".dockerconfigjson"]))
    assert config == {"auths": {"registry.example": {"auth": encoded}}}
    others = repr([a.body for a in cluster.server.asked if not a.path.endswith("/secrets")])
    for shown in (others, repr(bundle), repr(cluster.told), str(capsys.readouterr())):
        assert password not in shown
        assert encoded not in shown
    assert cluster.deleted == [f"namespaces/team/secrets/{NAME}", *ALL_GONE]


async def test_a_password_that_a_builder_writes_into_its_log_is_not_told(cluster: Any, pods: Any) -> None:
    password = secrets.token_urlsafe(12)
    cluster.settings = replace(cluster.settings, s2i_username="ann", s2i_password=password)
    cluster.pods(pods.ended(1))
    cluster.server.on(pods.LOG, stream(f"error: {password} is wrong\n".encode()))
    with pytest.raises(BundleError) as caught:
        await cluster.build()
    assert password not in repr((str(caught.value), cluster.told))
    assert "*** is wrong" in str(caught.value)


async def test_without_a_login_a_secret_that_pulls_also_pushes(cluster: Any) -> None:
    cluster.settings = replace(cluster.settings, s2i_pull_secrets=("regcred",))
    await cluster.build()
    pod = cluster.created("jobs")["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "regcred"}]
    assert pod["volumes"][-1]["secret"]["secretName"] == "regcred"


async def test_a_dockerfile_of_the_user_gets_its_folder_and_the_base(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true")
    (tmp_path / "data.txt").write_text("7")
    await cluster.build(_with_dockerfile(tmp_path))
    made = cluster.created("configmaps")
    assert made["data"]["Dockerfile"].startswith("ARG BASE\nFROM ${BASE}\nRUN true\nCOPY --from=registry.example/team/")
    assert made["binaryData"]["context.tar.gz"]
    command = cluster.created("jobs")["spec"]["template"]["spec"]["containers"][0]["command"]
    assert any(word.startswith("--opt=build-arg:BASE=registry.example/team/python@sha256:") for word in command)


async def test_a_dockerfile_that_names_its_base_is_built_once_for_all_roles(cluster: Any, tmp_path: Path) -> None:
    from fakes import images

    await images.put(cluster.registry, at("registry.example/other:1"))
    (tmp_path / "Dockerfile").write_text("FROM registry.example/other:1\n")
    roles = {Role.MASTER: BASE, Role.WORKER: "registry.example/other:1"}
    bundle = await cluster.build(_with_dockerfile(tmp_path), images=roles)
    assert len(set(bundle.images.values())) == 1
    assert sum(a.line == f"POST {JOBS}" for a in cluster.server.asked) == 1


async def test_packages_and_a_dockerfile_are_told_apart(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    of = replace(_with_dockerfile(tmp_path), packages=("einops",))
    with pytest.raises(BundleError, match=r"do not go together .* RUN python3 -m pip install"):
        await cluster.build(of)


async def test_packages_are_installed_by_pip_in_a_stage_of_their_own(cluster: Any) -> None:
    await cluster.build(spec(packages=("einops==0.8.0",)))
    dockerfile = cluster.created("configmaps")["data"]["Dockerfile"]
    assert dockerfile.splitlines()[0].endswith(" AS packages")
    assert 'RUN ["python3", "-m", "pip", "install"' in dockerfile
    assert "COPY --from=packages /ciao/site /ciao/code/site" in dockerfile


async def test_a_plan_names_the_image_and_creates_nothing(cluster: Any) -> None:
    strategy = InCluster("cluster-kaniko", cluster.settings, None, cluster.registry)
    bundle = await strategy.plan(spec(), Target(images={Role.WORKER: BASE}))
    assert bundle.images == {BASE: "registry.example/team/ciao:planned"}
    assert cluster.server.asked == []


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
async def test_a_registry_of_this_machine_is_refused_in_words(tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path, s2i_registry=host)
    strategy = InCluster("cluster-kaniko", settings, None)
    with pytest.raises(BundleError, match="is this machine, which no builder in a cluster reaches"):
        await strategy.plan(spec(), Target(images={Role.WORKER: BASE}))


def _with_dockerfile(folder: Path) -> Any:
    of = spec(dockerfile="Dockerfile")
    return replace(of, cell=replace(of.cell, notebook=str(folder / "note.ipynb")))
