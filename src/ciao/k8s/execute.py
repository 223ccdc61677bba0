"""One short command in a container, over the WebSocket protocol of ``pods/exec``: what it writes, and how it ended.

Each message begins with the number of its channel: 1 and 2 are the outputs, 3 tells the end as a Status. Nothing is
sent. v5 differs from v4 in what only senders need, so whichever the server speaks will do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from ciao.errors import BackendUnavailable
from ciao.k8s.base import PODS, Api

__all__ = ["Ran", "execute"]

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
LONGEST_ERROR = 2000


@dataclass(frozen=True, kw_only=True)
class Ran:
    """``code`` is None if the command could not be started or its end was not told; ``words`` then say why.

    ``cut``: it wrote more than was wanted, and was left.
    """

    out: bytes
    code: int | None
    words: str = ""
    cut: bool = False


async def execute(
    api: Api, *, namespace: str, pod: str, container: str, command: Sequence[str], most: int, within: float
) -> Ran:
    """Run it, keep at most so many bytes, and wait so many seconds for it.

    Raises ApiError, and BackendUnavailable for a connection that breaks, or that takes longer.
    """
    asked = [("container", container), ("stdout", "1"), ("stderr", "1"), *(("command", word) for word in command)]
    path = PODS.path(namespace=namespace, name=pod, part="exec")
    out, err, end = bytearray(), bytearray(), b""
    try:
        async with asyncio.timeout(within), aclosing(api.messages(path, params=asked, protocols=PROTOCOLS)) as messages:
            async for message in messages:
                match message[:1]:
                    case b"\x01":
                        out += message[1:]
                    case b"\x02":
                        err += message[1 : 1 + LONGEST_ERROR - len(err)]
                    case b"\x03":
                        end = message[1:]
                if len(out) > most:
                    return Ran(out=bytes(out[:most]), code=None, words=f"more than {most} bytes", cut=True)
    except TimeoutError:
        raise BackendUnavailable(f"a command in {pod} took longer than {within:g} s") from None
    return _ended(bytes(out), err.decode(errors="replace").strip(), end)


def _ended(out: bytes, err: str, end: bytes) -> Ran:
    try:
        status = json.loads(end)
    except (ValueError, RecursionError):
        return Ran(out=out, code=None, words=err or "its end was not told")
    if not isinstance(status, dict):
        return Ran(out=out, code=None, words=err)
    if status.get("status") == "Success":
        return Ran(out=out, code=0)
    return Ran(out=out, code=_code(status), words=err or str(status.get("message") or "")[:LONGEST_ERROR])


def _code(status: dict[str, Any]) -> int | None:
    """Of a command that was started: Kubernetes tells it as text among the causes."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
            return int(cause["message"])
    return None
