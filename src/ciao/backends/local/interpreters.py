"""The Python that runs the replicas, when it is not the kernel's own."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ciao.errors import CreateRefused

__all__ = ["check_module", "usable_python"]

OLDEST = (3, 8)
"""The runner's own limit."""

SHOWN = 4
"""How many other Pythons a message names."""

PROBE_SECONDS = 20.0
"""A Python on a slow network disk may take this long to start for the first time."""


def usable_python(wanted: str) -> str:
    """The absolute path of an interpreter that was asked for by path or name.

    Raises CreateRefused if there is none, or it is older than the runner can be.
    """
    path = shutil.which(os.path.expanduser(wanted))  # noqa: PTH111  # a name is no path yet
    if path is None:
        raise CreateRefused(f"there is no Python at {wanted!r}", hint=_suggestion())
    version = _version(path, Path(path).stat().st_mtime_ns)
    if version < OLDEST:
        raise CreateRefused(
            f"{wanted} is Python {version[0]}.{version[1]}; replicas need {OLDEST[0]}.{OLDEST[1]} or later",
            hint=_suggestion(),
        )
    return str(Path(path).absolute())


@functools.lru_cache(maxsize=64)
def _version(path: str, _changed: int) -> tuple[int, int]:
    try:
        ran = subprocess.run(
            [path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise CreateRefused(f"{path} does not start: {e}", hint=_suggestion()) from e
    if (found := re.fullmatch(r"(\d+)\.(\d+)", ran.stdout.strip())) is None:
        said = ran.stderr.strip().splitlines()[:1]
        raise CreateRefused(
            f"{path} is not a Python{''.join(f': it says {s[:200]!r}' for s in said)}", hint=_suggestion()
        )
    return int(found[1]), int(found[2])


def check_module(python: str, module: str) -> None:
    """Raises CreateRefused if this Python has no such module, by whose program the replicas would start."""
    looks = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    command = [python, "-c", looks, module]
    try:
        found = subprocess.run(
            command, check=False, capture_output=True, timeout=PROBE_SECONDS, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        raise CreateRefused(f"{python} does not start: {e}", hint=_suggestion()) from e
    if found.returncode:
        raise CreateRefused(
            f"{python} has no {module}, which starts the cell in the workers of an elastic job",
            hint=f"Install it there, add %package={module}, or choose another Python with %python=",
        )


def _suggestion() -> str:
    found = list(itertools.islice(_others(), SHOWN))
    also = f"; also here: {', '.join(found)}" if found else ""
    return f"Without `%python=` it is {sys.executable}{also}"


def _others() -> Iterator[str]:
    """Other Pythons that start and are new enough; also those that a virtual environment hides in PATH."""
    seen = {os.path.realpath(sys.executable)}
    folders = dict.fromkeys([*os.get_exec_path(), "/usr/local/bin", "/usr/bin", "/opt/homebrew/bin"])
    for name in ("python3", *(f"python3.{minor}" for minor in range(20, OLDEST[1] - 1, -1))):
        for folder in folders:
            path = shutil.which(name, path=folder)
            if path is not None and os.path.realpath(path) not in seen:
                seen.add(os.path.realpath(path))
                if _starts(path):
                    yield path


def _starts(path: str) -> bool:
    command = [path, "-I", "-S", "-c", f"import sys; sys.exit(sys.version_info < {OLDEST})"]
    try:
        return (
            subprocess.run(command, check=False, capture_output=True, timeout=5, stdin=subprocess.DEVNULL).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
