"""Folders for what must not stay, such as logins: each goes when it has served.

Those of a process that was killed go with the next one that makes such a folder: whoever lives holds a lock in his.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Passing"]

LOCK = ".lock"
YOUNG = 60.0
"""Seconds in which a folder may not be locked yet."""


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A folder that nobody else can read, until its :meth:`end`."""

    path: Path
    held: int

    @classmethod
    def begin(cls, prefix: str, parent: Path | None = None) -> Passing:
        """In the folder for temporary files if no ``parent`` is given. Raises OSError."""
        above = parent or Path(tempfile.gettempdir())
        _sweep(above, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=above))
        try:
            return cls(path=folder, held=_lock(folder, os.O_CREAT))
        except OSError:
            _remove(folder)
            raise

    def end(self) -> None:
        """It is removed, whatever is in it by now."""
        _remove(self.path)
        os.close(self.held)


def _sweep(above: Path, prefix: str) -> None:
    """Others' folders are none of ours, and neither is a link."""
    for folder in above.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            if mine and (folder / LOCK).lstat().st_mtime < time.time() - YOUNG:
                held = _lock(folder)
                _remove(folder)
                os.close(held)


def _lock(folder: Path, create: int = 0) -> int:
    """Raises OSError if a living process has it."""
    held = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | create, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _remove(folder: Path) -> None:
    """What unpacks images may have left folders that their owner cannot write."""
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)
