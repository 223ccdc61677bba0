"""Modules of the user's own, which lie beside the notebook and not where replicas run."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["beside", "folder_of"]


def beside(folder: Path, module: str) -> str:
    """How %include= names the module's file or folder; empty if none lies there. Never raises."""
    if not module.isidentifier():  # what a replica says may be anything
        return ""
    with contextlib.suppress(OSError):
        if (folder / f"{module}.py").is_file():
            return f"{module}.py"
        if any(any((folder / module).glob(pattern)) for pattern in ("*.py", "*/*.py")):
            return f"{module}/"
    return ""


def folder_of(notebook: str) -> Path:
    """The notebook's folder, if it is on this machine; else that in which this process works. Never raises."""
    folder = Path(notebook).expanduser().absolute().parent if notebook else Path()
    return folder if folder.is_dir() else Path()
