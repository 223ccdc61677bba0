"""Credential helpers: programs such as ``docker-credential-ecr-login`` that tell a user and a secret.

https://github.com/docker/docker-credential-helpers
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ciao.errors import BundleError

__all__ = ["IDENTITY", "PREFIX", "Told", "ask"]

PREFIX = "docker-credential-"
IDENTITY = "<token>"
"""The user of a secret that is an identity token."""
NAME = re.compile(r"\w[\w.-]*", re.ASCII)
PATIENCE = 30.0
"""Seconds: some ask a service, or a person for the key of a keyring."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a program printed."""

    user: str
    secret: str = field(repr=False)


async def ask(name: str, server: str, *, environ: Mapping[str, str], patience: float = PATIENCE) -> Told | None:
    """None if it knows nothing of the server. Raises BundleError, which shows nothing of what it printed."""
    if not NAME.fullmatch(name):
        raise BundleError("the name of a credential helper has other signs than letters, digits, . _ and -")
    program = PREFIX + name
    code, output = await _run(program, server, environ=environ, patience=patience)
    if code:
        if b"credentials not found" in output:
            return None
        raise _failed(program, f"failed with exit code {code}")
    try:
        found = json.loads(output)
        user, secret = found["Username"], found["Secret"]
    except (ValueError, KeyError, TypeError):
        raise _failed(program, "printed no credentials") from None
    if not (isinstance(user, str) and isinstance(secret, str)):
        raise _failed(program, "printed no credentials")
    return Told(user=user, secret=secret) if secret else None


async def _run(program: str, server: str, *, environ: Mapping[str, str], patience: float) -> tuple[int, bytes]:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program, "get", env=dict(environ), stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise BundleError(f"the credential helper {program} is not installed") from None
    except OSError as error:
        raise BundleError(f"the credential helper {program} cannot be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(patience):
            output, _ = await process.communicate(server.encode())
    except TimeoutError:
        raise _failed(program, f"gave no answer within {patience:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return process.returncode or 0, output


def _failed(program: str, problem: str) -> BundleError:
    return BundleError(f"the credential helper {program} {problem}")
