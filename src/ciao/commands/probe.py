"""What a Python interpreter is, and which frameworks it has."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["Probe", "probe"]

SECONDS = 20.0
"""A Python on a slow network disk may take this long to start for the first time."""

# Runs in Python 3.8 and later (older ones still tell their version), and imports no framework: that takes seconds.
QUESTION = """
import json, sys
names = {"torch": "torch", "tensorflow": "tensorflow", "jax": "jax", "xgboost": "xgboost", "paddlepaddle": "paddle"}
found = []
try:
    import importlib.metadata, importlib.util
    for name, module in sorted(names.items()):
        if importlib.util.find_spec(module):
            try:
                found.append(name + " " + importlib.metadata.version(name))
            except Exception:
                found.append(name)
except ImportError:
    pass
print(json.dumps([list(sys.version_info[:3]), found]))
"""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A Python that starts. ``frameworks`` are those it can import, with their versions."""

    path: str
    version: tuple[int, ...]
    frameworks: tuple[str, ...]


async def probe(python: str) -> Probe | None:
    """Ask a Python, given by path or by a name on PATH; None if there is none that answers."""
    return await asyncio.to_thread(_probe, python)


def _probe(python: str) -> Probe | None:
    path = shutil.which(os.path.expanduser(python))  # noqa: PTH111  # a name on PATH is no path yet
    if path is None:
        return None
    try:
        said = subprocess.run(
            [path, "-c", QUESTION], capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False
        ).stdout
        version, frameworks = json.loads(said)
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError):
        return None
    return Probe(path=path, version=tuple(version), frameworks=tuple(frameworks))
