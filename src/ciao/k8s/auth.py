"""Who we are for an API server: headers and a client certificate, renewed when they expire or are refused."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from ciao.k8s import oidc, plugin, tls
from ciao.k8s.access import Access, Basic, KeyPair, Oidc, Plugin, Token, TokenFile, unusable
from ciao.k8s.sources import Source

__all__ = ["Credentials", "Identity"]

TOKEN_FILE_AGE = 60.0
"""Seconds after which a token's file is read again; the kubelet writes a new one long before the old one expires."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What one request carries. ``expires`` is a time as of ``time.time``, None if that is not known."""

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tls: ssl.SSLContext | None = None
    expires: float | None = None


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a login gave: the Authorization header, or a certificate."""

    authorization: str = field(default="", repr=False)
    pair: KeyPair | None = None
    expires: float | None = None


class Credentials:
    """The identity for one source, made when first asked for. Belongs to one event loop."""

    def __init__(
        self,
        source: Source,
        access: Access,
        *,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._access = access
        self._environ = environ
        self._now = now
        self._identity: Identity | None = None
        self._renewing = asyncio.Lock()

    async def current(self) -> Identity:
        """A valid one. Raises BackendUnavailable if none can be had."""
        identity = self._identity
        if identity is None or self._expired(identity):
            return await self.renew(identity)
        return identity

    async def renew(self, refused: Identity | None) -> Identity:
        """Another than this one: many requests are refused at once, but only the first of them logs in."""
        async with self._renewing:
            if self._identity is refused or self._identity is None:
                if refused is not None:
                    self._access = await asyncio.to_thread(self._source.load)
                self._identity = await self._log_in()
            return self._identity

    def _expired(self, identity: Identity) -> bool:
        return identity.expires is not None and self._now() >= identity.expires

    async def _log_in(self) -> Identity:
        access = self._access
        proof = await self._proof()
        headers = (("Authorization", proof.authorization), *access.impersonate)
        context = None
        if access.server.startswith("https:"):
            pair = proof.pair or access.pair
            context = tls.client_context(authority=access.authority, verify=access.verify, pair=pair)
        return Identity(headers=tuple(h for h in headers if h[1]), tls=context, expires=proof.expires)

    async def _proof(self) -> Proof:
        match self._access.login:
            case None:
                return Proof()
            case Token(text=text):
                return _bearer(text)
            case TokenFile() as file:
                return _bearer(_read(file), expires=self._now() + TOKEN_FILE_AGE)
            case Basic(user=user, password=password):
                return Proof(authorization="Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
            case Plugin() as login:
                given = await plugin.run(login, environ=self._environ)
                authorization = f"Bearer {given.token}" if given.token else ""
                return Proof(authorization=authorization, pair=given.pair, expires=given.expires)
            case Oidc() as login:
                tokens = await oidc.tokens(
                    login, now=self._now(), environ=self._environ, refused=self._identity is not None
                )
                return _bearer(tokens.id_token, expires=tokens.expires)
            case unknown:
                assert_never(unknown)


def _bearer(token: str, *, expires: float | None = None) -> Proof:
    return Proof(authorization=f"Bearer {token}", expires=expires)


def _read(file: TokenFile) -> str:
    try:
        token = file.path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is no text"
        raise unusable(f"the token in {file.path} cannot be read: {problem}", hint="Log in to the cluster") from None
    if not token:
        raise unusable(f"the token in {file.path} is empty", hint="Log in to the cluster")
    return token
