"""The Python that runs the replicas, when it is not the kernel's own."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from ciao.errors import CreateRefused

__all__ = ["usable_python"]

OLDEST = (3, 8)
"""The runner's own limit."""

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


@functools.lru_cache(maxsize=32)
def _version(path: str, _changed: int) -> tuple[int, int]:
    try:
        said = subprocess.run(
            [path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PROBE_SECONDS,
            stdin=subprocess.DEVNULL,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as e:
        raise CreateRefused(f"{path} does not start: {e}", hint=_suggestion()) from e
    if (found := re.fullmatch(r"(\d+)\.(\d+)", said.strip())) is None:
        raise CreateRefused(f"{path} is not a Python", hint=_suggestion())
    return int(found[1]), int(found[2])


def _suggestion() -> str:
    names = ["python3", *(f"python3.{minor}" for minor in range(OLDEST[1], 20))]
    found = dict.fromkeys(p for n in names if (p := shutil.which(n)))
    return f"Without `%python=` it is {sys.executable}; also here: {', '.join(found)}" if found else "Leave it out"
