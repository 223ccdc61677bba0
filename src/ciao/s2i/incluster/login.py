"""Who the builder is at the registries: a Docker configuration, with the user's logins at those of one build alone."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ciao.s2i.registry.base import Reference
from ciao.s2i.registry.logins import Logins
from ciao.s2i.registry.names import HUB
from ciao.settings import Settings

__all__ = ["Login", "login"]

HUB_KEY = "https://index.docker.io/v1/"


@dataclass(frozen=True, kw_only=True)
class Login:
    """``config`` is empty if nobody is known anywhere. ``hidden`` are the texts that must not be shown."""

    config: str = field(default="", repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)


async def login(names: Iterable[Reference], settings: Settings, environ: Mapping[str, str] = os.environ) -> Login:
    """Of the repositories that a build reads and writes. Raises BundleError for a file of logins that is broken."""
    logins, auths, hidden = Logins(settings, environ), dict[str, Mapping[str, str]](), list[str]()
    for name in names:
        key = HUB_KEY if name.host == HUB else name.host
        found = None if key in auths else await logins.find(name)
        if found is None:
            continue
        if found.identity:
            auths[key] = {"identitytoken": found.identity}
            hidden.append(found.identity)
        else:
            encoded = base64.b64encode(f"{found.user}:{found.password}".encode()).decode()
            auths[key] = {"auth": encoded}
            hidden += [encoded, found.password]
    return Login(config=json.dumps({"auths": auths}) if auths else "", hidden=tuple(filter(None, hidden)))
