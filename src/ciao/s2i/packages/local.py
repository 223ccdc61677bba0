"""The same packages for replicas on this machine: a folder beside their Python, made once."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ciao.errors import BundleError
from ciao.home import make_private
from ciao.s2i.base import Tell
from ciao.s2i.packages.indexes import Sources, sources
from ciao.s2i.packages.install import install
from ciao.s2i.packages.interior import Interior
from ciao.s2i.packages.key import key
from ciao.s2i.packages.question import answer, program
from ciao.s2i.packages.told import hiding, notices
from ciao.s2i.packages.wanted import Wanted
from ciao.s2i.packages.words import read
from ciao.settings import Settings

__all__ = ["check", "local_site", "size_of"]

PATIENCE = 60.0
"""Seconds for a Python to start and to say what it has; on a network disk that may take long."""

MOMENT = 3600.0
"""Seconds after its last use in which a set is not removed for its size: a job may be on its way to it."""

PAUSE = 0.1
"""Seconds between two looks at whether another process has finished the same packages."""


def check(lines: Sequence[str], settings: Settings, folder: Path) -> bool:
    """Whether the lines ask for any package. Raises BundleError for what cannot be read or is not allowed."""
    wanted = read(lines, folder)
    sources(wanted, settings)
    return bool(wanted)


async def local_site(lines: Sequence[str], python: str, settings: Settings, tell: Tell, *, folder: Path) -> Path | None:
    """A folder with the packages that this Python lacks; None if nothing is asked for.

    It is kept in ``$CIAO_HOME/packages`` by its key, and shared by all jobs that ask for the same. ``folder`` is the
    notebook's. Raises BundleError.
    """
    wanted = await asyncio.to_thread(read, lines, folder)
    if not wanted:
        return None
    found = sources(wanted, settings)
    interior = await interior_here(python)
    name = await asyncio.to_thread(key, wanted, found, _facts(python, interior))
    kept = settings.home / "packages"
    with _writing(kept):
        make_private(kept)
        async with _alone(kept, name):
            with contextlib.suppress(FileNotFoundError):
                os.utime(kept / name)  # used from now on, should another job prune just now
            if not (kept / name).is_dir():
                await _make(kept, name, wanted, found, interior, python=python, tell=tell)
                await asyncio.to_thread(_prune, settings, kept, kept / name)
            os.utime(kept / name)  # used now: not to be pruned
    return kept / name


async def interior_here(python: str) -> Interior:
    """Of a Python of this machine, as replicas start it. Raises BundleError if it does not answer."""
    child = await asyncio.create_subprocess_exec(
        python,
        "-W",
        "ignore",
        "-c",
        program(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await child.communicate()
    except TimeoutError:
        raise BundleError(f"{python} does not say within {PATIENCE:.0f} s what it has") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return answer(said.decode(errors="replace"), python)


def _facts(python: str, interior: Interior) -> dict[str, str]:
    """Everything that decides: whoever installs something beside that Python gets another key."""
    there = json.dumps(dict(interior.distributions), sort_keys=True).encode()
    return {
        "python": python,
        "version": interior.python,
        "platform": f"{interior.machine} {interior.libc}",
        "distributions": hashlib.sha256(there).hexdigest(),
    }


async def _make(
    kept: Path, name: str, wanted: Wanted, found: Sources, interior: Interior, *, python: str, tell: Tell
) -> None:
    """Under another name until it is complete."""
    scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=kept))
    try:
        site = scratch / "site"
        site.mkdir()
        made = await install(wanted, found, interior, site=site, scratch=scratch, tell=tell, python=python)
        for notice in (*notices(made.added, made.replaced, base=python), *hiding(site)):
            tell(notice)
        site.rename(kept / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@asynccontextmanager
async def _alone(kept: Path, name: str) -> AsyncGenerator[None]:
    """One process at a time makes the same packages; the others wait, and then find them. It can be cancelled."""
    with (kept / f".{name}.lock").open("w") as lock:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(PAUSE)
        yield


@contextlib.contextmanager
def _writing(kept: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        hint = "Free some space, or set CIAO_HOME to a folder on another disk"
        raise BundleError(f"packages cannot be kept in {kept}: {e.strerror or e}", hint=hint) from e


def _prune(settings: Settings, kept: Path, new: Path) -> None:
    """Remove what no job here has used for as long as jobs are kept, then what is more than keep.bytes, oldest first.

    Never what a job still points to, nor what another process may be about to point to.
    """
    now = time.time()
    used = {os.path.realpath(site) for site in (settings.home / "jobs").glob("*/code/site")}
    free: list[tuple[float, Path]] = []
    for path in kept.iterdir():
        with contextlib.suppress(OSError):
            if path != new and str(path.resolve()) not in used:
                free.append((path.stat().st_mtime, path))
    sizes = {path: size_of(path) for _, path in free}
    left = sum(sizes.values())
    for used_at, path in sorted(free):
        too_much = left > settings.keep_bytes and used_at < now - MOMENT and not path.name.startswith(".")
        if used_at < now - settings.keep_for or too_much:
            left -= sizes[path]
            with contextlib.suppress(OSError):
                if path.stat().st_mtime == used_at:  # else it was used while the others were removed
                    path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all that is in a folder. What goes meanwhile does not count."""
    found = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                found += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  # of very many
    with contextlib.suppress(OSError):
        return found + (path.lstat().st_size if path.is_file() else 0)
    return found
