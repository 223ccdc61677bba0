"""The runner's own files, which every strategy sends along."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import ciao.runner
from ciao.home import RUNNER

__all__ = ["runner_folder", "runner_sources"]


def runner_folder() -> Path:
    """Where they are on this machine."""
    return Path(ciao.runner.__file__).parent


@functools.cache
def runner_sources() -> Mapping[str, str]:
    """Their texts by the path that each has beside the cell's file. Read once: an upgrade is for the next process."""
    found = sorted(runner_folder().glob("*.py"))
    return MappingProxyType({f"{RUNNER}/{path.name}": path.read_text("utf-8") for path in found})
