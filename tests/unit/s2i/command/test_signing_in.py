"""The login that tools are given, and what is kept from them."""

from __future__ import annotations

import base64
import json
import secrets
import stat
from pathlib import Path
from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.command.signing_in import hidden, only, scrubbed, sign_in, without_secrets
from ciao.settings import Settings

PASSWORD = secrets.token_urlsafe(12) + "/+:"


def settings(registry: str = "registry.example/team", **more: Any) -> Settings:
    login = {"s2i_username": "ann", "s2i_password": PASSWORD}
    return Settings(home=Path("/nowhere"), **{"s2i_registry": registry, **login, **more})


def signed_in(tmp_path: Path, config: dict[str, Any] | None = None, of: Settings | None = None) -> dict[str, Any]:
    """Docker's file, made of a user's own."""
    folder = tmp_path / "docker"
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    sign_in(tmp_path / "login", of or settings(), {"DOCKER_CONFIG": str(folder), "HOME": str(tmp_path)})
    found: dict[str, Any] = json.loads((tmp_path / "login" / "config.json").read_text())
    return found


def test_only_this_user_can_read_it(tmp_path: Path) -> None:
    variables = sign_in(tmp_path / "login", settings(), {"HOME": str(tmp_path)})
    files = [
        tmp_path / "login",
        *map(Path, (variables["REGISTRY_AUTH_FILE"], variables["DOCKER_CONFIG"] + "/config.json")),
    ]
    assert [oct(stat.S_IMODE(file.stat().st_mode)) for file in files] == ["0o700", "0o600", "0o600"]
    assert PASSWORD not in json.dumps(dict(variables))


def test_it_is_the_settings_user_at_the_settings_registry(tmp_path: Path) -> None:
    auth = signed_in(tmp_path)["auths"]["registry.example"]["auth"]
    assert base64.b64decode(auth).decode() == f"ann:{PASSWORD}"


def test_docker_hub_has_a_key_of_its_own(tmp_path: Path) -> None:
    assert list(signed_in(tmp_path, of=settings("docker.io/ann"))["auths"]) == ["https://index.docker.io/v1/"]


def test_what_the_user_had_before_stays(tmp_path: Path) -> None:
    mine = {"auths": {"other.example": {"auth": "eA=="}}, "currentContext": "lab", "credHelpers": {"gcr.io": "gcloud"}}
    made = signed_in(tmp_path, mine)
    assert {name: made[name] for name in ("currentContext", "credHelpers")} == {
        "currentContext": "lab",
        "credHelpers": {"gcr.io": "gcloud"},
    }
    assert set(made["auths"]) == {"other.example", "registry.example"}


def test_a_helper_for_all_registries_does_not_come_before_it(tmp_path: Path) -> None:
    assert signed_in(tmp_path, {"credsStore": "desktop"})["credHelpers"] == {"registry.example": ""}


def test_contexts_and_plugins_of_docker_are_still_found(tmp_path: Path) -> None:
    (tmp_path / "docker" / "cli-plugins").mkdir(parents=True)
    sign_in(tmp_path / "login", settings(), {"DOCKER_CONFIG": str(tmp_path / "docker")})
    assert (tmp_path / "login" / "cli-plugins").resolve() == tmp_path / "docker" / "cli-plugins"


def test_without_a_user_the_tool_has_its_own_logins(tmp_path: Path) -> None:
    assert sign_in(tmp_path / "login", settings(s2i_username=None), {}) == {}
    assert not (tmp_path / "login").exists()


def test_a_file_that_is_no_json_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{secret")
    with pytest.raises(BundleError, match=r"config\.json") as caught:
        sign_in(tmp_path / "login", settings(), {"HOME": str(tmp_path)})
    assert "secret" not in str(caught.value)


def test_no_variable_of_ours_with_a_password_reaches_a_tool() -> None:
    ours = {
        "CIAO_S2I_PASSWORD": "x",
        "CIAO_PACKAGES_INDEX": "https://u:p@index.example",
        "CIAO_S2I_REGISTRY": "r",
        "A": "b",
    }
    assert without_secrets(ours) == {"CIAO_S2I_REGISTRY": "r", "A": "b"}


def test_a_line_shows_no_password_in_any_disguise() -> None:
    basic = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    line = scrubbed(
        f"{basic} {PASSWORD} {PASSWORD.replace('/', '%2F').replace('+', '%2B').replace(':', '%3A')}", hidden(settings())
    )
    assert line == "*** *** ***"


def test_only_the_logins_of_a_build_go_where_others_may_read_them() -> None:
    every = {"registry.example": {"auth": "a"}, "other.example": {"auth": "b"}, "https://index.docker.io/v1/": {}}
    config = json.dumps({"auths": every, "credsStore": "x", "HttpHeaders": {"Token": "c"}})
    kept = json.loads(only(config, {"registry.example", "docker.io"}))
    assert kept == {"auths": {"registry.example": {"auth": "a"}, "https://index.docker.io/v1/": {}}}
