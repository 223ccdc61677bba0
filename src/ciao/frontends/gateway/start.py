"""What the gateway tells when it starts: one line a fact, never the token. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.tls import Pair
from ciao.frontends.gateway.token import Token

__all__ = ["facts", "url"]

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  # compared, not bound


def url(options: Options, port: int, host: str) -> str:
    """By which a client finds it; ``host`` is this machine's name, for when it listens everywhere."""
    name = host if options.ip in EVERYWHERE else f"[{options.ip}]" if ":" in options.ip else options.ip
    return f"{'https' if options.tls else 'http'}://{name}:{port}{options.base_url}"


def facts(
    options: Options, address: str, *, pair: Pair | None, token: Token | None, kernels: Sequence[str]
) -> Iterator[str]:
    """The lines; the last is what connects a JupyterLab."""
    yield f"gateway: {address}"
    yield f"TLS: {_tls(options, pair)}"
    yield f"token: {_token(token)}"
    yield f"user: {_user(options)}"
    yield f"kernels: {', '.join(kernels)}; at most {options.max_kernels}; {_culling(options)}"
    yield f"messages: up to {options.max_message / 2**20:g} MiB each"
    if options.allow_origin:
        yield f"pages of {options.allow_origin} may use it too"
    yield f"connect: {_connect(address, pair, token)}"


def _tls(options: Options, pair: Pair | None) -> str:
    if pair is None:
        return "none: plain HTTP" + ("" if options.local else ", as --insecure-http says; TLS must end before it")
    made = ", made here for clients that trust it by SSL_CERT_FILE" if pair.made else ""
    return f"{pair.cert}{made}"


def _token(token: Token | None) -> str:
    return f"from {token.source}" if token else "none, as --insecure-no-token says: whoever reaches it runs code as you"


def _user(options: Options) -> str:
    if options.user_header:
        return f"{options.user}, whom the header {options.user_header} of every request must name"
    return options.user or "whoever has the token"


def _culling(options: Options) -> str:
    if not options.cull_after:
        return "idle ones stay"
    return f"ended when idle for {options.cull_after:g} s with nobody connected"


def _connect(address: str, pair: Pair | None, token: Token | None) -> str:
    words = [f"SSL_CERT_FILE={_quoted(pair.cert)}"] if pair and pair.made else []
    if token:
        words.append(
            f'JUPYTER_GATEWAY_AUTH_TOKEN="$(cat {_quoted(token.file)})"'
            if token.file
            else "JUPYTER_GATEWAY_AUTH_TOKEN=..."
        )
    return " ".join((*words, f"jupyter lab --gateway-url={address}"))


def _quoted(file: Path) -> str:
    return shlex.quote(str(file))
