"""What doctor says of a cluster, from a scripted one over real connections."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from ciao.backends.kubeflow.rights import NEEDS, cluster_role, role
from ciao.commands import cluster_checks as module
from ciao.commands.check import Check
from ciao.commands.cluster_checks import cluster_checks
from ciao.settings import Settings
from fakes.apiserver import STALL, Answer, ApiServer, Asked, answer, status, stream

REVIEW = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
WHO = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews"
ALLOWED = answer({"status": {"allowed": True}}, code=201)


def group(name: str, version: str, **kinds: str) -> dict[str, Answer]:
    served = {"preferredVersion": {"version": version}, "versions": [{"version": version}]}
    resources = [{"kind": kind, "name": plural, "namespaced": True} for kind, plural in kinds.items()]
    return {f"GET /apis/{name}": answer(served), f"GET /apis/{name}/{version}": answer({"resources": resources})}


CLUSTER: dict[str, Any] = {
    "GET /version": answer({"gitVersion": "v1.34.4"}),
    WHO: answer({"status": {"userInfo": {"username": "ann"}}}, code=201),
    REVIEW: ALLOWED,
    "GET /api/v1/namespaces/team": answer(
        {"metadata": {"name": "team", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    ),
    **group("kubeflow.org", "v1", PyTorchJob="pytorchjobs"),
    "GET /api/v1/namespaces/team/resourcequotas": answer({"items": []}),
    "POST /api/v1/namespaces/team/configmaps": answer({"kind": "ConfigMap"}, code=201),
    "POST /apis/kubeflow.org/v1/namespaces/team/pytorchjobs": answer({"kind": "PyTorchJob"}, code=201),
    "POST /api/v1/namespaces/team/pods": answer({"kind": "Pod"}, code=201),
}


def settings(folder: Path, server: str, **more: Any) -> Settings:
    file = folder / "kubeconfig"
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "hush"}}],
        "contexts": [{"name": "ctx", "context": {"cluster": "c", "user": "u", "namespace": "team"}}],
        "current-context": "ctx",
    }
    file.write_text(yaml.safe_dump(config))
    images = MappingProxyType({"pytorch": "torch:1"})
    return Settings(home=folder, kubeconfig=file, **{"images": images, **more})


async def checks(folder: Path, script: dict[str, Any], **more: Any) -> list[Check]:
    async with ApiServer(CLUSTER | script) as server:
        return await cluster_checks(settings(folder, server.url, **more), limit=30.0)


def only(found: list[Check], name: str) -> Check:
    [check] = [c for c in found if c.name == name]
    return check


async def test_where_all_is_well_nothing_is_to_be_fixed(tmp_path: Path) -> None:
    found = await checks(tmp_path, {})
    assert [c for c in found if c.verdict != "ok" or c.fix] == []
    words = {c.name: c.words for c in found}
    assert words["credentials"] == f"{tmp_path / 'kubeconfig'}: context ctx, namespace team"
    assert words["user"] == "the cluster knows you as ann"
    assert words["namespace"] == "team, pod security level restricted"
    assert words["kinds"] == "PyTorchJob (v1)"
    assert words["trial"] == "the cluster takes a job of pytorch, and its pods"
    assert words["cluster"].endswith("ms: Kubernetes v1.34.4")
    assert "hush" not in str(found)


async def test_a_right_that_is_missing_is_named_with_its_use_and_the_line_that_grants_it(tmp_path: Path) -> None:
    def no_logs(asked: Asked) -> Answer:
        about = asked.body["spec"]["resourceAttributes"]
        return answer({"status": {"allowed": about["subresource"] != "log"}}, code=201)

    check = only(await checks(tmp_path, {REVIEW: no_logs}), "rights")
    assert (check.verdict, check.words) == ("fail", "you may not get pods/log, to read their logs")
    assert check.fix == (
        "kubectl create role ciao-get-pods-log --verb=get --resource=pods/log -n team && "
        "kubectl create rolebinding ciao-get-pods-log-ann --role=ciao-get-pods-log --user=ann -n team"
    )


async def test_without_a_right_that_only_one_feature_needs_the_rest_works(tmp_path: Path) -> None:
    def no_events(asked: Asked) -> Answer:
        return answer(
            {"status": {"allowed": asked.body["spec"]["resourceAttributes"]["resource"] != "events"}}, code=201
        )

    check = only(await checks(tmp_path, {REVIEW: no_events}), "rights")
    assert check.verdict == "warn"
    assert check.words.startswith("you may not list, watch events, to say why a replica waits; without: reasons that")


async def test_a_cluster_that_is_silent_is_waited_for_no_longer_than_the_limit(tmp_path: Path) -> None:
    async with ApiServer({"GET /version": stream(STALL)}) as server:
        found = await cluster_checks(settings(tmp_path, server.url), limit=0.05)
    assert only(found, "cluster").words == "ctx gave no answer in 0.05 s"
    assert len(found) == 2


async def test_one_question_that_is_not_answered_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(limit: float, name: str, work: Any) -> Any:
        return within(0.05 if name == "namespace" else limit, name, work)

    within = module._within
    monkeypatch.setattr(module, "_within", impatient)
    found = await checks(tmp_path, {"GET /api/v1/namespaces/team": stream(STALL)})
    assert only(found, "namespace").words == "the cluster gave no answer in 0.05 s"
    assert only(found, "kinds").verdict == "ok"


async def test_credentials_that_the_cluster_does_not_know_are_told_as_such(tmp_path: Path) -> None:
    found = await checks(tmp_path, {"GET /version": status(401, "Unauthorized", "Unauthorized")})
    assert only(found, "cluster").words.startswith("the cluster does not know who you are")


async def test_no_cluster_and_a_damaged_kubeconfig_are_failures_with_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    [none] = await cluster_checks(Settings(home=tmp_path))
    assert (none.verdict, none.words) == ("fail", "no cluster is known here")
    (tmp_path / "kubeconfig").write_text("clusters: [")
    [damaged] = await cluster_checks(Settings(home=tmp_path, kubeconfig=tmp_path / "kubeconfig"))
    assert damaged.verdict == "fail"
    assert damaged.fix


async def test_a_namespace_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    gone = status(404, "NotFound", 'namespaces "team" not found', kind="namespaces", name="team")
    check = only(await checks(tmp_path, {"GET /api/v1/namespaces/team": gone}), "namespace")
    assert check.fix.startswith("kubectl create namespace team")


async def test_a_pod_that_the_namespace_refuses_is_a_failure(tmp_path: Path) -> None:
    refused = status(403, "Forbidden", 'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostPath')
    check = only(await checks(tmp_path, {"POST /api/v1/namespaces/team/pods": refused}), "trial")
    assert (check.verdict, check.words) == (
        "fail",
        'the cluster forbids it: violates PodSecurity "restricted:latest": hostPath',
    )


async def test_a_quota_that_is_used_up_is_a_warning(tmp_path: Path) -> None:
    quota = {"metadata": {"name": "few"}, "status": {"hard": {"pods": "2", "requests.cpu": "4"}, "used": {"pods": "2"}}}
    found = await checks(tmp_path, {"GET /api/v1/namespaces/team/resourcequotas": answer({"items": [quota]})})
    assert only(found, "quota") == Check(
        name="quota",
        verdict="warn",
        words="few: pods 2 of 2, requests.cpu 0 of 4",
        fix="pods: end other jobs, or have the quota raised",
    )


async def test_queues_are_named_where_kueue_is_served(tmp_path: Path) -> None:
    kueue = group("kueue.x-k8s.io", "v1beta2", LocalQueue="localqueues")
    queues = answer({"items": [{"metadata": {"name": "gpu"}}, {"metadata": {"name": "cpu"}}]})
    path = "GET /apis/kueue.x-k8s.io/v1beta2/namespaces/team/localqueues"
    assert only(await checks(tmp_path, kueue | {path: queues}), "queues").words == "%queue= may be gpu, cpu"


async def test_without_any_image_doctor_says_how_to_set_one(tmp_path: Path) -> None:
    found = await checks(tmp_path, {}, images=MappingProxyType({}))
    assert only(found, "images").verdict == "warn"
    assert "trial" not in {c.name for c in found}


def test_the_roles_of_the_documentation_are_the_list_of_rights() -> None:
    page = (Path(__file__).parents[3] / "docs" / "kubeflow.md").read_text("utf-8")
    documents = [d for block in page.split("```yaml\n")[1:] for d in yaml.safe_load_all(block.split("```")[0])]
    written = {d["kind"]: d for d in documents if isinstance(d, dict) and "rules" in d}
    assert written == {"Role": role(), "ClusterRole": cluster_role()}


def test_every_need_says_what_it_is_for() -> None:
    assert all(need.feature and need.rights for need in NEEDS)


async def test_rights_on_configmaps_matter_only_to_code_that_travels_so(tmp_path: Path) -> None:
    def no_configmaps(asked: Asked) -> Answer:
        return answer(
            {"status": {"allowed": asked.body["spec"]["resourceAttributes"]["resource"] != "configmaps"}}, code=201
        )

    assert only(await checks(tmp_path, {REVIEW: no_configmaps}), "rights").verdict == "fail"
    pushing = await checks(tmp_path, {REVIEW: no_configmaps}, s2i_registry="push.example/team")
    assert only(pushing, "rights").verdict == "ok"


async def test_who_builds_in_the_cluster_needs_rights_for_it(tmp_path: Path) -> None:
    def no_jobs(asked: Asked) -> Answer:
        return answer({"status": {"allowed": asked.body["spec"]["resourceAttributes"]["resource"] != "jobs"}}, code=201)

    building = {"s2i_registry": "push.example/team", "s2i_provider": "cluster-kaniko"}
    check = only(await checks(tmp_path, {REVIEW: no_jobs}, **building), "rights")
    assert (check.verdict, "jobs.batch, to build by cluster-kaniko" in check.words) == ("fail", True)
    assert only(await checks(tmp_path, {REVIEW: no_jobs}), "rights").verdict == "ok"


async def test_a_registry_that_nodes_take_for_themselves_is_a_warning_until_their_name_for_it_is_set(
    tmp_path: Path,
) -> None:
    check = only(await checks(tmp_path, {}, s2i_registry="localhost:5000/team"), "pulling")
    assert (check.verdict, check.words.startswith("s2i.registry is localhost:5000, this machine")) == ("warn", True)
    assert check.fix.startswith("Set s2i.pull")
    for told in ({"s2i_pull": "localhost:5000/team"}, {"s2i_provider": "configmap"}, {"s2i_registry": "a.example"}):
        found = await checks(tmp_path, {}, **{"s2i_registry": "localhost:5000/team", **told})
        assert "pulling" not in {c.name for c in found}


SECRET = "GET /api/v1/namespaces/team/secrets/hub"


@pytest.mark.parametrize(
    ("said", "verdicts", "words"),
    [
        (status(404, "NotFound", "none"), ["warn"], "there is no Secret hub in team, which s2i.pullSecrets names"),
        (answer({"type": "Opaque"}), ["warn"], "is of the type Opaque: nodes do not pull with it"),
        (answer({"type": "kubernetes.io/dockerconfigjson"}), ["ok"], "nodes pull with the Secret hub"),
        (status(403, "Forbidden", "no"), [], ""),
    ],
)
async def test_secrets_to_pull_with_are_looked_at_where_one_may(
    tmp_path: Path, said: Answer, verdicts: list[str], words: str
) -> None:
    found = await checks(tmp_path, {SECRET: said}, s2i_pull_secrets=("hub",))
    told = [c for c in found if c.name == "pulling"]
    assert [c.verdict for c in told] == verdicts
    assert words in "".join(c.words for c in told)


async def test_the_trial_is_of_the_way_that_the_code_takes(tmp_path: Path) -> None:
    tried: list[str] = []

    def refuses_configmaps(asked: Asked) -> Answer:
        tried.append(asked.path)
        return status(403, "Forbidden", "no ConfigMap here")

    script = {"POST /api/v1/namespaces/team/configmaps": refuses_configmaps}
    assert only(await checks(tmp_path, script), "trial").verdict == "fail"
    assert only(await checks(tmp_path, script, s2i_registry="127.0.0.1:1/team"), "trial").verdict == "ok"
    assert len(tried) == 1


async def test_a_cluster_that_drops_image_volumes_is_told_where_they_are_chosen(tmp_path: Path) -> None:
    dropping = {
        "POST /api/v1/namespaces/team/pods": answer({"kind": "Pod", "spec": {"volumes": [{"name": "a"}]}}, code=201)
    }
    settled = {"s2i_registry": "127.0.0.1:1/team", "s2i_provider": "imagevolume"}
    check = only(await checks(tmp_path, dropping, **settled), "trial")
    assert (check.verdict, "image volumes" in check.words) == ("fail", True)
