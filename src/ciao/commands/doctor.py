"""``ciao doctor``: what works from here, what does not, and the fix.

Each check is a function of its own that returns a value; what Jupyter is asked, the frontends add.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ciao.backends.base import Backend
from ciao.backends.joined import listed
from ciao.commands.check import Check
from ciao.commands.config import strangers
from ciao.commands.kept_packages import kept_packages
from ciao.commands.limits_check import limits
from ciao.commands.probe import Probe, probe
from ciao.errors import CiaoError, SettingsError
from ciao.model import Phase
from ciao.session import Session
from ciao.settings import SYSTEM_FILE, Settings

__all__ = ["Check", "doctor"]

LITTLE = 1024**3
"""Bytes of free disk below which a job's log and checkpoints are at risk."""

SHARED = 64 * 1024**2
"""Bytes of shared memory that data loaders of several processes soon need."""


PATIENCE = 5.0
"""Seconds for which the list of jobs is waited for."""


async def doctor(
    session: Session,
    *,
    environ: Mapping[str, str] = os.environ,
    mistakes: Sequence[SettingsError] = (),
    more: Sequence[Check] = (),
) -> tuple[Check, ...]:
    """Every check, in the order in which a person would mend things.

    ``mistakes`` are what could not be read of the settings: the session has the rest of them.
    """
    settings = session.settings
    found = [
        *map(_mistaken, mistakes),
        await asyncio.to_thread(_home, settings.home),
        *_secrets(settings),
        *(Check(name="variables", verdict="warn", words=f"unknown {words}") for words in strangers(environ)),
        await _python(settings, wanted=session.uses("local")),
        await asyncio.to_thread(_ports),
        limits(),
        _shared_memory(Path("/dev/shm")),  # noqa: S108  # looked at, not written to
    ]
    cluster = await _cluster(session)
    found += [await _packages(), *await asyncio.to_thread(kept_packages, settings), *cluster]
    away = any(c.verdict == "fail" and c.name in ("credentials", "cluster") for c in cluster)
    found.append(await _jobs(session.backend("local") if away else session.everywhere()))
    return (*found, *more)


async def _cluster(session: Session) -> list[Check]:
    """Nobody waits for a cluster who works without one."""
    if not session.uses("kubeflow"):
        none = Check(name="cluster", verdict="ok", words="not asked: jobs run on this machine")
        return [none, *await _registry(session)]
    from ciao.commands.cluster_checks import cluster_checks
    from ciao.commands.packing_checks import packing_checks

    of_cluster, of_packing = await asyncio.gather(
        cluster_checks(session.settings), packing_checks(session.settings, session.registry)
    )
    return [*of_cluster, *of_packing]


async def _registry(session: Session) -> list[Check]:
    """One may be set up before there is a cluster; until then nothing fails without it."""
    from ciao.commands.packing_checks import registry_checks

    found = await registry_checks(session.settings, session.registry)
    return [replace(check, verdict="warn") if check.verdict == "fail" else check for check in found]


async def _packages() -> Check:
    from ciao.commands.packing_checks import packages

    return await packages()


def _mistaken(error: SettingsError) -> Check:
    where = error.source
    way_out = f"Change or unset {where}" if where.startswith("CIAO_") else f"Correct {where} or remove it"
    return Check(name="settings", verdict="fail", words=error.message, fix=error.hint or way_out)


def _home(home: Path) -> Check:
    where = Check(name="home", verdict="ok", words=str(home))
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            free = shutil.disk_usage(home).free
    except OSError as error:
        fix = "Set CIAO_HOME to a folder that you may write to"
        return Check(name="home", verdict="fail", words=f"{home} cannot be written: {error.strerror}", fix=fix)
    if free < LITTLE:
        fix = "Free some space, or set CIAO_HOME to a folder on another disk"
        return Check(name="home", verdict="warn", words=f"{home} has only {free // 2**20} MiB free", fix=fix)
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        words = f"{home} can be read by other users, and holds code and logs"
        return Check(name="home", verdict="warn", words=words, fix=f"chmod 700 {home}")
    return where


def _secrets(settings: Settings) -> list[Check]:
    """A password in a file that others may read."""
    given = settings.given.get("s2i.password")
    file = Path(given.source) if given and given.source.startswith("/") else None
    if file is None or file == SYSTEM_FILE or not file.stat().st_mode & 0o077:
        return []
    return [Check(name="password", verdict="warn", words=f"others may read {file}", fix=f"chmod 600 {file}")]


async def _python(settings: Settings, *, wanted: bool) -> Check:
    """``wanted``: jobs run here, so that it should have a framework."""
    path = settings.python or sys.executable
    found = await probe(path)
    if found is None:
        words = f"{path} is not a Python that starts"
        return Check(name="python", verdict="fail", words=words, fix=_other_python(settings))
    return _judged(found, wanted=wanted)


def _other_python(settings: Settings) -> str:
    given = settings.given.get("python")
    if given is None:
        return "Set CIAO_PYTHON to one that does"
    return (
        "Change or unset CIAO_PYTHON"
        if given.source == "CIAO_PYTHON"
        else f"Change or remove 'python' in {given.source}"
    )


def _judged(found: Probe, *, wanted: bool) -> Check:
    name = f"{found.path} is Python {'.'.join(map(str, found.version))}"
    if found.version < (3, 8):
        return Check(name="python", verdict="fail", words=name, fix="Replicas need 3.8 or later: set CIAO_PYTHON")
    if not found.frameworks and not wanted:
        return Check(name="python", verdict="ok", words=f"{name}, without any framework: jobs run on the cluster")
    if not found.frameworks:
        fix = "Write %package= in the cell, such as %package=jax, install one there, or choose another with %python="
        return Check(name="python", verdict="warn", words=f"{name}, without any framework", fix=fix)
    return Check(name="python", verdict="ok", words=f"{name}, with {', '.join(found.frameworks)}")


def _ports() -> Check:
    """Replicas find one another on this address."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), 2.0):
            return Check(name="network", verdict="ok", words="processes reach one another on 127.0.0.1")
    except OSError as error:
        words = f"processes cannot reach one another on 127.0.0.1: {error.strerror or error}"
        return Check(name="network", verdict="fail", words=words, fix="Look for a firewall or sandbox on this machine")


def _shared_memory(folder: Path) -> Check:
    """What data loaders hand batches through, where the system has it as a folder."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return Check(name="shared memory", verdict="ok", words="not limited by a folder on this system")
    words = f"{free // 2**20} MiB free in {folder}"
    if free < SHARED:
        fix = "In a container, start it with --shm-size=1g; else remove what is left in the folder"
        return Check(name="shared memory", verdict="warn", words=words, fix=fix)
    return Check(name="shared memory", verdict="ok", words=words)


async def _jobs(backend: Backend) -> Check:
    try:
        async with asyncio.timeout(PATIENCE):
            listing = await listed(backend)
    except TimeoutError:
        words = f"{backend.where} did not list its jobs in {PATIENCE:g} s"
        return Check(name="jobs", verdict="warn", words=words, fix="Try again: it may have too much to do")
    except CiaoError as error:
        return Check(name="jobs", verdict="fail", words=error.message, fix=error.hint)
    if listing.missing:
        return Check(name="jobs", verdict="fail", words=listing.missing[0].message, fix=listing.missing[0].hint)
    known = listing.summaries
    lost = [s.job.name for s in known if s.phase is Phase.LOST]
    running = sum(not s.phase.ended for s in known)
    words = f"{running} running, {len(known)} kept on {backend.where}"
    if lost:
        return Check(name="jobs", verdict="warn", words=f"{words}, {len(lost)} lost", fix=f"%ciao delete {lost[0]}")
    return Check(name="jobs", verdict="ok", words=words)
