"""The login that a tool is given: a file that only this user can read, for as long as the build takes."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ciao.errors import BundleError
from ciao.s2i.registry.names import HUB, repository
from ciao.settings import SETTINGS, Settings

__all__ = ["hidden", "only", "scrubbed", "sign_in", "without_secrets"]

SECRET = ("s2i.password", "packages.index", "packages.extra")
"""Settings that are a password, or may have one in them."""

HUB_KEY = "https://index.docker.io/v1/"
BESIDE = ("contexts", "cli-plugins", "buildx")
"""What Docker's client has in the folder of its config.json, and would miss."""


def sign_in(folder: Path, settings: Settings, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables by which tools find a login: that of the settings, and all that the user had before.

    None if the settings name no user: the tool has its own logins then. Raises BundleError.
    """
    if not (settings.s2i_username and settings.s2i_password):
        return {}
    folder.mkdir(mode=0o700)
    docker, containers = _docker(environ), _containers(environ)
    host = repository(settings).host
    _write(folder / "config.json", _with(_read(docker), host, settings))
    _write(folder / "auth.json", _with(_read(containers if containers.exists() else docker), host, settings))
    for name in BESIDE:
        if (docker.parent / name).exists():
            (folder / name).symlink_to((docker.parent / name).absolute())
    return {"DOCKER_CONFIG": str(folder), "REGISTRY_AUTH_FILE": str(folder / "auth.json")}


def only(config: str, hosts: AbstractSet[str]) -> str:
    """Of Docker's file the logins at these hosts, and nothing else: for where strangers' programs may read it."""
    keys = {HUB_KEY if host == HUB else host for host in hosts}
    auths = _mapping(json.loads(config), "auths")
    return json.dumps({"auths": {key: login for key, login in auths.items() if key in keys}})


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a tool: without the variables of ours that hold a password."""
    ours = {setting.variable for setting in SETTINGS if setting.key in SECRET}
    return {name: value for name, value in environ.items() if name not in ours}


def hidden(settings: Settings) -> tuple[str, ...]:
    """What no output may show: the password in its disguises."""
    user, password = settings.s2i_username or "", settings.s2i_password or ""
    if not password:
        return ()
    return (_basic(user, password), password, quote(password, safe=""))


def scrubbed(line: str, secrets: tuple[str, ...]) -> str:
    """The line without them."""
    for secret in secrets:
        line = line.replace(secret, "***")
    return line


def _with(config: Mapping[str, Any], host: str, settings: Settings) -> dict[str, Any]:
    """A helper of the user's would come before the entry; an empty one says that there is none."""
    key = HUB_KEY if host == HUB else host
    auth = {"auth": _basic(settings.s2i_username or "", settings.s2i_password or "")}
    helpers = {**_mapping(config, "credHelpers")}
    if config.get("credsStore"):
        helpers[key] = ""
    else:
        helpers.pop(key, None)
    made = {**config, "auths": {**_mapping(config, "auths"), key: auth}}
    return {**made, "credHelpers": helpers} if helpers else {k: v for k, v in made.items() if k != "credHelpers"}


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _docker(environ: Mapping[str, str]) -> Path:
    folder = environ.get("DOCKER_CONFIG")
    return Path(folder or Path(environ.get("HOME", "~")) / ".docker") / "config.json"


def _containers(environ: Mapping[str, str]) -> Path:
    if explicit := environ.get("REGISTRY_AUTH_FILE"):
        return Path(explicit)
    runtime = environ.get("XDG_RUNTIME_DIR")
    return Path(runtime or f"/run/containers/{os.getuid()}", "containers" if runtime else "", "auth.json")


def _read(path: Path) -> Mapping[str, Any]:
    """What is wrong in it is not shown: it has passwords."""
    try:
        found = json.loads(path.read_bytes() or b"{}")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError):
        raise BundleError(f"the logins in {path} cannot be read", hint="Correct the file, or log in again") from None
    return found if isinstance(found, dict) else {}


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _write(path: Path, config: Mapping[str, Any]) -> None:
    """It is nobody else's from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(config, file)
