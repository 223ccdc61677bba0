"""Where a registry is: the address behind its name, and whether it may be spoken to without TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urljoin, urlsplit

from ciao.k8s.proxies import proxy_for
from ciao.s2i.registry.errors import Broken
from ciao.s2i.registry.names import HUB
from ciao.settings import Settings

__all__ = ["Origins", "address", "is_loopback", "joined", "origin", "split"]

HUB_ADDRESS = "registry-1.docker.io"


class Origins:
    """The base address of each registry, found out at the first request to it. ``patience`` is in seconds."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], *, patience: float = 10.0) -> None:
        self._insecure = frozenset(host.removeprefix("http://").rstrip("/") for host in settings.s2i_insecure)
        self._environ = environ
        self._patience = patience
        self._found: dict[str, str] = {}

    def plain(self, host: str) -> bool:
        """Whether plain HTTP is allowed: on this machine, and where the user has said so. Nowhere else."""
        name = _name(host)
        return is_loopback(name) or bool(self._insecure & {host, name})

    async def of(self, host: str) -> str:
        """Such as ``https://registry.example:5000``. TLS is asked for first, also where it need not be."""
        if host in self._found:
            return self._found[host]
        tls = await self._speaks_tls(host) if self.plain(host) else True
        found = f"{'https' if tls else 'http'}://{address(host)}"
        if tls is not None:
            self._found[host] = found
        return found

    async def _speaks_tls(self, host: str) -> bool | None:
        """Begins a handshake that trusts nobody, and so never comes to an end. None if nobody is there to say."""
        parts = urlsplit(f"https://{address(host)}")
        if not parts.hostname or proxy_for(f"http://{address(host)}", self._environ):
            return False
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            async with asyncio.timeout(self._patience):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
        except ssl.SSLCertVerificationError:
            return True
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            return False
        except (OSError, TimeoutError):  # it may be starting: who comes later asks again, and has a password to lose
            return None
        writer.close()
        return True


def address(host: str) -> str:
    """Where its API is: Docker Hub's is elsewhere."""
    return HUB_ADDRESS if host == HUB else host


def is_loopback(name: str) -> bool:
    """Of a host without its port."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def origin(url: str) -> tuple[str, str, int]:
    """What makes two addresses the same place: scheme, host, port."""
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)


def split(url: str) -> SplitResult:
    """Its parts. Raises Broken for one that is none: a registry may say anything."""
    try:
        parts = urlsplit(url)
        if parts.port == 0 or not (url.isascii() and url.isprintable()):
            raise ValueError  # noqa: TRY301 - one and the same
        if "xn--" in parts.netloc.lower():
            (parts.hostname or "").encode().decode("idna")
    except ValueError:
        raise Broken("the registry sends us to an address that is none") from None
    return parts


def joined(base: str, place: str) -> str:
    """The address of a place that may be relative. Raises Broken."""
    split(place)
    url = urljoin(base, place)
    if url != place:
        split(url)
    return url


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
