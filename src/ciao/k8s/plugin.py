"""Exec plugins: programs such as ``aws eks get-token`` that print credentials.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ciao.errors import BackendUnavailable
from ciao.k8s.access import KeyPair, Plugin, unusable

__all__ = ["Given", "run"]

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
PATIENCE = 60.0
"""Seconds that a plugin has: some wait for a login in a browser."""
TOLD = 500
"""Characters of a plugin's complaint that are shown: its end says why."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a plugin printed."""

    token: str = field(default="", repr=False)
    pair: KeyPair | None = None
    expires: float | None = None


async def run(plugin: Plugin, *, environ: Mapping[str, str], patience: float = PATIENCE) -> Given:
    """Ask a plugin. Raises BackendUnavailable if it is not there, fails, hangs, or prints no credentials."""
    if plugin.version not in VERSIONS:
        raise _failed(plugin, f"speaks {plugin.version or 'no version'}", hint=f"Ciao knows {' and '.join(VERSIONS)}")
    if plugin.interactive == "Always":
        raise _failed(plugin, "asks at a terminal, and a notebook has none", hint="Set interactiveMode: IfAvailable")
    code, output, complaint = await _run(plugin, environ=environ, patience=patience)
    if code:
        end = complaint.decode(errors="replace").strip()[-TOLD:]
        raise _failed(plugin, f"failed with exit code {code}: {end or 'it said nothing'}", hint="Log in again")
    try:
        return _given(json.loads(output), version=plugin.version)
    except (ValueError, TypeError, KeyError, AttributeError):  # what it printed is not shown: it may be secret
        raise _failed(plugin, f"printed no ExecCredential of {plugin.version}", hint="Run it by hand") from None


async def _run(plugin: Plugin, *, environ: Mapping[str, str], patience: float) -> tuple[int, bytes, bytes]:
    spec: dict[str, Any] = {"interactive": False, **({"cluster": plugin.info} if plugin.info else {})}
    info = {"kind": "ExecCredential", "apiVersion": plugin.version, "spec": spec}
    variables = {**environ, **plugin.variables, "KUBERNETES_EXEC_INFO": json.dumps(info)}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.command, *plugin.arguments, env=variables, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError:
        raise _failed(
            plugin, "is not installed", hint=plugin.install or "Install it, and see that it is on PATH"
        ) from None
    except OSError as error:
        raise _failed(plugin, f"cannot be started: {error.strerror}", hint=plugin.install) from None
    try:
        async with asyncio.timeout(patience):
            output, complaint = await process.communicate()
    except TimeoutError:
        hint = f"Run `{plugin.command}` in a terminal: it may wait for a login"
        raise _failed(plugin, f"gave no answer within {patience:.0f} s", hint=hint) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, output, complaint


def _given(answer: dict[str, Any], *, version: str) -> Given:
    if answer["kind"] != "ExecCredential" or answer["apiVersion"] != version:
        raise ValueError("another kind or version")
    status = answer["status"]
    pair = None
    if certificate := status.get("clientCertificateData"):
        pair = KeyPair(certificate=certificate.encode(), key=status["clientKeyData"].encode())
    token = status.get("token") or ""
    if not (pair or (isinstance(token, str) and token)):
        raise ValueError("neither a token nor a certificate")
    stamp = status.get("expirationTimestamp")
    return Given(token=token, pair=pair, expires=datetime.fromisoformat(stamp).timestamp() if stamp else None)


def _failed(plugin: Plugin, problem: str, *, hint: str) -> BackendUnavailable:
    return unusable(f"the login program {plugin.command} of the kubeconfig {problem}", hint=hint)
