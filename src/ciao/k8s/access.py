"""How to reach one API server, and as whom: what a kubeconfig's context or a pod's service account says.

Values only; no secret of theirs is in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciao.errors import BackendUnavailable

__all__ = ["LOCAL", "Access", "Basic", "KeyPair", "Login", "Oidc", "Plugin", "Token", "TokenFile", "unusable"]

LOCAL = "`%backend=local` runs the cell on this machine"


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """A client's certificate and private key, as PEM."""

    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Token:
    """A bearer token that stays."""

    text: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class TokenFile:
    """A bearer token that somebody else keeps fresh: the kubelet, for a service account."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Basic:
    """A name and a password."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A program that prints credentials. ``info`` is what it is told of the cluster, if it wants to know."""

    command: str
    version: str
    arguments: tuple[str, ...] = field(default=(), repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    info: Mapping[str, Any] | None = field(default=None, repr=False)
    interactive: str = "IfAvailable"
    install: str = ""


@dataclass(frozen=True, kw_only=True)
class Oidc:
    """An identity provider's tokens. ``file`` is the kubeconfig to which new ones are written back."""

    issuer: str
    client: str
    file: Path
    secret: str = field(default="", repr=False)
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    authority: bytes | None = field(default=None, repr=False)


Login = Token | TokenFile | Basic | Plugin | Oidc | None


@dataclass(frozen=True, kw_only=True)
class Access:
    """One API server and one user.

    ``authority`` is the PEM that vouches for the server, None for the system's. ``impersonate`` are headers.
    ``proxy`` may hold a password; None leaves it to the environment.
    """

    context: str
    server: str
    namespace: str = "default"
    authority: bytes | None = field(default=None, repr=False)
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    login: Login = None
    pair: KeyPair | None = None
    impersonate: tuple[tuple[str, str], ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user should know of it."""
        if self.verify or not self.server.startswith("https:"):
            return ()
        why = f"the kubeconfig says insecure-skip-tls-verify for {self.context}"
        return (f"the certificate of {self.server} is not checked: {why}",)


def unusable(message: str, *, hint: str = "") -> BackendUnavailable:
    """A cluster that cannot be used as things stand: what is wrong, what to do, and the way without a cluster."""
    return BackendUnavailable(message, hint=f"{hint}. {LOCAL}" if hint else LOCAL)
