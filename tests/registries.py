"""Fixtures of real registries on this machine, for every folder of tests: mark the module with `registry`.

`registries` starts each when it is first asked for, on a free port of 127.0.0.1, and ends all of them with the tests:

- `registries.open()`: for everyone, without TLS.
- `registries.htpasswd()`: wants a user and a password.
- `registries.token()`: sends its clients for a token; its user may do all, its `reader` may pull.
- `registries.tls()`: behind TLS, by an authority of the tests' own.
- `registries.proxied()`: the open one behind an nginx that takes no request of more than 64 KiB.
- `registries.small()`: on a disk of two megabytes; needs root.

None of them needs a cluster. They are Debian's docker-registry, and they keep nothing from one run to the next.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ciao.settings import Settings

MISSING = "needs docker-registry and nginx: apt-get install docker-registry nginx-light"
ROOT_ONLY = "needs root, for a small disk of memory"
PATIENCE = 30.0
"""Seconds for a program to begin; each takes far less."""
LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")
BODY_LIMIT = 64 * 1024
"""Bytes of a request that nginx lets through."""


@dataclass(frozen=True, kw_only=True)
class Local:
    """A registry and who one is there. ``storage`` is the folder with its blobs."""

    address: str
    storage: Path
    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    authority: Path | None = None
    reader: Local | None = None
    log: Path

    def settings(self, *, home: Path | None = None, **more: Any) -> Settings:
        """With which Ciao pushes there."""
        login = {"s2i_username": self.user, "s2i_password": self.password} if self.user else {}
        given: dict[str, Any] = {"s2i_registry": f"{self.address}/team", "s2i_ca": self.authority, **login, **more}
        return Settings(home=home or self.storage.parent, **given)

    def blob(self, digest: str) -> Path:
        """The file of a blob, for a test that takes it away."""
        word = digest.removeprefix("sha256:")
        return self.storage / "docker/registry/v2/blobs/sha256" / word[:2] / word / "data"

    def link(self, repository: str, digest: str) -> Path:
        """What tells that a repository has a blob."""
        word = digest.removeprefix("sha256:")
        return self.storage / f"docker/registry/v2/repositories/{repository}/_layers/sha256/{word}/link"

    @property
    def asked(self) -> list[str]:
        """Method and path of every request that was answered so far, with its status."""
        found = re.findall(r'"(\w+) (\S+) HTTP/1\.[01]" (\d+)', self.log.read_text())
        return [f"{method} {path.partition('?')[0]} {status}" for method, path, status in found]


class Registries:
    """All of them, each started once."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self._folder = folder
        self._stack = stack

    @functools.cache  # noqa: B019 - it lives as long as the tests
    def open(self) -> Local:
        return self._serve("open")

    @functools.cache  # noqa: B019
    def htpasswd(self) -> Local:
        from cluster import registries

        password, file = _password(), self._folder / "passwords"
        file.write_text(f"ciao:{registries._bcrypt(password)}\n")
        auth = {"htpasswd": {"realm": "a registry", "path": str(file)}}
        return replace(self._serve("htpasswd", auth=auth), user="ciao", password=password)

    @functools.cache  # noqa: B019
    def token(self) -> Local:
        from cluster import pki
        from cluster.tokens import Account, Issuer

        folder = self._folder / "tokens"
        folder.mkdir()
        pki.self_signed(folder, "tokens")
        rights = {"ciao": ("pull", "push", "delete"), "reader": ("pull",)}
        accounts = {user: Account(password=_password(), actions=can) for user, can in rights.items()}
        issuer = Issuer(address="", accounts=accounts, folder=folder)
        identity = _password()
        realm = self._stack.enter_context(_issuing(issuer, {identity: "ciao"}))
        names = {"realm": realm, "service": issuer.service, "issuer": issuer.name}
        started = self._serve("token", auth={"token": {**names, "rootcertbundle": str(issuer.certificate)}})
        users = {user: replace(started, user=user, password=account.password) for user, account in accounts.items()}
        return replace(users["ciao"], reader=users["reader"], identity=identity)

    @functools.cache  # noqa: B019
    def tls(self) -> Local:
        from fakes import certificates

        folder = self._folder / "certificates"
        folder.mkdir()
        certificates.make(folder)
        pair = {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")}
        return replace(self._serve("tls", http={"tls": pair}), authority=folder / "ca.crt")

    @functools.cache  # noqa: B019
    def proxied(self) -> Local:
        behind, folder = self.open(), self._folder / "nginx"
        folder.mkdir()
        port = self._stack.enter_context(_held_port())
        (folder / "nginx.conf").write_text(_nginx(folder, port=port, behind=behind.address))
        command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
        self._stack.enter_context(_running(command, folder / "log"))
        _until(lambda: _listens(port), folder / "error.log")
        return replace(behind, address=f"127.0.0.1:{port}")

    @functools.cache  # noqa: B019
    def small(self) -> Local:
        if os.geteuid() != 0:
            pytest.skip(ROOT_ONLY)
        disk = self._folder / "small" / "storage"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
        self._stack.callback(subprocess.run, ["umount", "--lazy", str(disk)], check=True)
        return self._serve("small")

    def _serve(self, name: str, **config: Any) -> Local:
        folder = self._folder / name
        storage, log = folder / "storage", folder / "log"
        storage.mkdir(parents=True, exist_ok=True)
        command = ["docker-registry", "serve", str(_config(folder, storage, **config))]
        self._stack.enter_context(_running(command, log))
        _until(lambda: LISTENING.search(log.read_text()), log)
        found = LISTENING.search(log.read_text())
        assert found
        return Local(address=found[1], storage=storage, log=log)


@pytest.fixture(scope="session")
def registries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registries]:
    if not (shutil.which("docker-registry") and shutil.which("nginx")):
        pytest.skip(MISSING)
    with contextlib.ExitStack() as stack:
        yield Registries(tmp_path_factory.mktemp("registries"), stack)


def _config(folder: Path, storage: Path, **more: Any) -> Path:
    import yaml

    http = {"addr": "127.0.0.1:0", **more.pop("http", {})}
    kept = {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"version": "0.1", "storage": kept, "http": http, **more}))
    return path


def _nginx(folder: Path, *, port: int, behind: str) -> str:
    """Every file of it in a folder of its own; one process, so that root's does not become another user's."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"  {kind}_temp_path {folder}/{kind};" for kind in kinds)
    return f"""
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
{places}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size {BODY_LIMIT};
    location / {{ proxy_pass http://{behind}; proxy_set_header Host $http_host; }}
  }}
}}
"""


@contextlib.contextmanager
def _issuing(issuer: Any, identities: dict[str, str]) -> Iterator[str]:
    """In a thread of this process; its address. ``identities`` are tokens that stand for a user."""
    from cluster.tokens import _Handler

    class Quiet(_Handler):
        def log_message(self, *_: object) -> None:
            """To nobody."""

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, issuer, identities)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/token"
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def _running(command: list[str], log: Path) -> Iterator[None]:
    """Until the end of the tests, also if they are killed."""
    if dying := shutil.which("setpriv"):
        command = [dying, "--pdeathsig", "KILL", *command]
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield
        finally:
            process.kill()


def _until(true: Any, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(log.read_text() if log.exists() else "it wrote nothing")
        time.sleep(0.01)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _held_port() -> Iterator[int]:
    """Nobody else is given it, because a socket has it that never listens; nginx may share it."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


def _password() -> str:
    import secrets

    return secrets.token_urlsafe(18)
