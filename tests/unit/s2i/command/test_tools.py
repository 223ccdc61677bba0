"""How each tool is called, as values."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ciao.s2i.command.table import TOOLS
from ciao.s2i.command.tools import Order

DIGEST = "sha256:" + "a" * 64
HERE = {name: f"/bin/{name}" for name in ("buildah", "podman", "docker", "buildctl", "executor")}
ORDER = Order(
    name="registry.example/ciao:cell-1",
    context=Path("/s/context"),
    dockerfile=Path("/s/order/Dockerfile"),
    scratch=Path("/s/order"),
    programs=HERE,
    sources=frozenset({"base.example"}),
)


def calls(tool: str, order: Order = ORDER) -> list[list[str]]:
    return [list(step.argv) for step in TOOLS[tool].steps(order)]


@pytest.mark.parametrize("tool", ["buildah", "podman"])
def test_buildah_and_podman_build_without_keeping_steps_and_push_with_a_digest_file(tool: str) -> None:
    assert calls(tool, replace(ORDER, cached=False)) == [
        [f"/bin/{tool}", "build", "--force-rm", "--layers=false",
         "--file", "/s/order/Dockerfile", "--tag", "registry.example/ciao:cell-1", "/s/context"],
        [f"/bin/{tool}", "push", "--digestfile", "/s/order/digest", "registry.example/ciao:cell-1"],
    ]  # fmt: skip


@pytest.mark.parametrize("tool", ["buildah", "podman", "docker"])
def test_platform_and_arguments_are_flags(tool: str) -> None:
    build = calls(tool, replace(ORDER, platform="linux/arm64", arguments={"BASE": "b@x"}))[0]
    words = " ".join(build)
    assert "--platform linux/arm64 --build-arg BASE=b@x" in words


@pytest.mark.parametrize("tool", ["buildah", "podman"])
def test_tls_is_left_out_only_for_hosts_that_have_none(tool: str) -> None:
    build, push = calls(tool, replace(ORDER, plain=frozenset({"registry.example"})))
    assert ("--tls-verify=false" in build, "--tls-verify=false" in push) == (False, True)
    build, push = calls(tool, replace(ORDER, plain=frozenset({"base.example"})))
    assert ("--tls-verify=false" in build, "--tls-verify=false" in push) == (True, False)


@pytest.mark.parametrize("tool", ["buildah", "podman"])
def test_where_one_of_two_sources_has_tls_it_is_verified(tool: str) -> None:
    order = replace(ORDER, sources=frozenset({"a.example", "b.example"}), plain=frozenset({"a.example"}))
    assert "--tls-verify=false" not in calls(tool, order)[0]


@pytest.mark.parametrize("tool", ["buildah", "podman"])
def test_an_authority_is_a_folder_of_certificates(tool: str) -> None:
    for call in calls(tool, replace(ORDER, certificates=Path("/s/certificates"))):
        assert call[call.index("--cert-dir") + 1] == "/s/certificates"


def test_docker_takes_no_flags_about_tls() -> None:
    assert calls("docker", replace(ORDER, plain=frozenset({"registry.example"}), certificates=Path("/s/c"))) == [
        ["/bin/docker", "build", "--force-rm", "--file", "/s/order/Dockerfile",
         "--tag", "registry.example/ciao:cell-1", "/s/context"],
        ["/bin/docker", "push", "registry.example/ciao:cell-1"],
    ]  # fmt: skip


def test_buildkit_builds_and_pushes_in_one_call() -> None:
    order = replace(ORDER, platform="linux/arm64", arguments={"BASE": "b"}, plain=frozenset({"registry.example"}))
    assert calls("buildkit", order) == [
        ["/bin/buildctl", "build", "--frontend", "dockerfile.v0", "--progress", "plain",
         "--local", "context=/s/context", "--local", "dockerfile=/s/order",
         "--opt", "filename=Dockerfile", "--opt", "platform=linux/arm64", "--opt", "build-arg:BASE=b",
         "--output", "type=image,name=registry.example/ciao:cell-1,push=true,registry.insecure=true",
         "--metadata-file", "/s/order/digest"],
    ]  # fmt: skip


def test_kaniko_runs_in_a_root_of_its_own_with_an_empty_environment() -> None:
    order = replace(ORDER, plain=frozenset({"base.example"}), certificates=Path("/s/c"), arguments={"BASE": "b"})
    (call,) = calls("kaniko", order)
    assert call[:2] == ["env", "-i"]
    assert {"unshare", "--mount", "--pid", "--kill-child", "/s/order/root"} <= set(call)
    own = call[call.index("--force") :]
    assert own[1:] == [
        "--context=dir:///workspace", "--dockerfile=/kaniko/Dockerfile", "--destination=registry.example/ciao:cell-1",
        "--digest-file=/kaniko/digest", "--log-format=text", "--ignore-path=/workspace",
        "--insecure-registry=base.example", "--registry-certificate=registry.example=/kaniko/ca.crt",
        "--build-arg=BASE=b",
    ]  # fmt: skip


def test_what_is_not_pushed_is_only_built() -> None:
    order = replace(ORDER, pushed=False)
    assert [len(calls(tool, order)) for tool in ("buildah", "podman", "docker")] == [1, 1, 1]


def test_a_digest_is_what_the_tool_wrote_or_said(tmp_path: Path) -> None:
    order = replace(ORDER, scratch=tmp_path)
    order.digest_file.write_text(f"{DIGEST}\n")
    assert TOOLS["buildah"].digest(order, []) == DIGEST
    order.digest_file.write_text(json.dumps({"containerimage.digest": DIGEST}))
    assert TOOLS["buildkit"].digest(order, []) == DIGEST
    said = ["The push refers to repository", f"cell-1: digest: {DIGEST} size: 12"]
    assert TOOLS["docker"].digest(order, said) == DIGEST
    assert TOOLS["docker"].digest(order, said[:1]) == ""


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_no_call_has_a_place_for_a_password(tool: str) -> None:
    words = " ".join(word for call in calls(tool, replace(ORDER, login=Path("/s/login"))) for word in call)
    assert not {"--creds", "--password", "--username", "login"} & set(words.split())
