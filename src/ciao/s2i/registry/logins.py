"""Who the user is at a registry: the settings first, then what ``docker login`` and ``podman login`` have left."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciao.errors import BundleError
from ciao.s2i.registry import names, programs
from ciao.s2i.registry.base import Reference
from ciao.settings import Settings

__all__ = ["Login", "Logins"]

HUB_KEY = "https://index.docker.io/v1/"
LARGEST = 1024 * 1024
"""Bytes of a file of logins."""


@dataclass(frozen=True, kw_only=True)
class Login:
    """A user and a password, or an identity token with which others are asked for. ``source`` is for people."""

    source: str
    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The header's value."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class Logins:
    """Reads anew at each call: somebody may have logged in meanwhile. ``troubles`` is why there may be none, by host: a
    helper that failed, or settings of which a half is missing.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ
        self.troubles: dict[str, str] = {}

    async def find(self, name: Reference) -> Login | None:
        """For this repository, the nearest. Raises BundleError for a file that cannot be read."""
        self.troubles.pop(name.host, None)
        if (set_ := self._from_settings(name)) is not None:
            return set_
        if half := self._half(name):
            self.troubles[name.host] = half
        for path in _files(self._environ):
            if found := await self._from_file(path, name):
                return found
        return None

    def _from_settings(self, name: Reference) -> Login | None:
        given = self._settings
        if not (given.s2i_username and given.s2i_password and self._is_ours(name)):
            return None
        return Login(source="s2i.username and s2i.password", user=given.s2i_username, password=given.s2i_password)

    def _half(self, name: Reference) -> str:
        """What is set of a login of which the rest is missing; empty for none."""
        given = {"s2i.username": self._settings.s2i_username, "s2i.password": self._settings.s2i_password}
        there, missing = [key for key, value in given.items() if value], [key for key in given if not given[key]]
        return f"{there[0]} is set, but {missing[0]} is not" if there and missing and self._is_ours(name) else ""

    def _is_ours(self, name: Reference) -> bool:
        """Whether it is in the registry of the settings."""
        return bool(self._settings.s2i_registry) and names.repository(self._settings).host == name.host

    async def _from_file(self, path: Path, name: Reference) -> Login | None:
        config = _read(path)
        helper = _mapping(config, "credHelpers").get(name.host) or config.get("credsStore")
        if isinstance(helper, str) and (found := await self._from_program(helper, name.host, path)):
            return found
        saved = {_normal(key): value for key, value in _mapping(config, "auths").items()}
        for key in _keys(name):
            if found := _login(saved.get(key), source=str(path)):
                return found
        return None

    async def _from_program(self, helper: str, host: str, path: Path) -> Login | None:
        """One that does not work is told of if the registry refuses: much can be read without a login."""
        try:
            given = await programs.ask(helper, HUB_KEY if host == names.HUB else host, environ=self._environ)
        except BundleError as error:
            self.troubles[host] = f"{error.message} (named in {path})"
            return None
        source = f"{programs.PREFIX}{helper}"
        if given is None:
            return None
        if given.user == programs.IDENTITY:
            return Login(source=source, identity=given.secret)
        return Login(source=source, user=given.user, password=given.secret)


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """In their order; the home of the environment, so that a test has one of its own."""
    if explicit := environ.get("REGISTRY_AUTH_FILE"):
        yield Path(explicit)
    if folder := environ.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json"
    if home := environ.get("HOME"):
        yield Path(home) / ".docker" / "config.json"
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"


def _read(path: Path) -> Mapping[str, Any]:
    """What is wrong in it is not shown: it has passwords."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise BundleError(f"the logins in {path} cannot be read: {error.strerror}") from None
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        raise BundleError(f"the logins in {path} are no JSON", hint="Correct it, or log in again") from None
    return found if isinstance(found, dict) else {}


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _normal(key: str) -> str:
    """Docker has written addresses here, with a scheme and the version of the API."""
    key = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    key = key.removesuffix("/v1").removesuffix("/v2")
    host, slash, path = key.partition("/")
    return f"{names.HUB if host in names.HUB_NAMES else host}{slash}{path}"


def _keys(name: Reference) -> Iterator[str]:
    """From the repository up to the host: podman keeps logins of parts of a registry."""
    words = [name.host, *name.repository.split("/")] if name.repository else [name.host]
    for length in range(len(words), 0, -1):
        yield "/".join(words[:length])


def _login(entry: object, *, source: str) -> Login | None:
    if not isinstance(entry, dict):
        return None
    if identity := _text(entry, "identitytoken"):
        return Login(source=source, identity=identity)
    user, password = _text(entry, "username"), _text(entry, "password")
    if encoded := _text(entry, "auth"):
        try:
            user, _, password = base64.b64decode(encoded).decode().rstrip("\0").partition(":")
        except (binascii.Error, ValueError):
            raise BundleError(f"a login in {source} is not base64", hint="Log in again") from None
    return Login(source=source, user=user, password=password) if user and password else None


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
