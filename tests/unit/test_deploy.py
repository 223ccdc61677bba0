"""The manifests of deploy/ as they are written: rights that are ours to the letter, pods that `restricted` takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ciao.backends.kubeflow.labels import JOB
from ciao.backends.kubeflow.rights import NEEDS
from ciao.frameworks import FRAMEWORKS
from ciao.frontends.gateway import options
from ciao.k8s.rights import Right
from ciao.s2i.incluster.manifests import BUILD
from ciao.s2i.incluster.rights import rights as rights_of_builds
from ciao.settings import SETTINGS, load
from ciao.settings.strategies import IN_THE_CLUSTER

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(DEPLOY.rglob("*.yaml"))
KUSTOMIZATIONS = sorted(DEPLOY.rglob("kustomization.yaml"))

FEATURES: dict[str, set[str]] = {
    "jobs": {f"run {framework.operator.kind}s" for framework in FRAMEWORKS.values()}
    | {"follow the replicas", "read their logs", "say why a replica waits", "%cleanPolicy=all"},
    "trainjobs": {"run TrainJobs", "end a TrainJob's node at its first failure"},
    "configmaps": {"bring the code"},
    "packages": {"ask a large base image what packages it has"},
    "trial": {"try a pod"},
    "stacks": {"ask replicas where they stand"},
    "queues": {"list queues", "show quotas"},
    "cluster-wide": {"list the shipped runtimes", "make images for the platforms of the nodes"},
}
"""What of doctor's list is granted by which Role."""

BUILDS = {"builds": ("cluster-buildkit", "cluster-kaniko"), "tekton": ("tekton",)}


def documents(file: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(file.read_text()) if one]


def objects() -> Iterator[tuple[Path, dict[str, Any]]]:
    """All that gets into a cluster."""
    for file in FILES:
        if file not in KUSTOMIZATIONS and file.name != "config.yaml":
            yield from ((file, one) for one in documents(file))


def granted(name: str) -> list[Right]:
    """By a Role, each as often as it is said."""
    role, _ = documents(DEPLOY / "roles" / name / "role.yaml")
    return [right(verb, resource, group) for rule in role["rules"] for group in rule["apiGroups"]
            for resource in rule["resources"] for verb in rule["verbs"]]  # fmt: skip


def right(verb: str, resource: str, group: str) -> Right:
    plain, _, part = resource.partition("/")
    return Right(verb=verb, resource=plain, group=group, subresource=part)


def pods() -> list[tuple[str, dict[str, Any]]]:
    """The pods of the gateway, wherever it runs."""
    found = [
        (one["kind"], one["spec"]["template"]["spec"]) for _, one in objects() if "template" in one.get("spec", {})
    ]
    assert sorted(kind for kind, _ in found) == ["Deployment", "Notebook"]
    return found


def test_every_feature_that_doctor_asks_about_has_one_role() -> None:
    features = [feature for of_role in FEATURES.values() for feature in of_role]
    assert sorted(features) == sorted(need.feature for need in NEEDS)
    assert {*FEATURES, *BUILDS} == {folder.name for folder in (DEPLOY / "roles").iterdir()}


@pytest.mark.parametrize("name", FEATURES)
def test_a_role_grants_what_doctor_asks_for_its_features_and_no_more(name: str) -> None:
    asked = {one for need in NEEDS if need.feature in FEATURES[name] for one in need.rights}
    assert sorted(map(str, granted(name))) == sorted(map(str, asked))


@pytest.mark.parametrize("name", BUILDS)
def test_a_role_of_builders_grants_what_doctor_asks_for_them_and_no_more(name: str) -> None:
    asked = {one for strategy in BUILDS[name] for one in rights_of_builds(strategy)}
    assert sorted(map(str, granted(name))) == sorted(map(str, asked))


def test_every_builder_in_the_cluster_has_a_role() -> None:
    assert {strategy for of_role in BUILDS.values() for strategy in of_role} == set(IN_THE_CLUSTER)


@pytest.mark.parametrize("name", [*FEATURES, *BUILDS])
def test_only_what_is_in_no_namespace_is_granted_in_the_whole_cluster(name: str) -> None:
    role, binding = documents(DEPLOY / "roles" / name / "role.yaml")
    everywhere = {need.everywhere for need in NEEDS if need.feature in FEATURES.get(name, ())} == {True}
    assert (role["kind"], binding["kind"]) == (
        ("ClusterRole", "ClusterRoleBinding") if everywhere else ("Role", "RoleBinding")
    )
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ciao"}]


def test_no_role_reads_secrets_or_grants_everything() -> None:
    every = [one for name in (*FEATURES, *BUILDS) for one in granted(name)]
    assert {one.verb for one in every if one.resource == "secrets"} == {"create", "delete"}
    assert [one for one in every if "*" in f"{one.verb}{one.resource}{one.group}"] == []


def test_the_user_of_a_gateway_can_choose_every_role() -> None:
    text = (DEPLOY / "overlays" / "single-user" / "kustomization.yaml").read_text()
    parts = re.findall(r"- \.\./\.\./(roles|components)/([a-z-]+)", text)
    assert sorted(parts) == sorted((one.parent.name, one.name) for one in DEPLOY.glob("[rc]*/*") if one.is_dir())


def test_no_secret_is_contained() -> None:
    assert [file for file, one in objects() if one["kind"] == "Secret"] == []
    assert not re.search("secretGenerator", "".join(file.read_text() for file in FILES))


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: str(file.parent.relative_to(DEPLOY)))
def test_what_a_kustomization_names_is_there(file: Path) -> None:
    [one] = documents(file)
    files = [name for made in one.get("configMapGenerator", ()) for name in made["files"]]
    named = [*one.get("resources", ()), *one.get("components", ()), *files]
    assert [name for name in named if not (file.parent / name).exists()] == []


@pytest.mark.parametrize("file", sorted(DEPLOY.rglob("config.yaml")), ids=lambda file: file.parent.name)
def test_settings_are_such_as_kernels_take(file: Path, tmp_path: Path) -> None:
    assert load({"CIAO_HOME": str(tmp_path)}, system=file).backend == "kubeflow"
    uncommented = re.sub(r"(?m)^# (?=\S+:|  )", "", file.read_text().split("\n", 1)[1])
    (tmp_path / "all.yaml").write_text(uncommented)
    load({"CIAO_HOME": str(tmp_path)}, system=tmp_path / "all.yaml")


@pytest.mark.parametrize(("kind", "pod"), pods())
def test_a_pod_has_no_privilege_and_writes_in_three_places_only(kind: str, pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    assert pod["securityContext"].items() >= {"runAsNonRoot": True, "runAsUser": 1000}.items()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    alone = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert container["securityContext"] == alone
    written = {one["mountPath"] for one in container["volumeMounts"] if not one.get("readOnly")}
    assert written == {"/home/ciao", "/tmp", "/dev/shm"}
    limits = [volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"] if "emptyDir" in volume]
    assert len(limits) == len(written)
    assert container["resources"]["limits"].keys() == {"memory"}


@pytest.mark.parametrize(("kind", "pod"), pods())
def test_a_pod_is_asked_whether_it_lives_and_is_ready(kind: str, pod: dict[str, Any]) -> None:
    [container] = pod["containers"]
    [port] = container["ports"]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    assert {probe.get("scheme", "HTTP") for probe in probes.values()} == {"HTTP" if kind == "Notebook" else "HTTPS"}
    assert (port["containerPort"], pod["terminationGracePeriodSeconds"]) == (8889, 30)


def test_credentials_get_into_the_pod_as_files_that_only_its_group_reads() -> None:
    pod = dict(pods())["Deployment"]
    [volume] = [one["projected"] for one in pod["volumes"] if "projected" in one]
    assert volume["defaultMode"] == 0o440
    assert [one["secret"]["name"] for one in volume["sources"]] == ["ciao-token", "ciao-tls"]
    values = {one["value"] for one in pod["containers"][0]["env"]}
    items = {f"/etc/ciao-gateway/{item['path']}" for one in volume["sources"] for item in one["secret"]["items"]}
    assert values == items


@pytest.mark.parametrize(("kind", "pod"), pods())
def test_the_gateway_listens_with_what_its_pod_tells_it(kind: str, pod: dict[str, Any]) -> None:
    environ = {one["name"]: one["value"] or "user@example.com" for one in pod["containers"][0]["env"]}
    told = options.read({"ip": "0.0.0.0"}, {**environ, "NB_PREFIX": "/notebook/team/ciao"})
    assert (told.base_url, told.tls) == ("/notebook/team/ciao/", kind == "Deployment")
    assert bool(told.token_file) != told.insecure_no_token


def test_every_variable_of_ours_is_one_that_we_know() -> None:
    known = {one.variable for one in SETTINGS} | {f"CIAO_GATEWAY_{name.upper()}" for name in options.READERS}
    named = set(re.findall(r"name: (CIAO_\w+)", "".join(file.read_text() for file in FILES)))
    assert len(named) > 6
    assert named - known == set()


def test_a_notebook_is_such_as_kubeflow_s_controller_expects() -> None:
    [notebook] = [one for _, one in objects() if one["kind"] == "Notebook"]
    [container] = notebook["spec"]["template"]["spec"]["containers"]
    assert container["name"] == notebook["metadata"]["name"]
    assert container["workingDir"] == "/home/ciao"
    assert notebook["spec"]["template"]["spec"]["serviceAccountName"] == "default-editor"
    env = {one["name"]: one["value"] for one in container["env"]}
    assert env["CIAO_GATEWAY_USER_HEADER"] == "kubeflow-userid"
    assert next(iter(env)) == "CIAO_GATEWAY_USER"  # the overlay replaces the first
    assert {"CIAO_GATEWAY_INSECURE_HTTP", "CIAO_GATEWAY_INSECURE_NO_TOKEN"} < set(env)


def test_policies_select_the_gateway_and_nothing_else() -> None:
    selectors = {
        (file.parent.name, one["kind"]): one["spec"]["podSelector" if one["kind"] == "NetworkPolicy" else "selector"]
        for file, one in objects()
        if one["kind"] in ("NetworkPolicy", "PodDisruptionBudget")
    }
    assert len(selectors) == 4
    ours, theirs = {"app.kubernetes.io/name": "ciao"}, {"notebook-name": "ciao"}
    assert {place: selector["matchLabels"] for place, selector in selectors.items()} == {
        ("base", "NetworkPolicy"): ours,
        ("base", "PodDisruptionBudget"): ours,
        ("ingress", "NetworkPolicy"): ours,
        ("kubeflow-notebook", "NetworkPolicy"): theirs,
    }


def test_replicas_and_builders_are_not_let_in() -> None:
    [policy] = documents(DEPLOY / "base" / "networkpolicy.yaml")
    [rule] = policy["spec"]["ingress"]
    [peer] = rule["from"]
    assert {(one["key"], one["operator"]) for one in peer["podSelector"]["matchExpressions"]} == {
        (JOB, "DoesNotExist"),
        (BUILD, "DoesNotExist"),
    }


def test_users_differ_in_their_names_alone() -> None:
    folder = DEPLOY / "overlays" / "many-users"
    [every] = documents(folder / "kustomization.yaml")
    for user in every["resources"]:
        for name in ("kustomization.yaml", "namespace.yaml"):
            text = (folder / user / name).read_text()
            assert text == (folder / "alice" / name).read_text().replace("alice", user)
    assert sorted(every["resources"]) == sorted(one.name for one in folder.iterdir() if one.is_dir())
