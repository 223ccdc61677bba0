"""Who may come in, and to what. Pure: one function decides, and every request passes it, WebSockets too."""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

__all__ = ["QUOTED", "Asked", "Refusal", "Rules", "refusal"]

OFFERED = re.compile(
    r"api|api/(?:status|me)|api/(?:kernels|kernelspecs|sessions)(?:/[\w.%/-]*)?|kernelspecs/[\w.%/-]+", re.ASCII
)
"""Paths below the base URL that there are: kernels, kernelspecs with their logos, sessions."""

QUOTED = 100
"""Characters of what a stranger said that a refusal repeats: it goes into the log as well."""

CREDENTIALS = re.compile(r"(?:token|bearer) +(\S+)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """``token`` is None where authentication ends before this process; ``local``: only this machine reaches it."""

    base_url: str = "/"
    token: str | None = field(default=None, repr=False)
    user: str = ""
    user_header: str = ""
    origin: str = ""
    local: bool = True


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What matters of a request. ``named`` is what the header of the user says."""

    method: str
    path: str
    host: str = ""
    origin: str | None = None
    authorization: str = ""
    query_token: str = field(default="", repr=False)
    named: str | None = None


class Refusal(NamedTuple):
    """An HTTP status, and why, in plain words that a JupyterLab shows."""

    status: int
    words: str


def refusal(asked: Asked, rules: Rules) -> Refusal | None:
    """Why this request is refused; None if it may come in."""
    if rules.local and not _this_machine(asked.host, rules):
        words = f"This gateway serves its own machine, and was asked for as {asked.host[:QUOTED]!r}"
        return Refusal(403, f"{words}. Ask for it as localhost, or start it with --ip")
    if asked.origin is not None and not _known_origin(asked, rules):
        words = f"A page of {asked.origin[:QUOTED]!r} may not use this gateway"
        return Refusal(403, f"{words}. --allow-origin would let it")
    if asked.method == "OPTIONS" and asked.origin == rules.origin:
        return None  # a browser asks so before it sends the token
    return _stranger(asked, rules) or _nothing_there(asked, rules)


def _stranger(asked: Asked, rules: Rules) -> Refusal | None:
    if rules.token is not None:
        token = _token(asked)
        if not token:
            return Refusal(401, "This gateway wants a token: JUPYTER_GATEWAY_AUTH_TOKEN of the JupyterLab")
        if not hmac.compare_digest(token.encode(errors="replace"), rules.token.encode()):
            return Refusal(401, "The token is not that of this gateway")
    if rules.user_header and asked.named != rules.user:
        words = "names another user" if asked.named else "names nobody"
        return Refusal(403, f"This gateway serves one user, and the header {rules.user_header} {words}")
    return None


def _nothing_there(asked: Asked, rules: Rules) -> Refusal | None:
    path = asked.path.removeprefix(rules.base_url)
    inside = asked.path.startswith(rules.base_url)
    if inside and ".." not in path and OFFERED.fullmatch(path):
        return None
    words = "" if inside else f", below {rules.base_url}"
    return Refusal(404, f"This gateway has kernels, kernelspecs and sessions only{words}")


def _token(asked: Asked) -> str:
    match = CREDENTIALS.fullmatch(asked.authorization.strip())
    return match[1] if match else asked.query_token


def _known_origin(asked: Asked, rules: Rules) -> bool:
    origin = (asked.origin or "").lower()
    own = bool(asked.host) and origin in (f"http://{asked.host.lower()}", f"https://{asked.host.lower()}")
    return own or (bool(rules.origin) and origin == rules.origin)


def _this_machine(host: str, rules: Rules) -> bool:
    """Else a page whose name was made to point here would be of the same origin as this gateway."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or (rules.origin and name == urlsplit(rules.origin).hostname):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
