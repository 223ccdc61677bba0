"""Which proxy leads to a server: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as kubectl reads them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["proxy_for"]


def proxy_for(server: str, environ: Mapping[str, str]) -> str | None:
    """The proxy's address, or None. This machine is never behind one."""
    url = urlsplit(server)
    host = (url.hostname or "").rstrip(".")
    proxy = _either(environ, f"{url.scheme}_proxy")
    if not proxy or _is_local(host):
        return None
    port = str(url.port or (443 if url.scheme == "https" else 80))
    rules = (rule.strip().lower() for rule in _either(environ, "no_proxy").split(","))
    if any(_excepts(rule, host=host, port=port) for rule in rules if rule):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _either(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name.upper()) or environ.get(name) or ""


def _is_local(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _excepts(rule: str, *, host: str, port: str) -> bool:
    """One word of NO_PROXY: ``*``, a network, an address or a domain, the last two maybe with a port."""
    if "/" in rule:
        return _within(host, rule)
    name, _, only = rule.rpartition(":") if rule.count(":") == 1 or rule.startswith("[") else (rule, "", "")
    name = name.strip("[]").removeprefix("*")
    if only and only != port:
        return False
    address = _address(host)
    if address is not None:
        return rule == "*" or address == _address(name)
    return host == name or host.endswith(name if name.startswith(".") or rule == "*" else f".{name}")


def _within(host: str, network: str) -> bool:
    address = _address(host)
    try:
        return address is not None and address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
