"""A server that cannot be reached, in plain words: the one place where aiohttp's exceptions become ours."""

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
    ClientProxyConnectionError,
    InvalidURL,
    ServerTimeoutError,
)

from ciao.errors import BackendUnavailable
from ciao.k8s.access import Access, unusable

__all__ = ["arrived", "transient", "unreachable"]


Words = tuple[str, str]
"""What it did, and a hint."""

NETWORK = "See that the network (a VPN?) is there, and that the kubeconfig's server is right"
PROXY = "See proxy-url in the kubeconfig, or HTTPS_PROXY"


def arrived(error: BaseException) -> bool:
    """Whether the server may have got the request: not if there was no connection."""
    return not isinstance(error, ClientConnectorError)


def transient(error: BaseException) -> bool:
    """Whether a second try may succeed: not with a wrong name or certificate, nor after a wait that was long."""
    lasting = (ClientConnectorCertificateError, ClientConnectorSSLError, ClientHttpProxyError, InvalidURL, TimeoutError)
    return not isinstance(error, lasting) and not isinstance(getattr(error, "os_error", None), socket.gaierror)


def unreachable(
    error: ClientError | TimeoutError | OSError, access: Access, *, idle: float | None = None
) -> BackendUnavailable:
    """What went wrong between us and the server. ``idle`` is how long a stream waited for its next piece."""
    what = f"the cluster {access.context} ({access.server})"
    if isinstance(error, ServerTimeoutError | TimeoutError) and idle is not None:
        return unusable(f"{what} sent nothing for {idle:g} s")
    message, hint = _words(error, access)
    return unusable(f"{what} {message}", hint=hint)


def _words(error: BaseException, access: Access) -> Words:
    match error:
        case ClientConnectorError():
            return _no_connection(error, access)
        case ClientHttpProxyError(status=code):
            return f"cannot be reached: its proxy answered {code}", PROXY
        case InvalidURL():
            return "has an address that is none", "Correct the server in the kubeconfig"
        case TimeoutError():
            return "gave no answer in time", NETWORK
        case _:
            return "broke the connection", "It may be starting anew: try again in a minute"


def _no_connection(error: ClientConnectorError, access: Access) -> Words:
    if isinstance(error, ClientConnectorCertificateError):  # in older aiohttp it has no other cause
        return _untrusted(error.certificate_error)
    cause = error.os_error
    match error:
        case ClientConnectorSSLError():
            return f"speaks no TLS that we know: {_reason(cause)}", "Correct the server in the kubeconfig"
        case ClientProxyConnectionError():
            return "cannot be reached: its proxy does not answer", PROXY
    if isinstance(cause, socket.gaierror):
        return f"cannot be found: nobody knows the host {urlsplit(access.server).hostname}", NETWORK
    if isinstance(cause, ConnectionRefusedError):
        return "refuses connections: nothing listens there", "See that it runs, and that the kubeconfig is right"
    return f"cannot be reached: {cause.strerror or cause}", NETWORK


def _untrusted(error: BaseException) -> Words:
    why = getattr(error, "verify_message", "") or _reason(error)
    hint = "Set certificate-authority in the kubeconfig, or tls-server-name if only the name differs"
    return f"shows a certificate that is not trusted: {why}", hint


def _reason(error: BaseException) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return (reason or str(error)).lower().replace("_", " ")
