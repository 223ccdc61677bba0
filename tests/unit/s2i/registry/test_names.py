"""Names of images: what a user writes, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.names import parse, pulled, repository
from ciao.settings import Settings

DIGEST = f"sha256:{'a' * 64}"


def settings(registry: str | None, *, pull: str | None = None) -> Settings:
    return Settings(home=Path("/nowhere"), s2i_registry=registry, s2i_pull=pull)


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("python", "docker.io/library/python"),
        ("python:3.11-slim", "docker.io/library/python:3.11-slim"),
        ("pytorch/pytorch:2.1", "docker.io/pytorch/pytorch:2.1"),
        ("index.docker.io/python", "docker.io/library/python"),
        ("docker.io/library/python", "docker.io/library/python"),
        ("localhost/a", "localhost/a"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("registry.example/a/b/c", "registry.example/a/b/c"),
        ("Registry/a", "Registry/a"),
        ("team/a", "docker.io/team/a"),
        ("[::1]:5000/a:1", "[::1]:5000/a:1"),
        ("10.0.0.1:5000/a_b/c__d/e-f.g:V1", "10.0.0.1:5000/a_b/c__d/e-f.g:V1"),
        (f"registry.example/a@{DIGEST}", f"registry.example/a@{DIGEST}"),
        (f"registry.example/a:1@{DIGEST}", f"registry.example/a:1@{DIGEST}"),
    ],
)
def test_a_name_is_completed_by_dockers_rules(text: str, full: str) -> None:
    assert str(parse(text)) == full
    assert str(parse(full)) == full


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a repository has"),
        ("Python", "no capitals"),
        ("registry.example/Team/a", "no capitals"),
        ("https://registry.example/a", "scheme"),
        ("registry.example/a//b", "a repository has"),
        ("registry.example/a:", "a repository has"),
        ("registry.example/a:-x", "a tag has"),
        ("registry.example/a:" + "x" * 129, "a tag has"),
        ("registry.example/a@sha256:12", "a digest is"),
        ("registry.example/a@", "a digest is"),
        ("registry.example:99999/a", "its host is none"),
        ("-registry.example/a", "its host is none"),
        ("registry.example/" + "a" * 256, "a repository has"),
        ("registry.example/a\n", "a repository has"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BundleError, match=why):
        parse(text)


@pytest.mark.parametrize("text", ["user:s3cret@registry.example/a", "https://user:s3cret@registry.example/a:1"])
def test_a_password_in_a_name_is_not_shown(text: str) -> None:
    with pytest.raises(BundleError) as caught:
        parse(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("registry", "ours"),
    [
        ("registry.example", "registry.example/ciao"),
        ("registry.example/team/", "registry.example/team/ciao"),
        ("https://registry.example:5000/team", "registry.example:5000/team/ciao"),
        ("docker.io/alice", "docker.io/alice/ciao"),
        ("index.docker.io/alice", "docker.io/alice/ciao"),
        ("registry:5000", "registry:5000/ciao"),
        ("localhost", "localhost/ciao"),
    ],
)
def test_everything_is_pushed_into_one_repository_below_the_registry(registry: str, ours: str) -> None:
    assert str(repository(settings(registry))) == ours


@pytest.mark.parametrize(
    "registry",
    [None, "", "docker.io", "registry", "registry/a", "registry.example/Team", "user:s3cret@registry.example"],
)
def test_a_registry_that_is_none_is_refused(registry: str | None) -> None:
    with pytest.raises(BundleError, match="registry") as caught:
        repository(settings(registry))
    assert "s3cret" not in str(caught.value)


def test_nodes_may_have_another_name_for_the_registry() -> None:
    pushed = Reference(host="registry.svc:5000", repository="team/ciao", digest=DIGEST)
    assert pulled(pushed, settings("registry.svc:5000/team")) == f"registry.svc:5000/team/ciao@{DIGEST}"
    assert pulled(pushed, settings("registry.svc:5000/team", pull="mirror/x/")) == f"mirror/x/ciao@{DIGEST}"


def test_an_image_of_another_registry_keeps_its_name() -> None:
    base = parse("registry.svc:5000/teamwork/a:1")
    assert pulled(base, settings("registry.svc:5000/team", pull="mirror")) == str(base)
