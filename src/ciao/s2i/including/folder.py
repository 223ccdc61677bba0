"""Where relative paths of a cell begin."""

from __future__ import annotations

from pathlib import Path

from ciao.model import JobSpec

__all__ = ["notebook_folder"]


def notebook_folder(spec: JobSpec) -> Path:
    """The notebook's folder, if it is on this machine; else that in which this process works."""
    folder = Path(spec.cell.notebook).expanduser().absolute().parent if spec.cell.notebook else Path.cwd()
    return folder if folder.is_dir() else Path.cwd()
