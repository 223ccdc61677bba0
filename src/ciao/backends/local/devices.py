"""Which cores and GPUs of this machine there are for replicas."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["VISIBLE", "cores", "gpus"]

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""By this variable CUDA is told which GPUs a process sees, by numbers or names."""


def cores() -> tuple[int, ...]:
    """Those that this process may use; none where a process cannot be bound to cores."""
    return tuple(sorted(os.sched_getaffinity(0))) if sys.platform == "linux" else ()


def gpus(environ: Mapping[str, str] = os.environ, *, root: Path = Path("/")) -> tuple[str, ...]:
    """NVIDIA's, as far as this process may see them. ``root`` is that of the file system."""
    if VISIBLE in environ:
        return tuple(name for word in environ[VISIBLE].split(",") if (name := word.strip()) and name != "-1")
    try:
        return tuple(str(number) for number, _ in enumerate((root / "proc/driver/nvidia/gpus").iterdir()))
    except OSError:  # no driver
        return ()
