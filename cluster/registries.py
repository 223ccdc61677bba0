"""The other registries, each started when first asked for: by password, by token, behind TLS. They share the blobs."""

from __future__ import annotations

import base64
import ctypes
import json
import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cluster import pki, registry, tokens
from cluster.components import Component
from cluster.errors import ClusterError
from cluster.layout import Layout
from cluster.readiness import http_ok, listens

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.kubectl import Manifest
    from cluster.outside import Cluster

    Progress = Callable[[str], None]

USER, READER = "ciao", "reader"


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A registry and who one is there. Without a user it is open; with an authority it is behind TLS."""

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    authority: Path | None = None
    reader: Registry | None = None
    """The same, as a user who may only pull."""

    @property
    def url(self) -> str:
        """Its address with its scheme."""
        return f"{'https' if self.authority else 'http'}://{self.address}"

    @property
    def docker_config(self) -> str:
        """The content of a ~/.docker/config.json that logs in."""
        login = {"username": self.user, "password": self.password, "auth": basic(self.user, self.password)}
        return json.dumps({"auths": {self.address: login}})

    def named(self, image: str) -> str:
        """The name here of an image in another of the cluster's registries."""
        return f"{self.address}/{image.partition('/')[2]}"

    def pull_secret(self, name: str) -> Manifest:
        """For a pod's imagePullSecrets."""
        data = {".dockerconfigjson": self.docker_config}
        kind = "kubernetes.io/dockerconfigjson"
        return {"apiVersion": "v1", "kind": "Secret", "type": kind, "metadata": {"name": name}, "stringData": data}


def basic(user: str, password: str) -> str:
    """What follows `Authorization: Basic`."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def htpasswd(cluster: Cluster, progress: Progress = print) -> Registry:
    """The one that wants a user and a password."""
    folder, place = _folder(cluster.layout), cluster.layout
    one = Registry(address=f"{place.node}:{registry.HTPASSWD}", user=USER, password=_password(folder, USER))
    file = folder / "htpasswd"
    if not file.exists():
        _write(file, f"{one.user}:{_bcrypt(one.password)}\n")
    auth = {"htpasswd": {"realm": "ciao", "path": str(file)}}
    ready = listens(place.node, registry.HTPASSWD)
    _have(cluster, registry.serve(place, "registry-htpasswd", port=registry.HTPASSWD, ready=ready, auth=auth), progress)
    return one


def token(cluster: Cluster, progress: Progress = print) -> Registry:
    """The one that sends its clients for a token. Its user may do all, its reader may pull."""
    place = cluster.layout
    issuer = _issuer(place)
    address = f"{place.node}:{registry.TOKEN}"
    names = {"realm": f"http://{issuer.address}/token", "service": issuer.service, "issuer": issuer.name}
    auth = {"token": {**names, "rootcertbundle": str(issuer.certificate)}}
    ready = listens(place.node, registry.TOKEN)
    _have(cluster, _tokens(issuer, place), progress)
    _have(cluster, registry.serve(place, "registry-token", port=registry.TOKEN, ready=ready, auth=auth), progress)
    passwords = {user: account.password for user, account in issuer.accounts.items()}
    reader = Registry(address=address, user=READER, password=passwords[READER])
    return Registry(address=address, user=USER, password=passwords[USER], reader=reader)


def tls(cluster: Cluster, progress: Progress = print) -> Registry:
    """The open one again, behind TLS by the cluster's own authority."""
    place = cluster.layout
    one = Registry(address=f"{place.node}:{registry.TLS}", authority=place.pki / "ca.crt")
    pair = {"certificate": str(place.pki / f"{pki.REGISTRY}.crt"), "key": str(place.pki / f"{pki.REGISTRY}.key")}
    ready = listens(place.node, registry.TLS)
    _have(cluster, registry.serve(place, "registry-tls", port=registry.TLS, ready=ready, tls=pair), progress)
    return one


def issuer(cluster: Cluster) -> tokens.Issuer:
    """Who issues the tokens, for a test that makes an odd one. There once `token` has been asked for."""
    return tokens.load(_folder(cluster.layout))


def _issuer(cluster: Layout) -> tokens.Issuer:
    folder = _folder(cluster)
    if not (folder / "tokens.json").exists():
        pki.self_signed(folder, "tokens")
        rights = {USER: ["pull", "push", "delete"], READER: ["pull"]}
        accounts = {user: {"password": secrets.token_urlsafe(18), "actions": can} for user, can in rights.items()}
        saved = {"address": f"{cluster.node}:{registry.TOKENS}", "accounts": accounts}
        _write(folder / "tokens.json", json.dumps(saved))
    return tokens.load(folder)


def _tokens(issuer: tokens.Issuer, cluster: Layout) -> Component:
    here = {"PYTHONPATH": str(Path(__file__).parent.parent)}
    command = (sys.executable, "-m", tokens.__name__, str(issuer.folder))
    ready = http_ok(cluster.node, registry.TOKENS, "/token")
    return Component(name="registry-tokens", command=command, environment=here, ready=ready)


def _have(cluster: Cluster, component: Component, progress: Progress) -> None:
    if not cluster.runs(component.name):
        cluster.add(component, progress)


def _folder(cluster: Layout) -> Path:
    folder = cluster.state / "registries"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _password(folder: Path, user: str) -> str:
    """Random at the first call of a start, the same until its end."""
    file = folder / f"{user}.password"
    if not file.exists():
        _write(file, secrets.token_urlsafe(18))
    return file.read_text()


def _write(path: Path, text: str) -> None:
    """For nobody else's eyes, from its first byte."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _bcrypt(password: str) -> str:
    """The one hash that docker-registry takes, by Debian's libcrypt; at its lowest cost, for it is asked often."""
    alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    salt = "".join(secrets.choice(alphabet) for _ in range(21))
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed: bytes | None = library.crypt(password.encode(), f"$2b$04${salt}.".encode())
    if not hashed or not hashed.startswith(b"$2b$"):
        raise ClusterError("libcrypt.so.1 makes no bcrypt hash here, and docker-registry takes no other.")
    return hashed.decode()
