"""Who the user is at a registry, by what docker and podman have left on this machine."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.logins import Login, Logins
from ciao.settings import Settings

HOST = "registry.example"
SECRET = "s3cret-pass:word"


def login(user: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def auths(*, user: str) -> dict[str, Any]:
    return {"auths": {HOST: login(user)}}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a user with a home of the test's own, and with programs of the test's own."""
    programs = tmp_path / "bin"
    programs.mkdir()
    return {"HOME": str(tmp_path / "home"), "PATH": f"{programs}:{os.environ['PATH']}"}


def program(tmp_path: Path, name: str, script: str) -> None:
    path = tmp_path / "bin" / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def find(environ: dict[str, str], name: str = f"{HOST}/team/a", **settings: Any) -> Login | None:
    host, _, repository = name.partition("/")
    logins = Logins(Settings(home=Path("/nowhere"), **settings), environ)
    return await logins.find(Reference(host=host, repository=repository))


async def test_without_any_there_is_none(environ: dict[str, str]) -> None:
    assert await find(environ) is None
    assert await find({}) is None


async def test_the_first_place_that_knows_the_registry_counts(environ: dict[str, str], tmp_path: Path) -> None:
    environ |= {"XDG_RUNTIME_DIR": str(tmp_path / "run")}
    environ |= {"DOCKER_CONFIG": str(tmp_path / "docker"), "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")}
    places = ("run/containers/auth.json", "home/.docker/config.json", "docker/config.json", "auth.json")
    for place in places:
        write(tmp_path / place, auths(user=place))
        found = await find(environ)
        assert found
        assert (found.user, found.password, found.source) == (place, SECRET, str(tmp_path / place))
    settings = {"s2i_registry": f"{HOST}/team", "s2i_username": "set", "s2i_password": "p"}
    assert await find(environ, **settings) == Login(source="s2i.username and s2i.password", user="set", password="p")


async def test_the_login_of_the_settings_is_for_their_registry_alone(environ: dict[str, str]) -> None:
    settings = {"s2i_registry": f"{HOST}/team", "s2i_username": "set", "s2i_password": "p"}
    assert await find(environ, "other.example/a", **settings) is None
    assert await find(environ, f"{HOST}:5000/a", **settings) is None


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"http://{HOST}/v2/", f"{HOST}/"])
async def test_a_registry_is_known_by_all_that_docker_has_called_it(environ: dict[str, str], key: str) -> None:
    write(Path(environ["HOME"]) / ".docker/config.json", {"auths": {key: login("me")}})
    found = await find(environ)
    assert found
    assert found.user == "me"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"])
async def test_docker_hub_has_a_key_of_its_own(environ: dict[str, str], key: str) -> None:
    write(Path(environ["HOME"]) / ".docker/config.json", {"auths": {key: login("me")}})
    assert await find(environ, "docker.io/library/python")
    assert await find(environ, f"{HOST}/a") is None


async def test_the_nearest_login_counts(environ: dict[str, str]) -> None:
    keys = {HOST: login("all"), f"{HOST}/team": login("team"), f"{HOST}/team/a": login("a")}
    write(Path(environ["HOME"]) / ".docker/config.json", {"auths": keys})
    names = (f"{HOST}/team/a", f"{HOST}/team/b", f"{HOST}/teamwork")
    assert [one.user for name in names if (one := await find(environ, name))] == ["a", "team", "all"]


async def test_an_identity_token_counts_more_than_a_password(environ: dict[str, str]) -> None:
    entry = {**login("me"), "identitytoken": "identity"}
    write(Path(environ["HOME"]) / ".docker/config.json", {"auths": {HOST: entry}})
    found = await find(environ)
    assert found
    assert (found.identity, found.password) == ("identity", "")


async def test_helpers_are_asked_by_standard_input(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "own", f'read host; echo "{{\\"Username\\": \\"$1 $host\\", \\"Secret\\": \\"{SECRET}\\"}}"')
    write(Path(environ["HOME"]) / ".docker/config.json", {"credHelpers": {HOST: "own"}, "credsStore": "absent"})
    found = await find(environ)
    assert found
    assert (found.user, found.password, found.source) == (f"get {HOST}", SECRET, "docker-credential-own")


async def test_the_store_is_asked_for_docker_hub_by_its_key(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "store", 'read host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"x\\"}"')
    write(Path(environ["HOME"]) / ".docker/config.json", {"credsStore": "store", "auths": {HOST: {}}})
    found = await find(environ, "docker.io/library/python")
    assert found
    assert found.user == "https://index.docker.io/v1/"


async def test_a_helper_may_know_an_identity_token(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "own", 'echo \'{"Username": "<token>", "Secret": "identity"}\'')
    write(Path(environ["HOME"]) / ".docker/config.json", {"credsStore": "own"})
    assert await find(environ) == Login(source="docker-credential-own", identity="identity")


async def test_a_helper_that_knows_nothing_leaves_it_to_the_next_place(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path, "own", "echo credentials not found in native keychain; exit 1")
    write(Path(environ["HOME"]) / ".docker/config.json", {"credsStore": "own", **auths(user="me")})
    found = await find(environ)
    assert found
    assert found.user == "me"


@pytest.mark.parametrize(
    ("name", "script", "why"),
    [
        ("absent", None, "docker-credential-absent is not installed"),
        ("own", f"echo {SECRET}; echo {SECRET} >&2; exit 3", "failed with exit code 3"),
        ("own", f"echo {SECRET}", "printed no credentials"),
        ("own", 'echo \'{"Username": 1, "Secret": 2}\'', "printed no credentials"),
        ("../own", None, "the name of a credential helper"),
        ("own; rm -rf /", None, "the name of a credential helper"),
        ("-own", None, "the name of a credential helper"),
    ],
)
async def test_a_helper_that_fails_is_kept_for_the_error_and_shows_nothing(
    environ: dict[str, str], tmp_path: Path, name: str, script: str | None, why: str
) -> None:
    if script:
        program(tmp_path, name, script)
    write(Path(environ["HOME"]) / ".docker/config.json", {"credsStore": name})
    logins = Logins(Settings(home=Path("/nowhere")), environ)
    assert await logins.find(Reference(host=HOST, repository="a")) is None
    assert why in logins.troubles[HOST]
    assert SECRET not in logins.troubles[HOST]


@pytest.mark.parametrize("content", ["{", SECRET, '{"auths": {"registry.example": {"auth": "s3cret-pass%"}}}'])
async def test_a_file_that_is_broken_is_named_and_not_shown(environ: dict[str, str], content: str) -> None:
    path = Path(environ["HOME"]) / ".docker/config.json"
    write(path, content)
    with pytest.raises(BundleError) as caught:
        await find(environ)
    assert str(path) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("content", ["", "[]", '{"auths": []}', '{"auths": {"registry.example": 1}, "credsStore": 1}'])
async def test_a_file_without_logins_has_none(environ: dict[str, str], content: str) -> None:
    write(Path(environ["HOME"]) / ".docker/config.json", content)
    assert await find(environ) is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"s2i_username": "me"}, "s2i.username is set, but s2i.password is not"),
        ({"s2i_password": SECRET}, "s2i.password is set, but s2i.username is not"),
    ],
)
async def test_of_a_login_that_is_half_set_the_missing_half_is_told(given: dict[str, str], why: str) -> None:
    logins = Logins(Settings(home=Path("/nowhere"), s2i_registry=f"{HOST}/team", **given), {})  # type: ignore[arg-type]  # fields of text
    assert await logins.find(Reference(host=HOST, repository="team/ciao")) is None
    assert await logins.find(Reference(host="other.example", repository="a")) is None
    assert logins.troubles == {HOST: why}


def test_a_login_shows_no_secret() -> None:
    assert "x1" not in repr(Login(source="f", user="me", password="x1", identity="x1"))
