"""TLS with an API server. A private key never lies in a file system of ours, where memory can hold it."""

from __future__ import annotations

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator

from ciao.k8s.access import KeyPair, unusable

__all__ = ["client_context"]


def client_context(*, authority: bytes | None, verify: bool = True, pair: KeyPair | None = None) -> ssl.SSLContext:
    """Trusts this PEM, or what the system trusts. Raises BackendUnavailable if one is no PEM."""
    try:
        context = ssl.create_default_context(cadata=authority.decode("ascii", "replace") if authority else None)
    except (ssl.SSLError, ValueError):
        raise unusable("the certificate authority of the cluster is not PEM", hint="Correct the kubeconfig") from None
    context.set_alpn_protocols(["http/1.1"])
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # as kubectl: authorities of older clusters lack some extensions
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if pair:
        _identify(context, pair)
    return context


def _identify(context: ssl.SSLContext, pair: KeyPair) -> None:
    try:
        with _file(pair.certificate + b"\n" + pair.key) as path:
            context.load_cert_chain(path, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        message = f"the client certificate and its key cannot be used: {reason.lower().replace('_', ' ')}"
        raise unusable(message, hint="Correct the kubeconfig") from None


def _no_password() -> str:
    raise ValueError("the key is encrypted, and nobody is asked for its password")


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    """A file for OpenSSL, which takes nothing else: in memory on Linux, else gone after this block."""
    with contextlib.ExitStack() as stack:
        if hasattr(os, "memfd_create"):
            number = os.memfd_create("ciao-key")
            path = f"/proc/self/fd/{number}"
        else:
            number, path = tempfile.mkstemp()  # readable by its owner alone
            stack.callback(os.unlink, path)
        with os.fdopen(number, "wb", buffering=0) as file:
            file.write(content)
            yield path
