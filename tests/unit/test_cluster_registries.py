"""The registries' own code, as far as it needs none."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from cluster import pki, registries, registry, tokens
from cluster.layout import Layout
from cluster.registries import Registry
from cluster.tokens import Account, Issuer

ALL = ("pull", "push")
LOGIN = Registry(address="10.244.0.1:5001", user="ciao", password="s3cret")


def claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    pki.self_signed(tmp_path, "tokens")
    accounts = {"ciao": Account(password="a", actions=ALL), "reader": Account(password="b", actions=("pull",))}
    return Issuer(address="127.0.0.1:5004", accounts=accounts, folder=tmp_path)


@pytest.mark.parametrize(
    ("scope", "allowed", "actions"),
    [
        ("repository:a/b:pull,push", ALL, ["pull", "push"]),
        ("repository:a/b:pull,push", ("pull",), ["pull"]),
        ("repository:a/b:pull", (), []),
        ("repository:host:5000/b:pull", ALL, ["pull"]),
        ("repository:public/b:pull,push", (), ["pull"]),
        ("repository:publicly/b:pull", (), []),
        ("registry:catalog:*", ALL, []),
        ("", ALL, []),
    ],
)
def test_of_what_is_asked_for_the_allowed_is_granted(scope: str, allowed: tuple[str, ...], actions: list[str]) -> None:
    assert tokens.granted(scope, allowed)["actions"] == actions


def test_a_token_tells_what_its_user_may_and_for_how_long(issuer: Issuer) -> None:
    found = claims(issuer.token("reader", ["repository:a:pull,push", "repository:b:push"], now=1000))
    assert found["access"] == [{"type": "repository", "name": "a", "actions": ["pull"]}]
    assert (found["nbf"], found["exp"], found["sub"], found["aud"]) == (1000, 1060, "reader", "ciao-registry")


def test_nobody_gets_a_token_that_grants_nothing(issuer: Issuer) -> None:
    assert claims(issuer.token("", ["repository:a:pull"]))["access"] == []


def test_a_password_is_not_shown_but_written_where_docker_looks_for_it() -> None:
    assert "s3cret" not in repr(LOGIN)
    login = json.loads(LOGIN.docker_config)["auths"]["10.244.0.1:5001"]
    assert base64.b64decode(login["auth"]) == b"ciao:s3cret"
    assert LOGIN.pull_secret("login")["stringData"][".dockerconfigjson"] == LOGIN.docker_config


def test_an_image_has_the_same_name_in_every_registry() -> None:
    assert LOGIN.named("10.244.0.1:5000/some/tiny:latest") == "10.244.0.1:5001/some/tiny:latest"


def test_a_password_is_hashed_by_bcrypt_and_salted() -> None:
    one, two = (registries._bcrypt("s3cret") for _ in range(2))
    assert one.startswith("$2b$04$")
    assert one != two


def test_what_is_written_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    registries._write(tmp_path / "file", "s3cret")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_nodes_know_the_authority_of_the_one_registry_behind_tls() -> None:
    found = registry.hosts(Layout(name="here", number=7))
    assert [address for address, text in found.items() if "ca =" in text] == ["10.244.7.1:5003"]
    assert 'server = "http://10.244.7.1:5000"' in found["10.244.7.1:5000"]
