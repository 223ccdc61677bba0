"""What can go wrong with the cluster.

ClusterError            what failed, on what, and what to do next
└── ComponentFailed     one of the programs: its name, and the end of its log
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TAIL = 20


class ClusterError(Exception):
    """Its text is all that a user is shown."""


class ComponentFailed(ClusterError):
    """A program ended, or did not become ready in time."""

    def __init__(self, name: str, what: str, *, log: Path) -> None:
        lines = log.read_text(errors="replace").splitlines()[-TAIL:] if log.exists() else []
        shown = "\n".join(f"  | {line}" for line in lines) or "  | (it wrote nothing)"
        super().__init__(f"{name} {what}. The end of its log, {log}:\n{shown}")
