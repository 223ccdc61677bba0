"""A registry that cannot be reached, in plain words: the one place where aiohttp's exceptions become ours."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientHttpProxyError,
    ClientPayloadError,
    ClientProxyConnectionError,
    InvalidURL,
)

from ciao.s2i.registry.errors import Unreachable

__all__ = ["unreachable"]

Words = tuple[str, str]
"""What it did, and a hint."""

NETWORK = "See that the network (a VPN, a proxy?) is there, and that the name is right"
PROXY = "See HTTPS_PROXY and NO_PROXY"
PLAIN = ("wrong_version_number", "record_layer_failure", "packet_length_too_long", "http_request", "unknown_protocol")


def unreachable(error: ClientError | TimeoutError | OSError, host: str, url: str) -> Unreachable:
    """What went wrong between us and the registry, or where it sent us. The address' query may be a credential."""
    there = urlsplit(url).netloc
    what = f"the registry {host}" if there == host else f"the registry {host} ({there})"
    message, hint = _words(error, there=there)
    return Unreachable(f"{what} {message}", hint=hint, again=_transient(error))


def _transient(error: BaseException) -> bool:
    """Whether a second try may succeed: not with a wrong name or certificate, nor after a wait that was long."""
    lasting = (
        ClientConnectorCertificateError,
        ClientConnectorSSLError,
        ClientHttpProxyError,
        InvalidURL,
        TimeoutError,
    )
    return not isinstance(error, lasting) and not isinstance(getattr(error, "os_error", None), socket.gaierror)


def _words(error: BaseException, *, there: str) -> Words:
    match error:
        case ClientConnectorError():
            return _no_connection(error, there=there)
        case ClientHttpProxyError(status=code):
            return f"cannot be reached: the proxy answered {code}", PROXY
        case InvalidURL():
            return "has an address that is none", "Correct the name of the registry"
        case TimeoutError():
            return "gave no answer in time", NETWORK
        case ClientPayloadError():
            return "broke off its answer", "Try again in a minute"
        case _:
            return "broke the connection", "It may be starting anew: try again in a minute"


def _no_connection(error: ClientConnectorError, *, there: str) -> Words:
    if isinstance(error, ClientConnectorCertificateError):  # in older aiohttp it has no other cause
        return _untrusted(error.certificate_error)
    cause = error.os_error
    match error:
        case ClientConnectorSSLError():
            return _no_tls(cause, there=there)
        case ClientProxyConnectionError():
            return "cannot be reached: the proxy does not answer", PROXY
    if isinstance(cause, socket.gaierror):
        return "cannot be found: nobody knows this host", NETWORK
    if isinstance(cause, ConnectionRefusedError):
        return "refuses connections: nothing listens there", "See that it runs, and that its name and port are right"
    return f"cannot be reached: {cause.strerror or 'no connection'}", NETWORK


def _no_tls(error: BaseException, *, there: str) -> Words:
    reason = _reason(error)
    if reason.replace(" ", "_") in PLAIN:
        return "speaks plain HTTP, not TLS", f"If that is as it should be, add {there} to s2i.insecure"
    return f"speaks no TLS that we know: {reason}", "See that its name and port are right"


def _untrusted(error: BaseException) -> Words:
    why = getattr(error, "verify_message", "") or _reason(error)
    hint = "Set s2i.ca to the file of the authority that signed it"
    return f"shows a certificate that is not trusted: {why}", f"{hint}; s2i.insecure is for plain HTTP alone"


def _reason(error: BaseException) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return (reason or "handshake failed").lower().replace("_", " ")
