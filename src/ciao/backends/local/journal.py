"""Reading a job's journal while it grows, and closing it for a supervisor that no longer can."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

__all__ = ["Journal", "append"]


class Journal:
    """Reads each entry once; an unfinished last line waits for its end, a damaged one is passed over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """Entries that are new since the last call; none while the file does not exist."""
        try:
            with self._path.open("rb", buffering=0) as file:
                file.seek(self._offset)
                data = file.readall()
        except FileNotFoundError:
            return []
        complete = data.rfind(b"\n") + 1
        self._offset += complete
        return [entry for line in data[:complete].splitlines() if (entry := _entry(line)) is not None]


def append(path: Path, entry: dict[str, Any]) -> None:
    """Write an entry in the supervisor's place. Only for a journal whose supervisor is gone."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"\n" + json.dumps(entry).encode() + b"\n")  # its last line may be unfinished
    finally:
        os.close(fd)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None
