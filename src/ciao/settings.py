"""What the user set outside of cells, weakest first: defaults, /etc, ~/.ciao/config.yaml, CIAO_* variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from ciao.model import Resources

__all__ = ["Settings"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, with its default. Times are in seconds, sizes in bytes.

    ``home`` holds one folder a job. ``resources`` are defaults by role name. ``keep_for`` and ``keep_bytes`` are
    when the folders of ended jobs are pruned. ``grace`` is how long a replica has between SIGTERM and SIGKILL.
    """

    home: Path
    backend: str | None = None
    python: str | None = None
    resources: Mapping[str, Resources] = field(default_factory=lambda: MappingProxyType({}))
    local_replicas: int = 64
    grace: float = 5.0
    keep_for: float = 14 * 86400.0
    keep_bytes: int = 2 * 1024**3
