"""uv as a child process: told everything in files that only this user can read, and ended with whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ciao.errors import BundleError

__all__ = ["Ran", "Uv", "environment"]

KEPT = re.compile(
    r"(HOME|PATH|USER|LOGNAME|TMPDIR|TEMP|TMP|LANG|LC_ALL|XDG_CACHE_HOME|UV_CACHE_DIR|UV_HTTP_TIMEOUT|UV_CONCURRENT_\w+"
    r"|UV_NATIVE_TLS|UV_SYSTEM_CERTS|UV_LINK_MODE|UV_OFFLINE|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT"
    r"|(HTTPS?|ALL|NO|https?|all|no)_(PROXY|proxy))"
)
"""What decides how a network is reached and where files go; nothing that decides what is installed."""

LONGEST = 3600.0
"""Seconds for one command: a set of many gigabytes over a slow line."""

GRACE = 2.0
"""Seconds that it has to end by itself."""

MOST_OUTPUT = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What it answered; ``said`` is what it told a person meanwhile, without a credential."""

    code: int
    output: str
    said: str


def environment(environ: Mapping[str, str] = os.environ, *, scratch: Path | None = None) -> dict[str, str]:
    """For the child: no more than it needs. What it keeps goes into ``scratch`` if there is no better place."""
    kept = {name: value for name, value in environ.items() if KEPT.fullmatch(name)}
    if scratch is not None and "UV_CACHE_DIR" not in kept and not _can_keep(kept):
        kept["UV_CACHE_DIR"] = str(scratch / "cache")
    return {**kept, "NO_COLOR": "1", "UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}


def _can_keep(environ: Mapping[str, str]) -> bool:
    """A user of a container often has no home folder, or one that is not theirs."""
    try:
        cache = Path(environ.get("XDG_CACHE_HOME") or Path(environ["HOME"]) / ".cache") / "uv"
        cache.mkdir(parents=True, exist_ok=True)
    except (KeyError, OSError):
        return False
    return os.access(cache, os.W_OK)


@dataclass(frozen=True, kw_only=True)
class Uv:
    """One installation's way to call it.

    ``config`` is the configuration that holds the indexes; ``common`` are options that every command gets; ``secrets``
    are texts that it must not show. ``heard`` is told each line as it comes.
    """

    config: Path
    common: tuple[str, ...] = ()
    secrets: Sequence[str] = field(default=(), repr=False)
    environ: Mapping[str, str] = field(default_factory=environment, repr=False)
    heard: Callable[[str], None] = field(default=lambda _: None)

    async def __call__(self, command: str, *words: str) -> Ran:
        """``uv pip COMMAND``. A failure is an answer, too: what it means is for the caller to say."""
        argv = (binary(), "pip", command, "--config-file", str(self.config), *self.common, *words)
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=dict(self.environ),
                cwd=self.config.parent,  # so that no project around the notebook has a say
                start_new_session=True,
                limit=MOST_OUTPUT,
            )
        except OSError as e:
            raise BundleError(f"the installer of packages does not start: {e.strerror}", hint=REINSTALL) from e
        try:
            async with asyncio.timeout(LONGEST):
                output, said = await asyncio.gather(_all(child.stdout), self._listen(child.stderr))
                code = await child.wait()
        except TimeoutError:
            raise BundleError(
                f"packages were not installed within {LONGEST / 60:.0f} minutes",
                hint="Look at the connection to the index",
            ) from None
        finally:
            await _end(child)
        return Ran(code=code, output=self._shown(output), said=self._shown(said))

    async def _listen(self, stream: asyncio.StreamReader | None) -> str:
        lines: list[str] = []
        while stream and (line := await stream.readline()):
            lines.append(line.decode(errors="replace").rstrip())
            self.heard(self._shown(lines[-1]))
        return "\n".join(lines)

    def _shown(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


REINSTALL = "Install it anew where the kernel runs: pip install --force-reinstall uv"


def binary() -> str:
    """Where it is. Raises BundleError if it is not installed as it should be."""
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError) as e:
        raise BundleError("uv, which installs packages, is missing where the kernel runs", hint=REINSTALL) from e


async def _all(stream: asyncio.StreamReader | None) -> str:
    return (await stream.read()).decode(errors="replace") if stream else ""


async def _end(child: asyncio.subprocess.Process) -> None:
    """Nothing of it is left, whatever it started itself."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        waiting = asyncio.ensure_future(child.wait())
        with contextlib.suppress(asyncio.CancelledError):  # a second cancellation is impatience
            await asyncio.wait([waiting], timeout=GRACE)
