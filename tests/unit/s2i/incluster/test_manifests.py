"""The objects of a build: what its pod may, what it is given, and how builders are called."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from ciao.s2i.incluster.builders import BUILDERS
from ciao.s2i.incluster.manifests import Place, config_map, run_of, secret
from ciao.s2i.incluster.order import Hosts, Order
from ciao.s2i.incluster.recipe import extended, froms, written
from ciao.s2i.incluster.rights import RIGHTS, rights, role
from fakes.asked import job, spec

HOSTS = Hosts(all=("a:5000", "b", "c"), plain=frozenset({"a:5000"}))
PLACE = Place(name="pytorch-x2v9q-build", namespace="team", image="builder:1", architecture="arm64")


def order(**more: Any) -> Order:
    return Order(dockerfile="FROM a\n", destination="a:5000/ciao:cell-1", **{"hosts": HOSTS, **more})


def pod(name: str, **more: Any) -> dict[str, Any]:
    made = run_of(order(**more), BUILDERS[name], PLACE, of=job(spec()))
    found: dict[str, Any] = made["spec"]["template"]["spec"]
    return found


def command(name: str, **more: Any) -> list[str]:
    found: list[str] = pod(name, **more)["containers"][0]["command"]
    return found


def test_kaniko_is_told_of_each_registry_how_it_is_spoken_to() -> None:
    words = command("cluster-kaniko", certificate="PEM")
    assert "--insecure-registry=a:5000" in words
    assert not any("skip-tls-verify" in word for word in words)
    assert "--registry-certificate=b=/kaniko/ciao/input/ca.crt" in words
    assert "--context=dir:///kaniko/ciao/work" in words


def test_kaniko_unpacks_the_users_folder_itself() -> None:
    assert "--context=tar:///kaniko/ciao/input/context.tar.gz" in command("cluster-kaniko", context=b"tar")


def test_buildkit_is_told_the_same_in_a_file() -> None:
    made = config_map(order(certificate="PEM"), BUILDERS["cluster-buildkit"], PLACE, uid="1")
    assert made["data"]["buildkitd.toml"] == (
        '[registry."a:5000"]\nhttp = true\nca = ["/ciao/build/input/ca.crt"]\n'
        '[registry."b"]\nca = ["/ciao/build/input/ca.crt"]\n'
        '[registry."c"]\nca = ["/ciao/build/input/ca.crt"]\n'
    )


@pytest.mark.parametrize("name", ["cluster-buildkit", "cluster-kaniko"])
def test_a_builder_gets_no_account_and_runs_on_a_node_of_the_images_platform(name: str) -> None:
    found = pod(name)
    assert found["automountServiceAccountToken"] is False
    assert found["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}
    assert found["containers"][0]["resources"]["requests"] == {"cpu": "250m", "memory": "512Mi"}


def test_kaniko_asks_for_no_privilege_and_buildkit_is_no_root() -> None:
    kaniko = pod("cluster-kaniko")["containers"][0]["securityContext"]
    assert (kaniko["allowPrivilegeEscalation"], kaniko["seccompProfile"]) == (False, {"type": "RuntimeDefault"})
    buildkit = pod("cluster-buildkit")["containers"][0]["securityContext"]
    assert (buildkit["runAsUser"], buildkit["runAsNonRoot"]) == (1000, True)
    assert "privileged" not in repr((kaniko, buildkit))


@pytest.mark.parametrize("name", ["cluster-buildkit", "cluster-kaniko"])
def test_a_login_is_mounted_for_the_builder_alone(name: str) -> None:
    found = pod(name, login="{}")
    (container,) = found["containers"]
    folder = next(one["value"] for one in container["env"] if one["name"] == "DOCKER_CONFIG")
    assert {"name": "login", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert found["volumes"][-1]["secret"]["secretName"] == PLACE.name


def test_the_secret_is_one_of_dockers_and_goes_with_the_job() -> None:
    made = secret(order(login='{"auths": {}}'), BUILDERS["cluster-kaniko"], PLACE, uid="1")
    assert made["type"] == "kubernetes.io/dockerconfigjson"
    assert base64.b64decode(made["data"][".dockerconfigjson"]) == b'{"auths": {}}'
    assert made["metadata"]["ownerReferences"][0]["uid"] == "1"


def test_no_secret_is_shown_by_the_order() -> None:
    assert "hush" not in repr(order(login="hush", certificate="hush"))


def test_without_packages_the_base_gets_the_code_and_keeps_its_user() -> None:
    text = written("base@sha256:1", "ours@sha256:2", ["python3", "x"], about={"k": 'a "b" $c'}, packages=False)
    assert text == (
        "FROM base@sha256:1\nCOPY --from=ours@sha256:2 /ciao/code /ciao/code/\n"
        'LABEL "k"="a \\"b\\" \\$c"\nENTRYPOINT ["python3", "x"]\n'
    )


def test_a_users_dockerfile_stays_as_it_is_and_the_code_goes_on_top() -> None:
    text = extended("FROM a AS b\nFROM b", "ours", ["x"], about={})
    assert text == 'FROM a AS b\nFROM b\nCOPY --from=ours /ciao/code /ciao/code/\nENTRYPOINT ["x"]\n'


def test_only_images_that_are_named_in_full_are_asked_for_logins() -> None:
    text = "FROM --platform=linux/amd64 r.example/a:1 AS b\nfrom b\nFROM ${BASE}\nFROM python:3\n"
    assert list(froms(text)) == ["r.example/a:1"]


def test_the_role_has_the_rights_and_no_more() -> None:
    rules = role(namespace="team")["rules"]
    listed = {(g, r, v) for rule in rules for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}
    assert listed == {(right.group, right.name.replace(".batch", ""), right.verb) for right in RIGHTS}
    assert ("", "secrets", "get") not in listed


def test_tekton_runs_the_same_step_and_is_told_the_digest_as_a_result() -> None:
    made = run_of(order(), BUILDERS["tekton"], PLACE, of=job(spec()))
    assert (made["apiVersion"], made["kind"]) == ("tekton.dev/v1", "TaskRun")
    (step,) = made["spec"]["taskSpec"]["steps"]
    assert "--digest-file=/tekton/results/digest" in step["command"]
    assert made["spec"]["taskSpec"]["results"] == [{"name": "digest"}]
    assert made["spec"]["podTemplate"]["automountServiceAccountToken"] is False


def test_who_builds_with_tekton_needs_rights_on_its_runs_and_on_no_jobs() -> None:
    names = {right.name for right in rights("tekton")}
    assert "taskruns.tekton.dev" in names
    assert "jobs.batch" not in names


def test_the_page_shows_the_role_and_the_images() -> None:
    page = (Path(__file__).parents[4] / "docs" / "building-in-the-cluster.md").read_text()
    assert yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0]) == role()
    assert all(f"`{builder.image}`" in page for builder in BUILDERS.values())
