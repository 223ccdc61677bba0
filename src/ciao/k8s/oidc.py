"""Logins by an identity provider (``auth-provider: oidc``): its tokens are renewed, and kept for kubectl too.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#openid-connect-tokens
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciao.errors import BackendUnavailable
from ciao.k8s import proxies, tls
from ciao.k8s.access import Oidc, unusable

__all__ = ["Tokens", "tokens"]

MARGIN = 10.0
"""Seconds before its end in which a token counts as over, as for kubectl."""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """What an identity provider gave."""

    id_token: str = field(repr=False)
    expires: float | None
    refresh_token: str = field(default="", repr=False)


async def tokens(login: Oidc, *, now: float, environ: Mapping[str, str], refused: bool = False) -> Tokens:
    """The tokens of the kubeconfig while they are good, else new ones. Raises BackendUnavailable if there are none."""
    expires = _expiry(login.id_token)
    if login.id_token and not refused and (expires is None or now < expires):
        return Tokens(id_token=login.id_token, expires=expires)
    if not login.refresh_token:
        raise _failed(login, "the login is over, and there is no refresh-token")
    new = await _renewed(login, environ)
    await asyncio.to_thread(_keep, login, new)
    return new


def _expiry(token: str) -> float | None:
    """When a token is over. Its signature is the server's concern."""
    try:
        body = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"]) - MARGIN
    except (ValueError, LookupError, TypeError):
        return None


async def _renewed(login: Oidc, environ: Mapping[str, str]) -> Tokens:
    import aiohttp  # with the first job on a cluster

    context = tls.client_context(authority=login.authority)
    time_out = aiohttp.ClientTimeout(total=30)

    async def ask(method: str, url: str, **form: Any) -> dict[str, Any]:
        proxy = proxies.proxy_for(url, environ)
        async with session.request(method, url, ssl=context, proxy=proxy, **form) as response:
            found: dict[str, Any] = await response.json(content_type=None)
            return found

    try:
        async with aiohttp.ClientSession(timeout=time_out, raise_for_status=True) as session:
            provider = await ask("GET", f"{login.issuer}/.well-known/openid-configuration")
            form, headers = _asking(login, provider)
            answer = await ask("POST", provider["token_endpoint"], data=form, headers=headers)
        token = str(answer["id_token"])
    except aiohttp.ClientResponseError as error:
        raise _failed(login, f"the identity provider answered {error.status}") from None
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _failed(login, f"the identity provider cannot be reached ({type(error).__name__})") from None
    except (ValueError, LookupError, TypeError):
        raise _failed(login, "the identity provider gave no id_token") from None
    return Tokens(id_token=token, expires=_expiry(token), refresh_token=str(answer.get("refresh_token") or ""))


def _asking(login: Oidc, provider: dict[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Form and headers; the secret is where the provider wants it."""
    form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token}
    methods = provider.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if login.secret and "client_secret_basic" in methods:
        word = base64.b64encode(f"{login.client}:{login.secret}".encode()).decode()
        return form, {"Authorization": f"Basic {word}"}
    secret = {"client_secret": login.secret} if login.secret else {}
    return {**form, "client_id": login.client, **secret}, {}


def _keep(login: Oidc, new: Tokens) -> None:
    """Put new tokens where the old ones were; a provider may take each refresh token once only.

    The rest of the kubeconfig stays, byte for byte. One that may not be written stays as it is.
    """
    try:
        text = login.file.read_text("utf-8")
        changed = text.replace(login.id_token, new.id_token) if login.id_token else text
        if new.refresh_token:
            changed = changed.replace(login.refresh_token, new.refresh_token)
        if changed != text:
            _replace(login.file.resolve(), changed)
    except OSError:
        return


def _replace(file: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as new:
        new.write(text)
    Path(new.name).chmod(file.stat().st_mode)
    os.replace(new.name, file)  # noqa: PTH105 - replaces at once


def _failed(login: Oidc, problem: str) -> BackendUnavailable:
    return unusable(f"login by {login.issuer}: {problem}", hint="Log in again")
